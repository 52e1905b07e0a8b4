"""Every error a user or a peer can meet: one tree, drawn once, each leaf with a stable code.

    MiheError
    ├── RequestError      the request is wrong                      exit 2
    │   ├── UnknownOrganisation, UnknownDataset, UnknownColumn, UnknownJob
    │   ├── UnknownSetting, BadSetting                              (TOML: file, line, nearest key)
    │   ├── KeyKindMismatch, BadRequest, JobFinished, AlreadyThere
    │   ├── BadQuery, KeyInQuery, UnprovenSum                       (SQL: line, column, what works)
    │   └── TooManyResults
    ├── PolicyError       an owner said no
    │   ├── Refused                                                 exit 3
    │   ├── ContractExpired, RunsExhausted                          exit 3
    │   └── Withheld                                                exit 4
    ├── PeerError         another party broke the protocol          exit 5
    │   ├── ForeignCertificate, WrongRole, FingerprintChanged, BadSignature
    │   ├── ContractAltered, ForeignStart, PartyRestarted, PartyLost, VersionMismatch
    │   ├── BadPoint, BadMessage, BadReceipt, ForeignEncryptionKey, ForeignCiphertext
    │   └── FrameRepeated, FrameOutOfOrder, FrameTooLarge, ForeignFrame
    ├── Unreachable       somebody is not there                     exit 6
    │   ├── NodeAbsent, CoordinatorAbsent, PeerAbsent
    ├── DataError         the owner's own data or disk              exit 7
    │   ├── InvalidKey, BadValue, DuplicateRows, MissingColumn, UnreadableSource
    │   ├── SnapshotChanged, DatasetOutgrown, StorageFull
    │   └── SeveralRows, QueryTooLong
    ├── Aborted           a person stopped the job                  exit 8
    └── OurError          a defect of mihe                          exit 70

An error says who is at fault, at which party, in which phase, which rule, and the fix. Its text is
written by this project alone: no message of another library and no value out of a data set, an
identifier or a key may be passed in, because causes travel to peers and into logs.
"""

from difflib import get_close_matches
from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Whose fault an error is."""

    REQUEST = "request"
    POLICY = "policy"
    PEER = "peer"
    NETWORK = "network"
    DATA = "data"
    PERSON = "person"
    OURS = "ours"


class MiheError(Exception):
    """Root of the tree. Raise a leaf; catch a branch."""

    code: ClassVar[str]
    fault: ClassVar[Fault]
    exit_code: ClassVar[int]

    def __init__(
        self,
        what: str,
        *,
        fix: str,
        party: str | None = None,
        phase: str | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.party = party
        self.phase = phase
        self.rule = rule

    def at(self, *, party: str | None = None, phase: str | None = None) -> "MiheError":
        """The same error, with the party or phase filled in where it was not known deeper down."""
        self.party = self.party or party
        self.phase = self.phase or phase
        return self

    def __str__(self) -> str:
        where = " ".join(
            f"{name}={value}"
            for name, value in (("party", self.party), ("phase", self.phase), ("rule", self.rule))
            if value is not None
        )
        return f"{self.code}: {self.what}{f' [{where}]' if where else ''} Fix: {self.fix}"


# ── the request is wrong ────────────────────────────────────────────────────────────────────────


class RequestError(MiheError):
    fault = Fault.REQUEST
    exit_code = 2


class UnknownOrganisation(RequestError):
    code = "UNKNOWN_ORGANISATION"


class UnknownDataset(RequestError):
    code = "UNKNOWN_DATASET"


class UnknownColumn(RequestError):
    code = "UNKNOWN_COLUMN"


class UnknownJob(RequestError):
    code = "UNKNOWN_JOB"


class UnknownSetting(RequestError):
    code = "UNKNOWN_SETTING"


class BadSetting(RequestError):
    code = "BAD_SETTING"


class KeyKindMismatch(RequestError):
    code = "KEY_KIND_MISMATCH"


class BadRequest(RequestError):
    code = "BAD_REQUEST"


class JobFinished(RequestError):
    code = "JOB_FINISHED"


class AlreadyThere(RequestError):
    code = "ALREADY_THERE"


class BadQuery(RequestError):
    code = "BAD_QUERY"


class KeyInQuery(RequestError):
    code = "KEY_IN_QUERY"


class UnprovenSum(RequestError):
    code = "UNPROVEN_SUM"


class TooManyResults(RequestError):
    code = "TOO_MANY_RESULTS"


# ── an owner said no ────────────────────────────────────────────────────────────────────────────


class PolicyError(MiheError):
    fault = Fault.POLICY
    exit_code = 3


class Refused(PolicyError):
    code = "REFUSED"


class ContractExpired(PolicyError):
    code = "CONTRACT_EXPIRED"


class RunsExhausted(PolicyError):
    code = "RUNS_EXHAUSTED"


class Withheld(PolicyError):
    code = "WITHHELD"
    exit_code = 4


# ── another party broke the protocol ────────────────────────────────────────────────────────────


class PeerError(MiheError):
    fault = Fault.PEER
    exit_code = 5


class ForeignCertificate(PeerError):
    code = "FOREIGN_CERTIFICATE"


class WrongRole(PeerError):
    code = "WRONG_ROLE"


class FingerprintChanged(PeerError):
    code = "FINGERPRINT_CHANGED"


class BadSignature(PeerError):
    code = "BAD_SIGNATURE"


class ContractAltered(PeerError):
    code = "CONTRACT_ALTERED"


class ForeignStart(PeerError):
    code = "FOREIGN_START"


class PartyRestarted(PeerError):
    code = "PARTY_RESTARTED"


class PartyLost(PeerError):
    code = "PARTY_LOST"


class VersionMismatch(PeerError):
    code = "VERSION_MISMATCH"


class BadPoint(PeerError):
    code = "BAD_POINT"


class BadMessage(PeerError):
    code = "BAD_MESSAGE"


class BadReceipt(PeerError):
    code = "BAD_RECEIPT"


class ForeignEncryptionKey(PeerError):
    code = "FOREIGN_ENCRYPTION_KEY"


class ForeignCiphertext(PeerError):
    code = "FOREIGN_CIPHERTEXT"


class FrameRepeated(PeerError):
    code = "FRAME_REPEATED"


class FrameOutOfOrder(PeerError):
    code = "FRAME_OUT_OF_ORDER"


class FrameTooLarge(PeerError):
    code = "FRAME_TOO_LARGE"


class ForeignFrame(PeerError):
    code = "FOREIGN_FRAME"


# ── somebody is not there ───────────────────────────────────────────────────────────────────────


class Unreachable(MiheError):
    fault = Fault.NETWORK
    exit_code = 6


class NodeAbsent(Unreachable):
    code = "NODE_ABSENT"


class CoordinatorAbsent(Unreachable):
    code = "COORDINATOR_ABSENT"


class PeerAbsent(Unreachable):
    code = "PEER_ABSENT"


# ── the owner's own data or disk ────────────────────────────────────────────────────────────────


class DataError(MiheError):
    fault = Fault.DATA
    exit_code = 7


class InvalidKey(DataError):
    code = "INVALID_KEY"


class BadValue(DataError):
    code = "BAD_VALUE"


class DuplicateRows(DataError):
    code = "DUPLICATE_ROWS"


class MissingColumn(DataError):
    code = "MISSING_COLUMN"


class UnreadableSource(DataError):
    code = "UNREADABLE_SOURCE"


class SnapshotChanged(DataError):
    code = "SNAPSHOT_CHANGED"


class DatasetOutgrown(DataError):
    code = "DATASET_OUTGROWN"


class StorageFull(DataError):
    code = "STORAGE_FULL"


class SeveralRows(DataError):
    code = "SEVERAL_ROWS"


class QueryTooLong(DataError):
    code = "QUERY_TOO_LONG"


# ── a person stopped the job; a defect of ours ──────────────────────────────────────────────────


class Aborted(MiheError):
    code = "ABORTED"
    fault = Fault.PERSON
    exit_code = 8


class OurError(MiheError):
    code = "OUR_DEFECT"
    fault = Fault.OURS
    exit_code = 70


def _leaves(cls: type[MiheError]) -> list[type[MiheError]]:
    below = [leaf for sub in cls.__subclasses__() for leaf in _leaves(sub)]
    return below or [cls]


BY_CODE: dict[str, type[MiheError]] = {leaf.code: leaf for leaf in _leaves(MiheError)}


def nearest(name: str, known: list[str]) -> str:
    """`" Did you mean 'x'?"` for the known name closest to `name`, or an empty string."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""
