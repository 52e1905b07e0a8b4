"""An owner's group codes: which rows belong together, without what they are called.

Implements  federated/SPEC.md §1.4
Shows       to the coordinator, how many groups there are and how many keys each has: public
            statistics name most codes, so a label must be counted as known there (SPEC §1.9)
Secrets     none that opens anything: what the seed hides is hidden from the coordinator only
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import shake_256
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federated.join.messages import GroupCodes


@dataclass(frozen=True, slots=True, repr=False)
class Encoded:
    """What goes to the coordinator, and what each code means that is used and not `other`."""

    message: GroupCodes
    labels: Mapping[int, Hashable]


class Groups(Sequence[Hashable]):
    """The own group of every key, as a sequence; there are many keys, and few groups.

    `labels` has each group once that a key has, `of_keys` of each key the place of its group there.
    """

    __slots__ = ("labels", "of_keys")

    def __init__(self, labels: Sequence[Hashable], of_keys: NDArray[np.int32]) -> None:
        self.labels = labels
        self.of_keys = of_keys

    @staticmethod
    def of(groups: Sequence[Hashable]) -> "Groups":
        """The groups of any sequence, labels in the order in which they come."""
        if isinstance(groups, Groups):
            return groups
        places: dict[Hashable, int] = {}
        found = (places.setdefault(group, len(places)) for group in groups)
        of_keys = np.fromiter(found, dtype=np.int32, count=len(groups))
        return Groups(list(places), of_keys)

    def sizes(self) -> list[int]:
        """How many keys each has, in the order of `labels`."""
        sizes: list[int] = np.bincount(self.of_keys, minlength=len(self.labels)).tolist()
        return sizes

    def __len__(self) -> int:
        return len(self.of_keys)

    @overload
    def __getitem__(self, key: int) -> Hashable: ...
    @overload
    def __getitem__(self, key: slice) -> list[Hashable]: ...

    def __getitem__(self, key: int | slice) -> Hashable | list[Hashable]:
        if isinstance(key, slice):
            return [self.labels[place] for place in self.of_keys[key].tolist()]
        return self.labels[int(self.of_keys[key])]

    def __iter__(self) -> Iterator[Hashable]:
        return map(self.labels.__getitem__, self.of_keys.tolist())


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
    own = Groups.of(groups)
    large = [
        place
        for place, (label, keys) in enumerate(zip(own.labels, own.sizes(), strict=True))
        if keys >= k and label not in apart
    ]
    number = 1 << len(large).bit_length()  # the next power of two, `other` counted
    shuffled = np.argsort(_draws(seed, b"labels", number), kind="stable")
    other = int(shuffled[len(large)])
    code_of = np.full(len(own.labels), other, dtype=np.uint32)
    code_of[large] = shuffled[: len(large)]

    real = code_of[own.of_keys]
    codes = np.full(len(np.asarray(order)), other, dtype="<u4")
    if len(real):
        codes[:] = real[stand_ins(order, len(real), seed)]
    return Encoded(
        GroupCodes(
            codes=codes.tobytes(),
            sizes=tuple(np.bincount(real, minlength=number).tolist()),
            other=other,
        ),
        {int(code_of[place]): own.labels[place] for place in large},
    )


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
