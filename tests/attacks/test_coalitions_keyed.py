"""The keyed columns of the coalition table (federated/SPEC.md §4.4), one test a row.

As in test_coalitions_query.py, with the same world and attacks: the views of the members and
nothing else, out of a whole run. One attack is new, `identifiers`: hash every key of the dictionary
under the key of the tokens, which any one owner has. Without an owner it is tried with what else
could be the key; without the coordinator there are no tokens to try it on.
"""

from collections import Counter
from functools import partial

import pytest

from contract.suites import Matching
from tests.attacks import coalitions
from tests.attacks.attacks_on_lists import code_at, histograms, linked, names_of_codes, token_lists
from tests.attacks.attacks_on_sums import (
    require_masks_hidden,
    require_result_and_no_more,
    require_unreadable,
    rows_read,
)
from tests.attacks.coalitions import (
    DICTIONARY,
    OWNERS,
    REGULATOR,
    SOME_OWNERS,
    Names,
    Pool,
    everybodys_keys,
    everything_of,
    group_of,
    require_passing_cells,
    row_of,
    world,
)
from tests.flow.federation_in_process import COORDINATOR, Played
from tests.vectors.keyed_join_reference import TokenKey

run = partial(coalitions.run, (), matching=Matching.KEYED)


def token_key(pool: Pool) -> TokenKey:
    """As any owner has it: of what it drew, and of what every other owner sent it."""
    owner = pool.owners[0]
    messages = [one for one in pool.views[owner].messages if one.name == "contribution"]
    drawn = {one.sender: one.content for one in messages}
    return TokenKey.of(pool.join.run_id, [drawn[one] for one in OWNERS])


def identifiers(pool: Pool, key: TokenKey) -> dict[bytes, bytes]:
    """The key behind each token, of those that the dictionary has."""
    listed = {one for of_owner in token_lists(pool).values() for one in of_owner}
    made = ((key.token(one, pool.join.token_bytes), one) for one in DICTIONARY)
    return {token: one for token, one in made if token in listed}


def require_no_tokens(played: Played, pool: Pool) -> None:
    """They have the key, and nothing anywhere among what they were sent to try it on."""
    key, length = token_key(pool), pool.join.token_bytes
    sent = b"\0".join(one.content for view in pool.views.values() for one in view.messages)
    own = {one for owner in pool.owners for one in pool.own(owner).rows.keys}
    for one in everybodys_keys() - own:
        assert key.token(one, length) not in sent
        assert key.token(one, 32)[:6] not in sent
    sizes = {len(content) for _, content in pool.received("contribution")}
    assert sizes == {32}


@pytest.mark.parametrize("members", SOME_OWNERS)
def test_owners_without_the_coordinator(members: Names) -> None:
    """Row 1: padded sizes; which cells passed."""
    played = run(REGULATOR)
    pool = Pool(played, *members)
    assert pool.names <= {"contribution", "he_key", "cells"}
    require_passing_cells(played, pool)
    require_no_tokens(played, pool)


def test_the_receiver_alone() -> None:
    """Row 2, R that is no owner: the result, and how many cells were folded."""
    played = run(REGULATOR)
    pool = Pool(played, REGULATOR)
    assert pool.names == {"cells", "sums", "release"}
    require_result_and_no_more(played, pool)


@pytest.mark.parametrize("members", [("a",), ("a", "b")], ids=["alone", "and an owner"])
def test_the_receiver_as_an_owner(members: Names) -> None:
    """Rows 3 and 4: as an owner, and the result."""
    played = run("a")
    pool = Pool(played, *members)
    assert pool.names <= {"contribution", "he_key", "cells", "sums", "release"}
    require_passing_cells(played, pool)
    require_no_tokens(played, pool)
    require_result_and_no_more(played, pool)
    require_masks_hidden(played, pool)


def test_the_coordinator_alone() -> None:
    """Row 5, C alone: overlaps and code vectors, and no identifier without the key."""
    played = run(REGULATOR)
    pool = Pool(played, COORDINATOR)
    found = histograms(pool)
    for among, histogram in found.items():
        common = set.intersection(*(set(world()[owner].keys) for owner in among))
        assert sum(histogram.values()) == len(common)
    # What went between owners passed it sealed: it knows how long it was.
    passed = [size for *_, name, size in pool.views[COORDINATOR].relayed if name == "contribution"]
    assert passed == [32] * 6
    run_id = pool.join.run_id
    guesses = [TokenKey(run_id), TokenKey.of(run_id, []), TokenKey.of(run_id, [bytes(32)] * 3)]
    guesses += [TokenKey(share.blinding) for share in pool.shares().values()]
    assert [identifiers(pool, guess) for guess in guesses] == [{}] * 6
    require_unreadable(pool)


def test_all_contributions_but_one_name_nobody() -> None:
    """Beyond row 5: what is missing of the key is all of it."""
    played = run(REGULATOR)
    pool = Pool(played, COORDINATOR)
    drawn = {one.sender: one.content for one in played.messages if one.name == "contribution"}
    assert identifiers(pool, TokenKey.of(pool.join.run_id, [drawn[one] for one in OWNERS]))
    for missing in OWNERS:
        known = [drawn[one] if one != missing else bytes(32) for one in OWNERS]
        assert identifiers(pool, TokenKey.of(pool.join.run_id, known)) == {}


@pytest.mark.parametrize("members", SOME_OWNERS)
def test_the_coordinator_and_owners(members: Names) -> None:
    """Row 6, C and any owner: every identifier of every list, with codes; and no value."""
    pool = Pool(run(REGULATOR), COORDINATOR, *members)
    named, shares, codes = identifiers(pool, token_key(pool)), pool.shares(), names_of_codes(pool)
    learned = {
        (named[one], owner, codes[owner][code_at(shares[owner], place)])
        for one, places in linked(pool).items()
        if one in named
        for owner, place in places.items()
    }
    assert learned == {
        (key, owner, group_of(owner, key)) for owner, rows in world().items() for key in rows.keys
    }
    require_unreadable(pool)


def test_the_coordinator_and_a_receiver_that_is_no_owner() -> None:
    """Row 7, C and R: every row of every owner, linked per entity, with labels, without key."""
    pool = Pool(run(REGULATOR), COORDINATOR, REGULATOR)
    assert Counter(rows_read(pool).values()) == everything_of(everybodys_keys())
    assert identifiers(pool, TokenKey(pool.join.run_id)) == {}


@pytest.mark.parametrize(
    ("members", "receiver"),
    [(("a",), "a"), (("b",), REGULATOR)],
    ids=["R an owner", "R and an owner"],
)
def test_the_coordinator_and_the_receiver_and_an_owner(members: Names, receiver: str) -> None:
    """Row 8, C and R an owner, or C, R and an owner: every row of every owner, and whose."""
    pool = Pool(run(receiver), COORDINATOR, *dict.fromkeys((receiver, *members)))
    read, named = rows_read(pool), identifiers(pool, token_key(pool))
    assert {named[one]: row for one, row in read.items()} == {
        key: row_of(key) for key in everybodys_keys()
    }
