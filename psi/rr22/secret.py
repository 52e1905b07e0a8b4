"""The secrets of an RR22 intersection, inside the Rust core.

Every bucket has one 32-byte secret of its own, from which Δ, noise, roots, seeds and order come
(psi/rr22/SPEC.md §5); a run has the key of its items, to which each owner gives half. They are made
from the operating system's entropy, never leave the core but for that half, and are wiped when the
object that holds them goes. Objects that hold a secret of a bucket are consumed on use.
A job of several buckets keeps the halves, so that a further attempt has the same buckets (§11).

This is the only module that touches them.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from native import _core
from psi import refusals
from psi.rr22.parameters import Parameters
from psi.step import Rows

# Named in annotations elsewhere, and never looked into.
Sharing = _core.Sharing
Hashing = _core.Hashing
Items = _core.Items
Replying = _core.Replying
Finishing = _core.Finishing
Checking = _core.Checking
Masking = _core.Masking
Matching = _core.Matching
Growing = _core.Growing
Answering = _core.Answering
Taking = _core.Taking
Tagging = _core.Tagging
Told = _core.Told

faults = partial(refusals.faults, "psi/rr22/SPEC.md §4", checks="psi/rr22/SPEC.md §10")
"""What the core refuses of a bucket's messages."""


def share(parameters: Parameters) -> tuple[Sharing, bytes]:
    """What this owner gives to the key of the items."""
    with faults():
        return _core.rr22_share(parameters.run_id)


def hashing_again(run_id: bytes, receivers: bytes, senders: bytes) -> Hashing:
    """The hash of items under what both owners gave in an earlier attempt, whose id is given."""
    with faults():
        return _core.rr22_hashing(run_id, receivers, senders)


def await_points(parameters: Parameters, bucket: int) -> Replying:
    """The receiver of a bucket."""
    with faults():
        return _core.rr22_await(parameters.terms, bucket)


def begin(parameters: Parameters, bucket: int) -> tuple[Growing, bytes]:
    """The sender of a bucket, and its base points."""
    with faults():
        return _core.rr22_begin(parameters.terms, bucket)


def gather(parts: Sequence[tuple[bytes, bytes]], *, distinct: bool = False) -> Items:
    """The distinct items of one bucket and their rows, from all that was scattered into it.

    `distinct`: the owner knows that no item has two rows, so nobody has to look for them.
    """
    with faults():
        return _core.rr22_gather(parts, distinct)


def rows(items: int, numbers: bytes) -> Rows:
    """What is common, as the core gives it."""
    return Rows(items, np.frombuffer(numbers, dtype="<u4"))
