"""What shows, of an owner's list, that one of its keys has nearly all of a sum.

Implements  federated/SPEC.md §1.14: which numbers have bands, and what a dummy shows
Shows       to the coordinator, the bands (federated/join/bands.py)
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federated.join.bands import bands_of
from federated.join.codes import stand_ins
from federated.query.plan import LocalPart, QueryPlan

Column = NDArray[np.int64]


def amounts(part: LocalPart, columns: Sequence[Column]) -> Iterator[Column]:
    """The numbers whose shares count, each put together of its limbs, out of the columns sent."""
    first = 0
    for place, value in enumerate(part.values):
        if place in part.amounts:
            limbs = columns[first : first + value.limbs]
            yield sum(
                (limb << value.limb_bits * at for at, limb in enumerate(limbs)),
                start=np.zeros_like(limbs[0]),
            )
        first += value.limbs


def shown_bands(
    plan: QueryPlan, owner: int, columns: Sequence[Column], order: ArrayLike, seed: bytes
) -> list[bytes]:
    """The columns of bands in the order of the list; none if nobody checks in the join.

    `columns` are in the order of the keys. A dummy shows what a key does, the same key as by its
    code: `seed` is that of the codes.
    """
    if plan.largest_share is None:
        return []
    banded = [bands_of(amount) for amount in amounts(plan.owners[owner], columns)]
    if not all(map(len, banded)):
        return [bytes(len(np.asarray(order)))] * len(banded)
    return [one[stand_ins(order, len(one), seed)].tobytes() for one in banded]
