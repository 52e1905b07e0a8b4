"""The dirt of real files: keys written differently or wrongly, rows missing or sent twice.

Shares of rows: 1 % lower case or full width, 0.5 % trailing spaces, 0.3 % wrong check character,
0.2 % whole-row duplicates, 1 % of months missing. The first two kinds still name the enterprise; a
wrong check character names nobody.
"""

from dataclasses import dataclass

import numpy as np

from scenarios.synthetic.chance import Flags, Ints, Texts, stream
from scenarios.synthetic.identifiers import wrong_check
from scenarios.synthetic.table import Table

OTHER_FORM, TRAILING_SPACES, WRONG_CHECK = 0.010, 0.005, 0.003
DUPLICATE, MISSING_MONTH = 0.002, 0.010
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Soiled:
    """A table as its owner holds it, and what was done to it; copies are not counted as dirty."""

    table: Table
    counts: dict[str, int]
    named: Flags  # by enterprise: whether some row has its key in a form that names it


def drop_months(table: Table, purpose: str, seed: int) -> Table:
    """Leave out rows of a monthly table."""
    if not table.monthly:
        return table
    gone = stream(seed, f"{purpose}.missing").random(len(table.firm)) < MISSING_MONTH
    return table.take(np.flatnonzero(~gone))


def soil(table: Table, purpose: str, seed: int, size: int, spared: Ints) -> Soiled:
    """Dirty the keys, then repeat whole rows at the end; `spared` rows stay as they are."""
    rng = stream(seed, f"{purpose}.dirt")
    open_rows = np.setdiff1d(np.arange(len(table.firm)), spared)
    form, spaces, wrong = _pick(rng, open_rows, OTHER_FORM, TRAILING_SPACES, WRONG_CHECK)
    (repeated,) = _pick(rng, open_rows, DUPLICATE)
    keys = table.column("uscc").values.astype(object)
    keys[form] = _other_forms(keys[form], rng)
    keys[spaces] = [f"{key}{' ' * (1 + place % 3)}" for place, key in enumerate(keys[spaces])]
    shifts = rng.integers(1, 31, len(wrong)).tolist()
    keys[wrong] = [wrong_check(*pair) for pair in zip(keys[wrong], shifts, strict=True)]
    rows = np.concatenate([np.arange(len(table.firm)), repeated])
    named = np.zeros(size, dtype=np.bool_)
    named[np.delete(table.firm, wrong)] = True
    counts = {
        "rows": len(rows),
        "other_form": len(form),
        "trailing_spaces": len(spaces),
        "wrong_check": len(wrong),
        "duplicates": len(repeated),
    }
    return Soiled(table.with_values({"uscc": keys}).take(rows), counts, named)


def _pick(rng: np.random.Generator, rows: Ints, *shares: float) -> list[Ints]:
    """Disjoint random sets of rows, one per share; every kind occurs even in the smallest file."""
    counts = [max(1, round(share * len(rows))) for share in shares]
    drawn = rng.choice(rows, sum(counts), replace=False)
    return np.split(drawn, np.cumsum(counts)[:-1])


def _other_forms(keys: Texts, rng: np.random.Generator) -> list[str]:
    """Lower case for half of those that have letters, full width for the others."""
    lowered = (rng.random(len(keys)) < 0.5).tolist()
    return [
        key.lower() if low and key.lower() != key else key.translate(FULL_WIDTH)
        for key, low in zip(keys, lowered, strict=True)
    ]
