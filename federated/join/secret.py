"""The secrets of an owner in a blind join: one 32-byte secret per attempt, inside the Rust core.

Scalars, order and dummies come from it by HKDF (federated/SPEC.md §1.5); it is made from the
operating system's entropy, never leaves the core, and is gone when both objects made of it exist.
Those are consumed on use: `Serving` once per other owner, `Journey` at every step.

This is the only module that touches them. It also turns what the core refuses into errors that say
whose fault it is: a peer's, named, or a defect of ours.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from contract.errors import BadMessage, BadPoint, DatasetOutgrown, OurError
from federated.join.parameters import JoinParameters
from native import _core
from psi.keys import Keys

# Named in annotations elsewhere, and never looked into.
Journey = _core.Journey
Serving = _core.Serving


def blind(
    parameters: JoinParameters, me: str, keys: Sequence[bytes]
) -> tuple[Serving, Journey, bytes]:
    """Blind `keys`, canonical and distinct; returns the points for the first other owner.

    Raises DatasetOutgrown if there are more than the contract says.
    """
    size = parameters.size_of(me)
    if len(keys) > size:
        raise DatasetOutgrown(
            f"the dataset has more keys than the {size} that the contract was made for",
            fix="Propose the job again; it will be made for the dataset's present size.",
            party=me,
            rule="federated/SPEC.md §1.2",
        )
    place = parameters.owners.index(me)
    with _faults(None):
        return _core.start_join(
            parameters.run_id,
            parameters.sizes,
            place,
            parameters.token_bytes,
            Keys.of(keys).packed(),
        )


def serve(parameters: JoinParameters, serving: Serving, owner: str, points: bytes) -> bytes:
    """Multiply the list of `owner`, which may be done once."""
    try:
        with _faults(owner):
            return serving.serve(parameters.owners.index(owner), points)
    except _core.Spent:
        raise BadMessage(
            "an owner's list came a second time",
            fix="Ask the peer's operator; each owner's list visits every other owner once a run.",
            party=owner,
            rule="federated/SPEC.md §1.6",
        ) from None


def forward(journey: Journey, by: str, points: bytes) -> Journey:
    """Check the list that `by` returned, with others ahead. Consumes `journey`."""
    with _used_once(), _faults(by):
        return journey.forward(points)


def finish(journey: Journey, by: str, points: bytes) -> tuple[bytes, list[int]]:
    """Tokens, and the index of the key behind each or −1. Consumes `journey`."""
    with _used_once(), _faults(by):
        return journey.finish(points)


@contextmanager
def _faults(party: str | None) -> Iterator[None]:
    """The core's exceptions as errors of the tree; its texts hold counts and indices only."""
    try:
        yield
    except _core.PointRefused as refused:
        raise BadPoint(
            str(refused),
            fix="Ask the peer's operator; an honest node never sends such a point.",
            party=party,
            rule="federated/SPEC.md §1.6",
        ) from None
    except _core.MessageRefused as refused:
        raise BadMessage(
            str(refused),
            fix="Ask the peer's operator; the contract fixes how long each list is.",
            party=party,
            rule="federated/SPEC.md §1.6",
        ) from None
    except (_core.Misused, _core.Defect) as defect:
        raise OurError(str(defect), fix="Report this; start the job again.") from None


@contextmanager
def _used_once() -> Iterator[None]:
    try:
        yield
    except _core.Spent as defect:
        raise OurError(str(defect), fix="Report this; start the job again.") from None
