"""The secrets of an owner in a blind join: one 32-byte secret per attempt, inside the Rust core.

Scalars, order and dummies come from it by HKDF (federated/SPEC.md §1.5); it is made from the
operating system's entropy, never leaves the core, and is gone when both objects made of it exist.
Those are consumed on use: `Serving` once per other owner, `Journey` at every step.

This is the only module that touches them.
"""

from collections.abc import Sequence
from functools import partial

from contract.errors import BadMessage
from federated.join.parameters import JoinParameters
from native import _core
from psi.keys import Keys
from psi.refusals import faults, require_room

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


def finish(journey: Journey, by: str, points: bytes) -> tuple[bytes, list[int]]:
    """Tokens, and the index of the key behind each or −1. Consumes `journey`."""
    with _faults(by):
        return journey.finish(points)
