"""Bytes from outside, and back: statements, frames and messages, bounded before they are parsed.

Every size is bounded before anything is built from it; the signatures are checked by the caller.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from re import fullmatch
from typing import TypeVar

import numpy as np
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf

from contract.errors import BadMessage, FrameTooLarge
from contract.identity import MAX_CERTIFICATE_BYTES
from contract.revocation import MAX_LIST_BYTES
from contract.signing import MAX_BODY_BYTES, MAX_SIGNATURE_BYTES, Kind, Statement
from federated.aggregate.wire import results_bytes
from federated.join.messages import Blinded, Contribution, GroupCodes, Served
from federated.query.agreed import sums_of
from federated.query.plan import QueryPlan
from federated.query.release import Opening
from federated.shares.rows import RowNumbers
from federated.words import WORD_BYTES
from node.long_field import alone, field
from protos import coordinator_pb2, join_pb2, link_pb2, psi_pb2, statement_pb2
from psi.ecdh.messages import BlindedSet, Evaluated, Matched
from psi.rr22.messages import Piece
from psi.star.messages import Key, Store
from psi.step import Message

CHUNK_BYTES = 1 << 20
MAX_RECORD_BYTES = CHUNK_BYTES + (64 << 10)
MAX_STREAM_BYTES = 1 << 33
MAX_RELEASE_BYTES = 1 << 26
MAX_STREAMS = 2048
MAX_LABEL_CHARACTERS = 4096
ROW_BYTES = 2
_HALVES = 2  # of a word mod 2^128, in numbers of 64 bits
_HALF_BITS = 64
_HALF = (1 << _HALF_BITS) - 1
# Tags of fields of bytes: of a frame that is a chunk, and of what a chunk and a piece hold.
_CHUNK, _CHUNK_CONTENT, _PIECE_CONTENT = b"\x1a", b"\x1a", b"\x0a"
# Of organisations and streams. Errors and logs repeat them before any signature is checked.
_NAME = r"[a-z][a-z0-9_]{0,31}"
_PHASE = r"[a-z][a-z0-9_ .:-]{0,39}"
_LOG_BYTES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MILLISECONDS = 1 << 47  # far from the last year that a datetime has
_LARGEST = 2**63 - 1  # what a database counts to

P = TypeVar("P", bound=Protobuf)


# ── statements ──────────────────────────────────────────────────────────────────────────────────


def statement_to_wire(statement: Statement) -> statement_pb2.Statement:
    """The protobuf form of a statement."""
    return statement_pb2.Statement(
        kind=statement.kind.value,
        org=statement.org,
        subject=statement.subject,
        body=statement.body,
        signature=statement.signature,
        certificate=statement.certificate,
    )


def statement_from_wire(message: statement_pb2.Statement, *, party: str | None = None) -> Statement:
    """A statement within its bounds, or BadMessage; its signature is not checked here."""
    within = (
        message.kind in {kind.value for kind in Kind}
        and fullmatch(_NAME, message.org) is not None
        and len(message.subject) == 32
        and len(message.body) <= MAX_BODY_BYTES
        and 0 < len(message.signature) <= MAX_SIGNATURE_BYTES
        and 0 < len(message.certificate) <= MAX_CERTIFICATE_BYTES
    )
    if not within:
        raise BadMessage(
            "a statement is malformed or larger than allowed",
            party=party,
            fix="the sender's node is not following the protocol: compare versions",
        )
    return Statement(
        Kind(message.kind),
        message.org,
        message.subject,
        message.body,
        message.signature,
        message.certificate,
    )


# ── what the coordinator says ───────────────────────────────────────────────────────────────────


def from_coordinator(message: coordinator_pb2.FromCoordinator) -> coordinator_pb2.FromCoordinator:
    """The message itself, or BadMessage if a number, id or name in it is out of bounds.

    Statements in it are read by `statement_from_wire`.
    """
    within = True
    match message.WhichOneof("what"):
        case "welcome":
            welcome = message.welcome
            within = len(welcome.log) == _LOG_BYTES and welcome.taken <= _LARGEST
        case "revocations":
            within = 0 < len(message.revocations.crl) <= MAX_LIST_BYTES
        case "told":
            within = 1 <= message.told.number <= _LARGEST
        case "taken":
            within = 1 <= message.taken.number <= _LARGEST
        case "progress":
            step = message.progress
            names = fullmatch(_NAME, step.org) and fullmatch(_PHASE, step.phase)
            within = len(step.job) == 32 and names is not None
            within = within and max(step.done, step.total) <= _LARGEST
    if not within:
        raise BadMessage(
            "a message of the coordinator is malformed",
            party="coordinator",
            phase="attach",
            fix="the coordinator is not following the protocol: compare versions",
        )
    return message


# ── frames between two nodes ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Hello:
    """First frame each way after every handshake: who, which run, and where its streams stand."""

    run: bytes
    org: str
    received: dict[str, "Ack"]


@dataclass(frozen=True, slots=True)
class Open:
    """The beginning of a stream."""

    stream: str
    size: int
    salt: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Chunk:
    """A piece of a stream; every one but the last has CHUNK_BYTES."""

    stream: str
    number: int
    content: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Ack:
    """What of a stream has arrived; `receipted` once its receipt was verified and kept."""

    stream: str
    next: int
    receipted: bool


@dataclass(frozen=True, slots=True)
class Receipted:
    """The sender's receipt at the end of a stream."""

    stream: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class Pulse:
    """A sign of life of the sender's part of the run (node/pulse.py)."""

    number: int
    step: int
    awaits: int


LinkFrame = Hello | Open | Chunk | Ack | Receipted | Pulse


@dataclass(frozen=True, slots=True)
class Looked:
    """What the coordinator says of itself, and whether it met this node at its address."""

    protocol: int
    version: str
    at: datetime
    reached: bool


def looked_from(answer: coordinator_pb2.LookAnswer) -> Looked:
    """The coordinator's answer to a preflight."""
    _bounded(fullmatch(r"[0-9A-Za-z.+-]{1,32}", answer.version) is not None, "coordinator")
    _bounded(answer.milliseconds < _LATEST_MILLISECONDS, "coordinator")
    at = _EPOCH + timedelta(milliseconds=answer.milliseconds)
    return Looked(answer.protocol, answer.version, at, answer.reached)


def frame_to_wire(frame: LinkFrame) -> bytes:
    """The bytes of one frame."""
    match frame:
        case Hello(run, org, received):
            acks = [_ack(ack) for ack in received.values()]
            message = link_pb2.LinkFrame(hello=link_pb2.LinkHello(run=run, org=org, received=acks))
        case Open(stream, size, salt):
            message = link_pb2.LinkFrame(
                open=link_pb2.StreamOpen(stream=stream, size=size, salt=salt)
            )
        case Chunk(stream, number, content):
            head = link_pb2.Chunk(stream=stream, number=number).SerializeToString()
            return b"".join(field(_CHUNK, head, *field(_CHUNK_CONTENT, content)))
        case Ack():
            message = link_pb2.LinkFrame(ack=_ack(frame))
        case Receipted(stream, statement):
            message = link_pb2.LinkFrame(
                receipt=link_pb2.StreamReceipt(
                    stream=stream, statement=statement_to_wire(statement)
                )
            )
        case Pulse(number, step, awaits):
            message = link_pb2.LinkFrame(
                pulse=link_pb2.Pulse(number=number, step=step, awaits=awaits)
            )
    return message.SerializeToString()


def frame_from_wire(raw: bytes | bytearray, *, party: str) -> LinkFrame:
    """One frame within its bounds, or FrameTooLarge or BadMessage naming `party`."""
    if len(raw) > MAX_RECORD_BYTES:
        raise _too_large(party)
    message = _parse(link_pb2.LinkFrame, raw, party)
    match message.WhichOneof("what"):
        case "hello":
            hello = message.hello
            _bounded(len(hello.run) == 32 and len(hello.received) <= MAX_STREAMS, party)
            acks = [_ack_from(ack, party) for ack in hello.received]
            return Hello(hello.run, _name(hello.org, party), {ack.stream: ack for ack in acks})
        case "open":
            opened = message.open
            _bounded(len(opened.salt) == 32 and opened.size <= MAX_STREAM_BYTES, party)
            return Open(_name(opened.stream, party), opened.size, opened.salt)
        case "chunk":
            if len(message.chunk.content) > CHUNK_BYTES:
                raise _too_large(party)
            stream = _name(message.chunk.stream, party)
            return Chunk(stream, message.chunk.number, message.chunk.content)
        case "ack":
            return _ack_from(message.ack, party)
        case "receipt":
            statement = statement_from_wire(message.receipt.statement, party=party)
            return Receipted(_name(message.receipt.stream, party), statement)
        case "pulse":
            return Pulse(message.pulse.number, message.pulse.step, message.pulse.awaits)
        case _:
            raise _malformed(party)


def _ack(ack: Ack) -> link_pb2.Ack:
    return link_pb2.Ack(stream=ack.stream, next=ack.next, receipted=ack.receipted)


def _ack_from(ack: link_pb2.Ack, party: str) -> Ack:
    return Ack(_name(ack.stream, party), ack.next, ack.receipted)


# ── messages of the protocols ───────────────────────────────────────────────────────────────────


def message_to_wire(message: Message) -> bytes:
    """The content of the stream that carries a protocol message."""
    match message:
        case BlindedSet():
            return psi_pb2.EcdhBlinded(points=message.points).SerializeToString()
        case Evaluated():
            return psi_pb2.EcdhEvaluated(
                tags=message.tags, points=message.points
            ).SerializeToString()
        case Matched():
            return psi_pb2.EcdhMatched(matches=message.matches).SerializeToString()
        case Piece():
            return b"".join(field(_PIECE_CONTENT, message.content))
        case Key() | Store():
            return psi_pb2.StarMessage(content=message.content).SerializeToString()
        case Blinded() | Served():
            return join_pb2.JoinPoints(points=message.points).SerializeToString()
        case Contribution():
            return join_pb2.JoinContribution(content=message.content).SerializeToString()
    raise TypeError(f"{type(message).__name__} has no form on the wire")


def message_from_wire(awaited: type[Message], raw: bytes, *, party: str) -> Message:
    """The protocol message of the type that is awaited; its sizes are checked by the protocol."""
    if awaited is BlindedSet:
        return BlindedSet(points=_parse(psi_pb2.EcdhBlinded, raw, party).points)
    if awaited is Evaluated:
        evaluated = _parse(psi_pb2.EcdhEvaluated, raw, party)
        return Evaluated(tags=evaluated.tags, points=evaluated.points)
    if awaited is Blinded:
        return Blinded(points=_parse(join_pb2.JoinPoints, raw, party).points)
    if awaited is Served:
        return Served(points=_parse(join_pb2.JoinPoints, raw, party).points)
    if awaited is Contribution:
        return Contribution(content=_parse(join_pb2.JoinContribution, raw, party).content)
    if awaited is Matched:
        return Matched(matches=_parse(psi_pb2.EcdhMatched, raw, party).matches)
    if issubclass(awaited, Piece):
        content = alone(_PIECE_CONTENT, raw)
        if content is None:
            content = _parse(psi_pb2.Rr22Message, raw, party).content
        return awaited(content=content)
    for shared in (Key, Store):
        if awaited is shared:
            return shared(content=_parse(psi_pb2.StarMessage, raw, party).content)
    raise TypeError(f"{awaited.__name__} has no form on the wire")


# ── messages of a query ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, repr=False)
class CellSums:
    """What the coordinator added up for one cell, blinded."""

    blinded_count: int
    sums: tuple[bytes, ...]
    """Of shares; encrypted ones stand apart, many in a ciphertext."""


@dataclass(frozen=True, slots=True, repr=False)
class Sums:
    """What the coordinator added up, and how many cells are folded."""

    cells: tuple[CellSums, ...]
    packs: tuple[bytes, ...]
    """Encrypted sums, summand by summand."""
    folded: int


def share_to_bytes(
    *,
    tokens: bytes,
    codes: GroupCodes | None,
    keys: int,
    columns: Sequence[Sequence[bytes]],
    shares: Sequence[bytes] = (),
    bands: Sequence[bytes] = (),
    blinding: bytes,
) -> bytes:
    """The part `share`; an owner without groups has one code, for all of its `keys` keys."""
    return join_pb2.JoinShare(
        tokens=tokens,
        codes=codes.codes if codes else b"",
        other=[codes.other] if codes else [],
        keys_per_code=codes.sizes if codes else [keys],
        columns=[join_pb2.Ciphertexts(chunks=chunks) for chunks in columns],
        shares=shares,
        bands=bands,
        blinding=blinding,
    ).SerializeToString()


def sums_from_bytes(raw: bytes, plan: QueryPlan, rows: int, *, shared: bool) -> Sums:
    """The part `sums`: of each row of the result, or of each summand, what was added up."""
    sums = _parse(join_pb2.JoinSums, raw, "coordinator")
    expected = len(plan.summands) if shared else 0
    whole = all(len(cell.sums) == expected for cell in sums.cells)
    _bounded(len(sums.cells) == rows and whole, "coordinator")
    packs = [] if shared else results_bytes(rows, sums_of(plan).merges) * len(plan.summands)
    _bounded([len(pack) for pack in sums.packs] == packs, "coordinator")
    cells = tuple(CellSums(cell.blinded_count, tuple(cell.sums)) for cell in sums.cells)
    return Sums(cells, tuple(sums.packs), sums.folded)


def words_from_sums(cell: CellSums) -> list[int]:
    """Of a cell of which shares were added up, its sums mod 2^128."""
    _bounded(all(len(one) == WORD_BYTES for one in cell.sums), "coordinator")
    return [int.from_bytes(one, "little") for one in cell.sums]


def rows_from_bytes(raw: bytes, sizes: Sequence[int], rows: int) -> list[RowNumbers]:
    """The part `rows`: of lists of these sizes, which of so many rows each place is in."""
    told = _parse(join_pb2.JoinRows, raw, "coordinator")
    whole = [len(one) for one in told.lists] == [ROW_BYTES * size for size in sizes]
    _bounded(whole, "coordinator")
    lists = [np.frombuffer(one, dtype="<u2") for one in told.lists]
    _bounded(all(int(one.max()) <= rows for one in lists), "coordinator")
    return lists


def seed_to_bytes(seed: bytes) -> bytes:
    """The stream `seed`."""
    return join_pb2.JoinSeed(seed=seed).SerializeToString()


def seed_from_bytes(raw: bytes, party: str) -> bytes:
    """What `seed_to_bytes` wrote; its length is checked by the protocol."""
    return _parse(join_pb2.JoinSeed, raw, party).seed


def match_from_bytes(raw: bytes, size: int) -> tuple[list[int], int]:
    """The part `match`: places of the own list of `size`, ascending, and the number asked for."""
    match = _parse(join_pb2.JoinMatch, raw, "coordinator")
    _bounded(len(match.places) % 4 == 0 and match.count <= size, "coordinator")
    places = np.frombuffer(match.places, dtype="<u4").astype(np.int64)
    ascending = bool((np.diff(places) > 0).all()) and (not len(places) or places[-1] < size)
    _bounded(ascending, "coordinator")
    return places.tolist(), match.count


def openings_to_bytes(openings: Sequence[Opening], seed: bytes | None = None) -> bytes:
    """The stream `release`; by shares with the seed of the own list's pads."""
    halves = 1 if seed is None else _HALVES
    return join_pb2.JoinRelease(
        cells=[
            join_pb2.CellOpening(
                count_blinding=opening.count_blinding,
                blindings=_in_halves(opening.blindings, halves),
                labels=[_label(label) for label in opening.labels],
            )
            for opening in openings
        ],
        seed=seed or b"",
    ).SerializeToString()


def seed_in_release(raw: bytes, party: str) -> bytes:
    """The seed that came with openings; its length is checked by the protocol."""
    return _parse(join_pb2.JoinRelease, raw, party).seed


def openings_from_bytes(
    raw: bytes, plan: QueryPlan, owner: int, rows: int, *, shared: bool = False
) -> list[Opening]:
    """What an owner released, one for each row of the result."""
    halves = _HALVES if shared else 1
    party = plan.owners[owner].org
    released = _parse(join_pb2.JoinRelease, raw, party)
    _bounded(len(released.cells) == rows, party)
    openings = []
    for cell in released.cells:
        _bounded(len(cell.blindings) == halves * len(plan.summands), party)
        _bounded(all(len(label.text) <= MAX_LABEL_CHARACTERS for label in cell.labels), party)
        labels = tuple(None if label.null else label.text for label in cell.labels)
        blindings = _from_halves(cell.blindings, halves)
        openings.append(Opening(cell.count_blinding, blindings, labels))
    return openings


def _in_halves(words: Iterable[int], halves: int) -> list[int]:
    return [word >> _HALF_BITS * at & _HALF for word in words for at in range(halves)]


def _from_halves(numbers: Sequence[int], halves: int) -> tuple[int, ...]:
    whole = (numbers[at : at + halves] for at in range(0, len(numbers), halves))
    return tuple(sum(half << _HALF_BITS * at for at, half in enumerate(word)) for word in whole)


def _label(label: str | None) -> join_pb2.Label:
    return join_pb2.Label(null=True) if label is None else join_pb2.Label(text=label)


def _parse(kind: type[P], raw: bytes | bytearray, party: str) -> P:
    try:
        return kind.FromString(raw)  # type: ignore[arg-type]  # it takes any bytes, not its stubs
    except DecodeError:
        raise _malformed(party) from None


def _name(text: str, party: str) -> str:
    _bounded(fullmatch(_NAME, text) is not None, party)
    return text


def _bounded(within: bool, party: str) -> None:
    if not within:
        raise _malformed(party)


def _malformed(party: str) -> BadMessage:
    return BadMessage(
        "a frame is malformed",
        party=party,
        phase="link",
        fix="the peer's node is not following the protocol: compare versions",
    )


def _too_large(party: str) -> FrameTooLarge:
    return FrameTooLarge(
        "a frame is larger than 1 MiB",
        party=party,
        phase="link",
        fix="the peer's node is not following the protocol: compare versions",
    )
