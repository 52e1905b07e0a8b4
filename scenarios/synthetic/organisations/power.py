"""The power company: monthly readings by meter; an enterprise may have several meters."""

from collections.abc import Iterator

import numpy as np

from scenarios.synthetic import table
from scenarios.synthetic.chance import Ints, Reals, scaled, stream
from scenarios.synthetic.economy import MONTHS, PERIODS, Economy
from scenarios.synthetic.organisation import Organisation, answers_bank_a, serves_bank_a
from scenarios.synthetic.planting import RECENT
from scenarios.synthetic.risk import Risk
from scenarios.synthetic.table import Table

METERS, METER_SHARES = (1, 2, 3), (0.80, 0.14, 0.06)
FIRST_METER = 3_300_000_000  # ten-digit account numbers
# Ratings of distribution transformers, kVA.
RATINGS = np.array(
    [30, 50, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500]
)
HOURS, LOAD = 730, 0.35


def tables(economy: Economy, _risk: Risk) -> Iterator[Table]:
    """`power.meters`, one row per meter and month."""
    known = np.flatnonzero(economy.covered["power"])
    rng = stream(economy.seed, "power")
    owner, low, high = _meters(rng, known)
    shape = (MONTHS, len(owner))
    whole = scaled(economy.energy[:, owner], 3)
    # Differences of running shares: the meters of an enterprise add up exactly.
    reading = whole * high // 1000 - whole * low // 1000
    peak = np.clip(rng.normal(380, 40, shape).astype(np.int64), 200, 500)
    valley = np.clip(rng.normal(300, 40, shape).astype(np.int64), 100, 450)
    drop = np.zeros(economy.size, dtype=np.bool_)
    drop[economy.planted.hidden_risk] = True
    overdue = np.zeros(shape)
    overdue[-RECENT:, drop[owner]] = 20
    arrears = np.where(rng.random(shape) < 0.03, rng.poisson(9, shape), 0) + rng.poisson(overdue)
    yield Table(
        name="meters",
        title="Monthly meter readings 用电抄表",
        firm=np.tile(owner, MONTHS),
        monthly=True,
        canaries=("kwh_total", 6),
        columns=(
            table.uscc(economy.uscc[np.tile(owner, MONTHS)], METERS[-1] * MONTHS),
            table.text("meter_no", "户号", np.tile(_numbers(rng, len(owner)), MONTHS), level=3),
            table.period(np.repeat(PERIODS, len(owner))),
            table.decimal("kwh_total", "用电量", reading.ravel(), 3, table.MOST_ENERGY, unit="kWh"),
            table.decimal(
                "kwh_peak",
                "峰电量",
                (reading * peak // 1000).ravel(),
                3,
                table.MOST_ENERGY,
                unit="kWh",
            ),
            table.decimal(
                "kwh_valley",
                "谷电量",
                (reading * valley // 1000).ravel(),
                3,
                table.MOST_ENERGY,
                unit="kWh",
            ),
            table.integer(
                "contract_kva",
                "合同容量",
                np.tile(_ratings(reading), MONTHS),
                "100000000",
                unit="kVA",
            ),
            table.integer("arrears_days", "欠费天数", arrears.ravel(), "3650", unit="d"),
            table.integer("cut_off_cnt", "停电次数", (arrears > 20).astype(np.int64).ravel(), "31"),
        ),
    )


def _meters(rng: np.random.Generator, known: Ints) -> tuple[Ints, Ints, Ints]:
    """Owner of each meter, and where its share of the owner's energy begins and ends, in ‰."""
    meters = rng.choice(METERS, len(known), p=METER_SHARES)
    cuts = np.sort(rng.integers(100, 900, (2, len(known))), axis=0)
    ends = np.full((3, len(known)), 1000)
    ends[0] = np.where(meters > 1, cuts[0], 1000)
    ends[1] = np.where(meters > 2, cuts[1], 1000)
    starts = np.vstack([np.zeros_like(ends[:1]), ends[:2]])
    present = np.arange(3)[:, None] < meters
    owner = np.broadcast_to(known, ends.shape)
    return owner.T[present.T], starts.T[present.T], ends.T[present.T]


def _numbers(rng: np.random.Generator, count: int) -> Ints:
    """Account numbers in no order that follows the enterprises."""
    numbers = np.empty(count, dtype=object)
    numbers[:] = [str(FIRST_METER + 7 * place) for place in rng.permutation(count).tolist()]
    return numbers


def _ratings(reading: Ints) -> Ints:
    """The smallest rating above the mean load at a common load factor, else a multiple."""
    mean: Reals = reading.mean(axis=0) / 1000 / HOURS / LOAD
    place = np.searchsorted(RATINGS, mean)
    large = np.ceil(mean / RATINGS[-1]).astype(np.int64) * RATINGS[-1]
    return np.where(place < len(RATINGS), RATINGS[np.minimum(place, len(RATINGS) - 1)], large)


NUMBERS = ("kwh_total", "kwh_peak", "kwh_valley", "contract_kva", "arrears_days", "cut_off_cnt")
LABELS = ("period",)

POWER = Organisation(
    "power",
    tables,
    (serves_bank_a("meters"), answers_bank_a("power", "meters", NUMBERS, LABELS)),
)
