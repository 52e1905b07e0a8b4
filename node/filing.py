"""What a run in buckets has filed: of every bucket that is done what this owner learned, on disk.

A further attempt of the job (docs/decisions/0031) goes on behind the last bucket that both owners
have filed. A file is sealed (AES-256-GCM) under a key that comes from the owner's private key, and
bound to its job and place; it takes its name when all of it is on the disk. So a bucket is filed as
a whole or not at all, and what was altered is met by an error.

Implements  psi/rr22/SPEC.md §11
Learns      the owner alone: rows of its own that are common, and the two halves of the items' key
Keeps       no secret of a bucket; and all of it until the job ends (node/results.py)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import urandom
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contract.errors import OurError
from node.scratch import create, disk_refusals, scratch, settle
from psi.rr22.items import Halves
from psi.rr22.resumption import Filed
from psi.step import Nothing, Result, Rows

_TAG: Final = b"mihe/filed/v1"
_HALVES: Final = "halves"
_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 32
_COUNT_BYTES: Final = 8


@dataclass(frozen=True, slots=True, repr=False)
class FiledBucket:
    """What was learned of one bucket, and in which run."""

    run: bytes
    result: Rows | Nothing


@contextmanager
def filing(
    folder: Path, key: EllipticCurvePrivateKey, *, job: bytes, run: bytes
) -> Iterator["Filing"]:
    """The files of a job, for the attempt `run`. Nothing is filed by it after the block."""
    with disk_refusals():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    filed = Filing(folder, _cipher(key, job), job, run)
    try:
        yield filed
    finally:
        filed.close()


class Filing:
    """Made by `filing`. Every method blocks, and raises StorageFull."""

    def __init__(self, folder: Path, cipher: AESGCM, job: bytes, run: bytes) -> None:
        self._folder = folder
        self._cipher = cipher
        self._job = job
        self._run = run
        self._lock = Lock()
        self._closed = False
        self.runs: dict[int, bytes] = {}
        """In which attempt each bucket was played that this one has filed, or found."""
        self.agreed_in = run
        """In which one the key of the items was made."""

    def close(self) -> None:
        """Wait for what is being filed; from now on nothing is."""
        with self._lock:
            self._closed = True

    def filed(self) -> Filed | None:
        """What earlier attempts have filed; None if nothing. Raises OurError."""
        if not self._place(_HALVES).exists():
            return None
        content = self._read(_HALVES)
        parts = (content[at : at + _ID_BYTES] for at in range(0, 3 * _ID_BYTES, _ID_BYTES))
        halves = Halves(*parts)
        self.agreed_in = halves.run_id
        return Filed(halves, len(self._numbers()))

    def found(self, bucket: int) -> FiledBucket:
        """One bucket that is filed. Raises OurError."""
        content = self._read(_name(bucket))
        run, rest = content[:_ID_BYTES], content[_ID_BYTES:]
        self.runs[bucket] = run
        if not rest:
            return FiledBucket(run, Nothing())
        items = int.from_bytes(rest[:_COUNT_BYTES], "little")
        return FiledBucket(run, Rows(items, np.frombuffer(rest[_COUNT_BYTES:], dtype="<u4")))

    def begin(self, halves: Halves) -> None:
        """File under this key of the items from the first bucket on."""
        with self._lock:
            self._drop_from(0)
            self.agreed_in = halves.run_id
            self._write(_HALVES, halves.run_id + halves.receivers + halves.senders)

    def go_on(self, first: int) -> None:
        """Keep what was filed below the bucket `first`, where this attempt begins."""
        with self._lock:
            self._drop_from(first)

    def add(self, bucket: int, result: Result) -> None:
        """A bucket is done: what was learned of it is on the disk when this returns."""
        content = self._run
        if isinstance(result, Rows):
            numbers = result.numbers.astype("<u4", copy=False).tobytes()
            content += result.items.to_bytes(_COUNT_BYTES, "little") + numbers
        with self._lock:
            self._write(_name(bucket), content)
        self.runs[bucket] = self._run

    # ── within ──────────────────────────────────────────────────────────────────────────────────

    def _place(self, name: str) -> Path:
        return self._folder / name

    def _numbers(self) -> list[int]:
        """The buckets that are filed: all from 0 on. Raises OurError if one between is missing."""
        names = {path.name for path in self._folder.iterdir()} - {_HALVES}
        numbers = list(range(len(names)))
        if names != {_name(bucket) for bucket in numbers}:
            raise _altered()
        return numbers

    def _drop_from(self, first: int) -> None:
        if self._closed:
            return
        with disk_refusals():
            # The last one first, so that there is never one missing between others.
            for bucket in reversed(self._numbers()[first:]):
                self._place(_name(bucket)).unlink()
                settle(self._folder)

    def _write(self, name: str, content: bytes) -> None:
        if self._closed:
            return
        nonce = urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, content, self._bound_to(name))
        with scratch(self._folder.parent) as work:
            written = work / name
            create(written, sealed)
            written.replace(self._place(name))
            settle(self._folder)

    def _read(self, name: str) -> bytes:
        with disk_refusals():
            sealed = self._place(name).read_bytes()
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, self._bound_to(name))
        except (InvalidTag, ValueError):
            raise _altered() from None

    def _bound_to(self, name: str) -> bytes:
        return _TAG + self._job + name.encode()


def _name(bucket: int) -> str:
    return f"bucket_{bucket}"


def _cipher(key: EllipticCurvePrivateKey, job: bytes) -> AESGCM:
    scalar = key.private_numbers().private_value.to_bytes(key.key_size // 8, "big")
    return AESGCM(HKDF(SHA256(), 32, salt=job, info=_TAG).derive(scalar))


def _altered() -> OurError:
    return OurError(
        "what a run has filed on the disk came back altered",
        fix="Look at the disk of this node's data folder, then start the job again.",
    )
