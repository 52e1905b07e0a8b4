"""Datasets about customs declarations: keys of another kind, and more groups than a result has."""

from scenarios.world import World
from tests.federation.owners import Extra

DECLARED = """
name = "declared"
source = "declared.csv"

[[column]]
name = "number"
type = "key"
key = "declaration"
level = 2
"""
GRID = """
name = "grid"
source = "grid.csv"
title = "A grid of declarations"

[[column]]
name = "number"
type = "key"
key = "declaration"
rows_per_key = 1
level = 2

[[column]]
name = "{side}"
type = "integer"
minimum = 0
maximum = 99
level = 2

[[column]]
name = "vast"
type = "integer"
minimum = -9000000000000000000
maximum = 9000000000000000000
level = 3
"""
GRID_ALLOWED = """
[[allow]]
dataset = "grid"
jobs = ["query"]
on = ["number"]
with = ["bank_a", "tax"]
receivers = ["bank_a"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
min_group = 2
min_join = 2
approve = "auto"

[allow.columns]
number = ["join"]
{side} = ["group"]
vast = ["sum"]
"""
SIDE = 65
"""65 × 65 cells are more than a result may have."""


def declaration(number: int) -> str:
    """A valid number of a customs declaration."""
    return f"310120251{number:09d}"


def grid(_: World) -> dict[str, Extra]:
    """At two owners two keys in every cell, and two of each group that only one of them has."""
    both = [(x, y) for x in range(SIDE) for y in range(SIDE) for _ in range(2)]
    alone = [(at // 2, at // 2) for at in range(2 * SIDE)]
    extra = {}
    for first, (reference, side) in enumerate((("bank_a.grid", "x"), ("tax.grid", "y"))):
        numbers = [*range(len(both)), *(len(both) * (first + 2) + at for at in range(len(alone)))]
        rows = [
            f"{declaration(number)},{cell[first]},0"
            for number, cell in zip(numbers, [*both, *alone], strict=True)
        ]
        csv = "\n".join([f"number,{side},vast", *rows, ""])
        extra[reference] = Extra(GRID.format(side=side), csv, GRID_ALLOWED.format(side=side))
    return extra
