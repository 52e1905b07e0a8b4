"""The secrets of a star: keys that two parties share, and the randomness of each store.

A party's own secret of 32 bytes lies in the Rust core, is made from the operating system's entropy
for the one call that needs it, and is wiped when that returns. A shared key travels, sealed, from
whom drew it to the other, and so is a `bytes` on both sides until the attempt is over.

This is the only module that touches them.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from native import _core
from psi import refusals
from psi.keys import Keys
from psi.refusals import require_length, require_room
from psi.star.parameters import KEY_BYTES, Parameters

# Named in annotations elsewhere, and never looked into.
Items = _core.StarItems
Gathering = _core.StarGathering

_COMPARED_BYTES = 16

faults = partial(refusals.faults, "psi/star/SPEC.md §3")
"""What the core refuses of a star's messages."""


def draw(parameters: Parameters, count: int) -> list[bytes]:
    """Fresh keys, each for one other party."""
    with faults():
        return list(_core.star_draw(parameters.run_id, count))


def take(parameters: Parameters, me: str, items: Sequence[bytes]) -> Items:
    """The set of `me`, canonical and distinct. Raises DatasetOutgrown."""
    require_room(len(items), parameters.sizes[me], "psi/star/SPEC.md §2")
    contributors = len(parameters.contributors)
    with faults():
        return _core.star_take(parameters.run_id, contributors, Keys.of(items).packed())


def require_key(content: bytes) -> bytes:
    """A key that another party has drawn. Raises BadMessage."""
    require_length("a key", content, KEY_BYTES, "psi/star/SPEC.md §3")
    return content


def compared(raw: bytes) -> Keys:
    """What receiver and pivot compare, as the two-party protocol takes it."""
    ends = np.arange(_COMPARED_BYTES, len(raw) + 1, _COMPARED_BYTES, dtype=np.uint32)
    return Keys(raw, ends)
