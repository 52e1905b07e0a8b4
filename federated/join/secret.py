"""The secrets of an owner in a join: one 32-byte secret per attempt, inside the Rust core.

Scalars, order and dummies come from it by HKDF (federated/SPEC.md §1.5); it is made from the
operating system's entropy, never leaves the core, and is gone when both objects made of it exist.
Those are consumed on use: `Serving` once per other owner, `Journey` at every step. In a keyed join
(§1.13) order and dummies come from it; the key is made in the core of what all owners contributed,
which travels, and so is `bytes` here.

This is the only module that touches them.
"""

import secrets
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from contract.errors import BadMessage
from federated.join.parameters import CONTRIBUTION_BYTES, JoinParameters
from native import _core
from psi.keys import Keys
from psi.refusals import faults, require_length, require_room

Order = NDArray[np.int32]
"""The index of the key at each place of a list, −1 for a dummy."""

# Named in annotations elsewhere, and never looked into.
Journey = _core.Journey
Serving = _core.Serving

_faults = partial(faults, "federated/SPEC.md §1.6")


def blind(
    parameters: JoinParameters, me: str, keys: Sequence[bytes]
) -> tuple[Serving, Journey, bytes]:
    """Blind `keys`, canonical and distinct; returns the points for the first other owner.

    Raises DatasetOutgrown if there are more than the contract says.
    """
    require_room(len(keys), parameters.size_of(me), "federated/SPEC.md §1.2", party=me)
    place = parameters.owners.index(me)
    with _faults():
        return _core.start_join(
            parameters.run_id,
            parameters.sizes,
            place,
            parameters.token_bytes,
            Keys.of(keys).packed(),
        )


def serve(parameters: JoinParameters, serving: Serving, owner: str, points: bytes) -> bytes:
    """Multiply the list of `owner`, which may be done once."""
    with _faults(owner):
        try:
            return serving.serve(parameters.owners.index(owner), points)
        except _core.Spent:
            raise BadMessage(
                "an owner's list came a second time",
                fix="Ask the peer's operator; each owner's list visits every other owner once a"
                " run.",
                party=owner,
                rule="federated/SPEC.md §1.6",
            ) from None


def forward(journey: Journey, by: str, points: bytes) -> Journey:
    """Check the list that `by` returned, with others ahead. Consumes `journey`."""
    with _faults(by):
        return journey.forward(points)


def finish(journey: Journey, by: str, points: bytes) -> tuple[bytes, Order]:
    """Tokens, and the index of the key behind each or −1. Consumes `journey`."""
    with _faults(by):
        tokens, order = journey.finish(points)
    return tokens, np.frombuffer(order, dtype="<i4")


def contribution() -> bytes:
    """What an owner contributes to the key of a keyed join."""
    return secrets.token_bytes(CONTRIBUTION_BYTES)


def require_contribution(content: bytes) -> bytes:
    """What another owner has contributed. Raises BadMessage."""
    require_length("a contribution", content, CONTRIBUTION_BYTES, "federated/SPEC.md §1.13")
    return content


def keyed_list(
    parameters: JoinParameters, me: str, contributions: Sequence[bytes], keys: Sequence[bytes]
) -> tuple[bytes, Order]:
    """Tokens of `keys`, canonical and distinct; the index of the key behind each or −1.

    Raises DatasetOutgrown if there are more than the contract says.
    """
    require_room(len(keys), parameters.size_of(me), "federated/SPEC.md §1.2", party=me)
    with _faults():
        tokens, order = _core.keyed_list(
            parameters.run_id,
            parameters.sizes,
            parameters.owners.index(me),
            parameters.token_bytes,
            contributions,
            Keys.of(keys).packed(),
        )
    return tokens, np.frombuffer(order, dtype="<i4")
