"""The secrets of an RR22 intersection: one 32-byte secret per attempt, inside the Rust core.

Δ, noise, roots, seeds and order come from it (psi/rr22/SPEC.md §4); it is made from the operating
system's entropy, never leaves the core, and is wiped when the object that holds it goes. Those
objects are consumed on use.

This is the only module that touches them. It also turns what the core refuses into errors that say
whose fault it is: the peer's, or a defect of ours.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from contract.errors import BadMessage, BadPoint, DatasetOutgrown, OurError
from native import _core
from psi.keys import Keys
from psi.rr22.parameters import Parameters, Role

# Named in annotations elsewhere, and never looked into.
Replying = _core.Replying
Masking = _core.Masking
Matching = _core.Matching
Growing = _core.Growing
Tagging = _core.Tagging
Told = _core.Told


def take(parameters: Parameters, items: Sequence[bytes]) -> Replying:
    """The receiver's set, canonical and distinct. Raises DatasetOutgrown."""
    _require_room(parameters, "receiver", items)
    with faults():
        return _core.rr22_take(*_agreed(parameters), Keys.of(items).packed())


def begin(parameters: Parameters, items: Sequence[bytes]) -> tuple[Growing, bytes]:
    """The sender's set, canonical and distinct, and its base points. Raises DatasetOutgrown."""
    _require_room(parameters, "sender", items)
    with faults():
        return _core.rr22_begin(*_agreed(parameters), Keys.of(items).packed())


def _agreed(parameters: Parameters) -> tuple[bytes, int, int, bool]:
    return parameters.run_id, parameters.receiver_size, parameters.sender_size, parameters.both


def _require_room(parameters: Parameters, role: Role, items: Sequence[bytes]) -> None:
    size = parameters.size_of(role)
    if len(items) > size:
        raise DatasetOutgrown(
            f"the dataset has more keys than the {size} that the contract was made for",
            fix="Propose the job again; it will be made for the dataset's present size.",
            rule="psi/rr22/SPEC.md §2",
        )


@contextmanager
def faults() -> Iterator[None]:
    """The core's exceptions as errors of the tree; its texts hold counts and indices only."""
    try:
        yield
    except _core.PointRefused as refused:
        raise BadPoint(
            str(refused),
            fix="Ask the peer's operator; an honest node never sends such a point.",
            rule="psi/rr22/SPEC.md §5",
        ) from None
    except _core.MessageRefused as refused:
        raise BadMessage(
            str(refused),
            fix="Ask the peer's operator; the contract fixes how long each message is.",
            rule="psi/rr22/SPEC.md §5",
        ) from None
    except (_core.Spent, _core.Misused, _core.Defect) as defect:
        raise OurError(str(defect), fix="Report this; start the job again.") from None
