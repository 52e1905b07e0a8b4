"""The bodies of signed statements, one model per kind, in the order in which a job produces them.

contract → approval → prepare → start → (receipt …) → gate → evidence, or dead at any moment.
A query has two more between start and gate: he-key by its receiver, cells by the coordinator; an
intersection of three or more has one: matched, by the coordinator. What is said in a sum over many
organisations' own rows is in contract/attempts.py.
The subject of contract, approval and prepare is the job id, of the others the run id; `dead` may
come before there is a run and always names the job. A prepare whose subject is a run asks for
another attempt, or agrees to it (contract/further.py).
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contract.canonical import Frozen, Hex32, HostPort, OrgId, canonical_bytes, digest
from contract.cause import Cause
from contract.dataset import CatalogueEntry
from contract.job import MOST_CONTRIBUTORS, MOST_JOINED, MOST_PARTIES

MOST_CELLS = 4096


class Decision(StrEnum):
    """An organisation's answer to a contract."""

    APPROVED = "approved"
    REFUSED = "refused"


class Approval(Frozen):
    """One organisation's answer to a contract, by its policy or its officer."""

    job: Hex32
    decision: Decision
    cause: Cause | None = None

    @model_validator(mode="after")
    def _refusal_has_cause(self) -> Self:
        if (self.decision is Decision.REFUSED) != (self.cause is not None):
            raise ValueError("a refusal, and nothing else, has a cause")
        return self


class RunRole(StrEnum):
    """A party's part: in an intersection the receiver speaks first; in a query all are owners."""

    RECEIVER = "receiver"
    SENDER = "sender"
    OWNER = "owner"


class PartyStart(Frozen):
    """What one party fixes about its side of a run before anything is sent."""

    org: OrgId
    fingerprint: Hex32
    role: RunRole
    protocol: Literal[1]
    snapshot_root: Hex32
    joined_roots: (
        Annotated[tuple[Hex32, ...], Field(min_length=1, max_length=MOST_JOINED)] | None
    ) = Field(default=None, description="of further datasets, in the order of the contract")
    nonce: Hex32
    address: HostPort | None = Field(
        default=None, description="host:port at which peers reach this party directly, if any"
    )


class Prepare(Frozen):
    """One party's share of the start record."""

    job: Hex32
    run: Annotated[int, Field(ge=1, le=2**31)]
    attempt: Annotated[int, Field(ge=1, le=2**31)]
    plan_digest: Hex32
    party: PartyStart


class StartRecord(Frozen):
    """What exactly runs: contract, run, attempt, every party's share. Its digest is the run id."""

    job: Hex32
    run: Annotated[int, Field(ge=1, le=2**31)]
    attempt: Annotated[int, Field(ge=1, le=2**31)]
    plan_digest: Hex32
    parties: Annotated[tuple[PartyStart, ...], Field(min_length=2, max_length=MOST_CONTRIBUTORS)]

    @property
    def run_id(self) -> bytes:
        """SHA-256 of the canonical JSON: 32 bytes."""
        return digest(canonical_bytes(self))

    def party(self, org: str) -> PartyStart:
        """The share of `org`; KeyError if it is no party."""
        return {party.org: party for party in self.parties}[org]


class Receipt(Frozen):
    """The sender's word for one finished stream; salted, so that it tells an outsider nothing."""

    run: Hex32
    stream: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    sender: OrgId
    receiver: OrgId
    size: Annotated[int, Field(ge=0, le=2**40)]
    salted_digest: Hex32


class HeKey(Frozen):
    """The receiver's one-time public key for a query, by its digest; there is no other."""

    run: Hex32
    key: Hex32 = Field(description="SHA-256 of the public key's bytes")


Codes = Annotated[tuple[Annotated[int, Field(ge=0, le=2**24)], ...], Field(max_length=MOST_PARTIES)]


class MatchFor(Frozen):
    """What lies ready for one receiver, by a digest that its random content hides."""

    org: OrgId
    digest: Hex32


class Cells(Frozen):
    """Which cells of a query reach its thresholds: one bit per cell, never a count.

    A cell is named by one opaque code per owner; whatever is not named passes only in the remainder
    row, if there is one.
    """

    run: Hex32
    passing: Annotated[tuple[Codes, ...], Field(max_length=MOST_CELLS)]
    remainder: bool
    result: Hex32 = Field(description="SHA-256 of the blinded result that the receiver will fetch")
    receipts: Annotated[tuple[Hex32, ...], Field(max_length=1024)] = Field(
        description="digests of the receipts of what the owners contributed, ascending"
    )
    rows: Annotated[tuple[MatchFor, ...], Field(max_length=2)] | None = Field(
        default=None,
        description="by shares: what lies ready for the receiver and its helper, of lists' rows",
    )


class Matched(Frozen):
    """The lists of an intersection of three or more are matched; no count, no place."""

    run: Hex32
    results: Annotated[tuple[MatchFor, ...], Field(min_length=1, max_length=MOST_PARTIES)]
    receipts: Annotated[tuple[Hex32, ...], Field(max_length=64)] = Field(
        description="digests of the receipts of what the owners contributed, ascending"
    )


class Verdict(StrEnum):
    """An owner's last word before what it sends lets anybody compute the result."""

    RELEASE = "release"
    WITHHOLD = "withhold"


class Gate(Frozen):
    """An owner's release decision for one run."""

    run: Hex32
    verdict: Verdict
    cause: Cause | None = None

    @model_validator(mode="after")
    def _withholding_has_cause(self) -> Self:
        if (self.verdict is Verdict.WITHHOLD) != (self.cause is not None):
            raise ValueError("a withheld release, and nothing else, has a cause")
        return self


class Evidence(Frozen):
    """What a party saw of a finished run; the run is done when all parties signed the same."""

    job: Hex32
    run: Hex32
    heard: Hex32 = Field(description="digest of all statements that the run rests on, as heard")
    receipts: Annotated[tuple[Hex32, ...], Field(max_length=2048)] = Field(
        description="digests of all receipts of the run, ascending"
    )


class Dead(Frozen):
    """The end of a job that will not finish, with the cause that every side will show."""

    job: Hex32
    cause: Cause


class Greeting(Frozen):
    """The coordinator's proof of who it is; its subject is what the node it greets has drawn."""

    node: OrgId


class Catalogue(Frozen):
    """What an organisation offers, metadata only; its newest statement replaces the one before."""

    org: OrgId
    revision: Annotated[int, Field(ge=1)]
    entries: Annotated[tuple[CatalogueEntry, ...], Field(max_length=512)]
