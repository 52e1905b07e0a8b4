"""Noise against coalitions (federated/SPEC.md §7.4), a test a row, each with exactly their views.

The attack is the one that works on exact sums (test_coalitions_query.py): what members put in and
drew is known to them, and so is what they would have released without noise.
"""

from decimal import Decimal
from functools import cache
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from federated.aggregate.blinding import opened_count
from federated.query.noise import counter_of
from federated.query.release import names_of
from tests.attacks.attacks_on_sums import table_of, true_table
from tests.attacks.coalitions import ENTRIES, OWNERS, SQL, K, Names, Pool, truly_in, world
from tests.flow.federation_in_process import Played, contract_of, play

RECEIVER, COUNTER, OTHER = "a", "b", "c"


@cache
def noisy() -> Played:
    """The query with noise, its owners' scalars known to nobody."""
    contract = contract_of(SQL, ENTRIES, k=K, epsilon=Decimal("0.5"))
    with TemporaryDirectory() as folder:
        return play(contract, world(), Path(folder) / "run")


def columns(pool: Pool) -> dict[str, list[int | None]]:
    """What the members read of every row: each owner's sum, and the count."""
    found: dict[str, list[int | None]] = {
        owner: [row[place] for row in table_of(pool)] for place, owner in enumerate(OWNERS)
    }
    openings, plan = pool.openings(), pool.plan
    assert plan.noise is not None
    found["count"] = [
        opened_count(
            cell.blinded_count,
            [openings[owner][row].count_blinding for owner in OWNERS],
            most=plan.rows,
            noise=plan.noise.spread,
        )
        for row, cell in enumerate(pool.sums().cells)
    ]
    return found


def in_truth(played: Played) -> dict[str, list[int]]:
    table = true_table(played)
    names = names_of(played.cells.passing, remainder=played.cells.remainder)
    found = {owner: [row[place] for row in table] for place, owner in enumerate(OWNERS)}
    found["count"] = [int(truly_in(played, RECEIVER, name).sum()) for name in names]
    return found


@pytest.mark.parametrize(
    ("members", "exact"),
    [
        ((RECEIVER,), set()),
        ((RECEIVER, COUNTER), {RECEIVER, COUNTER, "count"}),
        ((RECEIVER, OTHER), {OTHER}),
        ((RECEIVER, COUNTER, OTHER), {RECEIVER, COUNTER, OTHER, "count"}),
    ],
    ids=["R", "R and the counter", "R and another owner", "R and all others"],
)
def test_who_drew_can_take_it_off_and_nobody_else(members: Names, exact: set[str]) -> None:
    played = noisy()
    assert counter_of(played.plan) == COUNTER
    read, truth = columns(Pool(played, *members)), in_truth(played)
    assert len(truth["count"]) > 2
    assert {name for name in truth if read[name] == truth[name]} == exact
    for name in {*OWNERS} - exact:
        # Of bounds this wide not even one row comes out as it is.
        assert all(one != other for one, other in zip(read[name], truth[name], strict=True))


def test_no_choice_of_the_receivers_own_values_makes_its_sum() -> None:
    """The attack on small cells, which names whose values are in the sum where that is exact."""
    played = noisy()
    own, read = world()[RECEIVER], columns(Pool(played, RECEIVER))
    tried = 0
    for row, (code, *_) in enumerate(played.cells.passing):
        group = [
            place
            for place, label in enumerate(own.groups)
            if label == played.own[RECEIVER].labels[code]
        ]
        if len(group) > 20:
            continue
        size = in_truth(played)["count"][row]  # even if it knew that
        sums = {int(own.values[0][list(some)].sum()) for some in combinations(group, size)}
        assert in_truth(played)[RECEIVER][row] in sums
        assert read[RECEIVER][row] not in sums
        tried += 1
    assert tried
