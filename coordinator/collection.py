"""What the parties of a query hand in, on disk until the run ends: one file a part, one receipt.

A part is whole or absent: it is written beside its place, made durable, checked against its signed
receipt, and only then given its name. Handing in the same part again is no error as long as the
receipt of the first stands; a different one is refused by the receipt's statement.

Learns      tokens, opaque codes, ciphertexts, blindings: what federated/SPEC.md says of the
            coordinator. Everything of a run is removed when it ends.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from contract.canonical import parse
from contract.errors import (
    BadReceipt,
    ForeignFrame,
    FrameTooLarge,
    MiheError,
    StorageFull,
    UnknownJob,
)
from contract.identity import Authority
from contract.signing import Kind, Statement, verify
from contract.statements import Receipt
from coordinator import wire

COORDINATOR = "coordinator"


@dataclass(frozen=True, slots=True)
class Opening:
    """What a part's first frame says."""

    run: bytes
    part: str
    size: int
    salt: bytes


class Collection:
    """The parts of all runs, by run, organisation and name."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self._folder = folder
        self._authority = authority
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            raise _refused("start") from None

    def file(self, run: bytes, org: str, part: str) -> Path:
        """Where a part lies, or would."""
        return self._folder / run.hex() / f"{org}.{part}"

    def holds(self, run: bytes, org: str, part: str) -> bool:
        """Whether a part is here, whole."""
        return self.file(run, org, part).exists()

    def whole(self, run: bytes, org: str, part: str, *, asked_by: str) -> Path:
        """The file of a part, for `asked_by` to fetch; raises UnknownJob while it is not here."""
        if not self.holds(run, org, part):
            raise not_yet(asked_by, part)
        return self.file(run, org, part)

    def receipt(self, run: bytes, org: str, part: str) -> Statement:
        """The signed receipt of a part that is here."""
        return wire.statement_from_bytes(self._receipt_file(run, org, part).read_bytes(), org)

    async def take(
        self, org: str, opening: Opening, pieces: AsyncIterator[bytes | Statement], limit: int
    ) -> None:
        """Receive one part. Raises FrameTooLarge, BadReceipt or StorageFull with nothing kept."""
        if opening.size > limit:
            raise _too_large(org, opening.part, limit)
        if self.holds(opening.run, org, opening.part):
            return
        target = self.file(opening.run, org, opening.part)
        arriving = target.with_suffix(f".{os.urandom(6).hex()}.arriving")
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            receipt = await self._receive(arriving, org, opening, pieces)
            _write(self._receipt_file(opening.run, org, opening.part), receipt)
            arriving.replace(target)
            _settle(target.parent)
        except OSError:
            raise _refused("collect") from None
        finally:
            with suppress(OSError):
                arriving.unlink()

    def drop(self, run: bytes) -> None:
        """Remove everything of a run: first its name, for others may be about to write to it."""
        gone = self._folder / f"{run.hex()}.gone"
        with suppress(OSError):
            (self._folder / run.hex()).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def drop_all_but(self, runs: set[bytes]) -> None:
        """Remove what runs that are over have left behind."""
        for folder in self._folder.iterdir():
            if folder.name not in {run.hex() for run in runs}:
                shutil.rmtree(folder, ignore_errors=True)

    async def _receive(
        self,
        file: Path,
        org: str,
        opening: Opening,
        pieces: AsyncIterator[bytes | Statement],
    ) -> Statement:
        salted, size = sha256(opening.salt), 0
        with file.open("xb") as target:
            async for piece in pieces:
                if isinstance(piece, Statement):
                    target.flush()
                    # Of some hundred megabytes: others are served meanwhile.
                    await asyncio.to_thread(os.fsync, target.fileno())
                    self._check(org, opening, piece, size, salted.hexdigest())
                    return piece
                size += len(piece)
                if size > opening.size:
                    raise _too_large(org, opening.part, opening.size)
                salted.update(piece)
                target.write(piece)
        raise _not_its_receipt(org, opening.part)

    def _check(
        self, org: str, opening: Opening, receipt: Statement, size: int, salted: str
    ) -> None:
        signer = verify(receipt, self._authority)
        stated = parse(Receipt, receipt.body, party=org, phase=opening.part)
        expected = Receipt(
            run=opening.run.hex(),
            stream=opening.part,
            sender=org,
            receiver=COORDINATOR,
            size=size,
            salted_digest=salted,
        )
        about_it = receipt.kind is Kind.RECEIPT and receipt.subject == opening.run
        if signer.org != org or not about_it or stated != expected or size != opening.size:
            raise _not_its_receipt(org, opening.part)

    def _receipt_file(self, run: bytes, org: str, part: str) -> Path:
        return self._folder / run.hex() / f"{org}.{part}.receipt"


def put(file: Path, content: bytes) -> str:
    """Keep a part that was made here, where it is fetched from; its digest. Raises StorageFull."""
    arriving = file.with_suffix(f".{os.urandom(6).hex()}.arriving")
    try:
        arriving.write_bytes(content)
        arriving.replace(file)
    except OSError:
        with suppress(OSError):
            arriving.unlink()
        raise _refused("collect") from None
    return sha256(content).hexdigest()


def not_yet(org: str, part: str) -> MiheError:
    """What `org` is told that asks for a part before it is announced."""
    return UnknownJob(
        f"the part '{part}' of this run is not here yet",
        party=org,
        phase="collect",
        fix="ask for it after the statement that announces it",
    )


def foreign(org: str, part: str) -> MiheError:
    """What `org` is told that gives or takes a part of somebody else, or at a wrong time."""
    return ForeignFrame(
        f"'{part}' of this run is not {org}'s to give or take now",
        party=org,
        phase="collect",
        fix="that node is not following the protocol: compare versions",
    )


def _write(file: Path, receipt: Statement) -> None:
    with file.open("wb") as target:
        target.write(wire.statement_to_bytes(receipt))
        target.flush()
        os.fsync(target.fileno())


def _settle(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(phase: str) -> StorageFull:
    return StorageFull(
        "the coordinator's disk refuses the parts of runs",
        party=COORDINATOR,
        phase=phase,
        fix="free space in the coordinator's data folder, or make it writable, then try again",
    )


def _too_large(org: str, part: str, limit: int) -> MiheError:
    return FrameTooLarge(
        f"the part '{part}' is larger than the {limit} bytes of the plan",
        party=org,
        phase="collect",
        fix="that node is not following the protocol: compare versions",
    )


def _not_its_receipt(org: str, part: str) -> MiheError:
    return BadReceipt(
        f"the receipt of the part '{part}' is not for what arrived",
        party=org,
        phase="collect",
        fix="that node or the path altered the data: hand it in again, compare versions",
    )
