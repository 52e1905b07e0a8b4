"""Runs a daemon that stops, or misbehaves, at the points where a test says so.

    python -P tests/federation/staged.py ORDERS node --config node.toml

A point is the name of a file in ORDERS. When the daemon gets there it does once what the file says
and removes it; with `wait` it says that it is there (POINT.reached) and goes on when the file is
gone. Without orders it is the daemon as it is.

    hello                         before the node greets; the order stands until it is taken back
    draft                         on the contract that was made of a request; stands, too
    local                         on the owner's own part of a query
    say.KIND                      before a statement is signed and kept
    said.KIND                     after that
    keep.KIND                     between signing and keeping
    send.STREAM                   before a message enters the link
    frame.FRAME[.STREAM[.N]]      before a frame is sealed: hello, open, chunk, receipted, pulse
    rows                          before the rows of a result are written; rows.over says that it
                                  was tried, if the node was halted before
    contribute.PART, fetch.PART   before a part of a query is handed to the coordinator, or fetched
    bucket                        how many items a bucket is meant for; stands, too
"""

import asyncio
import os
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

os.environ["GRPC_VERBOSITY"] = "NONE"

from contract.canonical import Frozen
from contract.job import PROTOCOL_VERSION, Contract
from contract.signing import Kind, Statement
from node import admin, attach, query, rows
from node.attach import Attachment
from node.link import Link
from node.local import run_local
from node.parts import Parts
from node.propose import draft
from node.seal import CarrierLost, Seal
from node.store import Store
from node.wire.frames import (
    Chunk,
    Hello,
    LinkFrame,
    Open,
    Pulse,
    Receipted,
    frame_to_wire,
)
from protos import psi_pb2
from protos.join_pb2 import JoinShare
from psi.rr22.parameters import Parameters
from tests.federation.orders import Orders, defect

_POINT = 32
_LAST_SQUARE_ROOT = bytes.fromhex("ec" + "ff" * 30 + "7f")
"""The point of order 2 of edwards25519, as it is encoded there."""

_ENDLESS = (
    "SELECT CAST(sum(one % 7) AS TEXT) AS key FROM range(1000000000000) AS many(one) GROUP BY ALL"
)
_SHORT_OF_TIME = 0.2

MISDEEDS: dict[str, Callable[[Any], Any]] = {
    # on the points of a message of ECDH
    "identity": lambda points: bytes(_POINT) + points[_POINT:],
    "malformed": lambda points: b"\xff" * _POINT + points[_POINT:],
    "low order": lambda points: _LAST_SQUARE_ROOT + points[_POINT:],
    "repeated": lambda points: points[:_POINT] + points[:_POINT] + points[2 * _POINT :],
    "too few": lambda points: points[_POINT:],
    # on the one piece of a message of RR22
    "last bit": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    # on a frame
    "skipped": lambda frame: replace(frame, number=frame.number + 1),
    "too large": lambda frame: replace(frame, size=1 << 32),
    "another run": lambda frame: replace(frame, run=bytes(32)),
    "another stream": lambda frame: replace(frame, stream="other"),
    "forged": lambda frame: replace(frame, statement=_altered(frame.statement)),
    # on an owner's share of a query
    "tokens twice": lambda share: _with_share(share, tokens=_half(share.tokens) * 2),
    "tokens too few": lambda share: _with_share(share, tokens=_half(share.tokens)),
    "code out of range": lambda share: _with_share(share, codes=b"\xff" * 4 + share.codes[4:]),
    "codes too few": lambda share: _with_share(share, codes=share.codes[4:]),
    "columns too few": lambda share: _with_share(share, columns=share.columns[1:]),
    "ciphertext cut": lambda share: _with_first_chunk(share, lambda chunk: chunk[:-8]),
    "ciphertext of another key": lambda share: _with_first_chunk(share, _under_another_key),
    "blinding too short": lambda share: _with_share(share, blinding=share.blinding[1:]),
    # on a contract, before it is signed
    "short-lived": lambda contract: _altered_contract(
        contract, expires=contract.created + timedelta(seconds=4)
    ),
    "of old certificates": lambda contract: _altered_contract(
        contract,
        parties=tuple(
            party
            if party.org == contract.initiator
            else party.model_copy(update={"fingerprint": "0" * 64})
            for party in contract.parties
        ),
    ),
    "for another purpose": lambda body: _altered_contract(body, purpose="CREDIT_MACRO"),
    # on an owner's own part of a query
    "endless": lambda part: part.model_copy(update={"sql": _ENDLESS}),
    # on anything
    "defect": defect,
    # on a public key
    "another key": lambda _: _another_key(),
    # on what is to be stated, and on a signed statement
    "next run": lambda body: body.model_copy(update={"run": body.run + 1}),
    "altered": lambda statement: _altered(statement),
}
"""What a node may be told to do to what it sends."""


def _with_share(share: JoinShare, **fields: Any) -> JoinShare:
    changed = JoinShare.FromString(share.SerializeToString())
    for name, value in fields.items():
        changed.ClearField(name)  # type: ignore[arg-type]
        changed.MergeFrom(JoinShare(**{name: value}))
    return changed


def _altered_contract(contract: Contract, **fields: Any) -> Contract:
    return contract.model_copy(update=fields)


def _half(tokens: bytes) -> bytes:
    return tokens[: len(tokens) // 2]


def _with_first_chunk(share: JoinShare, deed: Callable[[bytes], bytes]) -> JoinShare:
    changed = _with_share(share)
    changed.columns[0].chunks[0] = deed(changed.columns[0].chunks[0])
    return changed


def _another_key() -> bytes:
    from federated.aggregate.secret import ReceiverKey

    return ReceiverKey.generate()[1]


def _under_another_key(_: bytes) -> bytes:
    import numpy as np

    from federated.aggregate.encrypt import encrypt_column

    (chunk,) = encrypt_column(_another_key(), np.ones(1, np.int64), largest=1)
    return chunk


def stage_statements(orders: Orders) -> None:
    """What the node says to everybody."""
    say, keep = Attachment.say, Store.say

    def staged_say(attachment: Attachment, kind: Kind, subject: bytes, body: Frozen) -> None:
        orders.halt_at(f"say.{kind.value}")
        if deed := orders.at(f"say.{kind.value}"):
            body = MISDEEDS[deed](body)
        say(attachment, kind, subject, body)
        orders.halt_at(f"said.{kind.value}")

    def staged_keep(store: Store, statement: Statement) -> bool:
        if deed := orders.at(f"keep.{statement.kind.value}"):
            statement = MISDEEDS[deed](statement)
        return keep(store, statement)

    for owner, name, staged in ((Attachment, "say", staged_say), (Store, "say", staged_keep)):
        setattr(owner, name, staged)


def stage_link(orders: Orders) -> None:
    """What the node sends to its peer."""
    send, say = Link.send, Link._say

    async def staged_send(link: Link, stream: str, content: bytes) -> None:
        if deed := orders.at(f"send.{stream}"):
            content = _with_points(stream, content, MISDEEDS[deed])
        await send(link, stream, content)

    async def staged_say(link: Link, seal: Seal, frame: LinkFrame) -> None:
        point = _point_of(frame)
        await orders.pass_by(point)
        match orders.at(point):
            case None:
                await say(link, seal, frame)
            case "cut":
                raise CarrierLost
            case "trickle":
                await _trickle(seal, frame)
            case "twice":
                await say(link, seal, frame)
                await say(link, seal, frame)
            case deed:
                await say(link, seal, MISDEEDS[deed](frame))

    for name, staged in (("send", staged_send), ("_say", staged_say)):
        setattr(Link, name, staged)


async def _trickle(seal: Seal, frame: LinkFrame) -> None:
    """Send a frame one byte at a time, and ever so slowly."""
    raw = frame_to_wire(frame)
    seal._tls.write(len(raw).to_bytes(4, "big") + raw)
    for byte in seal._outgoing.read():
        await seal._carrier.write(bytes([byte]))
        await asyncio.sleep(0.5)


def stage_parts(orders: Orders) -> None:
    """What the node hands to the coordinator and fetches from it."""
    contribute, fetch = Parts.contribute, Parts.fetch

    async def staged_contribute(parts: Parts, part: str, content: bytes) -> Any:
        await orders.pass_by(f"contribute.{part}")
        if deed := orders.at(f"contribute.{part}"):
            content = _misdone(part, content, MISDEEDS[deed])
        return await contribute(parts, part, content)

    async def staged_fetch(parts: Parts, part: str, *, limit: int) -> bytes:
        await orders.pass_by(f"fetch.{part}")
        return await fetch(parts, part, limit=limit)

    for name, staged in (("contribute", staged_contribute), ("fetch", staged_fetch)):
        setattr(Parts, name, staged)


def _misdone(part: str, content: bytes, deed: Callable[[Any], Any]) -> bytes:
    if part != "share":
        return bytes(deed(content))
    return bytes(deed(JoinShare.FromString(content)).SerializeToString())


def stage_greeting(orders: Orders) -> None:
    """Which version of the protocol the node says it speaks."""
    attach_once = Attachment._attach

    async def staged(attachment: Attachment, listener: attach.Listener) -> None:
        spoken = orders.standing("hello") or PROTOCOL_VERSION
        setattr(attach, "PROTOCOL_VERSION", int(spoken))  # noqa: B010  # not its own name
        await attach_once(attachment, listener)

    setattr(Attachment, attach_once.__name__, staged)


def stage_drafts(orders: Orders) -> None:
    """What the node makes of a request."""

    def staged(*arguments: Any, **named: Any) -> Any:
        contract = draft(*arguments, **named)
        deed = orders.standing("draft")
        return contract if deed is None else MISDEEDS[deed](contract)

    setattr(admin, draft.__name__, staged)


def stage_local(orders: Orders) -> None:
    """What an owner runs on its own data."""

    def staged(part: Any, parquet: Path, **terms: Any) -> Any:
        if deed := orders.at("local"):
            return run_local(MISDEEDS[deed](part), parquet, **terms, seconds=_SHORT_OF_TIME)
        return run_local(part, parquet, **terms)

    setattr(query, run_local.__name__, staged)


def stage_buckets(orders: Orders) -> None:
    """Into how many buckets a set is cut: no test has keys by the million."""
    terms: Any = vars(Parameters)["terms"]

    def staged(agreed: Parameters) -> Any:
        asked = orders.standing("bucket")
        run, receiver, sender, size, *further = terms.fget(agreed)
        return run, receiver, sender, size if asked is None else int(asked), *further

    setattr(Parameters, "terms", property(staged))  # noqa: B010  # read-only to mypy


def stage_rows(orders: Orders) -> None:
    """What the node writes of a result; it does so in a thread, which waits alone."""
    write = rows.rows_of

    def staged(*arguments: Any) -> int:
        halted = orders.halt_at("rows")
        try:
            return write(*arguments)
        finally:
            if halted:
                orders.note("rows.over")

    setattr(rows, write.__name__, staged)


def _point_of(frame: LinkFrame) -> str:
    match frame:
        case Hello():
            return "frame.hello"
        case Open() | Receipted():
            return f"frame.{type(frame).__name__.lower()}.{frame.stream}"
        case Chunk():
            return f"frame.chunk.{frame.stream}.{frame.number}"
        case Pulse():
            return "frame.pulse"
        case _:
            return "frame.ack"


def _with_points(stream: str, content: bytes, deed: Callable[[bytes], bytes]) -> bytes:
    if stream == "blinded":
        blinded = psi_pb2.EcdhBlinded.FromString(content)
        blinded.points = deed(blinded.points)
        return blinded.SerializeToString()
    if stream == "evaluated":
        evaluated = psi_pb2.EcdhEvaluated.FromString(content)
        evaluated.points = deed(evaluated.points)
        return evaluated.SerializeToString()
    piece = psi_pb2.Rr22Message.FromString(content)
    piece.content = deed(piece.content)
    return piece.SerializeToString()


def _altered(statement: Statement) -> Statement:
    """The statement with something else in it than was signed."""
    body = statement.body.replace(b"CREDIT_MICRO", b"CREDIT_MACRO")
    if body == statement.body:
        body = statement.body.replace(b'":"', b'":"0', 1)
    return replace(statement, body=body)


def main() -> None:
    """Take the stage, and become the daemon."""
    _, folder, module, *arguments = sys.argv
    orders = Orders(Path(folder))
    stage_greeting(orders)
    stage_drafts(orders)
    stage_local(orders)
    stage_statements(orders)
    stage_link(orders)
    stage_rows(orders)
    stage_parts(orders)
    stage_buckets(orders)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
