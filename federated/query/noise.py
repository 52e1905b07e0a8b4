"""Which number of a query gets whose noise, and how much noise a result's columns have.

Implements  federated/SPEC.md §7.2, §7.3: all of it follows from the plan
Learns      nobody: who draws, and how much, is agreed by all; what was drawn is `drawing`'s
"""

from collections.abc import Sequence
from decimal import Decimal
from math import hypot

from contract.dataset import COMPUTED_NOISE
from federated.noise.parameters import Noise
from federated.query.agreed import largest_of
from federated.query.formula import Figure, figures_in
from federated.query.plan import QueryPlan, Summand
from federated.query.table import CountFigure, DimensionFigure, PlannedFigure, SumFigure


def counter_of(plan: QueryPlan) -> str:
    """Who draws the noise of counts and of the receiver's own columns: the first other owner."""
    return next(part.org for part in plan.owners if part.org not in plan.receivers)


def drawer_of(plan: QueryPlan, owner: int) -> str:
    """Who draws the noise of an owner's columns: itself, unless it is who is told the sums."""
    org = plan.owners[owner].org
    return counter_of(plan) if org in plan.receivers else org


def draws(plan: QueryPlan, org: str) -> bool:
    """Whether an owner draws any noise."""
    if plan.noise is None:
        return False
    return org == counter_of(plan) or any(map(bool, bounds_for(plan, org)))


def bounds_for(plan: QueryPlan, org: str) -> list[list[int]]:
    """Of each sum the bounds of those columns of which `org` draws the noise."""
    drawers = [drawer_of(plan, owner) for owner in range(len(plan.owners))]
    largest = [largest_of(plan, owner) for owner in range(len(plan.owners))]
    return [
        [largest[term.owner][term.column] for term in summand.terms if drawers[term.owner] == org]
        for summand in plan.summands
    ]


# ── how much there is in a result ───────────────────────────────────────────────────────────────


def deviations(plan: QueryPlan) -> list[str | None] | None:
    """Of each column of the result the standard deviation of its noise; None: none has any."""
    if plan.noise is None:
        return None
    own = plan.table.left or ()
    found = {
        place: _deviation(plan, plan.noise, figure)
        for place, figure in enumerate(plan.table.figures)
        if place not in own and not isinstance(figure, DimensionFigure)
    }
    return [
        found[output.formula.place]
        if isinstance(output.formula, Figure) and output.formula.place in found
        else (COMPUTED_NOISE if figures_in(output.formula) & found.keys() else None)
        for output in plan.table.outputs
    ]


def _deviation(plan: QueryPlan, noise: Noise, figure: PlannedFigure) -> str:
    match figure:
        case SumFigure():
            limbs = [_of_sum(plan, noise, plan.summands[place]) for place in figure.summands]
            parts = [one * 2.0 ** (figure.limb_bits * at) for at, one in enumerate(limbs)]
            return _written(parts, figure.scale)
        case CountFigure(present=int() as place):
            return _written([_of_sum(plan, noise, plan.summands[place])], 0)
    return _written([noise.deviation(1)], 0)


def _of_sum(plan: QueryPlan, noise: Noise, summand: Summand) -> float:
    bounds = [largest_of(plan, term.owner)[term.column] for term in summand.terms]
    return hypot(*(noise.deviation(bound) for bound in bounds))


def _written(parts: Sequence[float], scale: int) -> str:
    """To three digits, in the column's own unit."""
    return f"{Decimal(f'{hypot(*parts):.3g}').scaleb(-scale):f}"
