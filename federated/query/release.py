"""What opens the cells of a query: an owner's blindings and labels, and the receiver's opening.

Implements  federated/SPEC.md §3.4
Learns      the receiver: count and sums of the cells that every owner opened, and their labels
Not safe    as the gate itself: the owner's policy decides before an opening is sent

A blinding is named by the codes of its cell; the remainder has a name of its own, REMAINDER, which
no cell can have. Which cells are folded into it is in one statement that the coordinator signed for
all, so no two owners open two different remainders.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contract.errors import BadMessage
from federated.aggregate.blinding import opened_count, opened_shares, opened_sum
from federated.query.plan import QueryPlan
from federated.query.result import Cell

Codes = tuple[int, ...]

REMAINDER: Final[Codes] = ()
"""The name of the remainder: a cell has at least two codes."""


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """What one owner releases of one cell."""

    count_blinding: int
    blindings: tuple[int, ...]
    labels: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Shut:
    """One cell as the receiver has it before anybody opens it: decrypted or added, blinded."""

    blinded_count: int
    sums: tuple[int, ...]


def names_of(passing: Sequence[Codes], *, remainder: bool) -> tuple[Codes, ...]:
    """The rows of a result in the order in which sums and openings travel."""
    return (*passing, REMAINDER) if remainder else tuple(passing)


def labels_of(
    plan: QueryPlan, owner: int, name: Codes, labels: Mapping[int, Hashable]
) -> tuple[str | None, ...]:
    """An owner's labels of a cell: the group that its code stands for; none for the remainder."""
    if name == REMAINDER or not plan.owners[owner].groups:
        return ()
    group = labels.get(name[owner])
    if not isinstance(group, tuple):
        raise BadMessage(
            "a cell is to be opened whose code this owner never used",
            party="coordinator",
            phase="release",
            fix="the coordinator is not following the protocol: compare versions",
            rule="federated/SPEC.md §3.4",
        )
    return group


def opened(
    plan: QueryPlan,
    names: Sequence[Codes],
    shut: Sequence[Shut],
    openings: Sequence[Sequence[Opening]],
    *,
    shared: bool = False,
) -> list[Cell]:
    """The cells, from what was decrypted and what every owner (in plan order) released.

    Raises BadMessage for anything that the plan's bounds do not allow.
    """
    return [
        _open(plan, name, cell, [of_owner[place] for of_owner in openings], shared=shared)
        for place, (name, cell) in enumerate(zip(names, shut, strict=True))
    ]


def _open(
    plan: QueryPlan, name: Codes, shut: Shut, openings: Sequence[Opening], *, shared: bool
) -> Cell:
    open_sum = opened_shares if shared else opened_sum
    sums = tuple(
        open_sum(
            value,
            [opening.blindings[place] for opening in openings],
            largest=max(abs(summand.least), abs(summand.most)),
        )
        for place, (value, summand) in enumerate(zip(shut.sums, plan.summands, strict=True))
    )
    count = opened_count(
        shut.blinded_count, [opening.count_blinding for opening in openings], most=plan.rows
    )
    labels = None if name == REMAINDER else tuple(opening.labels for opening in openings)
    return Cell(labels=labels, count=count, sums=sums)
