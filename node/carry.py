"""The flow of bytes between two nodes of a run: through the coordinator's relay, or direct.

The same frames either way (protos/carry.proto); node/route.py decides which. Nothing here reads
what it carries.
"""

import asyncio
from dataclasses import dataclass, field

import grpc
import grpc.aio

from contract.credentials import Credentials
from contract.errors import MiheError
from contract.identity import Role, pem_to_der, require_role, server_name
from node.proxy import STRAIGHT, WayOut
from node.seal import Carrier, CarrierLost
from protos import carry_pb2, carry_pb2_grpc, coordinator_pb2_grpc

MAX_FRAME_BYTES = 2 << 20
_JOIN_SECONDS = 30

CHANNEL_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MAX_FRAME_BYTES),
    ("grpc.max_send_message_length", MAX_FRAME_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 3_000),
]
SERVER_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", MAX_FRAME_BYTES),
    ("grpc.max_send_message_length", MAX_FRAME_BYTES),
    ("grpc.so_reuseport", 0),
]


def open_channel(
    address: str, credentials: Credentials, name: str, way: WayOut = STRAIGHT
) -> grpc.aio.Channel:
    """A mutually authenticated channel to `address`, which must prove the DNS name `name`."""
    target, options = way.dial(address)
    return grpc.aio.secure_channel(
        target,
        grpc.ssl_channel_credentials(
            root_certificates=credentials.authority_pem,
            private_key=credentials.key_pem,
            certificate_chain=credentials.certificate_pem,
        ),
        options=[*CHANNEL_OPTIONS, *options, ("grpc.ssl_target_name_override", name)],
    )


@dataclass(frozen=True, slots=True)
class DialledCarrier:
    """The dialling end of a Carry call."""

    call: "grpc.aio.StreamStreamCall[carry_pb2.CarryFrame, carry_pb2.CarryFrame]"

    async def write(self, sealed: bytes) -> None:
        """Send; raises CarrierLost."""
        try:
            await self.call.write(carry_pb2.CarryFrame(sealed=sealed))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            raise CarrierLost from None

    async def read(self) -> bytes:
        """The next bytes; raises CarrierLost."""
        try:
            frame = await self.call.read()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            raise CarrierLost from None
        return _sealed(frame)

    def close(self) -> None:
        """Hang up."""
        self.call.cancel()


@dataclass(frozen=True, slots=True)
class AcceptedCarrier:
    """The listening end of a Carry call."""

    context: "grpc.aio.ServicerContext[carry_pb2.CarryFrame, carry_pb2.CarryFrame]"
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, sealed: bytes) -> None:
        """Send; raises CarrierLost."""
        try:
            await self.context.write(carry_pb2.CarryFrame(sealed=sealed))
        except (grpc.aio.BaseError, asyncio.InvalidStateError):
            raise self._lost() from None

    async def read(self) -> bytes:
        """The next bytes; raises CarrierLost."""
        try:
            return _sealed(await self.context.read())
        except (grpc.aio.BaseError, asyncio.InvalidStateError, CarrierLost):
            raise self._lost() from None

    def close(self) -> None:
        """Hang up: the call that this is the end of is over."""
        self.over.set()

    def _lost(self) -> CarrierLost:
        self.close()
        return CarrierLost()


def _sealed(frame: object) -> bytes:
    if not isinstance(frame, carry_pb2.CarryFrame) or frame.WhichOneof("what") != "sealed":
        raise CarrierLost
    return frame.sealed


async def dial(channel: grpc.aio.Channel, run: bytes, to: str, *, relay: bool) -> Carrier:
    """A carrier to `to` for a run, once the peer is on the line; raises CarrierLost."""
    stub = coordinator_pb2_grpc.CoordinatorStub if relay else carry_pb2_grpc.PeerStub
    call = stub(channel).Carry()
    opening = carry_pb2.CarryFrame(open=carry_pb2.CarryOpen(run=run, to=to))
    try:
        await call.write(opening)
        joined = await call.read()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        raise CarrierLost from None
    except asyncio.CancelledError:
        call.cancel()
        raise
    if not isinstance(joined, carry_pb2.CarryFrame) or joined.WhichOneof("what") != "joined":
        raise CarrierLost
    return DialledCarrier(call)


class Exchange(carry_pb2_grpc.PeerServicer):
    """A listening node's switchboard: incoming calls meet the runs that wait for them."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self._waiting: dict[tuple[bytes, str], asyncio.Queue[AcceptedCarrier]] = {}

    def expect(self, run: bytes, peer: str) -> None:
        """Accept calls of `peer` for a run from now on."""
        self._waiting.setdefault((run, peer), asyncio.Queue(maxsize=1))

    def forget(self, run: bytes, peer: str) -> None:
        """Accept no more calls for a run."""
        self._waiting.pop((run, peer), None)

    async def accept(self, run: bytes, peer: str) -> Carrier:
        """The next call of `peer` for a run."""
        return await self._waiting[run, peer].get()

    # A coroutine that reads and writes its context, which the stubs do not know of.
    async def Carry(  # type: ignore[override]  # noqa: N802
        self,
        request_iterator: object,
        context: "grpc.aio.ServicerContext[carry_pb2.CarryFrame, carry_pb2.CarryFrame]",
    ) -> None:
        """Serve one call: it lives as long as the link uses its carrier."""
        frame = await context.read()
        if not isinstance(frame, carry_pb2.CarryFrame) or frame.WhichOneof("what") != "open":
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the first frame must open a run")
        waiting = await self._waiting_for(frame.open.run, self._caller(context))
        if waiting is None or frame.open.to != self.credentials.org:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such run is waiting here")
            return
        await context.write(carry_pb2.CarryFrame(joined=True))
        carrier = AcceptedCarrier(context)
        while not waiting.empty():
            waiting.get_nowait().over.set()
        waiting.put_nowait(carrier)
        await carrier.over.wait()

    def _caller(
        self, context: "grpc.aio.ServicerContext[carry_pb2.CarryFrame, carry_pb2.CarryFrame]"
    ) -> str:
        (pem, *_) = [*context.auth_context().get("x509_pem_cert", ()), b""]
        try:
            der = pem_to_der(pem)
            return require_role(self.credentials.authority.admit(der), Role.NODE).org
        except MiheError:
            return ""

    async def _waiting_for(self, run: bytes, peer: str) -> "asyncio.Queue[AcceptedCarrier] | None":
        # The dialler may have heard that the run has started a moment before this node has.
        for _ in range(_JOIN_SECONDS * 10):
            waiting = self._waiting.get((run, peer))
            if waiting is not None:
                return waiting
            await asyncio.sleep(0.1)
        return None


def peer_name(org: str) -> str:
    """The DNS name that a directly dialled peer must prove."""
    return server_name(Role.NODE, org)
