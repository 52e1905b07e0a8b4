"""Sealing between two nodes: mutual TLS 1.3 (RFC 8446) over any two-way flow of bytes.

Python's own `ssl` on memory buffers, no handshake of ours. The organisation with the smaller id is
the TLS client. Only TLS 1.3, one ALPN word, no tickets, no early data; a new session after every
reconnect, its keys never stored. The peer's certificate must be the one that the contract names.
Whoever carries the bytes (the coordinator's relay, a network) sees TLS records and nothing else.
"""

import asyncio
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Protocol, cast

from contract.credentials import Pair
from contract.errors import (
    FingerprintChanged,
    ForeignCertificate,
    FrameTooLarge,
    VersionMismatch,
)

ALPN = "mihe/1"
_LENGTH_BYTES = 4
# In OpenSSL's names of what it found, or was told by the other end, about a certificate.
_ABOUT_CERTIFICATES = ("CERTIFICATE", "UNKNOWN_CA")


class Carrier(Protocol):
    """A two-way flow of bytes that may end at any time (node/carry.py)."""

    async def write(self, sealed: bytes) -> None:
        """Send; raises CarrierLost."""

    async def read(self) -> bytes:
        """The next bytes, whatever their number; raises CarrierLost when the flow has ended."""

    def close(self) -> None:
        """End the flow, for the other end too."""


class CarrierLost(Exception):
    """The flow of bytes ended; nothing is said about why, and nothing is lost by it."""


def tls_context(pair: Pair, authority: bytes, *, client: bool) -> ssl.SSLContext:
    """A context for one side of the seal; `authority` is what the CA file holds, PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if client else ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # The name is checked as a fingerprint, which is stricter than a host name.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.decode("ascii"))
    with _as_file(pair.certificate_pem) as certificate, _as_file(pair.key_pem) as key:
        context.load_cert_chain(certificate, key)
    context.set_alpn_protocols([ALPN])
    if not client:
        context.num_tickets = 0
    return context


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path from which `content`, a few kilobytes, can be read once: `ssl` takes keys from files.

    A pipe, because the file may hold a newer pair by now, and a key belongs in no second file.
    """
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(content)
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)


class Seal:
    """A TLS session over a carrier, carrying whole records (length-prefixed)."""

    def __init__(self, carrier: Carrier, context: ssl.SSLContext, *, client: bool) -> None:
        self._carrier = carrier
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=not client)
        self._writing = asyncio.Lock()

    async def handshake(self, *, peer: str, fingerprint: str) -> bytes:
        """Shake hands with `peer`, whose certificate must have this SHA-256; returns it, DER.

        TLS has looked at its chain and dates; whether it was revoked is the caller's to ask.
        Raises ForeignCertificate, FingerprintChanged or VersionMismatch, all final, or CarrierLost
        for bytes that are no handshake: anybody on the way can have made those.
        """
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                self._incoming.write(await self._carrier.read())
            except ssl.SSLError as error:
                await self._flush_last_words()
                raise _meaning(error, peer) from None
        await self._flush()
        certificate = self._tls.getpeercert(binary_form=True) or b""
        if sha256(certificate).hexdigest() != fingerprint:
            raise FingerprintChanged(
                "the other end's certificate is not the one that the contract names",
                party=peer,
                phase="seal",
                fix="propose the job again if that organisation has renewed its certificate",
            )
        # Python's TLS goes on without a common word; this end does not.
        if self._tls.selected_alpn_protocol() != ALPN:
            raise VersionMismatch(
                f"the other end does not speak {ALPN}",
                party=peer,
                phase="seal",
                fix="install versions of mihe at both ends that have a protocol in common",
            )
        return certificate

    async def send(self, record: bytes) -> None:
        """Send one record; returns when it is handed to the carrier."""
        async with self._writing:
            try:
                self._tls.write(len(record).to_bytes(_LENGTH_BYTES, "big") + record)
            except ssl.SSLError:  # the reading side has found that the session is over
                raise CarrierLost from None
            await self._flush_locked()

    async def receive(self, *, limit: int, peer: str) -> bytearray:
        """The next record of at most `limit` bytes; FrameTooLarge before anything is held."""
        length = int.from_bytes(await self._exactly(_LENGTH_BYTES, peer), "big")
        if length > limit:
            raise FrameTooLarge(
                f"a record is larger than {limit} bytes",
                party=peer,
                phase="link",
                fix="the peer's node is not following the protocol: compare versions",
            )
        return await self._exactly(length, peer)

    async def _exactly(self, size: int, peer: str) -> bytearray:
        record = bytearray(size)
        rest = memoryview(record)
        while rest:
            try:
                # With a buffer it says how much it has put there, whatever its stubs say.
                length = cast(int, self._tls.read(len(rest), rest))
            except ssl.SSLWantReadError:
                self._incoming.write(await self._carrier.read())
                continue
            except ssl.SSLError as error:
                # A TLS 1.3 client is through before the other end has looked at its certificate.
                raise _meaning(error, peer) from None
            if not length:
                raise CarrierLost
            rest = rest[length:]
        return record

    async def _flush(self) -> None:
        async with self._writing:
            await self._flush_locked()

    async def _flush_locked(self) -> None:
        if self._outgoing.pending:
            await self._carrier.write(self._outgoing.read())

    async def _flush_last_words(self) -> None:
        with suppress(CarrierLost):
            await self._flush()


def _meaning(error: ssl.SSLError, peer: str) -> Exception:
    """What an end of TLS means: something about a certificate, or nothing to blame anybody for."""
    reason = error.reason or ""
    if not any(word in reason for word in _ABOUT_CERTIFICATES):
        return CarrierLost()
    return ForeignCertificate(
        "the sealed handshake failed: the other end has no valid certificate of this consortium's"
        " CA, or does not accept ours",
        party=peer,
        phase="seal",
        fix="compare CA, certificate and clock on both sides (`mihe ca show`)",
    )
