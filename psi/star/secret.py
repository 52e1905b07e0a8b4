"""The secrets of a star: keys that two parties share, and the randomness of each store.

A party's own secret of 32 bytes lies in the Rust core, is made from the operating system's entropy
for the one call that needs it, and is wiped when that returns. A shared key travels, sealed, from
whom drew it to the other, and so is a `bytes` on both sides until the attempt is over.

This is the only module that touches them. It also turns what the core refuses into errors that say
whose fault it is: the peer's, or a defect of ours.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from contract.errors import BadMessage, DatasetOutgrown, OurError
from native import _core
from psi.keys import Keys
from psi.star.parameters import KEY_BYTES, Parameters

# Named in annotations elsewhere, and never looked into.
Items = _core.StarItems
Gathering = _core.StarGathering

_COMPARED_BYTES = 16


def draw(parameters: Parameters, count: int) -> list[bytes]:
    """Fresh keys, each for one other party."""
    with faults():
        return list(_core.star_draw(parameters.run_id, count))


def take(parameters: Parameters, me: str, items: Sequence[bytes]) -> Items:
    """The set of `me`, canonical and distinct. Raises DatasetOutgrown."""
    if len(items) > parameters.sizes[me]:
        raise DatasetOutgrown(
            f"the dataset has more keys than the {parameters.sizes[me]} that the contract was made"
            " for",
            fix="Propose the job again; it will be made for the dataset's present size.",
            rule="psi/star/SPEC.md §2",
        )
    contributors = len(parameters.contributors)
    with faults():
        return _core.star_take(parameters.run_id, contributors, Keys.of(items).packed())


def require_key(content: bytes) -> bytes:
    """A key that another party has drawn. Raises BadMessage."""
    if len(content) != KEY_BYTES:
        raise BadMessage(
            f"a key has {len(content)} bytes where {KEY_BYTES} are agreed",
            fix="Ask the peer's operator; the contract fixes how long each message is.",
            rule="psi/star/SPEC.md §3",
        )
    return content


def compared(raw: bytes) -> Keys:
    """What receiver and pivot compare, as the two-party protocol takes it."""
    ends = np.arange(_COMPARED_BYTES, len(raw) + 1, _COMPARED_BYTES, dtype=np.uint32)
    return Keys(raw, ends)


@contextmanager
def faults() -> Iterator[None]:
    """The core's exceptions as errors of the tree; its texts hold counts only."""
    try:
        yield
    except _core.MessageRefused as refused:
        raise BadMessage(
            str(refused),
            fix="Ask the peer's operator; the contract fixes how long each message is.",
            rule="psi/star/SPEC.md §3",
        ) from None
    except (_core.Spent, _core.Misused, _core.Defect) as defect:
        raise OurError(str(defect), fix="Report this; start the job again.") from None
