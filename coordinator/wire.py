"""Bytes from outside, and back: the only file of the coordinator that reads what others send.

Every size is bounded before anything is built from it. Whether a statement is true, timely and
signed is decided in lifecycle.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from re import fullmatch
from secrets import token_bytes

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from contract.canonical import HostPort
from contract.errors import BadMessage, FrameTooLarge, MiheError, VersionMismatch
from contract.identity import MAX_CERTIFICATE_BYTES
from contract.job import PROTOCOL_VERSION
from contract.signing import MAX_BODY_BYTES, MAX_SIGNATURE_BYTES, Kind, Statement
from contract.suites import Aggregation
from federated import words
from federated.join.bands import BANDS, Bands
from federated.query.plan import LocalPart, QueryPlan
from federated.query.sizes import chunks_of, cut
from federated.shares.rows import RowNumbers
from federated.words import WORD_BYTES, Words
from protos.carry_pb2 import CarryFrame
from protos.coordinator_pb2 import (
    CatalogueAnswer,
    FetchRequest,
    FromCoordinator,
    FromNode,
    LookAnswer,
    LookQuestion,
    PartOpen,
    Piece,
    Revocations,
    Taken,
    Told,
    Welcome,
)
from protos.coordinator_pb2 import Progress as WireProgress
from protos.join_pb2 import CellSums as WireCellSums
from protos.join_pb2 import JoinFurther, JoinMatch, JoinRows, JoinShare, JoinSums
from protos.statement_pb2 import Statement as WireStatement

MAX_SEALED_BYTES = (1 << 20) + (64 << 10)
_ADDRESS: TypeAdapter[str] = TypeAdapter(HostPort)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID_BYTES = 32
_STORE_BYTES = 16
_LARGEST = 2**63 - 1
MAX_PIECE_BYTES = 1 << 20
_PARTS = ("he_key", "merging", "share")
_FURTHER = r"further_[1-9][0-9]?"
_FETCHED = ("he_key", "sums", "match", "rows")
# Of a sum over many organisations' own rows, in one attempt.
_OF_ATTEMPT = r"(masked|counts|count_shares|opening|sum_shares)_[1-9][0-9]{0,2}"
_FOR_MEMBERS = r"(shares|outcome)_[1-9][0-9]{0,2}"
_MOST_EARLIER = 64
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_ORG = re.compile(r"[a-z][a-z0-9_]{0,31}")
_PHASE = re.compile(r"[a-z][a-z0-9_ .:-]{0,39}")
_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Hello:
    """A node's first words: its store, and how far in which log it has heard."""

    store: bytes
    log: bytes
    heard: int
    nonce: bytes
    earlier: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One numbered saying; what it offers, or why that is no statement at all."""

    number: int
    offered: Statement | MiheError


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a party is in a phase of a job."""

    job: bytes
    org: str
    phase: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class CatalogueQuestion:
    """Asks what everybody offers."""

    question: int


@dataclass(frozen=True, slots=True)
class Knock:
    """A node's question whether the coordinator goes on."""

    number: int


@dataclass(frozen=True, slots=True)
class CarryOpen:
    """Which run a relayed stream belongs to, and who is to be at its other end."""

    run: bytes
    to: str


# ── the control stream ──────────────────────────────────────────────────────────────────────────


def hello_from(message: FromNode, org: str) -> Hello:
    """The first message of a node's control stream."""
    hello = message.hello
    _require(message.WhichOneof("what") == "hello", org, "the first message is not a Hello")
    if hello.protocol != PROTOCOL_VERSION:
        raise VersionMismatch(
            f"the node speaks version {hello.protocol}, the coordinator {PROTOCOL_VERSION}",
            party=org,
            phase="attach",
            fix="install the same version of mihe at every party",
        )
    _require(len(hello.store) == _STORE_BYTES, org, "a Hello whose store id is not 16 bytes")
    _require(len(hello.log) in (0, _STORE_BYTES), org, "a Hello whose log id is not 16 bytes")
    _require(len(hello.nonce) == _ID_BYTES, org, "a Hello without a nonce")
    earlier = tuple(hello.earlier)
    named = all(_FINGERPRINT.fullmatch(fingerprint) for fingerprint in earlier)
    _require(len(earlier) <= _MOST_EARLIER and named, org, "a Hello under no certificates")
    return Hello(hello.store, hello.log, hello.heard, hello.nonce, earlier)


def saying_from(message: FromNode, org: str) -> Said | Progress | CatalogueQuestion | Knock:
    """Any later message of a node's control stream."""
    match message.WhichOneof("what"):
        case "said":
            return _said_from(message, org)
        case "progress":
            return _progress_from(message.progress, org)
        case "catalogue":
            return CatalogueQuestion(message.catalogue.question)
        case "knock":
            return Knock(message.knock)
        case _:
            raise _malformed(org, "a message out of place")


def _said_from(message: FromNode, org: str) -> Said:
    number = message.said.number
    _require(1 <= number <= _LARGEST, org, "a statement without a number")
    try:
        return Said(number, statement_from(message.said.statement, org))
    except MiheError as fault:
        return Said(number, fault)


def statement_from(message: WireStatement, org: str) -> Statement:
    """A statement within its bounds, or FrameTooLarge or BadMessage naming `org`."""
    if len(message.body) > MAX_BODY_BYTES:
        raise FrameTooLarge(
            f"a statement is larger than {MAX_BODY_BYTES} bytes",
            party=org,
            fix="the sender's node is not following the protocol: compare versions",
        )
    _require(message.kind in _KINDS, org, "a statement of an unknown kind")
    _require(_ORG.fullmatch(message.org) is not None, org, "a statement of nobody")
    _require(len(message.subject) == _ID_BYTES, org, "a statement about no job or run")
    signed = 0 < len(message.signature) <= MAX_SIGNATURE_BYTES
    _require(signed, org, "a statement without a signature of this consortium's kind")
    certified = 0 < len(message.certificate) <= MAX_CERTIFICATE_BYTES
    _require(certified, org, "a statement without a certificate of this consortium's kind")
    return Statement(
        _KINDS[message.kind],
        message.org,
        message.subject,
        message.body,
        message.signature,
        message.certificate,
    )


def _progress_from(message: WireProgress, org: str) -> Progress:
    _require(len(message.job) == _ID_BYTES, org, "progress of no job")
    _require(message.org == org, org, "progress in another organisation's name")
    _require(_PHASE.fullmatch(message.phase) is not None, org, "progress in no phase")
    _require(max(message.done, message.total) <= _LARGEST, org, "progress beyond any size")
    return Progress(message.job, org, message.phase, message.done, message.total)


def welcome(log: bytes, taken: int, proof: Statement) -> FromCoordinator:
    """The first answer on a control stream."""
    return FromCoordinator(
        welcome=Welcome(protocol=PROTOCOL_VERSION, log=log, taken=taken, proof=_statement_to(proof))
    )


def revocations(crl: bytes) -> FromCoordinator:
    """What the CA has revoked."""
    return FromCoordinator(revocations=Revocations(crl=crl))


def taken(number: int, rejected: str | None) -> FromCoordinator:
    """The answer to a saying; `rejected` is the cause if it was not logged."""
    return FromCoordinator(taken=Taken(number=number, rejected=rejected or ""))


def told(number: int, statement: Statement) -> FromCoordinator:
    """A statement out of the log."""
    return FromCoordinator(told=Told(number=number, statement=_statement_to(statement)))


def caught_up() -> FromCoordinator:
    """The word that everything logged so far has been told."""
    return FromCoordinator(caught_up=True)


def knock(number: int) -> FromCoordinator:
    """The answer to a knock."""
    return FromCoordinator(knock=number)


def progress(told: Progress) -> FromCoordinator:
    """A party's progress, passed on."""
    return FromCoordinator(
        progress=WireProgress(
            job=told.job, org=told.org, phase=told.phase, done=told.done, total=told.total
        )
    )


def catalogue(question: int, offers: list[Statement], attached: list[str]) -> FromCoordinator:
    """The answer to a catalogue question."""
    statements = [_statement_to(offer) for offer in offers]
    return FromCoordinator(
        catalogue=CatalogueAnswer(question=question, catalogues=statements, attached=attached)
    )


def _statement_to(statement: Statement) -> WireStatement:
    return WireStatement(
        kind=statement.kind.value,
        org=statement.org,
        subject=statement.subject,
        body=statement.body,
        signature=statement.signature,
        certificate=statement.certificate,
    )


# ── the relay ───────────────────────────────────────────────────────────────────────────────────


def open_from(frame: CarryFrame, org: str) -> CarryOpen:
    """The first frame of a relayed stream."""
    _require(frame.WhichOneof("what") == "open", org, "the first frame opens no stream")
    _require(len(frame.open.run) == _ID_BYTES, org, "a stream of no run")
    named = _ORG.fullmatch(frame.open.to) is not None
    _require(named, org, "a stream to nobody")
    return CarryOpen(frame.open.run, frame.open.to)


def sealed_from(frame: CarryFrame, org: str) -> bytes:
    """The opaque bytes of any later frame."""
    _require(frame.WhichOneof("what") == "sealed", org, "a frame out of place")
    if len(frame.sealed) > MAX_SEALED_BYTES:
        raise FrameTooLarge(
            f"a frame is larger than {MAX_SEALED_BYTES} bytes",
            party=org,
            phase="relay",
            fix="the sender's node is not following the protocol: compare versions",
        )
    return frame.sealed


def joined() -> CarryFrame:
    """The word that the peer is on the line."""
    return CarryFrame(joined=True)


def sealed(content: bytes) -> CarryFrame:
    """Opaque bytes, passed on."""
    return CarryFrame(sealed=content)


# ── what the parties of a query hand in and fetch ───────────────────────────────────────────────


def part_from(piece: Piece, org: str) -> PartOpen:
    """The first frame of a part that is handed in."""
    _require(piece.WhichOneof("what") == "open", org, "the first frame opens no part")
    opened = piece.open
    _require(len(opened.run) == _ID_BYTES, org, "a part of no run")
    numbered = fullmatch(f"{_FURTHER}|{_OF_ATTEMPT}", opened.part) is not None
    _require(
        opened.part in _PARTS or numbered,
        org,
        "a part that no plan has",
    )
    _require(len(opened.salt) == _ID_BYTES, org, "a part without a salt")
    return opened


def piece_from(piece: Piece, org: str) -> bytes | Statement:
    """Any later frame of a part: content, or the receipt at its end."""
    match piece.WhichOneof("what"):
        case "content":
            _require(len(piece.content) <= MAX_PIECE_BYTES, org, "a frame larger than 1 MiB")
            return piece.content
        case "receipt":
            return statement_from(piece.receipt, org)
        case _:
            raise _malformed(org, "a frame out of place")


def fetch_from(request: FetchRequest, org: str) -> tuple[bytes, str]:
    """Which part of which run a party asks for."""
    _require(len(request.run) == _ID_BYTES, org, "a part of no run")
    _require(
        request.part in _FETCHED or fullmatch(_FOR_MEMBERS, request.part) is not None,
        org,
        "a part that nobody may fetch",
    )
    return request.run, request.part


def content(piece: bytes) -> Piece:
    """A frame of a part that is fetched."""
    return Piece(content=piece)


def statement_to_bytes(statement: Statement) -> bytes:
    """A statement as it is kept in a file."""
    return _statement_to(statement).SerializeToString()


def statement_from_bytes(raw: bytes, org: str) -> Statement:
    """The statement that `statement_to_bytes` wrote."""
    return statement_from(WireStatement.FromString(raw), org)


@dataclass(frozen=True, slots=True, repr=False)
class Share:
    """What one owner handed in for a query, in the order of its list."""

    tokens: bytes
    codes: NDArray[np.uint32] | None
    other: tuple[int, ...]
    keys_per_code: tuple[int, ...]
    columns: tuple[tuple[bytes, ...], ...]
    """Ciphertexts; none where values are shares."""
    shares: tuple[Words, ...]
    """The first columns; what has no room is in further messages."""
    bands: tuple[Bands, ...]
    blinding: bytes


@dataclass(frozen=True, slots=True, repr=False)
class CellSums:
    """What the receiver fetches of one cell: blinded, and opened by all owners or not at all."""

    blinded_count: int
    sums: tuple[bytes, ...]
    """Of shares; encrypted ones stand apart, many in a ciphertext."""


def look_from(message: LookQuestion, org: str) -> str:
    """The address to be dialled back, or an empty text."""
    try:
        return _ADDRESS.validate_python(message.address) if message.address else ""
    except ValidationError:
        raise _malformed(org, "an address that is none") from None


def looked(version: str, now: datetime, *, reached: bool) -> LookAnswer:
    """What a node's preflight learns of the coordinator."""
    return LookAnswer(
        protocol=PROTOCOL_VERSION,
        version=version,
        milliseconds=(now - _EPOCH) // timedelta(milliseconds=1),
        reached=reached,
    )


def share_from(raw: bytes, plan: QueryPlan, owner: int, aggregation: Aggregation) -> Share:
    """An owner's share; what is inside tokens, codes and ciphertexts is checked on use."""
    part = plan.owners[owner]
    try:
        share = JoinShare.FromString(raw)
    except DecodeError:
        raise _malformed(part.org, "a share that can't be read") from None
    _require(_whole(share, plan, owner, aggregation), part.org, "a share with columns missing")
    _require(len(share.blinding) == _ID_BYTES, part.org, "a share without a blinding")
    # The next power of two of groups that have k keys each, `other` counted.
    most = max(1, 2 * (part.size // plan.k))
    _require(1 <= len(share.keys_per_code) <= most, part.org, "a share of no or too many codes")
    coded = len(share.codes) == (4 * part.size if part.groups else 0)
    _require(coded, part.org, "a share with a code missing")
    whole = [len(column) for column in share.bands] == [part.size] * plan.banded(owner)
    _require(whole, part.org, "a share with a band missing")
    bands = tuple(np.frombuffer(column, dtype=np.uint8) for column in share.bands)
    known = all(int(column.max()) < BANDS for column in bands)
    _require(known, part.org, "a share with a band that there is not")
    return Share(
        tokens=share.tokens,
        codes=np.frombuffer(share.codes, dtype="<u4") if part.groups else None,
        other=tuple(share.other),
        keys_per_code=tuple(share.keys_per_code),
        columns=tuple(tuple(column.chunks) for column in share.columns),
        shares=tuple(map(words.of_bytes, share.shares)),
        bands=bands,
        blinding=share.blinding,
    )


def further_from(raw: bytes, plan: QueryPlan, owner: int, number: int) -> tuple[Words, ...]:
    """The columns of shares of an owner's further message with this number, from 1 on."""
    part = plan.owners[owner]
    try:
        further = JoinFurther.FromString(raw)
    except DecodeError:
        raise _malformed(part.org, "further columns that can't be read") from None
    whole = _are_columns(further.shares, part, cut(plan, owner)[number])
    _require(whole, part.org, "a further message with columns missing")
    return tuple(map(words.of_bytes, further.shares))


def _whole(share: JoinShare, plan: QueryPlan, owner: int, aggregation: Aggregation) -> bool:
    """Whether every column is there, as long as the list, in the one form that was agreed."""
    part = plan.owners[owner]
    if aggregation is Aggregation.SHARED:
        return _are_columns(share.shares, part, cut(plan, owner)[0]) and not share.columns
    chunks = [len(column.chunks) for column in share.columns]
    return chunks == [chunks_of(part.size)] * part.sent and not share.shares


def _are_columns(shares: Sequence[bytes], part: LocalPart, which: range) -> bool:
    return [len(column) for column in shares] == [WORD_BYTES * part.size] * len(which)


def tokens_from(raw: bytes, org: str) -> bytes:
    """The tokens of an owner that hands in nothing else: its share of an intersection."""
    try:
        return JoinShare.FromString(raw).tokens
    except DecodeError:
        raise _malformed(org, "a share that can't be read") from None


def match_to_bytes(places: NDArray[np.int32] | None, count: int) -> bytes:
    """The part that a receiver of an intersection fetches."""
    if places is None:
        return JoinMatch(salt=token_bytes(_ID_BYTES), count=count).SerializeToString()
    listed = places.astype("<u4").tobytes()
    return JoinMatch(salt=token_bytes(_ID_BYTES), places=listed).SerializeToString()


def rows_to_bytes(lists: Sequence[RowNumbers]) -> bytes:
    """The part that the receiver fetches of others' lists, and its helper of the receiver's."""
    listed = [rows.astype("<u2").tobytes() for rows in lists]
    return JoinRows(salt=token_bytes(_ID_BYTES), lists=listed).SerializeToString()


def sums_to_bytes(cells: Sequence[CellSums], *, folded: int, packs: Sequence[bytes] = ()) -> bytes:
    """The part that the receiver fetches."""
    return JoinSums(
        cells=[WireCellSums(blinded_count=cell.blinded_count, sums=cell.sums) for cell in cells],
        folded=folded,
        packs=packs,
    ).SerializeToString()


def _require(holds: bool, org: str, what: str) -> None:
    if not holds:
        raise _malformed(org, what)


def _malformed(org: str, what: str) -> BadMessage:
    return BadMessage(
        what, party=org, fix="that node is not following the protocol: compare versions"
    )
