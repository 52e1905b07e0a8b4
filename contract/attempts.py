"""What is said in a sum over many organisations' own rows, and which attempt it leads to.

Implements  federated/SPEC.md §5.3: mask-key → collected → confirmed, or abandoned and the next
            attempt; then tallied, opened, and before each who is absent, if somebody is
Learns      nobody anything: keys of one attempt, digests of masked words, cells that pass
Rules       an attempt in which somebody is missing is over for good, and the next begins with those
            who are there; one that was collected of all its members is the run's last, whatever
            becomes of it

A fold, as contract/ledger.py is, which calls it and has checked the signatures.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from pydantic import Field

from contract.canonical import Frozen, Hex32, OrgId, digest, parse
from contract.errors import BadMessage, ForeignStart, MiheError
from contract.identity import Identity, Role
from contract.job import MOST_CONTRIBUTORS, shares_to_open
from contract.signing import MAX_BODY_BYTES, Kind, Statement
from contract.statements import MOST_CELLS

B = TypeVar("B", bound="_OfAttempt")

_TAG: Final = b"mihe/attempt/v1\0"

Number = Annotated[int, Field(ge=1, le=MOST_CONTRIBUTORS)]
Members = Annotated[tuple[OrgId, ...], Field(max_length=MOST_CONTRIBUTORS)]
Receipts = Annotated[tuple[Hex32, ...], Field(max_length=2 * MOST_CONTRIBUTORS)]


class _OfAttempt(Frozen):
    run: Hex32
    attempt: Number


class MaskKey(_OfAttempt):
    """A member's fresh key for one attempt. Of a later one, it is a word for the former's end."""

    members: Members = Field(description="with whom: in the contract's order")
    key: Hex32 = Field(description="X25519 public key")


class Contribution(Frozen):
    """What one member handed in, as everybody else can name it."""

    org: OrgId
    digest: Hex32 = Field(description="SHA-256 of sealed shares and masked words")
    receipt: Hex32 = Field(description="digest of the member's receipt for it")


class Abandoned(_OfAttempt):
    """An attempt is dead: the coordinator does not have what it takes of all members."""

    members: Members = Field(description="those who are there, with whom the next attempt begins")


class Collected(_OfAttempt):
    """What the coordinator holds of an attempt: a contribution of every member."""

    contributions: Annotated[tuple[Contribution, ...], Field(max_length=MOST_CONTRIBUTORS)]

    @property
    def orgs(self) -> tuple[str, ...]:
        """Whose contributions they are."""
        return tuple(one.org for one in self.contributions)


class Confirmed(_OfAttempt):
    """A member's word that it is in, that it holds everybody's shares, and for which set alone."""

    collected: Hex32 = Field(description="digest of the statement `collected`")


class Of(StrEnum):
    """What somebody is absent from."""

    COUNTS = "counts"
    SUMS = "sums"
    EVIDENCE = "evidence"


class Absent(_OfAttempt):
    """Who is gone: of counts and sums, the others' shares stand in for it."""

    of: Of
    members: Members


class Tallied(_OfAttempt):
    """Which cells reach the thresholds, one bit a cell; never a count."""

    passing: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=MOST_CELLS)], ...], Field(max_length=MOST_CELLS)
    ]
    remainder: bool = Field(description="whether the other cells are opened together")
    receipts: Receipts = Field(description="of what opens the counts")


class Opened(_OfAttempt):
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
    def all_confirmed(self) -> bool:
        """Whether every member has signed the same set: only then is anything opened."""
        return self.confirmed == frozenset(self.members)


def hear(attempts: Attempts, statement: Statement, signer: Identity) -> Attempts:
    """The attempts after one more statement, which is not about one that is over."""
    return _STEPS[statement.kind](attempts, statement, signer)


def slot(statement: Statement) -> str:
    """Under which name a ledger keeps a statement: each may be made once in each attempt."""
    said = _read(MODELS[statement.kind], statement)
    if isinstance(said, Absent):
        # While evidence is awaited more may vanish, one after the other.
        return f"{statement.org} {said.attempt} {said.of} {len(said.members)}"
    return f"{statement.org} {said.attempt}"


def number_of(statement: Statement) -> int:
    """Which attempt a statement is about."""
    return _read(MODELS[statement.kind], statement).attempt


def _mask_key(attempts: Attempts, statement: Statement, signer: Identity) -> Attempts:
    said = _body(MaskKey, attempts, statement, signer)
    _require(said.attempt == attempts.number, "the attempt is none that has begun", signer)
    _require(signer.org in attempts.members, "its signer is no member of the attempt", signer)
    _require(said.members == attempts.members, "it names other members", signer)
    _require(attempts.collected is None, "the attempt is collected already", signer)
    return replace(attempts, keys={**attempts.keys, signer.org: said.key})


def _collected(attempts: Attempts, statement: Statement, signer: Identity) -> Attempts:
    said = _body(Collected, attempts, statement, signer)
    _require(said.attempt == attempts.number, "the attempt is none that has begun", signer)
    _require(said.orgs == attempts.members, "it is not of all members, in order", signer)
    _require(attempts.all_keys is not None, "a member's key is not there", signer)
    return replace(attempts, collected=said, collected_digest=digest(statement.body).hex())


def _abandoned(attempts: Attempts, statement: Statement, signer: Identity) -> Attempts:
    said = _body(Abandoned, attempts, statement, signer)
    _require(said.attempt == attempts.number, "the attempt is none that has begun", signer)
    _require(attempts.collected is None, "the attempt is complete, and the run's last", signer)
    _require(_is_part(said.members, attempts), "it names others than some of the members", signer)
    _require(attempts.receiver in said.members, "the receiver is not among them", signer)
    _require(len(said.members) >= attempts.fewest, "fewer are left than the contract asks", signer)
    return Attempts(
        attempts.run, said.members, attempts.receiver, attempts.fewest, attempts.number + 1
    )


def _absent(attempts: Attempts, statement: Statement, signer: Identity) -> Attempts:
    said = _body(Absent, attempts, statement, signer)
    _require(said.attempt == attempts.number, "the attempt is none that has begun", signer)
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


def without(attempts: Attempts, org: str) -> Attempts:
    """The attempts when a member has lost its secrets; the same object if that changes nothing."""
    if org not in attempts.members or org in attempts.restarted:
        return attempts
    return replace(attempts, restarted=attempts.restarted | {org})


def _is_part(some: tuple[str, ...], attempts: Attempts) -> bool:
    chosen = set(some)
    fewer = len(some) < len(attempts.members)
    return fewer and some == tuple(org for org in attempts.members if org in chosen)


def _confirmed(attempts: Attempts, statement: Statement, signer: Identity) -> Attempts:
    said = _body(Confirmed, attempts, statement, signer)
    _require(said.attempt == attempts.number, "the attempt is none that has begun", signer)
    _require(signer.org in attempts.members, "its signer is no member of the attempt", signer)
    _require(said.collected == attempts.collected_digest, "it is about another set", signer)
    return replace(attempts, confirmed=attempts.confirmed | {signer.org})


def _tallied(attempts: Attempts, statement: Statement, signer: Identity) -> Attempts:
    said = _body(Tallied, attempts, statement, signer)
    _require(said.attempt == attempts.number, "the attempt is none that has begun", signer)
    _require(attempts.all_confirmed, "not every member has confirmed the set", signer)
    ascending = tuple(sorted(set(said.passing)))
    _require(said.passing == ascending, "cells are not in order, or one is there twice", signer)
    return replace(attempts, tallied=said)


def _opened(attempts: Attempts, statement: Statement, signer: Identity) -> Attempts:
    said = _body(Opened, attempts, statement, signer)
    _require(said.attempt == attempts.number, "the attempt is none that has begun", signer)
    _require(attempts.tallied is not None, "no cell was said to pass yet", signer)
    return replace(attempts, opened=said)


def _body(model: type[B], attempts: Attempts, statement: Statement, signer: Identity) -> B:
    speaks = Role.COORDINATOR if statement.kind in OF_THE_COORDINATOR else Role.NODE
    _require(signer.role is speaks, "its signer may not say it", signer)
    body = _read(model, statement)
    of_attempt = statement.kind is Kind.MASK_KEY
    subject = attempts.subject if of_attempt else bytes.fromhex(attempts.run)
    if body.run != attempts.run or statement.subject != subject:
        raise ForeignStart(
            f"a {statement.kind.value} statement of another run",
            party=signer.org,
            phase="running",
            fix="the sender is replaying statements: compare both sides' evidence",
        )
    return body


def _read(model: type[B], statement: Statement) -> B:
    return parse(
        model, statement.body, max_bytes=MAX_BODY_BYTES, party=statement.org, phase="running"
    )


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


MODELS: Final[dict[Kind, type[_OfAttempt]]] = {
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

_STEPS: Final[dict[Kind, Callable[[Attempts, Statement, Identity], Attempts]]] = {
    Kind.MASK_KEY: _mask_key,
    Kind.ABANDONED: _abandoned,
    Kind.COLLECTED: _collected,
    Kind.CONFIRMED: _confirmed,
    Kind.ABSENT: _absent,
    Kind.TALLIED: _tallied,
    Kind.OPENED: _opened,
}
