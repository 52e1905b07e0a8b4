"""Owners' parts joined in clear: matched in dictionaries, divided by the rules of the release."""

from typing import cast

import numpy as np
from hypothesis import reject

from contract.errors import SmallBranch
from contract.job import keys_for
from federated.join.cells import cells as divide
from federated.join.codes import Encoded, encode
from federated.join.matching import Matched, Positions
from federated.query.plan import LocalPart, QueryPlan
from federated.query.result import Cell
from node.local import LocalRows, run_local
from tests.property.query_worlds import World

Labels = tuple[str | None, ...]


def positions_of(parts: list[LocalRows]) -> Positions:
    """Where each entity of the join stands in every owner's list."""
    places = [{one: i for i, one in enumerate(part.keys)} for part in parts]
    common = sorted(set.intersection(*map(set, places)))
    found = [[place[one] for place in places] for one in common]
    return np.array(found, dtype=np.int32).reshape(len(common), len(parts))


def coded(part: LocalPart, rows: LocalRows, k: int) -> Encoded:
    """The codes of an owner's list, its dummies included; one code where it has no groups."""
    order = [*range(len(rows.keys)), *[-1] * (part.size - len(rows.keys))]
    assert len(order) == part.size
    return encode(rows.groups, order, k if part.groups else 0, bytes(32))


def added(plan: QueryPlan, parts: list[LocalRows], at: Positions) -> tuple[int, ...]:
    """The sums over the entities that stand at these places."""
    return tuple(
        sum(int(parts[t.owner].values[t.column][at[:, t.owner]].sum()) for t in summand.terms)
        for summand in plan.summands
    )


def released(plan: QueryPlan, parts: list[LocalRows], public: bool) -> tuple[list[Cell], int, int]:
    """What the coordinator's rules let pass, the rest in one; cells that are folded, or dropped."""
    owners = [
        (part, coded(part, rows, plan.k)) for part, rows in zip(plan.owners, parts, strict=True)
    ]
    matched = Matched(
        tuple(part.org for part, _ in owners),
        tuple(part.size for part, _ in owners),
        positions_of(parts),
    )
    assert matched.count <= plan.rows
    found = divide(
        matched,
        [np.frombuffer(one.message.codes, "<u4") for _, one in owners],
        [{one.message.other} if part.groups else set() for part, one in owners],
        [one.message.sizes for _, one in owners],
        plan.k,
        keys_for(2, plan.per_subject),
        [public] * len(owners),
    )
    shown = [
        Cell(
            tuple(
                cast(Labels, one.labels[code])
                for code, (_, one) in zip(cell.codes, owners, strict=True)
            ),
            cell.count,
            added(plan, parts, cell.positions),
        )
        for cell in found.passing
    ]
    if found.remainder is None:
        return shown, 0, found.dropped
    rest = found.remainder
    if {one.count for one in rest.cells} & {one.count for one in found.passing}:
        reject()  # which of two cells of one size is folded depends on the codes
    total = Cell(None, rest.count, added(plan, parts, rest.positions))
    return [*shown, total], found.folded, found.dropped


def local_rows(plan: QueryPlan, here: World) -> list[LocalRows]:
    try:
        return [
            run_local(
                part,
                here.parquet[f"{part.org}.{part.dataset}"],
                k=plan.k,
                joined=[here.parquet[f"{part.org}.{one.dataset}"] for one in part.joined or ()],
            )
            for part in plan.owners
        ]
    except SmallBranch:
        assert plan.k > 1
        reject()
