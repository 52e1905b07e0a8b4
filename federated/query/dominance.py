"""What shows, of an owner's list, that one of its keys has nearly all of a sum.

Implements  federated/SPEC.md §1.14: which numbers have bands, and what a dummy shows; §1.15: what
            an owner sees on its own list
Shows       to the coordinator, the bands (federated/join/bands.py); to everybody, by an error, that
            one key has nearly all of an owner's list or of its small groups
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contract.errors import LargeShare
from federated.join.bands import Magnitude, bands_of, together
from federated.join.codes import Groups, stand_ins
from federated.query.plan import LocalPart, QueryPlan

_HALF_BITS: Final = 32
_HALF: Final = (1 << _HALF_BITS) - 1

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


def groups_apart(
    part: LocalPart,
    groups: Sequence[Hashable],
    columns: Sequence[Column],
    *,
    k: int,
    share: int | None,
) -> frozenset[Hashable]:
    """Own groups that must not stand alone: one key has more than `share` percent of a sum.

    `groups` and `columns` are in the order of the keys. With groups of fewer than `k` keys they are
    one, and if there, too, one key has more, the smallest others join, until none has. Raises
    LargeShare if one has more of all. Necessary only: a join can leave fewer.
    """
    if share is None or not part.amounts or len(groups) < k:
        return frozenset()
    own = Groups.of(groups)
    sizes = dict(zip(own.labels, own.sizes(), strict=True))

    def exceeds(row: Sequence[Magnitude]) -> bool:
        return any(of_sum.may_exceed(share) for of_sum in row)

    of_places = _sums(own.of_keys, len(own.labels), amounts(part, columns))
    sums = dict(zip(own.labels, of_places, strict=True))
    folded = {group for group, keys in sizes.items() if keys < k or exceeds(sums[group])}
    if not folded:
        return frozenset()
    row = together(sums[one] for one in folded)
    for group in sorted((one for one in sizes if one not in folded), key=sizes.__getitem__):
        if not exceeds(row):
            break
        folded.add(group)
        row = together((row, sums[group]))
    if exceeds(row):
        raise LargeShare(
            f"of what {part.org}.{part.dataset} adds up one key may have more than its owner lets"
            " anybody see: in its whole list, or in all groups that are folded",
            fix=f"Ask with --largest-share {share}, by which the cells where that is so are folded"
            " in the join; or group by less, or leave that sum out.",
            rule=f"policy.toml: largest_share = {share}",
        )
    return frozenset(folded)


def _sums(
    place_of: NDArray[np.int32], groups: int, numbers: Iterable[Column]
) -> list[tuple[Magnitude, ...]]:
    """Of each group and number, the largest and the sum of absolute values, exactly."""
    found: list[list[Magnitude]] = [[] for _ in range(groups)]
    for number in numbers:
        sizes = np.abs(number).astype(np.uint64)
        largest, low, high = (np.zeros(groups, dtype=np.uint64) for _ in range(3))
        np.maximum.at(largest, place_of, sizes)
        # In halves, so that no sum of 2^32 of them leaves 64 bits.
        np.add.at(low, place_of, sizes & np.uint64(_HALF))
        np.add.at(high, place_of, sizes >> np.uint64(_HALF_BITS))
        for row, most, below, above in zip(
            found, largest.tolist(), low.tolist(), high.tolist(), strict=True
        ):
            row.append(Magnitude(most, (above << _HALF_BITS) + below))
    return [tuple(row) for row in found]
