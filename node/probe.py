"""Why nobody serves this node at an address: what was answered there, or what stands between.

gRPC only says "unavailable" when nobody answers, so ask with plain TLS, the way that the attempt
went, to tell the operator which of proxy, name, port, CA or expiry is at fault.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from urllib.request import getproxies_environment

from grpc.aio import AioRpcError

from contract.cause import from_json
from contract.credentials import Credentials
from contract.errors import CoordinatorAbsent, ForeignCertificate, MiheError, PeerAbsent
from contract.identity import Role, server_name
from node.proxy import STRAIGHT, WayOut

_SECONDS = 3.0


class _Trouble(Exception):
    """What stands in the way, and what to do about it."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.why = why
        self.fix = fix


def refusal_in(error: AioRpcError) -> MiheError | None:
    """The coded error that the coordinator answered with, if it answered."""
    try:
        return from_json(error.details() or "")
    except MiheError:
        return None


def why_unreachable(address: str, credentials: Credentials, way: WayOut = STRAIGHT) -> MiheError:
    """The error that describes what a TLS client meets at the coordinator's address (host:port)."""
    return _asked(
        address,
        credentials,
        way,
        # The coordinator's certificate proves a name of its own, whatever machine it runs on.
        name=server_name(Role.COORDINATOR, "coordinator"),
        whose="this consortium's coordinator's",
        answers=_Trouble(
            "it answers, but did not let this node attach",
            "check this node's certificate (`mihe ca show`) and the coordinator's log",
        ),
        absent=lambda trouble: CoordinatorAbsent(
            f"the coordinator at {address} is not reachable: {trouble.why}",
            phase="attach",
            fix=trouble.fix,
        ),
        party="coordinator",
        phase="attach",
    )


def why_peer_unreachable(
    org: str, address: str, credentials: Credentials, way: WayOut
) -> MiheError:
    """The error that describes what a TLS client meets at the address that a peer lists."""
    return _asked(
        address,
        credentials,
        way,
        name=server_name(Role.NODE, org),
        whose=f"the node of {org}'s",
        answers=_Trouble(
            "it answers, but did not meet this node for the run",
            "look at that node's log; its [direct] `listen` and `address` must lead to itself",
        ),
        absent=lambda trouble: PeerAbsent(
            f"{org} lists the address {address}, which is not reachable: {trouble.why}",
            party=org,
            phase="link",
            fix=f"{trouble.fix}; or {org} takes [direct] out of its node.toml, and is relayed to",
        ),
        party=org,
        phase="link",
    )


def _asked(
    address: str,
    credentials: Credentials,
    way: WayOut,
    *,
    name: str,
    whose: str,
    answers: _Trouble,
    absent: Callable[[_Trouble], MiheError],
    party: str,
    phase: str,
) -> MiheError:
    context = ssl.create_default_context(cadata=credentials.authority_pem.decode())
    try:
        with _reached(address, way) as raw, context.wrap_socket(raw, server_hostname=name):
            return absent(answers)
    except _Trouble as trouble:
        return absent(trouble)
    except ssl.SSLCertVerificationError:
        opened = "; a proxy must pass it on without opening TLS" if way.proxy_to(address) else ""
        return ForeignCertificate(
            f"the certificate at {address} is not {whose}, or has expired",
            party=party,
            phase=phase,
            fix="compare the CA files of both sides (`mihe ca show`), the address, and the clocks"
            + opened,
        )
    except (OSError, ValueError):
        return absent(_Trouble("no answer", _hinted("check the network path and firewall", way)))


@contextmanager
def _reached(address: str, way: WayOut) -> Iterator[socket.socket]:
    """A connection to `address`, through the proxy if that is the way."""
    proxy = way.proxy_to(address)
    if proxy is None:
        fixes = "correct the address in node.toml", "start it, or correct the address"
        with _connected(address, "", fixes, way) as raw:
            yield raw
        return
    fix = "correct `address` under [proxy] in node.toml, or ask whoever runs the proxy"
    with _connected(proxy, f"the proxy {proxy}: ", (fix, fix), way) as raw:
        _tunnel(raw, address, proxy, way)
        yield raw


@contextmanager
def _connected(
    address: str, who: str, fixes: tuple[str, str], way: WayOut
) -> Iterator[socket.socket]:
    host, _, port = address.rpartition(":")
    unknown, refused = fixes
    try:
        raw = socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS)
    except socket.gaierror:
        raise _Trouble(f"{who}its name does not resolve", _hinted(unknown, way)) from None
    except ConnectionRefusedError:
        raise _Trouble(f"{who}nothing listens there", _hinted(refused, way)) from None
    except OSError:
        path = "check the network path and firewall"
        raise _Trouble(f"{who}no answer", _hinted(path, way)) from None
    with raw:
        yield raw


def _tunnel(raw: socket.socket, address: str, proxy: str, way: WayOut) -> None:
    """Ask a proxy for a tunnel; what it says against it is the trouble."""
    asked = [f"CONNECT {address} HTTP/1.1", f"Host: {address}"]
    if way.authorization is not None:
        asked.append(f"Proxy-Authorization: {way.authorization}")
    response = HTTPResponse(raw, method="CONNECT")
    try:
        raw.sendall("\r\n".join([*asked, "", ""]).encode("ascii"))
        response.begin()
    except (HTTPException, OSError):
        raise _Trouble(
            f"the proxy {proxy} does not answer as an HTTP proxy",
            "correct `address` under [proxy] in node.toml",
        ) from None
    if response.status // 100 != 2:
        raise _refused(response.status, address, proxy, way)


def _refused(status: int, address: str, proxy: str, way: WayOut) -> _Trouble:
    said = f"the proxy {proxy} answered with HTTP status {status}"
    match status:
        case 407 if way.authorization is None:
            return _Trouble(
                f"{said}: it asks for a user and a password",
                "write user:password into a file, mode 0600, and name it as `credentials` under"
                " [proxy] in node.toml",
            )
        case 407:
            return _Trouble(
                f"{said}: it does not accept this node's user and password",
                "correct the file that `credentials` under [proxy] in node.toml names",
            )
        case 502 | 503 | 504:
            return _Trouble(
                f"{said}: it does not get through to {address}",
                "check the address, and that whoever listens there runs",
            )
        case _:
            return _Trouble(
                f"{said}: it allows no tunnel there",
                f"ask whoever runs the proxy to allow CONNECT to {address}",
            )


def _hinted(fix: str, way: WayOut) -> str:
    """The fix, and what the environment suggests to somebody who relied on it."""
    if way.proxy is None and "https" in getproxies_environment():
        return f"{fix}; https_proxy does not count: write [proxy] into node.toml"
    return fix
