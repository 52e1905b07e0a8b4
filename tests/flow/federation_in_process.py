"""A query by all of its parties in one process, and what each of them gets to see.

Everything that computes is the product's: chains, codes, encryption, the coordinator's match and
add, openings, decryption, the result; messages go through the wire's own forms. There is no network
and no policy. Every message is recorded, so that a test can give a coalition exactly its views.

An owner that is to collude plays its chain in the open (`blind_join_reference`), so that its
scalars can be told; whoever is honest has its in the product's core. The receiver may be somebody
who is no owner: contracts have no such receiver yet, the protocol has.
"""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contract.canonical import canonical_bytes
from contract.dataset import CatalogueEntry
from contract.job import QUERY_SUITES, Basis, Contract, Crypto, JobKind, Matching, Party, Query
from contract.statements import Cells
from coordinator.compute import Order, match_and_add
from federated.aggregate.encrypt import encrypt_column
from federated.aggregate.secret import Blinding, ReceiverKey
from federated.join.codes import encode
from federated.join.keyed import AwaitContributions, Keyed, start_keyed
from federated.join.messages import Blinded, Contribution, Served
from federated.join.owner import AwaitServed, TokenList, start
from federated.join.parameters import JoinParameters
from federated.query.agreed import join_of, largest_of, plan_of
from federated.query.plan import QueryPlan, compile_statement
from federated.query.release import Codes, Opening, Shut, labels_of, names_of, opened
from federated.query.result import Result, result_of
from federated.query.statement import parse
from node import wire
from node.local import LocalRows
from tests.vectors.blind_join_reference import Fast, OpenOwner

COORDINATOR = "coordinator"
EVERYBODY = "everybody"
_NOW = datetime(2026, 11, 1, tzinfo=UTC)

Entries = Mapping[str, Mapping[str, CatalogueEntry]]
Carry = Callable[[str, bytes], bytes]


def contract_of(
    sql: str,
    entries: Entries,
    *,
    k: int,
    min_join: int = 1,
    receiver: int = 0,
    matching: Matching = Matching.BLIND,
) -> Contract:
    """The contract of a statement; its receiver is the owner with that place in it."""
    statement = parse(sql, entries)
    orgs = [source.entry.org for source in statement.sources]
    plan = compile_statement(statement, receivers=[orgs[receiver]], k=k)
    stated = [entries[part.org][part.dataset] for part in plan.owners]
    parties = tuple(
        Party(
            org=part.org,
            fingerprint=sha256(part.org.encode()).hexdigest(),
            dataset=part.dataset,
            key_column=part.key_column,
            key_kind=part.key_kind,
            schema_digest=entry.schema_digest,
            size=part.size,
        )
        for part, entry in zip(plan.owners, stated, strict=True)
    )
    return Contract(
        kind=JobKind.QUERY,
        initiator=orgs[receiver],
        parties=parties,
        receivers=(orgs[receiver],),
        query=Query(statement=statement.sql, min_group=k, min_join=min_join, entries=tuple(stated)),
        purpose="JOINT_STATISTICS",
        basis=Basis.SYNTHETIC_TEST,
        crypto=Crypto(suite=QUERY_SUITES[matching]),
        created=_NOW,
        expires=_NOW + timedelta(days=1),
        nonce=os.urandom(32).hex(),
    )


# ── what is seen ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Message:
    """One message, as its receiver reads it."""

    sender: str
    receiver: str
    name: str
    content: bytes


@dataclass(frozen=True)
class Own:
    """What an owner has of itself; its scalars only if it plays in the open."""

    rows: LocalRows
    order: NDArray[np.int32]
    labels: Mapping[int, Hashable]
    columns: list[list[bytes]]
    blinding: Blinding
    open: OpenOwner | None


@dataclass(frozen=True)
class View:
    """Everything that one party has: what it sent and was sent, its inputs, its secrets."""

    party: str
    messages: list[Message]
    relayed: list[tuple[str, str, str, int]]
    """Of what went sealed through its hands: from whom, to whom, which stream, how many bytes."""
    own: Own | None
    key: ReceiverKey | None

    def received(self, name: str) -> list[Message]:
        return [one for one in self.messages if one.name == name and one.sender != self.party]


@dataclass
class Played:
    """A whole run. Attacks take `view`s; the rest is what their finds are compared with."""

    contract: Contract
    plan: QueryPlan
    join: JoinParameters
    receiver: str
    cells: Cells
    own: dict[str, Own]
    messages: list[Message]
    key: ReceiverKey = field(repr=False)
    result: Result
    folded: int

    def view(self, party: str) -> View:
        sealed = [
            (one.sender, one.receiver, one.name, len(one.content))
            for one in self.messages
            if party == COORDINATOR and _between_nodes(one)
        ]
        return View(
            party=party,
            messages=[
                one
                for one in self.messages
                if party in (one.sender, one.receiver) or one.receiver == EVERYBODY
            ],
            relayed=sealed,
            own=self.own.get(party),
            key=self.key if party == self.receiver else None,
        )


def _between_nodes(message: Message) -> bool:
    return COORDINATOR not in (message.sender, message.receiver) and message.receiver != EVERYBODY


# ── chains ──────────────────────────────────────────────────────────────────────────────────────


class _Chain(Protocol):
    @property
    def open(self) -> OpenOwner | None: ...

    def serve(self, owner: str, points: bytes) -> bytes: ...

    def travel(self, carry: Carry) -> TokenList: ...


class _Honest:
    """The product's."""

    open: OpenOwner | None = None

    def __init__(self, join: JoinParameters, me: str, keys: Sequence[bytes]) -> None:
        self._started = start(join, me, keys)

    def serve(self, owner: str, points: bytes) -> bytes:
        return self._started.serving.serve(Blinded(points), owner).points

    def travel(self, carry: Carry) -> TokenList:
        state: AwaitServed | TokenList = self._started.state
        message = self._started.message
        while isinstance(state, AwaitServed):
            state, following = state.advance(Served(carry(state.to, message.points)))
            if isinstance(following, Blinded):
                message = following
        return state


class _Open:
    """The same protocol, written from its specification, its secrets in the open."""

    def __init__(self, join: JoinParameters, me: str, keys: Sequence[bytes]) -> None:
        self._join, self._me = join, me
        secret = os.urandom(32)
        self.open = OpenOwner.of(Fast(), join.run_id, join.size_of(me), keys, secret)

    def serve(self, owner: str, points: bytes) -> bytes:
        return self.open.serve(points)

    def travel(self, carry: Carry) -> TokenList:
        points = self.open.blinded()
        for other in self._join.others(self._me):
            points = carry(other, points)
        tokens = self.open.tokens(points, self._join.token_bytes)
        return TokenList(tokens, np.array(self.open.order, dtype=np.int32))


# ── the run ─────────────────────────────────────────────────────────────────────────────────────


def play(
    contract: Contract,
    rows: Mapping[str, LocalRows],
    folder: Path,
    *,
    in_the_open: Sequence[str] = (),
    receiver: str | None = None,
) -> Played:
    """Run a query from own rows to the result. Raises what a party is refused for."""
    folder.mkdir(parents=True)
    return _Run(contract, rows, folder, in_the_open, receiver or contract.receivers[0]).played()


class _Run:
    def __init__(
        self,
        contract: Contract,
        rows: Mapping[str, LocalRows],
        folder: Path,
        in_the_open: Sequence[str],
        receiver: str,
    ) -> None:
        self.contract, self.rows, self.folder, self.receiver = contract, rows, folder, receiver
        self.plan = plan_of(contract)
        self.join = join_of(self.plan, os.urandom(32))
        self.messages: list[Message] = []
        self.chains: dict[str, _Chain] = {}
        if contract.matching is Matching.BLIND:
            self.chains = {
                me: (_Open if me in in_the_open else _Honest)(self.join, me, rows[me].keys)
                for me in self.join.owners
            }

    def played(self) -> Played:
        key, public = ReceiverKey.generate()
        key_file = self._hand_in(self.receiver, "he_key", public)
        for owner in self.join.owners:
            if owner != self.receiver:
                self._send(COORDINATOR, owner, "he_key", public)
        self.keyed = self._keyed()
        own = {me: self._contribute(me, public) for me in self.join.owners}
        cells = self._computed(key_file)
        openings = [self._released(me, own[me], cells) for me in self.join.owners]
        result, folded = self._result(key, cells, openings)
        return Played(
            contract=self.contract,
            plan=self.plan,
            join=self.join,
            receiver=self.receiver,
            cells=cells,
            own=own,
            messages=self.messages,
            key=key,
            result=result,
            folded=folded,
        )

    def _send(self, sender: str, receiver: str, name: str, content: bytes) -> bytes:
        self.messages.append(Message(sender, receiver, name, content))
        return content

    def _hand_in(self, sender: str, part: str, content: bytes) -> Path:
        file = self.folder / f"{sender}.{part}"
        file.write_bytes(self._send(sender, COORDINATOR, part, content))
        return file

    def _keyed(self) -> dict[str, Keyed]:
        """Every owner with the contributions of all, if the contract's matching is keyed."""
        if self.contract.matching is not Matching.KEYED:
            return {}
        begun = {me: start_keyed(self.join, me) for me in self.join.owners}
        ready = {}
        for me, (state, _) in begun.items():
            now: AwaitContributions | Keyed = state
            for other in self.join.others(me):
                content = self._send(other, me, "contribution", begun[other][1].content)
                assert isinstance(now, AwaitContributions)
                now = now.advance(other, Contribution(content))
            assert isinstance(now, Keyed)
            ready[me] = now
        return ready

    def _contribute(self, me: str, public: bytes) -> Own:
        def carry(to: str, points: bytes) -> bytes:
            self._send(me, to, "blinded", points)
            return self._send(to, me, "served", self.chains[to].serve(me, points))

        rows, at = self.rows[me], self.join.owners.index(me)
        chain = self.chains.get(me)
        listed = self.keyed[me].list(rows.keys) if chain is None else chain.travel(carry)
        coded = encode(rows.groups, listed.order, self.plan.k, os.urandom(32))
        columns = [
            encrypt_column(public, in_order(column, listed.order), largest=largest)
            for column, largest in zip(rows.values, largest_of(self.plan, at), strict=True)
        ]
        blinding = Blinding(os.urandom(32), self.join.run_id)
        share = wire.share_to_bytes(
            tokens=listed.tokens,
            codes=coded.message if self.plan.owners[at].groups else None,
            keys=len(rows.keys),
            columns=columns,
            blinding=blinding.reveal(),
        )
        self._hand_in(me, "share", share)
        return Own(
            rows, listed.order, coded.labels, columns, blinding, chain.open if chain else None
        )

    def _computed(self, key_file: Path) -> Cells:
        outcome = match_and_add(
            Order(
                run=self.join.run_id,
                contract=self.contract,
                key_file=key_file,
                share_files=tuple(self.folder / f"{me}.share" for me in self.join.owners),
                sums_file=self.folder / f"{COORDINATOR}.sums",
            )
        )
        cells = Cells(
            run=self.join.run_id.hex(),
            passing=outcome.passing,
            remainder=outcome.remainder,
            result=outcome.sums_digest,
            receipts=(),
        )
        self._send(COORDINATOR, EVERYBODY, "cells", canonical_bytes(cells))
        return cells

    def _released(self, me: str, own: Own, cells: Cells) -> list[Opening]:
        owner = self.join.owners.index(me)
        names = names_of(cells.passing, remainder=cells.remainder)
        openings = [opening(self.plan, owner, own, name) for name in names]
        if me == self.receiver:
            return openings
        content = wire.openings_to_bytes(openings)
        self._send(me, self.receiver, "release", content)
        return wire.openings_from_bytes(content, self.plan, owner, len(names))

    def _result(
        self, key: ReceiverKey, cells: Cells, openings: Sequence[Sequence[Opening]]
    ) -> tuple[Result, int]:
        names = names_of(cells.passing, remainder=cells.remainder)
        content = (self.folder / f"{COORDINATOR}.sums").read_bytes()
        assert sha256(content).hexdigest() == cells.result
        self._send(COORDINATOR, self.receiver, "sums", content)
        sums, folded = wire.sums_from_bytes(content, self.plan, len(names))
        shut = [
            Shut(cell.blinded_count, tuple(key.decrypt(one) for one in cell.sums)) for cell in sums
        ]
        return result_of(self.plan, opened(self.plan, names, shut, openings)), folded


def opening(plan: QueryPlan, owner: int, own: Own, name: Codes) -> Opening:
    """What an owner would release of a row of the result."""
    summands = range(len(plan.summands))
    return Opening(
        count_blinding=own.blinding.of_count(name),
        blindings=tuple(own.blinding.of_sum(name, place) for place in summands),
        labels=labels_of(plan, owner, name, own.labels),
    )


def in_order(column: NDArray[np.int64], order: NDArray[np.int32]) -> NDArray[np.int64]:
    """A column of the keys in the order of the list; dummies are 0."""
    return np.array([column[at] if at >= 0 else 0 for at in order], dtype=np.int64)
