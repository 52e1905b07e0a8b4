"""Whether the coordinator of a coordinator.toml serves, as whoever watches over it asks.

Asks gRPC's own health service, on the coordinator's own port and under its own certificate: no
second port, and no answer for anybody who could not read the coordinator's key anyway.
"""

from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from contract.config import CoordinatorConfig
from contract.errors import BadSetting, CoordinatorAbsent
from contract.identity import Role, server_name
from contract.toml import parse
from protos.coordinator_pb2 import DESCRIPTOR

_SERVICE = DESCRIPTOR.services_by_name["Coordinator"].full_name
_SECONDS = 10
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  # compared, not listened on


def require_serving(file: Path) -> str:
    """The address on which the coordinator serves; raises CoordinatorAbsent if it does not."""
    config = parse(CoordinatorConfig, _read(file).decode("utf-8", "replace"), str(file))
    host, _, port = config.listen.rpartition(":")
    address = f"{_EVERYWHERE.get(host, host)}:{port}"
    identity, folder = config.identity, file.parent
    credentials = grpc.ssl_channel_credentials(
        _read(folder / identity.authority),
        _read(folder / identity.key),
        _read(folder / identity.certificate),
    )
    name = server_name(Role.COORDINATOR, "coordinator")
    options = [("grpc.ssl_target_name_override", name), ("grpc.enable_http_proxy", 0)]
    with grpc.secure_channel(address, credentials, options) as channel:
        try:
            check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # set on the object
            question = health_pb2.HealthCheckRequest(service=_SERVICE)
            answer = check(question, timeout=_SECONDS)
        except grpc.RpcError:
            answer = None
    if answer is None or answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise CoordinatorAbsent(
            f"the coordinator does not answer on {address}",
            fix="read its log; start it with `mihe coordinator run`",
        )
    return config.listen


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise BadSetting(
            f"{file} can't be read",
            fix="ask as the coordinator's own user: only that one may read its key",
        ) from None
