"""A search for the traces of secrets, in files, in messages and in the memory of a process.

A trace is a form that a secret may take where it should not be: text in several encodings, digests
anybody could make, integers as machines keep them. All traces are looked for at every offset and
at once: four bytes of each are its probe; every window of four bytes of the content is hashed into
a table that has most windows out, and only what is left is compared in full.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from re import compile as pattern

import numpy as np
import numpy.typing as npt

DIGESTS = ("md5", "sha1", "sha256", "sha512", "sm3")
"""Digests that a careless programmer would take for anonymous; sm3 where OpenSSL has it."""

_PROBE = 4
_TABLE_BITS = 22
_MULTIPLIER = np.uint32(2654435761)
_PIECE = 8 << 20
_OVERLAP = 1 << 10
_MAPPING = pattern(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)\s*(.*)")


@dataclass(frozen=True, slots=True)
class Trace:
    """One form of one secret."""

    secret: str
    form: str


class Search:
    """Traces to look for; `add` all, then look."""

    def __init__(self) -> None:
        self._traces: dict[bytes, tuple[Trace, int]] = {}
        self._ready = False
        self._table = np.zeros(1 << _TABLE_BITS, np.bool_)
        self._probes: npt.NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._by_probe: dict[int, list[bytes]] = {}
        self._longest = 0

    def add(self, secret: str, form: str, content: bytes, *, probe_first: bool = False) -> None:
        """Look for `content`; its probe is at its end unless its beginning varies more."""
        at = 0 if probe_first else len(content) - _PROBE
        self._traces[content] = (Trace(secret, form), at)
        self._ready = False

    def content_of(self, secret: str, form: str) -> bytes:
        """The bytes of one form of a secret."""
        wanted = Trace(secret, form)
        return next(content for content, (trace, _) in self._traces.items() if trace == wanted)

    def find(self, content: bytes) -> set[Trace]:
        """The traces in `content`."""
        self._prepare()
        # Each is reported once, so what has been found is not compared again.
        missing: dict[int, list[bytes]] = {}
        found: set[Trace] = set()
        for start in range(0, len(content), _PIECE):
            # Neighbouring pieces overlap, so that no trace falls between two.
            piece = content[start : start + _PIECE + self._longest]
            found.update(self._find(piece, missing))
        return found

    def _find(self, content: bytes, missing: dict[int, list[bytes]]) -> Iterator[Trace]:
        for shift in range(_PROBE):
            count = (len(content) - shift) // _PROBE
            if count <= 0:
                continue
            windows = np.frombuffer(content, np.dtype("<u4"), count, shift)
            likely = np.flatnonzero(self._table[_hashed(windows)])
            values = windows[likely]
            slots = np.minimum(np.searchsorted(self._probes, values), len(self._probes) - 1)
            certain = likely[self._probes[slots] == values]
            for index, probe in zip(certain.tolist(), windows[certain].tolist(), strict=True):
                position = shift + index * _PROBE
                if probe not in missing:
                    missing[probe] = list(self._by_probe[probe])
                for trace in missing[probe][:]:
                    known, at = self._traces[trace]
                    if position >= at and content.startswith(trace, position - at):
                        missing[probe].remove(trace)
                        yield known

    def _prepare(self) -> None:
        if self._ready:
            return
        self._by_probe = {}
        for content, (_, at) in self._traces.items():
            probe = int.from_bytes(content[at : at + _PROBE], "little")
            self._by_probe.setdefault(probe, []).append(content)
        self._probes = np.array(sorted(self._by_probe), np.uint32)
        self._table[:] = False
        self._table[_hashed(self._probes)] = True
        self._longest = max(map(len, self._traces))
        self._ready = True


def _hashed(windows: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    return (windows * _MULTIPLIER) >> np.uint32(32 - _TABLE_BITS)


# ── secrets and their forms ─────────────────────────────────────────────────────────────────────


def add_key(search: Search, key: str) -> None:
    """A unified social credit code: as text, and as digests without a salt."""
    for case, text in (("upper", key), ("lower", key.lower())):
        search.add(key, f"ascii {case}", text.encode())
        search.add(key, f"utf-16-le {case}", text.encode("utf-16-le"))
        search.add(key, f"utf-16-be {case}", text.encode("utf-16-be"))
    search.add(key, "full-width", "".join(chr(ord(c) + 0xFEE0) for c in key).encode())
    for name in DIGESTS:
        if name not in hashlib.algorithms_available:
            continue
        for what, preimage in (("bare", key), ("lower", key.lower()), ("kind", f"uscc:{key}")):
            digest = hashlib.new(name, preimage.encode(), usedforsecurity=False).digest()
            search.add(key, f"{name} {what}", digest)
            search.add(key, f"{name} {what} hex", digest.hex().encode())
            search.add(key, f"{name} {what} HEX", digest.hex().upper().encode())


def add_number(search: Search, text: str, scaled: int) -> None:
    """A confidential number: as decimal and as scaled text, and as a scaled 64-bit integer."""
    # The last places may be cut as zeros are; what is left is as telling.
    for form, digits in (("decimal", text.rstrip("0")), ("scaled", str(scaled))):
        search.add(text, form, digits.encode())
        search.add(text, f"{form} utf-16-le", digits.encode("utf-16-le"))
        search.add(text, f"{form} utf-16-be", digits.encode("utf-16-be"))
    search.add(text, "64 bit little-endian", scaled.to_bytes(8, "little"), probe_first=True)
    search.add(text, "64 bit big-endian", scaled.to_bytes(8, "big"))


# ── where to look ───────────────────────────────────────────────────────────────────────────────


def memory_of(process: int) -> Iterator[bytes]:
    """What a running process has in its memory, mapping by mapping, code and constants apart."""
    mappings = Path(f"/proc/{process}/maps").read_text("ascii").splitlines()
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for mapping in filter(None, map(_MAPPING.fullmatch, mappings)):
            first, last = int(mapping[1], 16), int(mapping[2], 16)
            of_a_file = mapping[4] != "0"
            if not mapping[3].startswith("r") or (of_a_file and "w" not in mapping[3]):
                continue
            yield from _pieces_of(memory, first, last)


def _pieces_of(memory, first: int, last: int) -> Iterator[bytes]:  # type: ignore[no-untyped-def]
    for start in range(first, last, _PIECE):
        # A mapping may have gone since it was listed, and the kernel's own can't be read.
        with suppress(OSError, ValueError):
            memory.seek(start)
            yield memory.read(min(_PIECE + _OVERLAP, last - start))


def files_in(*folders: Path) -> Iterator[Path]:
    """Every regular file under these folders."""
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def secrets_of(traces: Iterable[Trace]) -> set[str]:
    """The secrets that the traces give away."""
    return {trace.secret for trace in traces}
