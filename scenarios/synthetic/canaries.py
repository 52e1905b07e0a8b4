"""Marked values in confidential columns: found outside their owner's files, they prove a leak.

Each is a random scaled integer of 13 digits. No ordinary value reaches 13 digits, so a marked one
is unlike any other number of the world.
"""

from dataclasses import dataclass

import numpy as np

from scenarios.synthetic.chance import Ints, stream
from scenarios.synthetic.economy import Economy
from scenarios.synthetic.table import Table

LEAST, BEYOND = 10**12, 10**13
# Enterprises known to all of these take part in every joint computation.
CORE = ("tax", "power", "bank_a", "bank_b")


@dataclass(frozen=True, slots=True)
class Canary:
    """One marked value: where it is and how it reads."""

    organisation: str
    dataset: str
    column: str
    uscc: str
    text: str  # as it stands in the CSV
    scaled: int  # the integer that crosses any wire, under encryption


def plant(table: Table, organisation: str, economy: Economy) -> tuple[Table, Ints, list[Canary]]:
    """The table with its marked values, the rows that hold them, and the list of them."""
    name, count = table.canaries
    column = table.column(name)
    assert column.decimals is not None
    everywhere = np.logical_and.reduce([economy.covered[one] for one in CORE])
    # One row per enterprise: the latest, so that queries over recent months include it.
    _, latest = np.unique(table.firm[::-1], return_index=True)
    eligible = np.sort(len(table.firm) - 1 - latest)
    eligible = eligible[everywhere[table.firm[eligible]]]
    rng = stream(economy.seed, f"{organisation}.{table.name}.canaries")
    rows = rng.choice(eligible, count, replace=False)
    marks = rng.integers(LEAST, BEYOND, count)
    values = column.values.astype(np.int64)
    assert values.max() < LEAST
    values[rows] = marks
    listed = [
        Canary(
            organisation,
            table.name,
            name,
            str(economy.uscc[table.firm[row]]),
            f"{str(mark)[: -column.decimals]}.{str(mark)[-column.decimals :]}",
            mark,
        )
        for row, mark in zip(rows.tolist(), marks.tolist(), strict=True)
    ]
    return table.with_values({name: values}), rows, listed
