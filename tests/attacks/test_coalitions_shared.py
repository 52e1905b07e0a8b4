"""The shared column of the coalition table (federated/SPEC.md §6.5), one test a row.

As in test_coalitions_query.py, with the same world and attacks. What is new to try:

* `values`: take the pads off the coordinator's shares, where the seed is at hand; and without it,
  with what else is at hand;
* `keys_by_row`: whose keys are in which row of the result, by the rows that are told of a list;
* `subset`: R made the pads of its own list. Were it told what they add to a sum, it would know
  which of them, and so which of its keys: few 128-bit words have one subset of that sum. That is
  why the helper's blinding and the pads of R's list are released as one number (§6.3).

The in-process run plays R as an owner or as nobody's, and tokens are blind.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from contract.suites import Aggregation
from federated.query.release import REMAINDER
from federated.shares.rows import RowNumbers
from federated.shares.secret import Pads
from federated.words import MODULUS, Words, signed
from node.wire import joins
from tests.attacks import coalitions
from tests.attacks.attacks_on_lists import (
    histograms,
    linked,
    require_points_silent,
    rows_with,
    token_names,
)
from tests.attacks.coalitions import (
    OWNERS,
    REGULATOR,
    SOME_OWNERS,
    Names,
    Pool,
    everybodys_keys,
    everything_of,
    in_clear,
    labels_in_truth,
    require_passing_cells,
    row_of,
    truly_in,
    world,
)
from tests.flow.federation_in_process import COORDINATOR, Played

RECEIVER, HELPER, THIRD = OWNERS


run = partial(coalitions.run, aggregation=Aggregation.SHARED)


def seeds(pool: Pool) -> dict[str, bytes]:
    """Whose pads the coalition can make: its members' own, and what was released to them."""
    found = {owner: pool.own(owner).pads.reveal() for owner in pool.owners}
    found |= {
        sender: joins.seed_in_release(content, sender)
        for sender, content in pool.received("release")
    }
    return found | {
        sender: joins.seed_from_bytes(content, sender) for sender, content in pool.received("seed")
    }


def pads_of(pool: Pool, owner: str, seed: bytes) -> Pads:
    return Pads(seed, pool.join.run_id, pool.join.size_of(owner))


def without(words: Words, pads: Words) -> list[int]:
    """Words less pads, as integers."""
    pairs = zip(integers(words), integers(pads), strict=True)
    return [signed(one - pad) for one, pad in pairs]


def integers(words: Words) -> list[int]:
    return [low + (high << 64) for low, high in words.tolist()]


def values(pool: Pool) -> dict[str, list[int]]:
    """Every value of the lists whose pads can be made."""
    return {
        owner: without(pool.shares()[owner].shares[0], pads_of(pool, owner, seed).column(0))
        for owner, seed in seeds(pool).items()
    }


def clear_values(played: Played, owner: str) -> list[int]:
    """Every value in the order of the list; of dummies 0."""
    own = played.own[owner]
    column = own.rows.values[0].tolist()
    return [column[at] if at >= 0 else 0 for at in own.order]


def rows_told(pool: Pool, org: str) -> dict[str, RowNumbers]:
    """Of which lists a member was told the rows, and what."""
    owners = [RECEIVER] if org == HELPER else [one for one in OWNERS if one != org]
    ((_, content),) = [(one.sender, one.content) for one in pool.views[org].received("rows")]
    sizes = [pool.join.size_of(owner) for owner in owners]
    lists = joins.rows_from_bytes(content, sizes, len(pool.result_names))
    return dict(zip(owners, lists, strict=True))


def keys_by_row(pool: Pool, told: RowNumbers, owner: str) -> list[set[bytes]]:
    """Whose list it is knows whose keys its places are."""
    own = pool.own(owner)
    return [
        {own.rows.keys[own.order[at]] for at in np.flatnonzero(told == row).tolist()}
        for row in range(1, len(pool.result_names) + 1)
    ]


def keys_in_truth(played: Played, pool: Pool) -> list[set[bytes]]:
    cells = in_clear()
    shown = {labels_in_truth(played, name) for name in played.cells.passing}
    rest = set().union(*(keys for labels, keys in cells.items() if labels not in shown))
    return [
        rest if name == REMAINDER else cells[labels_in_truth(played, name)]
        for name in pool.result_names
    ]


def counts_in_truth(played: Played, pool: Pool) -> list[int]:
    return [len(keys) for keys in keys_in_truth(played, pool)]


def blinded(pool: Pool) -> list[list[int]]:
    sums = pool.sums().cells
    return [joins.words_from_sums(cell) for cell in sums]


def pad_totals(pool: Pool, owner: str, told: RowNumbers, seed: bytes) -> list[int]:
    """What a list's pads add to the sum of its column, row by row."""
    pads = integers(pads_of(pool, owner, seed).column(0))
    return [
        sum(pads[at] for at in np.flatnonzero(told == row).tolist()) % MODULUS
        for row in range(1, len(pool.result_names) + 1)
    ]


def subset(pads: Sequence[int], size: int, total: int) -> set[int] | None:
    """The places of so many pads that add up to a total, if there are some."""
    for some in combinations(range(len(pads)), size):
        if sum(pads[at] for at in some) % MODULUS == total:
            return set(some)
    return None


def require_uniform(words: Sequence[int]) -> None:
    """No small integer and no repetition, as there would be in half of all values."""
    assert min(abs(signed(word)) for word in words) > 1 << 80
    assert len(set(words)) == len(words)


# ── one test a row ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("members", SOME_OWNERS)
def test_owners_without_the_coordinator(members: Names) -> None:
    """Row 1, R not among them: padded sizes; which cells passed. No row of any list."""
    played = run(members, REGULATOR)
    pool = Pool(played, *members)
    assert pool.names <= {"blinded", "served", "cells"}
    require_passing_cells(played, pool)
    require_points_silent(pool)


def test_the_helper() -> None:
    """Row 1, the helper of a receiver that is an owner: the counts of the cells that passed."""
    played = run((HELPER, THIRD), RECEIVER)
    pool = Pool(played, HELPER, THIRD)
    assert pool.names <= {"blinded", "served", "cells", "rows", "seed"}
    told = rows_told(pool, HELPER)
    assert set(told) == {RECEIVER}
    counts = np.bincount(told[RECEIVER], minlength=len(pool.result_names) + 1)[1:]
    assert counts.tolist() == counts_in_truth(played, pool)
    require_points_silent(pool)
    # Places of a list that it can't read: shuffled, they are not those of its own keys.
    for owner in (HELPER, THIRD):
        for row, name in enumerate(pool.result_names, 1):
            truth = truly_in(played, owner, name)
            assert (truth != (told[RECEIVER] == row)).any()


def test_the_receiver_alone() -> None:
    """Row 2, R that is no owner: the result, padded sizes, counts; which places, not whose."""
    played = run((), REGULATOR)
    pool = Pool(played, REGULATOR)
    assert pool.names == {"cells", "sums", "release", "rows"}
    told = rows_told(pool, REGULATOR)
    for rows in told.values():
        counts = np.bincount(rows, minlength=len(pool.result_names) + 1)[1:]
        assert counts.tolist() == counts_in_truth(played, pool)
    # Places of two lists in one row are as random to each other as the lists are.
    require_unlinked(played, told)
    require_sums_shut_without(pool)


def require_unlinked(played: Played, told: dict[str, RowNumbers]) -> None:
    """The n-th place of a row in one list is not that of the same entity in another."""
    for one, other in combinations(told, 2):
        same = tried = 0
        for row in range(1, len(played.cells.passing) + 1):
            places = [np.flatnonzero(told[owner] == row).tolist() for owner in (one, other)]
            for first, second in zip(*places, strict=True):
                owns = played.own[one], played.own[other]
                keys = [
                    own.rows.keys[own.order[at]]
                    for own, at in zip(owns, (first, second), strict=True)
                ]
                same, tried = same + (keys[0] == keys[1]), tried + 1
        # One of each row by chance.
        assert same < tried / 2


def require_sums_shut_without(pool: Pool) -> None:
    """Each sum stays uniform while one owner's release is missing, whatever else is taken off."""
    openings, told = pool.openings(), rows_told(pool, REGULATOR)
    padded = {one: pad_totals(pool, one, told[one], seeds(pool)[one]) for one in OWNERS}
    for missing in OWNERS:
        left = [
            (word - sum(openings[one][row].blindings[place] for one in OWNERS if one != missing))
            - (padded[OWNERS[place]][row] if OWNERS[place] != missing else 0)
            for row, words in enumerate(blinded(pool))
            for place, word in enumerate(words)
        ]
        require_uniform([one % MODULUS for one in left])


def test_the_receiver_as_an_owner() -> None:
    """Row 3, R an owner: as an owner, and the result; not which of its own rows are in it."""
    played = run((RECEIVER,), RECEIVER)
    pool = Pool(played, RECEIVER)
    assert pool.names == {"blinded", "served", "cells", "sums", "release", "rows"}
    assert set(rows_told(pool, RECEIVER)) == {HELPER, THIRD}
    require_passing_cells(played, pool)
    require_points_silent(pool)
    require_own_pads_hidden(played, pool)


def require_own_pads_hidden(played: Played, pool: Pool) -> None:
    """What its pads add up to is in nothing that it can compute; there it would name its keys."""
    own, openings = pool.own(RECEIVER), pool.openings()
    pads = integers(own.pads.column(0))
    smallest = min(range(len(pool.result_names)), key=counts_in_truth(played, pool).__getitem__)
    count = counts_in_truth(played, pool)[smallest]
    truth = np.flatnonzero(truly_in(played, RECEIVER, pool.result_names[smallest])).tolist()
    # Of the real keys of the cell's own group: enough to try all subsets of.
    name = pool.result_names[smallest]
    label = labels_in_truth(played, name)[0] if name != REMAINDER else None
    likely = [
        place
        for place, at in enumerate(own.order.tolist())
        if at >= 0 and label in (None, own.rows.groups[at])
    ]
    some = (likely if len(likely) <= 20 else [*truth, *(at for at in likely if at not in truth)])[
        :20
    ]
    candidates = [pads[at] for at in some]
    # The control: told the sum, it finds them.
    total = sum(pads[at] for at in truth) % MODULUS
    found = subset(candidates, count, total)
    assert found is not None
    assert {some[at] for at in found} == set(truth)
    # What it can compute: sums and openings, added and taken off in every way.
    released = [openings[one][smallest].blindings[0] for one in OWNERS]
    word = blinded(pool)[smallest][0]
    value = sum(clear_values(played, RECEIVER)[at] for at in truth)
    for chosen in range(1 << len(OWNERS)):
        taken = sum(one for at, one in enumerate(released) if chosen >> at & 1)
        for known in (taken, word - taken, word - taken - value):
            assert subset(candidates, count, known % MODULUS) is None


def test_the_receiver_and_an_owner() -> None:
    """Row 4, R and an owner: which of that owner's keys are in each row; and not which of R's."""
    played = run((RECEIVER, THIRD), RECEIVER)
    pool = Pool(played, RECEIVER, THIRD)
    told = rows_told(pool, RECEIVER)
    assert keys_by_row(pool, told[THIRD], THIRD) == keys_in_truth(played, pool)
    require_points_silent(pool)
    require_own_pads_hidden(played, pool)


def test_the_receiver_and_its_helper() -> None:
    """Row 4, R and the helper: which of the helper's keys, and which of R's."""
    played = run((RECEIVER, HELPER), RECEIVER)
    pool = Pool(played, RECEIVER, HELPER)
    of_helper = keys_by_row(pool, rows_told(pool, RECEIVER)[HELPER], HELPER)
    of_receiver = keys_by_row(pool, rows_told(pool, HELPER)[RECEIVER], RECEIVER)
    assert of_helper == of_receiver == keys_in_truth(played, pool)
    require_points_silent(pool)


def test_the_coordinator_alone() -> None:
    """Row 5, C alone: overlaps and code vectors; shares are uniform words."""
    played = run((), REGULATOR)
    pool = Pool(played, COORDINATOR)
    for among, histogram in histograms(pool).items():
        common = set.intersection(*(set(world()[owner].keys) for owner in among))
        assert sum(histogram.values()) == len(common)
    assert token_names(pool) == {}
    for share in pool.shares().values():
        require_uniform(integers(share.shares[0]))
        # Not even the differences of what is equal: dummies are all 0.
        words = integers(share.shares[0])
        require_uniform([(one - words[0]) % MODULUS for one in words[1:]])
    assert seeds(pool) == {}


@pytest.mark.parametrize("members", [(HELPER,), (THIRD,), (HELPER, THIRD)])
def test_the_coordinator_and_owners(members: Names) -> None:
    """Row 6, C and owners: no value of others, but R's where the helper is one of them."""
    played = run(members, RECEIVER)
    pool = Pool(played, COORDINATOR, *members)
    read = values(pool)
    helped = HELPER in members
    assert set(read) == {*members, *([RECEIVER] if helped else [])}
    for owner in read:
        assert read[owner] == clear_values(played, owner)
    for owner, share in pool.shares().items():
        if owner not in read:
            for other, seed in seeds(pool).items():
                require_uniform_but_dummies(share.shares[0], pads_of(pool, other, seed))
    named, places = token_names(pool), linked(pool)
    own_keys = {key for member in members for key in world()[member].keys}
    assert set(named.values()) == own_keys
    if helped:
        # For its own keys, whose values of R's these are.
        whose = {
            named[one]: read[RECEIVER][where[RECEIVER]]
            for one, where in places.items()
            if one in named and RECEIVER in where
        }
        firms = world()[RECEIVER]
        truth = dict(zip(firms.keys, firms.values[0].tolist(), strict=True))
        assert whose == {key: truth[key] for key in own_keys & truth.keys()}


def require_uniform_but_dummies(words: Words, pads: Pads) -> None:
    require_uniform([one % MODULUS for one in without(words, pads.column(0))])


def test_the_coordinator_and_a_receiver_that_is_no_owner() -> None:
    """Row 7, C and R: every row of every owner, linked per entity, with labels, without key."""
    pool = Pool(run((), REGULATOR), COORDINATOR, REGULATOR)
    assert Counter(rows_with(pool, values(pool)).values()) == everything_of(everybodys_keys())
    assert token_names(pool) == {}


def test_the_coordinator_and_a_receiver_that_is_an_owner() -> None:
    """Row 8: the same, and whose, for the receiver's keys."""
    pool = Pool(run((RECEIVER,), RECEIVER), COORDINATOR, RECEIVER)
    read, named = rows_with(pool, values(pool)), token_names(pool)
    assert Counter(read.values()) == everything_of(everybodys_keys())
    assert {named[one]: read[one] for one in named} == {
        key: row_of(key) for key in world()[RECEIVER].keys
    }
