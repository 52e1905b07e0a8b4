"""What is said in a sum over many organisations' own rows, and which attempt it leads to.

Implements  federated/SPEC.md §5.3: mask-key → collected → confirmed, or abandoned and the next
            attempt; then tallied, opened, and before each who is absent, if somebody is
Learns      nobody anything: keys of one attempt, digests of masked words, cells that pass
Rules       an attempt in which somebody is missing is over for good, and the next begins with those
            who are there; one that was collected of all its members is the run's last, whatever
            becomes of it

A fold, as contract/fold.py is. It is called by contract/steps.py, and the signatures are checked.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from contract.canonical import Frozen, Hex32, OrgId, digest, parse
from contract.errors import BadMessage, ForeignStart, MiheError
from contract.identity import Identity, Role
from contract.job import MOST_CONTRIBUTORS, Contract, shares_to_open
from contract.signing import MAX_BODY_BYTES, Kind, Statement
from contract.statements import MOST_CELLS

_TAG: Final = b"mihe/attempt/v1\0"

Number = Annotated[int, Field(ge=1, le=MOST_CONTRIBUTORS)]
Members = Annotated[tuple[OrgId, ...], Field(max_length=MOST_CONTRIBUTORS)]
Receipts = Annotated[tuple[Hex32, ...], Field(max_length=2 * MOST_CONTRIBUTORS)]


class OfAttempt(Frozen):
    """What is said about one attempt of a run."""

    run: Hex32
    attempt: Number


class MaskKey(OfAttempt):
    """A member's fresh key for one attempt. Of a later one, it is a word for the former's end."""

    members: Members = Field(description="with whom: in the contract's order")
    key: Hex32 = Field(description="X25519 public key")


class Contribution(Frozen):
    """What one member handed in, as everybody else can name it."""

    org: OrgId
    digest: Hex32 = Field(description="SHA-256 of sealed shares and masked words")
    receipt: Hex32 = Field(description="digest of the member's receipt for it")


class Abandoned(OfAttempt):
    """An attempt is dead: the coordinator does not have what it takes of all members."""

    members: Members = Field(description="those who are there, with whom the next attempt begins")


class Collected(OfAttempt):
    """What the coordinator holds of an attempt: a contribution of every member."""

    contributions: Annotated[tuple[Contribution, ...], Field(max_length=MOST_CONTRIBUTORS)]

    @property
    def orgs(self) -> tuple[str, ...]:
        """Whose contributions they are."""
        return tuple(one.org for one in self.contributions)


class Confirmed(OfAttempt):
    """A member's word that it is in, that it holds everybody's shares, and for which set alone."""

    collected: Hex32 = Field(description="digest of the statement `collected`")


class Of(StrEnum):
    """What somebody is absent from."""

    COUNTS = "counts"
    SUMS = "sums"
    EVIDENCE = "evidence"


class Absent(OfAttempt):
    """Who is gone: of counts and sums, the others' shares stand in for it."""

    of: Of
    members: Members


class Tallied(OfAttempt):
    """Which cells reach the thresholds, one bit a cell; never a count."""

    passing: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=MOST_CELLS)], ...], Field(max_length=MOST_CELLS)
    ]
    remainder: bool = Field(description="whether the other cells are opened together")
    receipts: Receipts = Field(description="of what opens the counts")


class Opened(OfAttempt):
    """All that opens the result is there for the receiver."""

    result: Hex32 = Field(description="SHA-256 of what the receiver will fetch")
    receipts: Receipts = Field(description="of what opens the sums")


@dataclass(frozen=True, slots=True)
class Attempts:
    """Where a run stands: its newest attempt, and what has been said in it."""

    run: str
    members: tuple[str, ...]
    receiver: str
    fewest: int
    number: int = 1
    keys: dict[str, str] = field(default_factory=dict)
    collected: Collected | None = None  # of all members: then this attempt is the last one
    collected_digest: str | None = None
    confirmed: frozenset[str] = frozenset()
    absent: dict[Of, tuple[str, ...]] = field(default_factory=dict)
    restarted: frozenset[str] = frozenset()
    """Who has lost what it needs for this attempt, by its own word."""
    tallied: Tallied | None = None
    opened: Opened | None = None

    @property
    def subject(self) -> bytes:
        """What a mask-key is about: this attempt, so that a node may say one in each."""
        return self.subjects[-1]

    @property
    def subjects(self) -> tuple[bytes, ...]:
        """The same of all attempts, those that are over included: a word may come late."""
        start = _TAG + bytes.fromhex(self.run)
        return tuple(digest(start + one.to_bytes(4, "big")) for one in range(1, self.number + 1))

    @property
    def all_keys(self) -> dict[str, str] | None:
        """Every member's key, as soon as all are there."""
        return self.keys if len(self.keys) == len(self.members) else None

    @property
    def threshold(self) -> int:
        """How many members' shares open the part of one who is gone: T."""
        return shares_to_open(len(self.members))

    @property
    def present(self) -> tuple[str, ...]:
        """The members that nobody had to stand in for."""
        gone = set().union(*self.absent.values())
        return tuple(org for org in self.members if org not in gone)

    @property
    def opening(self) -> Of:
        """What is opened now, once all have confirmed."""
        if self.opened is not None:
            return Of.EVIDENCE
        return Of.COUNTS if self.tallied is None else Of.SUMS

    @property
    def receipts(self) -> frozenset[str]:
        """Those of what the coordinator says it was handed in this attempt."""
        contributions = () if self.collected is None else self.collected.contributions
        opening = [said.receipts for said in (self.tallied, self.opened) if said is not None]
        return frozenset(one.receipt for one in contributions).union(*opening)

    @property
    def all_confirmed(self) -> bool:
        """Whether every member has signed the same set: only then is anything opened."""
        return self.confirmed == frozenset(self.members)


def begun(contract: Contract, run: bytes) -> Attempts | None:
    """The first attempt of a run that adds up many organisations' own rows; None of another."""
    query = contract.query
    if query is None or query.min_contributors is None:
        return None
    (receiver,) = contract.receivers
    return Attempts(run.hex(), contract.orgs, receiver, query.min_contributors)


def read(statement: Statement) -> OfAttempt:
    """What a statement of a kind in MODELS says."""
    return parse(
        MODELS[statement.kind],
        statement.body,
        max_bytes=MAX_BODY_BYTES,
        party=statement.org,
        phase="running",
    )


def slot(org: str, said: OfAttempt) -> str:
    """Under which name a ledger keeps a statement: each may be made once in each attempt."""
    if isinstance(said, Absent):
        # While evidence is awaited more may vanish, one after the other.
        return f"{org} {said.attempt} {said.of} {len(said.members)}"
    return f"{org} {said.attempt}"


def hear(attempts: Attempts, said: OfAttempt, statement: Statement, signer: Identity) -> Attempts:
    """The attempts after one more statement, which is not about one that is over."""
    _check(attempts, said, statement, signer)
    match said:
        case MaskKey():
            return _mask_key(attempts, said, signer)
        case Abandoned():
            return _abandoned(attempts, said, signer)
        case Collected():
            return _collected(attempts, said, digest(statement.body), signer)
        case Confirmed():
            return _confirmed(attempts, said, signer)
        case Absent():
            return _absent(attempts, said, signer)
        case Tallied():
            return _tallied(attempts, said, signer)
        case Opened():
            return _opened(attempts, said, signer)
    raise AssertionError("there are models of no other kind")


def without(attempts: Attempts, org: str) -> Attempts:
    """The attempts when a member has lost its secrets; the same object if that changes nothing."""
    if org not in attempts.members or org in attempts.restarted:
        return attempts
    return replace(attempts, restarted=attempts.restarted | {org})


def _check(attempts: Attempts, said: OfAttempt, statement: Statement, signer: Identity) -> None:
    """Whether the signer may say it at all, and of this run and attempt."""
    speaks = Role.COORDINATOR if statement.kind in OF_THE_COORDINATOR else Role.NODE
    _require(signer.role is speaks, "its signer may not say it", signer)
    of_attempt = statement.kind is Kind.MASK_KEY
    subject = attempts.subject if of_attempt else bytes.fromhex(attempts.run)
    if said.run != attempts.run or statement.subject != subject:
        raise ForeignStart(
            f"a {statement.kind.value} statement of another run",
            party=signer.org,
            phase="running",
            fix="the sender is replaying statements: compare both sides' evidence",
        )
    _require(said.attempt == attempts.number, "the attempt is none that has begun", signer)


def _mask_key(attempts: Attempts, said: MaskKey, signer: Identity) -> Attempts:
    _require(signer.org in attempts.members, "its signer is no member of the attempt", signer)
    _require(said.members == attempts.members, "it names other members", signer)
    _require(attempts.collected is None, "the attempt is collected already", signer)
    return replace(attempts, keys={**attempts.keys, signer.org: said.key})


def _collected(attempts: Attempts, said: Collected, digested: bytes, signer: Identity) -> Attempts:
    _require(said.orgs == attempts.members, "it is not of all members, in order", signer)
    _require(attempts.all_keys is not None, "a member's key is not there", signer)
    return replace(attempts, collected=said, collected_digest=digested.hex())


def _abandoned(attempts: Attempts, said: Abandoned, signer: Identity) -> Attempts:
    _require(attempts.collected is None, "the attempt is complete, and the run's last", signer)
    _require(_is_part(said.members, attempts), "it names others than some of the members", signer)
    _require(attempts.receiver in said.members, "the receiver is not among them", signer)
    _require(len(said.members) >= attempts.fewest, "fewer are left than the contract asks", signer)
    return Attempts(
        attempts.run, said.members, attempts.receiver, attempts.fewest, attempts.number + 1
    )


def _absent(attempts: Attempts, said: Absent, signer: Identity) -> Attempts:
    _require(attempts.all_confirmed, "not every member has confirmed the set", signer)
    _require(said.of is attempts.opening, "it is not what is opened now", signer)
    again = said.of in attempts.absent and said.of is not Of.EVIDENCE
    _require(not again, "who is absent was said before", signer)
    _require(_is_part(said.members, attempts), "it names others than some of the members", signer)
    _require(bool(said.members), "it names nobody", signer)
    _require(attempts.receiver not in said.members, "nobody stands in for the receiver", signer)
    most = len(attempts.members) - attempts.threshold
    _require(len(said.members) <= most, "a third or more are gone", signer)
    before = set(attempts.members) - set(attempts.present)
    _require(before <= set(said.members), "somebody is there again", signer)
    return replace(attempts, absent={**attempts.absent, said.of: said.members})


def _is_part(some: tuple[str, ...], attempts: Attempts) -> bool:
    chosen = set(some)
    fewer = len(some) < len(attempts.members)
    return fewer and some == tuple(org for org in attempts.members if org in chosen)


def _confirmed(attempts: Attempts, said: Confirmed, signer: Identity) -> Attempts:
    _require(signer.org in attempts.members, "its signer is no member of the attempt", signer)
    _require(said.collected == attempts.collected_digest, "it is about another set", signer)
    return replace(attempts, confirmed=attempts.confirmed | {signer.org})


def _tallied(attempts: Attempts, said: Tallied, signer: Identity) -> Attempts:
    _require(attempts.all_confirmed, "not every member has confirmed the set", signer)
    ascending = tuple(sorted(set(said.passing)))
    _require(said.passing == ascending, "cells are not in order, or one is there twice", signer)
    return replace(attempts, tallied=said)


def _opened(attempts: Attempts, said: Opened, signer: Identity) -> Attempts:
    _require(attempts.tallied is not None, "no cell was said to pass yet", signer)
    return replace(attempts, opened=said)


def _require(holds: bool, what: str, signer: Identity) -> None:
    if not holds:
        raise _refused(what, signer)


def _refused(what: str, signer: Identity) -> MiheError:
    return BadMessage(
        f"a statement about an attempt has no place: {what}",
        party=signer.org,
        phase="running",
        fix="the sender is not following the protocol: compare versions",
        rule="federated/SPEC.md §5.3",
    )


MODELS: Final[dict[Kind, type[OfAttempt]]] = {
    Kind.MASK_KEY: MaskKey,
    Kind.ABANDONED: Abandoned,
    Kind.COLLECTED: Collected,
    Kind.CONFIRMED: Confirmed,
    Kind.ABSENT: Absent,
    Kind.TALLIED: Tallied,
    Kind.OPENED: Opened,
}
"""What is said about attempts, and what it looks like."""

OF_THE_COORDINATOR: Final = frozenset(
    {Kind.ABANDONED, Kind.COLLECTED, Kind.ABSENT, Kind.TALLIED, Kind.OPENED}
)
