"""The contract: what the parties of a joint computation agree to, and what their signatures cover.

Canonical JSON (RFC 8785) of a `Contract` → SHA-256 → job id. A contract holds no identifier and no
value: every text in it comes from a fixed vocabulary or is a name with a fixed alphabet.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from contract.canonical import Frozen, Hex32, Name, OrgId, Timestamp, canonical_bytes, digest
from contract.dataset import CatalogueEntry, ColumnType, most_keys_per_subject
from contract.epsilon import Epsilon
from contract.keys import MOST_PARTS, KeyKind, PartKind
from contract.sizes import LARGEST_SIZE, SMALLEST_SIZE, is_size
from contract.suites import (
    ECDH_SUITES,
    MATCH_SUITES,
    QUERY_SUITES,
    TWO_PARTY_SUITES,
    UNION_SUITES,
    Aggregation,
    Dominance,
    Family,
    Matching,
    Suite,
)

PROTOCOL_VERSION: Final = 1
MOST_PARTIES = 8
MOST_CONTRIBUTORS = 100
"""Parties of a sum over UNION ALL, which joins nothing."""
FEWEST_CONTRIBUTORS = 3
"""Of two, each would know the other's part of the total."""
MOST_JOINED = 15
"""Datasets that one owner joins with its first."""
MOST_SQL_CHARACTERS = 16_384
MOST_PARAMETERS = 32
MOST_PARAMETER_CHARACTERS = 256
DEFAULT_GROUP = 10
DEFAULT_JOIN = 10
"""Fewest entities in a row of a query's result, and in its join, unless more or fewer are asked."""
MOST_SHARE = 99
"""Percent of a sum: of all of it, nothing would have to be checked."""
CLOCK_TOLERANCE = timedelta(minutes=10)
"""How far the clocks of an initiator and the coordinator may differ."""
DEFAULT_LIFE = timedelta(days=1)
"""How long a contract may start unless another time is asked for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class JobKind(StrEnum):
    """What is computed (DESIGN §2)."""

    PSI = "psi"
    PSI_CARDINALITY = "psi_cardinality"
    QUERY = "query"


class Basis(StrEnum):
    """The legal basis that the initiator claims and every owner's policy must list."""

    SUBJECT_AUTHORISATION = "SUBJECT_AUTHORISATION"
    PUBLIC_DATA_OPERATION = "PUBLIC_DATA_OPERATION"
    GOV_SHARING = "GOV_SHARING"
    STATUTORY_SUPERVISION = "STATUTORY_SUPERVISION"
    JOINT_PROCESSING_CONTRACT = "JOINT_PROCESSING_CONTRACT"
    ENTRUSTED_PROCESSING = "ENTRUSTED_PROCESSING"
    SYNTHETIC_TEST = "SYNTHETIC_TEST"


Purpose = Annotated[str, Field(pattern=r"^[A-Z][A-Z_]{2,39}$")]


class KeyPart(Frozen):
    """A column that is a part of a key."""

    column: Name
    kind: PartKind


class KeyedDataset(Frozen):
    """A dataset of an owner, and the columns of it that are the key."""

    dataset: Name
    key: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_PARTS)]
    schema_digest: Hex32 = Field(description="of the catalogue entry that the job was planned on")


class Party(Frozen):
    """An owner and what it contributes."""

    org: OrgId
    fingerprint: Hex32 = Field(description="SHA-256 of the organisation's certificate, DER")
    dataset: Name
    key_column: Name
    key_kind: KeyKind
    beside: (
        Annotated[tuple[KeyPart, ...], Field(min_length=1, max_length=MOST_PARTS - 1)] | None
    ) = Field(default=None, description="the other columns of a key of several")
    joined: (
        Annotated[tuple[KeyedDataset, ...], Field(min_length=1, max_length=MOST_JOINED)] | None
    ) = Field(
        default=None, description="further datasets that the owner joins with it, by the same key"
    )
    schema_digest: Hex32 = Field(description="of the catalogue entry that the job was planned on")
    size: int = Field(ge=SMALLEST_SIZE, le=LARGEST_SIZE, description="keys sent, padding included")

    @model_validator(mode="after")
    def _padded(self) -> Self:
        if not is_size(self.size):
            raise ValueError("nothing is padded to this size")
        return self

    @property
    def datasets(self) -> tuple[KeyedDataset, ...]:
        """All that it contributes of."""
        first = KeyedDataset(dataset=self.dataset, key=self.key, schema_digest=self.schema_digest)
        return (first, *(self.joined or ()))

    @property
    def key(self) -> tuple[Name, ...]:
        """The columns of the key."""
        return (self.key_column, *(part.column for part in self.beside or ()))

    @property
    def key_in_words(self) -> str:
        """What a key is called: column, or (column, column)."""
        return self.key_column if self.beside is None else f"({', '.join(self.key)})"

    @property
    def matched(self) -> str:
        """What is matched, in words: org.dataset.column, or org.dataset (column, column)."""
        columns = f"{'.' if self.beside is None else ' '}{self.key_in_words}"
        further = [f"{self.org}.{one.dataset}" for one in self.joined or ()]
        return " with ".join([f"{self.org}.{self.dataset}{columns}", *further])

    @property
    def kinds(self) -> tuple[PartKind, ...]:
        """What each of them holds."""
        return (self.key_kind, *(part.kind for part in self.beside or ()))


class Parameter(Frozen):
    """What a parameter of a statement is worth, in the one way to write a value of its type."""

    name: Name
    type: ColumnType
    value: Annotated[str, Field(max_length=MOST_PARAMETER_CHARACTERS)]


class Query(Frozen):
    """What a query asks, and the schemas it was planned on; only with kind = query."""

    statement: Annotated[str, Field(min_length=1, max_length=MOST_SQL_CHARACTERS)]
    parameters: Annotated[
        tuple[Parameter, ...] | None, Field(min_length=1, max_length=MOST_PARAMETERS)
    ] = Field(default=None, description="by name; absent: the statement has none")
    min_group: int = Field(ge=1, le=10**6, description="k: a cell of fewer entities is folded")
    min_join: int = Field(ge=1, le=10**9, description="a join of fewer entities releases nothing")
    entries: Annotated[
        tuple[CatalogueEntry, ...], Field(min_length=2, max_length=MOST_CONTRIBUTORS)
    ]
    min_contributors: int | None = Field(
        default=None,
        ge=FEWEST_CONTRIBUTORS,
        le=MOST_CONTRIBUTORS,
        description="of a sum over UNION ALL: of fewer organisations nothing is opened",
    )
    largest_share: int | None = Field(
        default=None,
        ge=1,
        le=MOST_SHARE,
        description="percent of a sum: a cell of which one entity may have more is folded, by"
        " bands of all values that the coordinator sees; absent: nobody checks in the join",
    )
    epsilon: Epsilon | None = Field(
        default=None,
        description="of the noise on every count and sum of a result; absent: they are exact",
    )

    @property
    def dominance(self) -> Dominance:
        """How the shares of single entities are checked in the join."""
        return Dominance.OFF if self.largest_share is None else Dominance.BANDS


class Crypto(Frozen):
    """Suite and security parameters; stated, never negotiated."""

    suite: Suite = Suite.PSI_ECDH
    computational_bits: Literal[128] = 128
    statistical_bits: Literal[40] = 40
    protocol: Literal[1] = PROTOCOL_VERSION


class Contract(Frozen):
    """A proposed computation, complete: every node compiles its plan from this and nothing else."""

    version: Literal[1] = 1
    kind: JobKind
    initiator: OrgId
    parties: Annotated[tuple[Party, ...], Field(min_length=2, max_length=MOST_CONTRIBUTORS)]
    receivers: Annotated[tuple[OrgId, ...], Field(min_length=1, max_length=MOST_PARTIES)]
    query: Query | None = None
    purpose: Purpose
    basis: Basis
    crypto: Crypto = Crypto()
    planner: Literal[1] = 1
    runs: Literal[1] = 1
    created: Timestamp
    expires: Timestamp
    nonce: Hex32

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        orgs = [party.org for party in self.parties]
        if len(set(orgs)) != len(orgs) or len(set(self.receivers)) != len(self.receivers):
            raise ValueError("an organisation is named twice")
        if not set(self.receivers) <= set(orgs) or self.initiator not in orgs:
            raise ValueError("receivers and initiator must be parties")
        self._check_kind(orgs)
        if len({party.kinds for party in self.parties}) != 1:
            raise ValueError("the key columns are of different kinds")
        if any(party.joined for party in self.parties) and self.family is not Family.QUERY:
            raise ValueError("this job is about one dataset of each")
        if self.parties[0].beside is not None and self.family is Family.UNION:
            raise ValueError("what is added up without a join has a key of one column")
        if self.expires <= self.created:
            raise ValueError("expires before it is created")
        return self

    def _check_kind(self, orgs: list[str]) -> None:
        is_query = self.kind is JobKind.QUERY
        if (self.query is not None) != is_query:
            raise ValueError("a query, and nothing else, has a statement")
        if self.crypto.suite not in suites_for(self.kind, len(orgs), len(self.receivers)):
            raise ValueError("the suite is none for this job")
        is_union = self.family is Family.UNION
        if len(orgs) > MOST_PARTIES and not is_union:
            raise ValueError("too many parties for this job")
        if self.query is None:
            return
        self._check_dials(self.query, len(orgs), is_union=is_union)
        if len(self.receivers) != 1:
            raise ValueError("a query has one receiver")
        pinned = [
            (party.org, one.dataset, one.schema_digest)
            for party in self.parties
            for one in party.datasets
        ]
        stated = [(entry.org, entry.name, entry.schema_digest) for entry in self.query.entries]
        if pinned != stated:
            raise ValueError("the schemas are not those of the parties' datasets")

    def _check_dials(self, query: Query, parties: int, *, is_union: bool) -> None:
        fewest = query.min_contributors
        if (fewest is not None) != is_union:
            raise ValueError("a sum over UNION ALL, and nothing else, says how many it is of")
        if fewest is not None and not fewest_contributors(parties) <= fewest <= parties:
            raise ValueError("half of the parties, or more than there are, are too few or too many")
        if is_union and query.largest_share is not None:
            raise ValueError("where nothing is joined, no line shows a band")
        if query.epsilon is not None and self.aggregation is not Aggregation.ENCRYPTED:
            raise ValueError("nobody adds noise here, or the receiver is told exact counts beside")

    @property
    def job_id(self) -> bytes:
        """SHA-256 of the canonical JSON: 32 bytes."""
        return digest(canonical_bytes(self))

    @property
    def substance(self) -> bytes:
        """SHA-256 of all but when it was drafted: the same for what one wish means twice."""
        undated = {
            "nonce": "00" * 32,
            "created": _EPOCH,
            "expires": _EPOCH + (self.expires - self.created),
        }
        return digest(canonical_bytes(self.model_copy(update=undated)))

    @property
    def family(self) -> Family:
        """What is done in this job."""
        return self.crypto.suite.family

    @property
    def matching(self) -> Matching | None:
        """How the coordinator matches; None where it does not."""
        return self.crypto.suite.matching

    @property
    def aggregation(self) -> Aggregation | None:
        """What the coordinator adds up; None where nothing is."""
        return self.crypto.suite.aggregation

    @property
    def keys_per_subject(self) -> int | None:
        """How many keys of the join may be of one subject; None where nobody has said."""
        if self.query is None:
            return 1
        keys = [one.key for party in self.parties for one in party.datasets]
        return most_keys_per_subject(list(zip(self.query.entries, keys, strict=True)))

    @property
    def helper(self) -> str:
        """Of a query by shares, who takes the pads off the receiver's own list: the same rule."""
        return self.pivot

    @property
    def counter(self) -> str:
        """Of a query with noise, who draws that of counts, and of what the receiver brings."""
        return self.pivot

    @property
    def pivot(self) -> str:
        """Of a star, who takes the others' stores: the first party that is not the receiver."""
        return self.others(self.receivers[0])[0]

    @property
    def orgs(self) -> tuple[str, ...]:
        """The parties' organisation ids, in the contract's order."""
        return tuple(party.org for party in self.parties)

    def party(self, org: str) -> Party:
        """The part of `org`; KeyError if it is no party."""
        return {party.org: party for party in self.parties}[org]

    def others(self, org: str) -> tuple[str, ...]:
        """Every party's organisation id but `org`."""
        return tuple(other for other in self.orgs if other != org)


def keys_for(subjects: int, per_subject: int) -> int:
    """How many keys are of so many subjects at least, if each has at most `per_subject`."""
    return (subjects - 1) * per_subject + 1


def fewest_contributors(parties: int) -> int:
    """Of so many parties, of how many a sum must be at least: three, and more than half.

    Of two sets of more than half one organisation is in both, and it takes part in one sum only.
    """
    return max(FEWEST_CONTRIBUTORS, parties // 2 + 1)


def shares_to_open(members: int) -> int:
    """Of so many members of a sum, how many's shares open the part of one who is gone: T."""
    return 2 * members // 3 + 1


def suites_for(kind: JobKind, parties: int, receivers: int = 1) -> tuple[Suite, ...]:
    """What can compute such a job. More than two intersect by the coordinator, or by a star."""
    if kind is JobKind.QUERY:
        by_join = tuple(QUERY_SUITES.values()) if parties <= MOST_PARTIES else ()
        by_union = tuple(UNION_SUITES.values()) if parties >= FEWEST_CONTRIBUTORS else ()
        return (*by_join, *by_union)
    if parties > 2:
        by_star = kind is JobKind.PSI and receivers == 1
        matched = tuple(MATCH_SUITES.values())
        return (*matched, Suite.PSI_STAR) if by_star else matched
    # How many are common can't be had from RR22 without which.
    return TWO_PARTY_SUITES if kind is JobKind.PSI else ECDH_SUITES
