"""Puts the coordinator together, listens, and takes it apart again.

One port for everything: the two calls of protos/coordinator.proto, gRPC's health and its
reflection. All of it is behind mutual TLS under the consortium's CA.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from contract.config import CoordinatorConfig
from contract.credentials import Credentials
from contract.errors import BadSetting, CoordinatorAbsent
from coordinator import wire
from coordinator.clock import Clock
from coordinator.collection import Collection
from coordinator.credentials import load_credentials, read_files
from coordinator.joint_runs import JointRuns
from coordinator.lifecycle import Lifecycle
from coordinator.race import first_of
from coordinator.relay import Relay
from coordinator.roster import Roster
from coordinator.service import Service
from coordinator.store import Store
from coordinator.validity import Validity
from daemon.renewal import Renewal, server_credentials
from durable.postgres import Place
from protos.coordinator_pb2 import DESCRIPTOR
from protos.coordinator_pb2_grpc import add_CoordinatorServicer_to_server

_SERVICE = DESCRIPTOR.services_by_name["Coordinator"].full_name
_ENVELOPE_BYTES = 1 << 10
_STOPPING_SECONDS = 3
_OPTIONS = [
    ("grpc.max_receive_message_length", wire.MAX_SEALED_BYTES + _ENVELOPE_BYTES),
    ("grpc.max_concurrent_streams", 256),
    ("grpc.so_reuseport", 0),  # a second coordinator must fail, not share the port
    # A node's connection may be cut without a word: find out within 20 s.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Nodes ping every 10 s; without these gRPC takes that for an attack.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
]


@dataclass(frozen=True, slots=True)
class Running:
    """A coordinator that serves."""

    address: str
    port: int
    lifecycle: Lifecycle
    roster: Roster
    validity: Validity

    async def watch(self) -> None:
        """See to it, for ever, that nothing goes on that can't."""
        await first_of(self.lifecycle.watch(), self.validity.watch())


@asynccontextmanager
async def serving(
    config: CoordinatorConfig, folder: Path, clock: Clock | None = None
) -> AsyncIterator[Running]:
    """A coordinator that serves until the block is left; paths are relative to `folder`."""
    clock = clock or Clock()
    credentials = load_credentials(config.identity, folder)
    place = Place.of(config.state, folder, "coordinator") if config.state else None
    store = await Store.open(folder / config.data, place)
    try:
        roster, relay = Roster(clock.elapsed), Relay()
        grace = timedelta(seconds=config.node_grace_seconds)
        lifecycle = Lifecycle(credentials, store, roster, relay, grace, clock)
        await lifecycle.resume()
        collection = Collection(folder / config.data / "runs", credentials.authority)
        joint_runs = JointRuns(lifecycle, collection)
        await joint_runs.resume()
        validity = Validity(credentials, _renewal(credentials, config, folder), lifecycle, clock)
        await validity.begin()
        server = grpc.aio.server(options=_OPTIONS)
        service = Service(
            credentials,
            store,
            roster,
            relay,
            lifecycle,
            joint_runs,
            clock,
            silence=config.silence_seconds,
        )
        add_CoordinatorServicer_to_server(service, server)
        watched = await _add_health_and_reflection(server)
        host, _, _ = config.listen.rpartition(":")
        port = _listen(server, config.listen, server_credentials(credentials))
        await server.start()
        try:
            yield Running(f"{host}:{port}", port, lifecycle, roster, validity)
        finally:
            await watched.enter_graceful_shutdown()
            roster.close_all(_stopping())
            relay.close_all(_stopping())
            await server.stop(_STOPPING_SECONDS)
            await joint_runs.close()
            await lifecycle.settled()
    finally:
        store.close()


def _renewal(credentials: Credentials, config: CoordinatorConfig, folder: Path) -> Renewal:
    files = config.identity
    return Renewal(
        credentials,
        lambda: read_files(files, folder),
        [folder / file for file in (files.certificate, files.key, files.authority)],
        folder / files.revocations,
        folder / config.data,
    )


async def _add_health_and_reflection(server: grpc.aio.Server) -> health.aio.HealthServicer:
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    await servicer.set(_SERVICE, health_pb2.HealthCheckResponse.SERVING)
    names = (_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return servicer


def _listen(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials) -> int:
    try:
        port: int = server.add_secure_port(address, credentials)
    except RuntimeError:
        port = 0
    if not port:
        raise BadSetting(
            f"can't listen on {address}",
            fix="stop whatever listens there, or correct `listen` in coordinator.toml",
        )
    return port


def _stopping() -> CoordinatorAbsent:
    return CoordinatorAbsent(
        "the coordinator is stopping", fix="none needed: nodes come back when it does"
    )
