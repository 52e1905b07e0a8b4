"""Which shares and which pads make which sum of a query: the plan's summands, by words mod 2^128.

Implements  federated/SPEC.md §6.3
Learns      who adds shares (the coordinator): nothing; who adds pads (receiver and helper): of the
            lists whose rows it is told, how many places are in each row of the result
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from federated.query.plan import QueryPlan
from federated.shares.rows import RowNumbers, sums_by_row
from federated.words import MODULUS, Words

Sums = list[list[int]]
"""By row of the result, then by summand."""


class Pads(Protocol):
    """The pads of a list; the secret that makes them is nobody's business here."""

    def column(self, number: int) -> Words:
        """Those of one column."""
        ...


def pad_sums(
    plan: QueryPlan, pads: Mapping[int, Pads], rows: Mapping[int, RowNumbers], number: int
) -> Sums:
    """What the pads of the lists of which the rows are told add to each sum, by owners' places."""
    totals = [[0] * len(plan.summands) for _ in range(number)]
    for owner, told in rows.items():
        columns = map(pads[owner].column, range(plan.owners[owner].sent))
        add_columns(totals, plan, owner, columns, told)
    return totals


def add_columns(
    totals: Sums, plan: QueryPlan, owner: int, columns: Iterable[Words], rows: RowNumbers
) -> None:
    """Add an owner's columns to the sums that they are part of; `rows` are of its list."""
    for column, words in enumerate(columns):
        found = sums_by_row(words, rows, len(totals))
        for place, summand in enumerate(plan.summands):
            times = sum((term.owner, term.column) == (owner, column) for term in summand.terms)
            for total, one in zip(totals, found, strict=True):
                total[place] = (total[place] + times * one) % MODULUS


def others_with_values(plan: QueryPlan, receiver: str) -> tuple[int, ...]:
    """The owners whose pads the receiver takes off: those that send values, but for itself."""
    return tuple(
        place for place, part in enumerate(plan.owners) if part.sent and part.org != receiver
    )


def lists_of(plan: QueryPlan, receiver: str, org: str) -> tuple[int, ...]:
    """Whose lists' rows `org` is told: the receiver those of others, its helper the receiver's."""
    if org == receiver:
        return others_with_values(plan, receiver)
    return tuple(
        place for place, part in enumerate(plan.owners) if part.sent and part.org == receiver
    )


def minus(sums: Sequence[Sequence[int]], off: Sums) -> Sums:
    """The sums without what is taken off, mod 2^128."""
    return [
        [(one - less) % MODULUS for one, less in zip(row, taken, strict=True)]
        for row, taken in zip(sums, off, strict=True)
    ]
