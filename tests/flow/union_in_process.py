"""A sum over UNION ALL with any number of members in one process, who vanish or lie as a test says.

Every member has a ledger of its own, folded from what it is told through contract/ledger.py, and
plays its states by it; the coordinator decides by coordinator/union_steps.py and computes by
coordinator/union_work.py. Nothing is signed, and nothing waits: `turn` lets everybody do what is
due once.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from contract.attempts import Abandoned, Absent, Attempts, Confirmed, MaskKey, Of
from contract.canonical import Frozen, canonical_bytes
from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import MiheError
from contract.fold import hear, open_job
from contract.identity import Identity, Role
from contract.job import Basis, Contract, Crypto, JobKind, Party, Query, fewest_contributors
from contract.keys import KeyKind
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import Kind, Statement
from contract.statements import (
    Approval,
    Decision,
    Evidence,
    Gate,
    PartyStart,
    Prepare,
    RunRole,
    StartRecord,
    Verdict,
)
from contract.suites import UNION_SUITES, Aggregation
from coordinator import union_steps as steps
from coordinator.he_keys import HE_KEY
from coordinator.union_work import Handed
from federated.paillier.encrypt import encrypted
from federated.paillier.secret import ReceiverKey
from federated.query.agreed import plan_of_union
from federated.query.union import parse
from federated.query.union_plan import UnionPlan
from federated.union import member
from federated.union.counts import word_of
from federated.union.messages import read_outcome
from federated.words import of_integers
from node.parties import Offer
from node.propose import Wish, draft

COORDINATOR = "coordinator"
TRADES = ("farming", "mining", "retail", "transport", "water")
K = 10
_PUBLIC = ec.generate_private_key(ec.SECP256R1()).public_key()
_END = datetime(2030, 1, 1, tzinfo=UTC)


def orgs_of(count: int) -> tuple[str, ...]:
    """Names of so many members; the first one is the receiver."""
    return tuple(f"bank_{number}" for number in range(count))


def identity_of(org: str) -> Identity:
    """Who an organisation is, or the coordinator."""
    role = Role.COORDINATOR if org == COORDINATOR else Role.NODE
    print_ = sha256(org.encode()).hexdigest()
    return Identity(org, role, "", print_, _END, _END, b"", _PUBLIC, 1, "ca")


def entry_of(org: str, trades: tuple[str, ...] = TRADES) -> CatalogueEntry:
    """What an organisation offers: balances by trade."""
    key = CatalogueColumn(name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=256)
    trade = CatalogueColumn(name="trade", type=ColumnType.TEXT, level=2, domain=trades)
    most = Decimal(10**12)
    balance = CatalogueColumn(
        name="balance", type=ColumnType.INTEGER, level=3, minimum=-most, maximum=most
    )
    columns = (key, trade, balance)
    return CatalogueEntry(org=org, name="loans", columns=columns, refreshed=date(2026, 3, 1))


def proposed(
    statement: str, entries: Iterable[CatalogueEntry], *, me: str, **terms: Any
) -> Contract:
    """The contract that a node makes of what its own people type, who are to have the result."""
    wish = Wish(
        kind="query",
        datasets=(),
        on=(),
        receivers=(me,),
        purpose="CREDIT_MICRO",
        basis="SYNTHETIC_TEST",
        lasts_seconds=3600,
        statement=statement,
        min_group=K,
        min_join=K,
    )
    offers = {one.org: Offer(identity_of(one.org), {one.name: one}) for one in entries}
    return draft(replace(wish, **terms), offers, me=me)


def contract_of(
    orgs: tuple[str, ...],
    *,
    fewest: int | None = None,
    aggregation: Aggregation = Aggregation.MASKED,
) -> Contract:
    """Balances by trade over the rows of all. The statement is made up here, and never run."""
    entries = tuple(map(entry_of, orgs))
    each = (f"SELECT trade, balance FROM {org}.loans" for org in orgs)  # noqa: S608
    rows = " UNION ALL ".join(each)
    sql = f"SELECT trade, COUNT(*), SUM(balance) FROM ({rows}) GROUP BY trade"  # noqa: S608
    return Contract(
        kind=JobKind.QUERY,
        initiator=orgs[0],
        parties=tuple(
            Party(
                org=one.org,
                fingerprint=identity_of(one.org).fingerprint,
                dataset="loans",
                key_column="uscc",
                key_kind=KeyKind.USCC,
                schema_digest=one.schema_digest,
                size=256,
            )
            for one in entries
        ),
        receivers=orgs[:1],
        query=Query(
            statement=parse(sql, {one.org: {"loans": one} for one in entries}).sql,
            min_group=K,
            min_join=K,
            entries=entries,
            min_contributors=fewest or fewest_contributors(len(orgs)),
        ),
        purpose="CREDIT_MICRO",
        basis=Basis.SYNTHETIC_TEST,
        crypto=Crypto(suite=UNION_SUITES[aggregation]),
        created=datetime(2026, 3, 1, tzinfo=UTC),
        expires=datetime(2026, 3, 2, tzinfo=UTC),
        nonce="06" * 32,
    )


def said(kind: Kind, org: str, body: Frozen, subject: bytes) -> Statement:
    """What a ledger sees of a statement; that the signature holds was checked before."""
    return Statement(kind, org, subject, canonical_bytes(body), b"", b"")


def running(contract: Contract) -> Ledger:
    """The ledger of a run that has just begun."""
    job, orgs = contract.job_id, contract.orgs
    ledger = open_job(said(Kind.CONTRACT, orgs[0], contract, job), identity_of(orgs[0]))
    starts = {
        org: PartyStart(
            org=org,
            fingerprint=identity_of(org).fingerprint,
            role=RunRole.OWNER,
            protocol=1,
            snapshot_root="07" * 32,
            nonce=sha256(org.encode()).hexdigest(),
        )
        for org in orgs
    }
    plan, parties = "01" * 32, tuple(starts.values())
    record = StartRecord(job=job.hex(), run=1, attempt=1, plan_digest=plan, parties=parties)
    approval = Approval(job=job.hex(), decision=Decision.APPROVED)
    for org in orgs:
        ledger = hear(ledger, said(Kind.APPROVAL, org, approval, job), identity_of(org))
    for org in orgs:
        prepare = Prepare(job=job.hex(), run=1, attempt=1, plan_digest=plan, party=starts[org])
        ledger = hear(ledger, said(Kind.PREPARE, org, prepare, job), identity_of(org))
    for org in orgs:
        ledger = hear(ledger, said(Kind.START, org, record, record.run_id), identity_of(org))
    assert ledger.state is State.RUNNING
    return ledger


@dataclass(slots=True)
class Member:
    """One member: what it holds, what it was told, and the state that it is in."""

    org: str
    words: list[int]
    ledger: Ledger
    world: "World"
    state: object = None
    attempt: int = 0
    done: set[str] = field(default_factory=set)
    result: list[tuple[int, ...]] | None = None
    passing: tuple[int, ...] = ()
    fault: MiheError | None = None

    def turn(self) -> None:
        """Do what is due, once."""
        attempts = self.ledger.attempts
        assert attempts is not None
        if self.ledger.ended or self.fault or self.org not in attempts.present:
            return
        try:
            self._turn(attempts)
        except MiheError as fault:
            self.fault = fault

    def _turn(self, attempts: Attempts) -> None:
        world, run = self.world, self.world.run
        number = attempts.number
        if attempts.number > self.attempt:
            self.attempt = attempts.number
            parameters = world.plan.attempt(run, attempts.number, attempts.members)
            fresh = member.Fresh(parameters, self.org, of_integers(self.words))
            self.state, public = fresh.begin()
            body = MaskKey(
                run=run.hex(), attempt=number, members=attempts.members, key=public.hex()
            )
            world.say(Kind.MASK_KEY, self.org, body, attempts.subject)
        match self.state:
            case member.AwaitKeys() as state if attempts.all_keys is not None:
                keys = {org: bytes.fromhex(key) for org, key in attempts.keys.items()}
                masked, sums = state.advance(keys)
                self.state, content = masked.advance(world.hidden(sums))
                world.hand_in(self.org, steps.part("masked", attempts), content)
            case member.AwaitSet() as state if attempts.collected is not None:
                one = next(c for c in attempts.collected.contributions if c.org == self.org)
                shares = world.parts[self.org, steps.part("shares", attempts)]
                self.state = state.advance(one.digest, shares)
                gate = Gate(run=run.hex(), verdict=Verdict.RELEASE)
                world.say(Kind.GATE, self.org, gate)
                digest = attempts.collected_digest
                assert digest is not None
                confirmed = Confirmed(run=run.hex(), attempt=number, collected=digest)
                world.say(Kind.CONFIRMED, self.org, confirmed)
            case member.AwaitGates() as state if attempts.all_confirmed:
                self.state, seed = state.release()
                world.hand_in(self.org, steps.part("counts", attempts), seed)
            case member.AwaitTally() as state:
                self._tally(attempts, state)
            case member.Open() as state:
                self._open(attempts, state)

    def _tally(self, attempts: Attempts, state: member.AwaitTally) -> None:
        world = self.world
        if attempts.tallied is not None:
            passing = attempts.tallied.passing
            opened, opening = state.advance(passing, remainder=attempts.tallied.remainder)
            self.state, self.passing = opened, passing
            if opening:
                world.hand_in(self.org, steps.part("opening", attempts), opening)
        elif Of.COUNTS in attempts.absent and state.helped is None:
            self.state, shares = state.stand_in(attempts.absent[Of.COUNTS])
            world.hand_in(self.org, steps.part("count_shares", attempts), shares)

    def _open(self, attempts: Attempts, state: member.Open) -> None:
        world, absent = self.world, attempts.absent.get(Of.SUMS, ())
        if attempts.opened is not None and "evidence" not in self.done:
            self.done.add("evidence")
            if self.org == attempts.receiver:
                raw = world.parts[self.org, steps.part("outcome", attempts)]
                parameters = state.fresh.attempt
                outcome = read_outcome(raw, parameters, state.rows, absent)
                decrypted = world.decrypted(outcome.totals, parameters.sums)
                self.result = state.opened(outcome, absent, decrypted)
            body = Evidence(
                job=self.ledger.job.hex(), run=world.run.hex(), heard=self.ledger.heard, receipts=()
            )
            world.say(Kind.EVIDENCE, self.org, body)
        elif absent and "shares" not in self.done and self.org != attempts.receiver:
            self.done.add("shares")
            shares = state.stand_in(absent)
            world.hand_in(self.org, steps.part("sum_shares", attempts), shares)


@cache
def receiver_key() -> ReceiverKey:
    """One key for all worlds of a process: to find primes takes a second."""
    return ReceiverKey.generate()


class World:
    """Members and a coordinator; everything that ever reached the coordinator is in `parts`."""

    def __init__(
        self,
        count: int,
        *,
        seed: int = 1,
        fewest: int | None = None,
        aggregation: Aggregation = Aggregation.MASKED,
    ) -> None:
        self.orgs = orgs_of(count)
        contract = contract_of(self.orgs, fewest=fewest, aggregation=aggregation)
        self.plan: UnionPlan = plan_of_union(contract)
        begun = running(contract)
        assert begun.run is not None
        self.run = begun.run
        self.ledger = begun
        self.parts: dict[tuple[str, str], bytes] = {}
        self.key = receiver_key() if self.plan.encrypted else None
        if self.key is not None:
            self.parts[self.orgs[0], HE_KEY] = self.key.public
        self.log: list[Statement] = []
        self.gone: set[str] = set()
        self.noticed: set[str] = set()
        self.cause: str | None = None
        chance = Random(seed)
        self.members = {
            org: Member(org, self._words(chance, org), begun, self) for org in self.orgs
        }

    def _words(self, chance: Random, org: str) -> list[int]:
        """Counts, rows, balances of each trade; nobody but one has anything in the last one."""
        cells = len(TRADES)
        rows = [chance.randrange(1, 30) for _ in range(cells)]
        rows[3] = chance.randrange(0, 2)
        rows[4] = 1 if org == self.orgs[-1] else 0
        counts = [0 if org == self.orgs[0] else word_of(row) for row in rows]
        sums = [sum(chance.randrange(-(10**12), 10**12) for _ in range(row)) for row in rows]
        return [*counts, *rows, *sums]

    def hidden(self, sums: bytes) -> bytes:
        """Masked sums as they travel."""
        if self.key is None:
            return sums
        return encrypted(self.key.public, self.orgs[0], sums)

    def decrypted(self, totals: bytes, words: int) -> bytes | None:
        """What the receiver makes of totals that came encrypted."""
        return self.key.decrypt(totals, words) if self.key is not None and totals else None

    # ── saying and handing in ───────────────────────────────────────────────────────────────────

    def say(self, kind: Kind, org: str, body: Frozen, subject: bytes | None = None) -> None:
        """A statement: the coordinator's ledger decides, and tells everybody."""
        if org in self.gone:
            return
        statement = said(kind, org, body, self.run if subject is None else subject)
        before, after = self.ledger, hear(self.ledger, statement, identity_of(org))
        if after is before:
            return
        self.ledger = after
        self.log.append(statement)
        for other in self.members.values():
            if other.org not in self.gone and not other.fault:
                # Who has heard the same comes to the same.
                same = other.ledger is before
                other.ledger = after if same else hear(other.ledger, statement, identity_of(org))

    def hand_in(self, org: str, part: str, content: bytes) -> None:
        """A part reaches the coordinator; the first one of a name stays."""
        if org not in self.gone:
            self.parts.setdefault((org, part), content)

    # ── turns ───────────────────────────────────────────────────────────────────────────────────

    def vanish(self, *orgs: str) -> None:
        """From now on these members say and hear nothing; the coordinator knows."""
        self.gone |= set(orgs)
        self.noticed |= set(orgs)

    def turn(self, until: Callable[["World"], bool]) -> bool:
        """Everybody does what is due once; whether something was said or handed in."""
        before = (len(self.log), len(self.parts))
        for one in self.members.values():
            if one.org not in self.gone:
                one.turn()
            if until(self):
                return False
        self.coordinate()
        return (len(self.log), len(self.parts)) != before and self.cause is None

    def play(self, until: Callable[["World"], bool] = lambda _: False) -> None:
        """Turns, until nothing is due any more or something has come to be."""
        while not until(self) and self.turn(until):
            pass

    def coordinate(self) -> None:
        """The coordinator takes the steps that are due."""
        while self.cause is None:
            step = steps.next_step(self.ledger, self.holds, frozenset(self.noticed))
            if step is None:
                return
            self.carry_out(step)

    def holds(self, org: str, part: str) -> bool:
        """Whether the coordinator has a part."""
        return (org, part) in self.parts

    def carry_out(self, step: steps.Step) -> None:
        """Compute a step, and say what is to be said of it."""
        attempts = self.ledger.attempts
        assert attempts is not None
        run, number = self.run.hex(), attempts.number
        match step:
            case steps.Collect():
                collected, shares = self.handed().collected()
                for org, content in shares.items():
                    self.parts[org, steps.part("shares", attempts)] = content
                self.say(Kind.COLLECTED, COORDINATOR, collected)
            case steps.Abandon(survivors):
                body = Abandoned(run=run, attempt=number, members=survivors)
                self.say(Kind.ABANDONED, COORDINATOR, body)
            case steps.MissOut(of, absent):
                missed = Absent(run=run, attempt=number, of=of, members=absent)
                self.say(Kind.ABSENT, COORDINATOR, missed)
            case steps.Count():
                self.say(Kind.TALLIED, COORDINATOR, self.handed().tallied())
            case steps.HandOver():
                opened, content = self.handed().opened()
                self.parts[attempts.receiver, steps.part("outcome", attempts)] = content
                self.say(Kind.OPENED, COORDINATOR, opened)
            case steps.GiveUp(lost):
                self.cause = lost

    def handed(self) -> Handed:
        """What the coordinator computes with."""
        return Handed(
            self.ledger,
            read=lambda org, part: self.parts[org, part],
            receipt=lambda org, part: sha256(f"{org} {part}".encode()).hexdigest(),
            holds=self.holds,
        )

    # ── what must come out ──────────────────────────────────────────────────────────────────────

    @property
    def receiver(self) -> Member:
        """Who learns the result."""
        return self.members[self.orgs[0]]

    def clear(self, members: Collection[str], passing: Collection[int]) -> list[tuple[int, ...]]:
        """The rows over these members' words in the clear: each passing cell, then the others."""
        cells = len(TRADES)
        total = [sum(self.members[org].words[at] for org in members) for at in range(3 * cells)]
        rows, sums = total[cells : 2 * cells], total[2 * cells :]
        shown = [(rows[cell], sums[cell]) for cell in passing]
        rest = [cell for cell in range(cells) if cell not in passing]
        return [*shown, (sum(rows[cell] for cell in rest), sum(sums[cell] for cell in rest))]

    def is_exact_over(self, members: Collection[str]) -> bool:
        """Whether the receiver has a result, and it is that of these members' rows."""
        found = self.receiver.result
        return found is not None and found == self.clear(members, self.receiver.passing)


def altered(parts: Mapping[tuple[str, str], bytes], org: str, part: str) -> bytes:
    """A part with its last byte changed."""
    content = parts[org, part]
    return content[:-1] + bytes([content[-1] ^ 1])
