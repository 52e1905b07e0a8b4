"""Why the coordinator does not serve this node: what it answered, or what stands between.

gRPC only says "unavailable" when nobody answers, so `why_unreachable` asks with plain TLS, to tell
the operator which of name, port, CA or expiry is at fault.
"""

import socket
import ssl

from grpc.aio import AioRpcError

from contract.cause import from_json
from contract.credentials import Credentials
from contract.errors import CoordinatorAbsent, ForeignCertificate, MiheError
from contract.identity import Role, server_name

_SECONDS = 3.0


def refusal_in(error: AioRpcError) -> MiheError | None:
    """The coded error that the coordinator answered with, if it answered."""
    try:
        return from_json(error.details() or "")
    except MiheError:
        return None


def why_unreachable(address: str, credentials: Credentials) -> MiheError:
    """The error that describes what a TLS client meets at `address` (host:port)."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context(cadata=credentials.authority_pem.decode())
    # The coordinator's certificate proves a name of its own, whatever machine it runs on.
    name = server_name(Role.COORDINATOR, "coordinator")
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=name),
        ):
            pass
    except ssl.SSLCertVerificationError:
        return ForeignCertificate(
            f"the certificate at {address} is not this consortium's coordinator's, or has expired",
            party="coordinator",
            phase="attach",
            fix="compare the CA files of both sides (`mihe ca show`), the address, and the clocks",
        )
    except socket.gaierror:
        return _absent(address, "its name does not resolve", "correct `coordinator` in node.toml")
    except ConnectionRefusedError:
        return _absent(address, "nothing listens there", "start it, or correct the address")
    except (OSError, ValueError):
        return _absent(address, "no answer", "check the network path, proxy and firewall")
    return _absent(
        address,
        "it answers, but did not let this node attach",
        "check this node's certificate (`mihe ca show`) and the coordinator's log",
    )


def _absent(address: str, why: str, fix: str) -> CoordinatorAbsent:
    return CoordinatorAbsent(
        f"the coordinator at {address} is not reachable: {why}", phase="attach", fix=fix
    )
