"""The way out: straight to an address, or through the HTTP proxy that node.toml names.

Implements  CONNECT (RFC 9110 §9.3.6) with Basic authentication (RFC 7617); gRPC does the asking
One rule    [proxy] in node.toml is the only thing that counts, for the coordinator and for peers
            alike. https_proxy and its relatives in the environment do not: a daemon's way out must
            not depend on who started it.
Learns      the proxy: addresses, ports, times and sizes. TLS goes through it unopened.
Secrets     the proxy's password, in the options of channels; it is in no repr, log or error
"""

from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from contract.config import Proxy
from contract.errors import BadSetting

_OTHERS_MAY = 0o077
_LONGEST_CREDENTIALS = 1024

Options = list[tuple[str, str | int]]


@dataclass(frozen=True, slots=True)
class WayOut:
    """How addresses are reached; without a proxy, straight."""

    proxy: str | None = None
    bypass: tuple[str, ...] = ()
    authorization: str | None = field(default=None, repr=False)
    """The value of Proxy-Authorization, if the proxy asks for one."""

    def proxy_to(self, address: str) -> str | None:
        """The proxy through which `address` (host:port) is reached, if it is."""
        host = address.rpartition(":")[0].strip("[]").lower()
        straight = any(_covers(entry.lower(), host) for entry in self.bypass)
        return None if straight else self.proxy

    def dial(self, address: str) -> tuple[str, Options]:
        """What a gRPC channel to `address` is opened on, and with which options."""
        # The environment's proxies, and their exceptions, are gRPC's to ignore.
        options: Options = [("grpc.enable_http_proxy", 0)]
        proxy = self.proxy_to(address)
        if proxy is None:
            return address, options
        options.append(("grpc.http_connect_server", address))
        if self.authorization is not None:
            header = f"Proxy-Authorization:{self.authorization}"
            options.append(("grpc.http_connect_headers", header))
        return proxy, options


STRAIGHT = WayOut()


def way_out(settings: Proxy | None, folder: Path) -> WayOut:
    """The way that node.toml in `folder` says; BadSetting if its credentials can't be used."""
    if settings is None:
        return STRAIGHT
    authorization = None
    if settings.credentials is not None:
        authorization = _authorization(folder / settings.credentials)
    return WayOut(settings.address, settings.bypass, authorization)


def _covers(entry: str, host: str) -> bool:
    return host.endswith(entry) if entry.startswith(".") else host == entry


def _authorization(file: Path) -> str:
    try:
        readable_by_others = file.stat().st_mode & _OTHERS_MAY
        content = file.read_bytes()
    except OSError:
        raise BadSetting(
            f"the file of the proxy's credentials can't be read: {file}",
            fix="write user:password into it, or correct `credentials` under [proxy] in node.toml",
        ) from None
    if readable_by_others:
        raise BadSetting(
            f"the proxy's credentials can be read by other users of this machine: {file}",
            fix="chmod 600 the file; if others may have read it, have the password changed",
        )
    line = content.strip()
    user, colon, _ = line.partition(b":")
    if not (user and colon) or len(line.splitlines()) != 1 or len(line) > _LONGEST_CREDENTIALS:
        raise BadSetting(
            f"the file of the proxy's credentials is not one line user:password: {file}",
            fix="write the user's name, a colon and the password into it, and nothing else",
        )
    return f"Basic {b64encode(line).decode('ascii')}"
