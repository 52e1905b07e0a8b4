"""What opens the cells of a query: an owner's blindings and labels, and the receiver's opening.

Implements  federated/SPEC.md §3.4
Learns      the receiver: count and sums of the cells that every owner opened, and their labels;
            where the contract has noise, with what each other owner has put into its opening
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
from federated.query.table import CountFigure, SumFigure

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
        shut.blinded_count,
        [opening.count_blinding for opening in openings],
        most=plan.rows,
        noise=0 if plan.noise is None else plan.noise.spread,
    )
    labels = None if name == REMAINDER else tuple(opening.labels for opening in openings)
    if plan.noise is not None:
        count, sums = max(count, 1), _with_values(plan, sums)
    return Cell(labels=labels, count=count, sums=sums)


def _with_values(plan: QueryPlan, sums: tuple[int, ...]) -> tuple[int, ...]:
    """Sums in which each that counts values has one: with noise nobody can tell that it is none.

    It can be divided by, and what is made of released numbers alone tells nothing more.
    """
    own = plan.table.left or ()
    counting = {
        figure.present
        for place, figure in enumerate(plan.table.figures)
        if place not in own and isinstance(figure, CountFigure | SumFigure)
    }
    return tuple(max(one, 1) if place in counting else one for place, one in enumerate(sums))
