"""An owner's noise, put into the numbers that open a row of a query for its receiver.

Implements  federated/SPEC.md §7.3
Learns      the receiver: each number with noise, and never without; an owner: its own draws
Not safe    against the receiver and an owner together, for the numbers of which that one has drawn
"""

from collections.abc import Sequence
from dataclasses import replace

from federated.aggregate.blinding import COUNT_MODULUS
from federated.aggregate.parameters import PLAIN
from federated.noise.secret import draw
from federated.query.noise import bounds_for, counter_of
from federated.query.plan import QueryPlan
from federated.query.release import Opening


def noised(plan: QueryPlan, org: str, openings: Sequence[Opening]) -> list[Opening]:
    """What `org` releases of each row: what opens its numbers to what they are plus its noise."""
    noise, rows = plan.noise, len(openings)
    if noise is None or org in plan.receivers:
        return list(openings)
    sums = [
        [sum(draws) for draws in zip(*(draw(noise, bound, rows) for bound in bounds), strict=True)]
        or [0] * rows
        for bounds in bounds_for(plan, org)
    ]
    counts = draw(noise, 1, rows) if org == counter_of(plan) else [0] * rows
    return [
        _with_noise(opening, counts[row], [of_sum[row] for of_sum in sums])
        for row, opening in enumerate(openings)
    ]


def _with_noise(opening: Opening, of_count: int, of_sums: Sequence[int]) -> Opening:
    # The receiver takes these numbers off what it has, so noise is added by taking it off here.
    return replace(
        opening,
        count_blinding=(opening.count_blinding - of_count) % COUNT_MODULUS,
        blindings=tuple(
            (blinding - drawn) % PLAIN
            for blinding, drawn in zip(opening.blindings, of_sums, strict=True)
        ),
    )
