"""AT-10: one plant is nearly all of its county's power. What a result shows, and what bands cost.

Implements  federated/SPEC.md §1.14; each attack prints the attacker's advantage and asserts it
Attacker    whoever reads the result takes a row's sum for the value of its largest entity; the
            coordinator reads bands
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest

from contract.suites import JOIN_AGGREGATIONS, Aggregation, Matching
from federated.join.bands import bands_of
from node.local import LocalRows
from tests.attacks import coalitions
from tests.attacks.attacks_on_lists import linked
from tests.attacks.attacks_on_sums import require_unreadable
from tests.attacks.coalitions import ENTRIES, OWNERS, REGULATOR, K, Pool
from tests.flow.federation_in_process import COORDINATOR, Played, contract_of, play

LIMIT = 60
PLANTED = "lake"
COUNTIES = {"north": 40, "south": 30, "east": 25, PLANTED: 12}
SQL = (
    "SELECT a.industry, COUNT(*) AS n, SUM(c.kwh) AS kwh FROM a.firms AS a"
    " JOIN c.meters AS c USING (uscc) GROUP BY a.industry"
)
DIALS = [(matching, adding) for matching in Matching for adding in JOIN_AGGREGATIONS]


@dataclass(frozen=True)
class Counties:
    """Every firm is in both lists, but for one each in ten; one plant has 0.9 of its county."""

    rows: Mapping[str, LocalRows]
    kwh: Mapping[str, list[int]]
    """Of each county, what those in the join consume, the largest last."""


def counties(seed: int = 10) -> Counties:
    chance = Random(seed)
    groups = [county for county, firms in COUNTIES.items() for _ in range(firms)]
    joined = [b"uscc:%018d" % number for number in range(len(groups))]
    kwh = [chance.randrange(900, 1100) for _ in groups]
    plant = groups.index(PLANTED)
    others = sum(one for one, county in zip(kwh, groups, strict=True) if county == PLANTED)
    kwh[plant] = 9 * (others - kwh[plant])
    # Of each county some firms have no meter, so that no group is full.
    extra = [b"uscc:%018d" % (900 + number) for number in range(K * len(COUNTIES))]
    firms = LocalRows([*joined, *extra], [(one,) for one in [*groups, *[*COUNTIES] * K]], [])
    others_kwh = [chance.randrange(900, 1100) for _ in range(20)]
    elsewhere = [b"uscc:%018d" % (800 + number) for number in range(20)]
    meters = LocalRows(
        [*joined, *elsewhere], [()] * (len(joined) + 20), [np.array(kwh + others_kwh)]
    )
    by_county = {
        county: sorted(one for one, at in zip(kwh, groups, strict=True) if at == county)
        for county in COUNTIES
    }
    return Counties({"a": firms, "c": meters}, by_county)


def shown(
    folder: Path,
    largest_share: int | None,
    matching: Matching = Matching.BLIND,
    aggregation: Aggregation = Aggregation.ENCRYPTED,
) -> Played:
    contract = contract_of(
        SQL,
        ENTRIES,
        k=K,
        matching=matching,
        aggregation=aggregation,
        largest_share=largest_share,
    )
    return play(contract, counties().rows, folder / "run")


def say(advantage: str) -> None:
    print(advantage)  # noqa: T201  # an attack shows what it gains


def guesses(played: Played, kwh: Mapping[str, list[int]]) -> dict[str, float]:
    """Of each row of the result, how far its sum is from the value of its largest entity."""
    found = {}
    named = {str(row.values[0]) for row in played.result.rows if not row.remainder}
    for row in played.result.rows:
        county, _, total = row.values
        within = (
            [kwh[str(county)]]
            if not row.remainder
            else [values for name, values in kwh.items() if name not in named]
        )
        everybody = [one for values in within for one in values]
        assert total == sum(everybody)
        found["" if row.remainder else str(county)] = sum(everybody) / max(everybody) - 1
    return found


def test_without_the_check_the_sum_of_a_county_is_its_plant(tmp_path: Path) -> None:
    """The control: twelve entities pass k, and the attacker is right to an eighth."""
    off = guesses(shown(tmp_path, None), counties().kwh)
    say(f"AT-10, no check: the largest of '{PLANTED}' is known within {off[PLANTED]:.0%}")
    assert off[PLANTED] < 1 / 8


@pytest.mark.parametrize(("matching", "aggregation"), DIALS)
def test_a_cell_that_one_dominates_is_folded_and_no_row_shows_its_largest(
    tmp_path: Path, matching: Matching, aggregation: Aggregation
) -> None:
    """n = 12, top share 0.9; of every row that is released the guess is off by (1 − L)/L."""
    played = shown(tmp_path, LIMIT, matching, aggregation)
    found = guesses(played, counties().kwh)
    say(f"AT-10, at most {LIMIT} %: nobody's value is known within {min(found.values()):.0%}")
    assert PLANTED not in found
    assert "" in found
    assert played.folded > 1
    assert min(found.values()) >= (100 - LIMIT) / LIMIT


def test_a_plant_that_is_nearly_everything_opens_nothing(tmp_path: Path) -> None:
    """The rest would be missed: a result of the others alone would look whole."""
    rows = dict(counties().rows)
    values = rows["c"].values[0].copy()
    values[values.argmax()] = 10**8
    rows["c"] = LocalRows(rows["c"].keys, rows["c"].groups, [values])
    contract = contract_of(SQL, ENTRIES, k=K, largest_share=LIMIT)
    played = play(contract, rows, tmp_path / "run")
    assert (played.result.rows, played.folded) == ((), 0)


# ── what bands cost: rows 5 and 6 of the table ────────────────────────────────────────────────────


def banded() -> Played:
    return coalitions.run((), REGULATOR, largest_share=LIMIT)


def test_the_coordinator_alone_sees_of_each_line_the_band_and_no_value() -> None:
    played = banded()
    pool = Pool(played, COORDINATOR)
    right = 0
    for owner, share in pool.shares().items():
        own = played.own[owner]
        truth = bands_of(own.rows.values[0])
        (column,) = share.bands
        real = own.order >= 0
        assert column[real].tolist() == truth[own.order[real]].tolist()
        # A dummy shows what a key does: nothing beyond its band tells it.
        assert set(column[~real].tolist()) <= set(truth.tolist())
        middle = 2 ** ((column[real].astype(float) - 0.5) / 4)
        values = own.rows.values[0][own.order[real]]
        right += int((np.abs(middle / values - 1) < 0.1).sum())
        assert not set(values.tolist()) & set(np.round(middle).astype(int).tolist())
    lines = sum(len(own.rows.keys) for own in played.own.values())
    say(f"bands: the coordinator knows {right / lines:.0%} of all values within 10 %")
    assert right == lines
    require_unreadable(pool)


def test_the_coordinator_links_the_bands_of_an_entity_over_all_lists() -> None:
    """In the join or not: what the leakage statement says of overlaps, with sizes."""
    played = banded()
    pool = Pool(played, COORDINATOR)
    shares = pool.shares()
    seen = sorted(
        tuple(sorted((owner, int(shares[owner].bands[0][at])) for owner, at in places.items()))
        for places in linked(pool).values()
        if len(places) > 1
    )
    truth: dict[bytes, list[tuple[str, int]]] = {}
    for owner in OWNERS:
        rows = played.own[owner].rows
        for key, band in zip(rows.keys, bands_of(rows.values[0]).tolist(), strict=True):
            truth.setdefault(key, []).append((owner, band))
    assert seen == sorted(tuple(one) for one in truth.values() if len(one) > 1)


@pytest.mark.parametrize(("matching", "aggregation"), DIALS)
def test_worlds_that_differ_outside_of_the_join_give_messages_of_the_same_sizes(
    tmp_path: Path, matching: Matching, aggregation: Aggregation
) -> None:
    contract = contract_of(
        SQL, ENTRIES, k=K, matching=matching, aggregation=aggregation, largest_share=LIMIT
    )
    sizes = []
    for number, factor in enumerate((1, 1000)):
        rows = dict(counties().rows)
        values = rows["c"].values[0].copy()
        values[-20:] *= factor
        rows["c"] = LocalRows(rows["c"].keys, rows["c"].groups, [values])
        played = play(contract, rows, tmp_path / f"run {number}")
        sizes.append([(m.sender, m.receiver, m.name, len(m.content)) for m in played.messages])
    assert sizes[0] == sizes[1]
