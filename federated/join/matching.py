"""The coordinator's part of a blind join: which places of the lists hold the same token.

Implements  federated/SPEC.md §1.8
Learns      for every overlap of lists, how many keys are in it and at which places; no key: a token
            is a hash over the key and a point that only its owner can compute
Secrets     none
Not safe    together with an owner: SPEC §1.9

A list of n tokens of t bytes needs some n·(2t + 8) bytes while it is matched, whatever its content.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.errors import BadMessage
from federated.join.parameters import JoinParameters

Positions = NDArray[np.int32]
"""One row an entity, one column an owner: its place in that owner's list."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Matched:
    """The entities that every one of `owners` holds, in no order that says anything."""

    owners: tuple[str, ...]
    sizes: tuple[int, ...]
    positions: Positions

    @property
    def count(self) -> int:
        """How many entities there are."""
        return len(self.positions)

    def of(self, owner: str) -> NDArray[np.int32]:
        """Places in the list of `owner`, ascending: the order of matches is nobody's business."""
        return np.sort(self.positions[:, self.owners.index(owner)])


def match(
    parameters: JoinParameters, lists: Sequence[bytes], among: Sequence[str] | None = None
) -> Matched:
    """Entities in the lists of all owners, or of those `among` them that are named.

    `lists` has every owner's tokens, in the contract's order. Raises BadMessage.
    """
    owners = tuple(o for o in parameters.owners if among is None or o in among)
    chosen = [_Sorted.of(parameters, owner, lists) for owner in owners]
    # The smallest first: nothing that follows is larger.
    common = reduce(_in_both, sorted((one.tokens for one in chosen), key=len))
    positions = [one.order[np.searchsorted(one.tokens, common)] for one in chosen]
    return Matched(
        owners=owners,
        sizes=tuple(parameters.size_of(owner) for owner in owners),
        positions=np.stack(positions, axis=1).astype(np.int32),
    )


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _Sorted:
    """A list in the order of its tokens, and the place of each."""

    tokens: NDArray[np.bytes_]
    order: NDArray[np.int32]

    @classmethod
    def of(cls, parameters: JoinParameters, owner: str, lists: Sequence[bytes]) -> "_Sorted":
        """The list of `owner`. Raises BadMessage if it has not exactly its size, or repeats."""
        length, size = parameters.token_bytes, parameters.size_of(owner)
        tokens = lists[parameters.owners.index(owner)]
        if len(tokens) != length * size:
            raise _refused(owner, f"{len(tokens)} bytes of tokens for {size} of {length}")
        # All have one length, so that numpy's disregard of zeros at an end can confuse no two.
        listed: NDArray[Any] = np.frombuffer(tokens, dtype=f"S{length}")
        order = np.argsort(listed).astype(np.int32)
        ascending = listed[order]
        if (ascending[1:] == ascending[:-1]).any():
            raise _refused(owner, "a token stands twice in one list")
        return cls(ascending, order)


def _in_both(few: NDArray[np.bytes_], many: NDArray[np.bytes_]) -> NDArray[np.bytes_]:
    """Of two ascending lists without repetition, what is in both, ascending."""
    places = np.searchsorted(many, few)
    # Beyond the end there is nothing to equal; any place does.
    places[places == len(many)] = 0
    common: NDArray[np.bytes_] = few[many[places] == few]
    return common


def _refused(owner: str, what: str) -> BadMessage:
    return BadMessage(
        what,
        fix="Ask that owner's operator; the contract fixes how long each list is.",
        party=owner,
        rule="federated/SPEC.md §1.6",
    )
