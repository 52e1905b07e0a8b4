"""Signed statements: everything that one organisation says to the others about a job.

A signature (ECDSA P-256, SHA-256) is over
    "mihe/<kind>/v1" ‖ 0x00 ‖ org ‖ subject ‖ SHA-256(body)
where subject is the 32-byte id of the job or run. The tail has a fixed length, so no two
statements share a preimage. The body is canonical JSON (RFC 8785) and travels as bytes: what was
signed is what is read.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from contract.errors import BadSignature
from contract.identity import Authority, Identity

MAX_BODY_BYTES = 256 * 1024
MAX_SIGNATURE_BYTES = 128


class Kind(StrEnum):
    """What a signature is for; part of its preimage, so one kind never passes for another."""

    CONTRACT = "contract"
    APPROVAL = "approval"
    PREPARE = "prepare"
    START = "start"
    RECEIPT = "receipt"
    HE_KEY = "he-key"
    CELLS = "cells"
    MATCHED = "matched"
    MASK_KEY = "mask-key"
    ABANDONED = "abandoned"
    COLLECTED = "collected"
    CONFIRMED = "confirmed"
    ABSENT = "absent"
    TALLIED = "tallied"
    OPENED = "opened"
    GATE = "gate"
    EVIDENCE = "evidence"
    DEAD = "dead"
    CATALOGUE = "catalogue"
    WELCOME = "welcome"


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed body, with the certificate that the signature is to be checked under."""

    kind: Kind
    org: str
    subject: bytes
    body: bytes
    signature: bytes
    certificate: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 that identifies what was stated, whichever way the signature came out."""
        return sha256(preimage(self.kind, self.org, self.subject, self.body)).digest()


def preimage(kind: Kind, org: str, subject: bytes, body: bytes) -> bytes:
    """The bytes that are signed."""
    if len(subject) != 32:
        raise ValueError("a subject is a 32-byte id")
    return (
        b"mihe/" + kind.value.encode() + b"/v1\x00" + org.encode() + subject + sha256(body).digest()
    )


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """An organisation's signing key beside its verified identity."""

    identity: Identity
    key: ec.EllipticCurvePrivateKey

    def sign(self, kind: Kind, subject: bytes, body: bytes) -> Statement:
        """A statement by this organisation about the job or run `subject`."""
        org = self.identity.org
        signature = self.key.sign(preimage(kind, org, subject, body), ec.ECDSA(hashes.SHA256()))
        return Statement(kind, org, subject, body, signature, self.identity.certificate)


def verify(statement: Statement, authority: Authority, *, now: datetime | None = None) -> Identity:
    """The signer's identity, whose certificate counts now.

    Raises ForeignCertificate, CertificateRevoked, WrongRole or BadSignature.
    """
    return _signed(statement, authority.admit(statement.certificate, now=now))


def verify_at(statement: Statement, authority: Authority, at: datetime) -> Identity:
    """The signer's identity, whose certificate counted at a moment of the past: for evidence.

    A statement has no time of its own that anybody could rely on. For one out of an evidence file,
    `at` is when its contract was created: every party has signed that, and the coordinator took
    it only while it was true.
    """
    return _signed(statement, authority.admit_at(statement.certificate, at))


def verify_origin(statement: Statement, authority: Authority) -> Identity:
    """The signer's identity, whether or not its certificate counts today."""
    return _signed(statement, authority.issued(statement.certificate))


def _signed(statement: Statement, identity: Identity) -> Identity:
    signed = preimage(statement.kind, statement.org, statement.subject, statement.body)
    try:
        identity.public_key.verify(statement.signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise _bad(statement) from None
    if identity.org != statement.org:
        raise _bad(statement)
    return identity


def _bad(statement: Statement) -> BadSignature:
    return BadSignature(
        f"the signature under the statement '{statement.kind.value}' does not hold",
        party=statement.org,
        fix="the sender's software or the path between is altering statements: compare versions",
    )
