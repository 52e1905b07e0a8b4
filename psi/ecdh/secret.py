"""The secrets of an ECDH intersection: one 32-byte secret per attempt, inside the Rust core.

Scalar, order and dummies come from it by HKDF (psi/SPEC.md §4); it is made from the operating
system's entropy, never leaves the core, and is wiped when the object that holds it goes. Those
objects are consumed on use.

This is the only module that touches them. It also turns what the core refuses into errors that say
whose fault it is: the peer's, or a defect of ours.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from contract.errors import BadMessage, BadPoint, DatasetOutgrown, OurError
from native import _core
from psi.ecdh.parameters import Parameters, Role
from psi.keys import Keys
from psi.step import Cardinality, Intersection

# Named in annotations elsewhere, and never looked into.
Blinding = _core.Blinding
Evaluation = _core.Evaluation


def blind(parameters: Parameters, role: Role, items: Sequence[bytes]) -> tuple[Blinding, bytes]:
    """Blind `items`, canonical and distinct, as `role`; returns the points to send.

    Raises DatasetOutgrown if there are more than the contract says.
    """
    size = parameters.size_of(role)
    if len(items) > size:
        raise DatasetOutgrown(
            f"the dataset has more keys than the {size} that the contract was made for",
            fix="Propose the job again; it will be made for the dataset's present size.",
            rule="psi/SPEC.md §2",
        )
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


@contextmanager
def _faults() -> Iterator[None]:
    """The core's exceptions as errors of the tree; its texts hold counts and indices only."""
    try:
        yield
    except _core.PointRefused as refused:
        raise BadPoint(
            str(refused),
            fix="Ask the peer's operator; an honest node never sends such a point.",
            rule="psi/SPEC.md §5",
        ) from None
    except _core.MessageRefused as refused:
        raise BadMessage(
            str(refused),
            fix="Ask the peer's operator; the contract fixes how long each list is.",
            rule="psi/SPEC.md §5",
        ) from None
    except (_core.Spent, _core.Misused, _core.Defect) as defect:
        raise OurError(str(defect), fix="Report this; start the job again.") from None
