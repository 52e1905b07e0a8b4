"""The secrets of an ECDH intersection: one 32-byte secret per attempt, inside the Rust core.

Scalar, order and dummies come from it by HKDF (psi/SPEC.md §4); it is made from the operating
system's entropy, never leaves the core, and is wiped when the object that holds it goes. Those
objects are consumed on use.

This is the only module that touches them.
"""

from collections.abc import Sequence
from functools import partial

from native import _core
from psi.ecdh.parameters import Parameters, Role
from psi.keys import Keys
from psi.refusals import faults, require_room
from psi.step import Cardinality, Intersection

# Named in annotations elsewhere, and never looked into.
Blinding = _core.Blinding
Evaluation = _core.Evaluation

_faults = partial(faults, "psi/SPEC.md §5")


def blind(parameters: Parameters, role: Role, items: Sequence[bytes]) -> tuple[Blinding, bytes]:
    """Blind `items`, canonical and distinct, as `role`; returns the points to send.

    Raises DatasetOutgrown if there are more than the contract says.
    """
    require_room(len(items), parameters.size_of(role), "psi/SPEC.md §2")
    with _faults():
        return _core.blind(
            parameters.run_id,
            parameters.curve,
            role,
            parameters.mode,
            parameters.receiver_size,
            parameters.sender_size,
            Keys.of(items).packed(),
        )


def evaluate(blinding: Blinding, points: bytes) -> tuple[Evaluation, bytes]:
    """The sender multiplies the receiver's points; their tags. Consumes `blinding`."""
    with _faults():
        return blinding.evaluate(points)


def match(
    parameters: Parameters, blinding: Blinding, points: bytes, tags: bytes
) -> tuple[Intersection | Cardinality, bytes]:
    """The receiver multiplies the sender's points and compares; what tells the sender beside it.

    Consumes `blinding`.
    """
    with _faults():
        if parameters.mode == "intersection":
            positions, matched = blinding.positions(points, tags)
            return Intersection(positions), matched
        count, matched = blinding.count(points, tags)
        return Cardinality(count), matched


def told(
    parameters: Parameters, evaluation: Evaluation, matched: bytes
) -> Intersection | Cardinality:
    """The sender takes what the receiver says and proves. Consumes `evaluation`."""
    with _faults():
        if parameters.mode == "intersection":
            return Intersection(evaluation.positions(matched))
        return Cardinality(evaluation.count(matched))
