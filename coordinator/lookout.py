"""Dials a node back, so that its operator learns whether the world reaches its direct address.

Asked       by a node, of the address that it lists for itself (`mihe check`)
Not a       port scanner: the answer is one bit, true only where the caller's very own certificate
            is met. Every no takes the same time, and little may be asked at once and in a minute
Sends       a TLS greeting for the caller's name; no certificate of the coordinator's, and no data
"""

import asyncio
import ssl
from collections.abc import Callable
from hashlib import sha256

from contract.credentials import Credentials
from contract.errors import BadRequest
from contract.identity import Identity, Role, server_name
from coordinator.pace import Pace

DIAL_SECONDS = 3.0
_AT_ONCE = 4
_BURST = 3
_A_SECOND = 0.1


class Lookout:
    """Everybody's questions together."""

    def __init__(
        self,
        credentials: Credentials,
        elapsed: Callable[[], float],
        *,
        seconds: float = DIAL_SECONDS,
    ) -> None:
        self._credentials = credentials
        self._elapsed = elapsed
        self._seconds = seconds
        self._paces: dict[str, Pace] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def meets(self, identity: Identity, address: str) -> bool:
        """Whether `address` answers with this identity's certificate; BadRequest if too often."""
        # One for each member of the consortium, and no more.
        pace = self._paces.setdefault(identity.org, Pace(self._elapsed, _BURST, _A_SECOND))
        if not pace.allows():
            raise BadRequest(
                "the coordinator was asked too often to dial back",
                party=identity.org,
                phase="check",
                fix="wait for ten seconds, then check again",
            )
        async with self._room:
            # How long a no takes would tell a closed port from a silent one.
            no_sooner = asyncio.create_task(asyncio.sleep(self._seconds))
            try:
                async with asyncio.timeout(self._seconds):
                    met = await self._certificate_at(address, identity.org)
            except (OSError, ValueError, TimeoutError):
                met = b""
            if sha256(met).hexdigest() == identity.fingerprint:
                no_sooner.cancel()
                return True
            await no_sooner
            return False

    async def _certificate_at(self, address: str, org: str) -> bytes:
        context = ssl.create_default_context(cadata=self._credentials.authority_pem.decode())
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["h2"])
        host, _, port = address.rpartition(":")
        _, writer = await asyncio.open_connection(
            host.strip("[]"),
            int(port),
            ssl=context,
            server_hostname=server_name(Role.NODE, org),
            ssl_handshake_timeout=self._seconds,
        )
        try:
            tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
            return tls.getpeercert(binary_form=True) or b""
        finally:
            writer.transport.abort()
