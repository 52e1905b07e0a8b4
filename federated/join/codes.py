"""An owner's group codes: which rows belong together, without what they are called.

Implements  federated/SPEC.md §1.4
Shows       to the coordinator, how many groups there are and how many keys each has: public
            statistics name most codes, so a label must be counted as known there (SPEC §1.9)
Secrets     none that opens anything: what the seed hides is hidden from the coordinator only
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import shake_256

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federated.join.messages import GroupCodes


@dataclass(frozen=True, slots=True, repr=False)
class Encoded:
    """What goes to the coordinator, and what each code means that is used and not `other`."""

    message: GroupCodes
    labels: Mapping[int, Hashable]


def encode(
    groups: Sequence[Hashable],
    order: ArrayLike,
    k: int,
    seed: bytes,
    apart: Collection[Hashable] = (),
) -> Encoded:
    """Codes for the places of a list.

    `groups` has the own group of every key, `order` the index of the key at each place or −1
    (`TokenList.order`). Groups of fewer than `k` keys become `other`, for a join only shrinks them,
    and so do those that are to be kept `apart`. `seed` is 32 bytes that belong to this attempt and
    to nothing else.
    """
    names, place_of = numbered(groups)
    sizes = np.bincount(place_of, minlength=len(names)).tolist()
    large = [
        group for group, keys in zip(names, sizes, strict=True) if keys >= k and group not in apart
    ]
    number = 1 << len(large).bit_length()  # the next power of two, `other` counted
    shuffled = np.argsort(_draws(seed, b"labels", number), kind="stable").tolist()
    code_of = dict(zip(large, shuffled, strict=False))
    other = shuffled[len(large)]

    real = np.array([code_of.get(name, other) for name in names], dtype=np.uint32)[place_of]
    codes = np.full(len(np.asarray(order)), other, dtype="<u4")
    if len(real):
        codes[:] = real[stand_ins(order, len(real), seed)]
    return Encoded(
        GroupCodes(
            codes=codes.tobytes(),
            sizes=tuple(np.bincount(real, minlength=number).tolist()),
            other=other,
        ),
        {code: group for group, code in code_of.items()},
    )


def numbered(groups: Sequence[Hashable]) -> tuple[list[Hashable], NDArray[np.int64]]:
    """Every group once, in the order in which they come; and of each key the place of its own."""
    places: dict[Hashable, int] = {}
    found = (places.setdefault(group, len(places)) for group in groups)
    place_of = np.fromiter(found, dtype=np.int64, count=len(groups))
    return list(places), place_of


def stand_ins(order: ArrayLike, keys: int, seed: bytes) -> NDArray[np.int64]:
    """Of each place the key whose code and bands it shows: its own, at a dummy one of `keys`.

    Drawn at random, and one for all that a dummy shows: what goes together then does not tell it.
    """
    places = np.array(order, dtype=np.int64)
    dummies = places < 0
    places[dummies] = _draws(seed, b"dummies", int(dummies.sum())) % keys
    return places


def _draws(seed: bytes, use: bytes, count: int) -> NDArray[np.uint64]:
    """Uniform 64-bit numbers that nobody without the seed can guess."""
    stream = shake_256(b"mihe/blind-join/v1/codes/" + use + b"/" + seed)
    return np.frombuffer(stream.digest(8 * count), dtype="<u8")
