"""The coalition table of an encrypted query (federated/SPEC.md §4.4), one test a row.

Each test pools exactly the views of its row (coalitions.py), learns what the row says is learned,
and tries for more (attacks_on_lists.py, attacks_on_sums.py).
"""

from collections import Counter
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from federated.query.agreed import plan_of
from federated.query.release import REMAINDER
from node.local import LocalRows
from tests.attacks.attacks_on_lists import (
    GROUP,
    code_at,
    histograms,
    linked,
    names_of_codes,
    points_seen,
    require_points_silent,
    token_names,
)
from tests.attacks.attacks_on_sums import (
    require_masks_hidden,
    require_result_and_no_more,
    require_unreadable,
    rows_read,
    table_of,
)
from tests.attacks.coalitions import (
    ENTRIES,
    GRADES,
    INDUSTRIES,
    OWNERS,
    REGULATOR,
    SOME_OWNERS,
    K,
    Names,
    Pool,
    everybodys_keys,
    everything_of,
    group_of,
    in_clear,
    joined,
    labels_in_truth,
    require_passing_cells,
    row_of,
    run,
    world,
)
from tests.flow.federation_in_process import COORDINATOR, contract_of, play
from tests.vectors.blind_join_reference import KEY_DST


@pytest.mark.parametrize("members", SOME_OWNERS)
def test_owners_without_the_coordinator(members: Names) -> None:
    """Row 1, one owner or several, R not among them: padded sizes; which cells passed."""
    played = run(members, REGULATOR)
    pool = Pool(played, *members)
    assert pool.names <= {"blinded", "served", "he_key", "cells"}
    sizes = {len(content) for name in ("blinded", "served") for _, content in pool.received(name)}
    assert sizes == {32 * 256}
    require_passing_cells(played, pool)
    require_points_silent(pool)


def test_the_attack_on_points_works_where_a_scalar_is_known() -> None:
    """The control of every silence of points in this file."""
    pool = Pool(run(OWNERS, REGULATOR), "a", "b")
    chain = run(OWNERS, REGULATOR).own["c"].open
    assert chain is not None
    view = points_seen(pool)
    view.scalars["s_c"] = chain.s
    hashed = {GROUP.hashed(pool.join.run_id + key, KEY_DST) for key in world()["c"].keys}
    stripped = [set(view.stripped(seen)) for seen in view.seen if seen.owner == "c"]
    assert any(hashed <= one for one in stripped)


def test_the_receiver_alone() -> None:
    """Row 2, R that is no owner: the result, and which cells were folded; nothing more."""
    played = run((), REGULATOR)
    pool = Pool(played, REGULATOR)
    assert pool.names == {"cells", "sums", "release"}
    require_result_and_no_more(played, pool)
    labels = {
        tuple(openings[row].labels for openings in pool.openings().values())
        for row, name in enumerate(pool.result_names)
        if name != REMAINDER
    }
    assert labels == {labels_in_truth(played, name) for name in played.cells.passing}
    # Folded or empty: labels that are public and not there. Which of the two, no message says.
    missing = set(product([(one,) for one in INDUSTRIES], [(one,) for one in GRADES], [()]))
    assert missing - labels >= in_clear().keys() - labels


def test_the_receiver_as_an_owner() -> None:
    """Row 3, R an owner, alone: as an owner, and the result; not which of its rows are in it."""
    played = run(("a",), "a")
    pool = Pool(played, "a")
    assert pool.names == {"blinded", "served", "cells", "sums", "release"}
    require_passing_cells(played, pool)
    require_points_silent(pool)
    require_result_and_no_more(played, pool)
    require_masks_hidden(played, pool)


def test_a_sum_over_few_of_the_receivers_own_values_names_them() -> None:
    """Row 3 says `beyond the result`: this is what a result of small cells itself says.

    The receiver knows the values that it put in, and tries which of them add up to the sum.
    """
    played = run(("a",), "a")
    pool = Pool(played, "a")
    own, sums = pool.own("a"), table_of(pool)
    counts = {tuple(row.values[:2]): row.values[2] for row in played.result.rows}
    found = 0
    for row, name in enumerate(pool.cells.passing):
        (industry,), (grade,), _ = labels_in_truth(played, name)
        group = [at for at, label in enumerate(own.rows.groups) if label == (industry,)]
        count = int(str(counts[industry, grade]))
        if len(group) > 20:
            continue
        fitting = [
            some
            for some in combinations(group, count)
            if int(own.rows.values[0][list(some)].sum()) == sums[row][0]
        ]
        truth = in_clear()[labels_in_truth(played, name)]
        assert [{own.rows.keys[at] for at in some} for some in fitting] == [truth]
        found += 1
    assert found


def test_a_sum_of_one_value_among_nulls_is_that_value(tmp_path: Path) -> None:
    """The same for NULLs: k counts entities, and a cell of many may hold a single value."""
    loans = ENTRIES["b"]["loans"]
    columns = tuple(
        column.model_copy(update={"nullable": column.name == "balance"}) for column in loans.columns
    )
    entries = {**ENTRIES, "b": {"loans": loans.model_copy(update={"columns": columns})}}
    sql = (
        "SELECT COUNT(*) AS n, COUNT(b.balance) AS known, SUM(b.balance) AS balance"
        " FROM a.firms AS a JOIN b.loans AS b USING (uscc)"
    )
    firms, owed = world()["a"], world()["b"]
    single = next(at for at, key in enumerate(owed.keys) if key in firms.keys)
    present = np.zeros(len(owed.keys), dtype=np.int64)
    present[single] = 1
    everyone = [()] * len(firms.keys)
    rows = {
        "a": LocalRows(firms.keys, list(everyone), []),
        "b": LocalRows(owed.keys, list(everyone), [present, present * owed.values[0]]),
    }
    contract = contract_of(sql, entries, k=K)
    kinds = [value.kind for value in plan_of(contract).owners[1].values]
    assert kinds == ["present", "value"]
    played = play(contract, rows, tmp_path / "run")
    ((row,), (n, known, balance)) = (played.result.rows, played.result.rows[0].values)
    assert not row.remainder
    assert int(str(n)) >= K
    assert (known, balance) == (1, int(owed.values[0][single]))


@pytest.mark.parametrize(
    ("members", "receiver"),
    [(("a",), REGULATOR), (("b", "c"), REGULATOR), (("a", "b"), "a")],
    ids=["R and an owner", "R and two owners", "R an owner, and another"],
)
def test_the_receiver_and_owners(members: Names, receiver: str) -> None:
    """Row 4, R and an owner: nothing more than the result and what owners see."""
    played = run(members, receiver)
    pool = Pool(played, *dict.fromkeys((receiver, *members)))
    require_passing_cells(played, pool)
    require_points_silent(pool)
    require_result_and_no_more(played, pool)
    require_masks_hidden(played, pool)


def test_the_coordinator_alone() -> None:
    """Row 5, C alone: how many keys each code has, and of every overlap the code vectors."""
    played = run((), REGULATOR)
    pool = Pool(played, COORDINATOR)
    shares = pool.shares()
    assert {owner: sum(share.keys_per_code) for owner, share in shares.items()} == {
        owner: len(rows.keys) for owner, rows in world().items()
    }
    named = names_of_codes(pool)
    for owner in ("a", "b"):
        for code, label in played.own[owner].labels.items():
            assert named[owner][code] == label
    for among, found in histograms(pool).items():
        common = set.intersection(*(set(world()[owner].keys) for owner in among))
        clear = Counter(tuple(group_of(owner, key) for owner in among) for key in common)
        labelled = {
            tuple(named[owner][code] for owner, code in zip(among, codes, strict=True)): count
            for codes, count in found.items()
        }
        assert labelled == clear
    assert token_names(pool) == {}
    require_unreadable(pool)


@pytest.mark.parametrize("members", [*SOME_OWNERS, OWNERS])
def test_the_coordinator_and_owners(members: Names) -> None:
    """Row 6, C and owners: of their keys in which other lists they are and with which codes."""
    played = run(members, REGULATOR)
    pool = Pool(played, COORDINATOR, *members)
    named, shares, codes = token_names(pool), pool.shares(), names_of_codes(pool)
    learned = {
        (named[one], owner, codes[owner][code_at(shares[owner], place)])
        for one, places in linked(pool).items()
        if one in named
        for owner, place in places.items()
    }
    own_keys = {key for member in members for key in world()[member].keys}
    assert learned == {
        (key, owner, group_of(owner, key))
        for key in own_keys
        for owner, rows in world().items()
        if key in rows.keys
    }
    assert own_keys - joined()  # in the join or not
    assert set(named.values()) == own_keys
    if members != OWNERS:
        assert own_keys < everybodys_keys()
    require_unreadable(pool)


def test_the_coordinator_and_a_receiver_that_is_no_owner() -> None:
    """Row 7, C and R: every row of every owner, linked per entity, with labels, without key."""
    played = run((), REGULATOR)
    pool = Pool(played, COORDINATOR, REGULATOR)
    assert Counter(rows_read(pool).values()) == everything_of(everybodys_keys())
    for row, name in enumerate(pool.cells.passing):
        for owner, code in zip(OWNERS, name, strict=True):
            assert pool.openings()[owner][row].labels == names_of_codes(pool)[owner][code]
    assert token_names(pool) == {}


@pytest.mark.parametrize(
    ("members", "receiver"),
    [(("a",), "a"), (("b",), REGULATOR)],
    ids=["R an owner", "R and an owner"],
)
def test_the_coordinator_and_the_receiver_and_an_owner(members: Names, receiver: str) -> None:
    """Row 8, C and R an owner, or C, R and an owner: the same, and whose, for that owner's keys."""
    played = run(members, receiver)
    pool = Pool(played, COORDINATOR, *dict.fromkeys((receiver, *members)))
    read, named = rows_read(pool), token_names(pool)
    assert Counter(read.values()) == everything_of(everybodys_keys())
    own_keys = {key for member in members for key in world()[member].keys}
    assert {named[one]: read[one] for one in named} == {key: row_of(key) for key in own_keys}
    assert len(read) > len(named)
