"""The coordinator's part of a blind join: which places of the lists hold the same token.

Implements  federated/SPEC.md §1.8
Learns      for every overlap of lists, how many keys are in it and at which places; no key: a token
            is a hash over the key and a point that only its owner can compute
Secrets     none
Not safe    together with an owner: SPEC §1.9

Beside the tokens themselves a list of n takes 28·n bytes while it is looked through, one list at a
time, and what all lists so far have alike 17 bytes and 4 more for each. If two tokens of one list
begin alike in eight bytes, by chance or on purpose, whole tokens take the place of these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.errors import BadMessage
from federated.join.ordering import Numbers, in_order
from federated.join.parameters import JoinParameters

Tokens = NDArray[np.bytes_]
Positions = NDArray[np.int32]
"""One row an entity, one column an owner: its place in that owner's list."""

_InOrder = Callable[[Tokens], tuple[NDArray[Any], NDArray[np.int32]]]
"""Something of each token, ascending, and the place of each."""

_HEAD_BYTES: Final = 8


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
    listed = [_tokens(parameters, owner, lists) for owner in owners]
    found = _alike(listed, _by_heads)
    if isinstance(found, _Repeating):
        # Two tokens that begin alike are not one yet.
        found = _alike(listed, _by_all)
    if isinstance(found, _Repeating):
        raise _refused(owners[found.place], "a token stands twice in one list")
    whole = [tokens[found[:, place]] for place, tokens in enumerate(listed)]
    same = np.logical_and.reduce([one == whole[0] for one in whole])
    return Matched(
        owners=owners,
        sizes=tuple(parameters.size_of(owner) for owner in owners),
        positions=found if same.all() else found[same],
    )


@dataclass(frozen=True, slots=True)
class _Repeating:
    """That the list at this place has twice what was looked at."""

    place: int


def _alike(listed: Sequence[Tokens], in_order_by: _InOrder) -> Positions | _Repeating:
    """Where all lists have alike what they are put in order by."""
    # The smallest first: nothing that follows is larger. One list is in order at a time.
    by_size = sorted(range(len(listed)), key=lambda place: len(listed[place]))
    common: NDArray[Any] = np.zeros(0)
    places: dict[int, NDArray[np.int32]] = {}
    for place in by_size:
        ascending, order = in_order_by(listed[place])
        if (ascending[1:] == ascending[:-1]).any():
            return _Repeating(place)
        if not places:
            common, places[place] = ascending, order
            continue
        found = np.searchsorted(ascending, common)
        # Beyond the end there is nothing to equal; any place does.
        found[found == len(ascending)] = 0
        met = ascending[found] == common
        common = common[met]
        places = {before: order_of[met] for before, order_of in places.items()}
        places[place] = order[found[met]]
    return np.stack([places[place] for place in range(len(listed))], axis=1)


def _tokens(parameters: JoinParameters, owner: str, lists: Sequence[bytes]) -> Tokens:
    """The list of `owner`. Raises BadMessage if it has not exactly its size."""
    length, size = parameters.token_bytes, parameters.size_of(owner)
    tokens = lists[parameters.owners.index(owner)]
    if len(tokens) != length * size:
        raise _refused(owner, f"{len(tokens)} bytes of tokens for {size} of {length}")
    # All have one length, so that numpy's disregard of zeros at an end can confuse no two.
    return np.frombuffer(tokens, dtype=f"S{length}")


def _by_all(tokens: Tokens) -> tuple[Tokens, NDArray[np.int32]]:
    order = np.argsort(tokens).astype(np.int32)
    return tokens[order], order


def _by_heads(tokens: Tokens) -> tuple[Numbers, NDArray[np.int32]]:
    """The first eight bytes of each, as a number: in order in a fraction of the time."""
    length = tokens.dtype.itemsize
    heads = np.zeros((len(tokens), _HEAD_BYTES), dtype=np.uint8)
    heads[:, :length] = tokens.view(np.uint8).reshape(-1, length)[:, :_HEAD_BYTES]
    return in_order(heads.view(np.uint64)[:, 0])


def _refused(owner: str, what: str) -> BadMessage:
    return BadMessage(
        what,
        fix="Ask that owner's operator; the contract fixes how long each list is.",
        party=owner,
        rule="federated/SPEC.md §1.6",
    )
