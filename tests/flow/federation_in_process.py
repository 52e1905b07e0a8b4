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
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contract.canonical import canonical_bytes
from contract.dataset import CatalogueEntry
from contract.job import Basis, Contract, Crypto, JobKind, KeyedDataset, Party, Query
from contract.statements import Cells, MatchFor
from contract.suites import QUERY_SUITES, Aggregation, Matching
from coordinator.compute import Order, Told, match_and_add
from federated.aggregate.encrypt import encrypt_column
from federated.aggregate.secret import Blinding, ReceiverKey
from federated.join.codes import encode
from federated.join.keyed import AwaitContributions, Keyed, start_keyed
from federated.join.messages import Blinded, Contribution, Served
from federated.join.owner import AwaitServed, TokenList, start
from federated.join.parameters import JoinParameters
from federated.query.agreed import largest_of, plan_of, sums_of
from federated.query.dominance import shown_bands
from federated.query.drawing import noised
from federated.query.noise import deviations
from federated.query.plan import QueryPlan, join_of
from federated.query.planning import compile_statement
from federated.query.release import Codes, Opening, Shut, labels_of, names_of, opened
from federated.query.result import Result, result_of
from federated.query.shared import lists_of, minus, pad_sums
from federated.query.sizes import cut, further_part
from federated.query.statement import parse
from federated.shares.rows import RowNumbers
from federated.shares.secret import Pads
from federated.shares.split import split
from node.adding import InOrder
from node.local import LocalRows
from node.shared import helped
from node.wire import joins
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
    aggregation: Aggregation = Aggregation.ENCRYPTED,
    largest_share: int | None = None,
    epsilon: Decimal | None = None,
) -> Contract:
    """The contract of a statement; its receiver is the owner with that place in it."""
    statement = parse(sql, entries)
    orgs = [source.org for source in statement.sources]
    plan = compile_statement(statement, receivers=[orgs[receiver]], k=k)
    stated = [[entries[part.org][name] for name in part.names] for part in plan.owners]
    parties = tuple(
        Party(
            org=part.org,
            fingerprint=sha256(part.org.encode()).hexdigest(),
            dataset=part.dataset,
            key_column=part.key_column,
            key_kind=part.key_kind,
            beside=part.beside,
            joined=tuple(
                KeyedDataset(dataset=one.dataset, key=one.key, schema_digest=entry.schema_digest)
                for one, entry in zip(part.joined or (), further, strict=True)
            )
            or None,
            schema_digest=first.schema_digest,
            size=part.size,
        )
        for part, (first, *further) in zip(plan.owners, stated, strict=True)
    )
    return Contract(
        kind=JobKind.QUERY,
        initiator=orgs[receiver],
        parties=parties,
        receivers=(orgs[receiver],),
        query=Query(
            statement=statement.sql,
            min_group=k,
            min_join=min_join,
            entries=tuple(entry for several in stated for entry in several),
            largest_share=largest_share,
            epsilon=epsilon,
        ),
        purpose="JOINT_STATISTICS",
        basis=Basis.SYNTHETIC_TEST,
        crypto=Crypto(suite=QUERY_SUITES[matching, aggregation]),
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
    pads: Pads
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
    key: ReceiverKey | None = field(repr=False)
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
        self.shared = contract.aggregation is Aggregation.SHARED
        self.seeds: dict[int, Pads] = {}
        self.messages: list[Message] = []
        self.chains: dict[str, _Chain] = {}
        if contract.matching is Matching.BLIND:
            self.chains = {
                me: (_Open if me in in_the_open else _Honest)(self.join, me, rows[me].keys)
                for me in self.join.owners
            }

    def played(self) -> Played:
        key, public = self._key()
        self.keyed = self._keyed()
        own = {me: self._contribute(me, public) for me in self.join.owners}
        cells = self._computed()
        told = self._told(cells)
        openings = [self._released(me, own, cells, told) for me in self.join.owners]
        result, folded = self._result(key, cells, openings, told)
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

    def _key(self) -> tuple[ReceiverKey | None, bytes]:
        """The receiver's key, and what the others are given of it; by shares there is none."""
        if self.shared:
            return None, b""
        key, public = ReceiverKey.generate()
        self._hand_in(self.receiver, "he_key", public)
        if sums_of(self.plan).merges:
            self._hand_in(self.receiver, "merging", key.merging_keys())
        for owner in self.join.owners:
            if owner != self.receiver:
                self._send(COORDINATOR, owner, "he_key", public)
        return key, public

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
        seed = os.urandom(32)
        coded = encode(rows.groups, listed.order, self.plan.k, seed)
        listed_columns = InOrder(rows.values, listed.order)
        largest = largest_of(self.plan, at)
        pads = Pads(os.urandom(32), self.join.run_id, self.join.size_of(me))
        first, *further = cut(self.plan, at)
        columns, shares = [], split(listed_columns, largest, pads, first) if self.shared else []
        if not self.shared:
            columns = [
                encrypt_column(public, column, largest=most)
                for column, most in zip(listed_columns, largest, strict=True)
            ]
        blinding = Blinding(os.urandom(32), self.join.run_id)
        share = joins.share_to_bytes(
            tokens=listed.tokens,
            codes=coded.message if self.plan.owners[at].groups else None,
            keys=len(rows.keys),
            columns=columns,
            shares=shares,
            bands=shown_bands(self.plan, at, rows.values, listed.order, seed),
            blinding=blinding.reveal(),
        )
        self._hand_in(me, "share", share)
        for number, which in enumerate(further if self.shared else (), 1):
            content = joins.further_to_bytes(split(listed_columns, largest, pads, which))
            self._hand_in(me, further_part(number), content)
        return Own(
            rows, listed.order, coded.labels, columns, pads, blinding, chain.open if chain else None
        )

    def _computed(self) -> Cells:
        merging = self.folder / f"{self.receiver}.merging"
        outcome = match_and_add(
            Order(
                run=self.join.run_id,
                contract=self.contract,
                key_file=self.folder / f"{self.receiver}.he_key",
                share_files=tuple(
                    tuple(self.folder / f"{me}.{part}" for part in self._parts(owner))
                    for owner, me in enumerate(self.join.owners)
                ),
                sums_file=self.folder / f"{COORDINATOR}.sums",
                merging_file=merging if merging.exists() else None,
                told=tuple(
                    Told(org, lists_of(self.plan, self.receiver, org), self.folder / f"{org}.rows")
                    for org in self._told_of_rows
                ),
            )
        )
        cells = Cells(
            run=self.join.run_id.hex(),
            passing=outcome.passing,
            remainder=outcome.remainder,
            result=outcome.sums_digest,
            receipts=(),
            rows=tuple(MatchFor(org=o, digest=d) for o, d in outcome.rows_digests) or None,
        )
        self._send(COORDINATOR, EVERYBODY, "cells", canonical_bytes(cells))
        return cells

    def _parts(self, owner: int) -> list[str]:
        """What an owner hands in of its list."""
        further = len(cut(self.plan, owner)) - 1 if self.shared else 0
        return ["share", *map(further_part, range(1, further + 1))]

    @property
    def _helper(self) -> str | None:
        """Who takes the pads off the receiver's list; nobody if it has none."""
        return self.contract.helper if self.receiver in self.join.owners else None

    @property
    def _told_of_rows(self) -> tuple[str, ...]:
        if not self.shared:
            return ()
        return (self.receiver,) if self._helper is None else (self.receiver, self._helper)

    def _told(self, cells: Cells) -> dict[str, dict[int, RowNumbers]]:
        """Of whom, which rows of the result the places of which owners' lists are in."""
        found = {}
        number = len(names_of(cells.passing, remainder=cells.remainder))
        for one in cells.rows or ():
            content = (self.folder / f"{one.org}.rows").read_bytes()
            assert sha256(content).hexdigest() == one.digest
            self._send(COORDINATOR, one.org, "rows", content)
            owners = lists_of(self.plan, self.receiver, one.org)
            sizes = [self.join.sizes[owner] for owner in owners]
            lists = joins.rows_from_bytes(content, sizes, number)
            found[one.org] = dict(zip(owners, lists, strict=True))
        return found

    def _released(
        self,
        me: str,
        owns: Mapping[str, Own],
        cells: Cells,
        told: Mapping[str, Mapping[int, RowNumbers]],
    ) -> list[Opening]:
        owner, own = self.join.owners.index(me), owns[me]
        names = names_of(cells.passing, remainder=cells.remainder)
        openings = [opening(self.plan, owner, own, name, shared=self.shared) for name in names]
        if me == self.receiver:
            return openings
        openings = noised(self.plan, me, openings)
        if self.shared and me == self._helper:
            seed = joins.seed_to_bytes(owns[self.receiver].pads.reveal())
            self._send(self.receiver, me, "seed", seed)
            pads = self._pads(self.receiver, joins.seed_from_bytes(seed, self.receiver))
            openings = helped(openings, pad_sums(self.plan, pads, told[me], len(names)))
        content = joins.openings_to_bytes(openings, own.pads.reveal() if self.shared else None)
        self._send(me, self.receiver, "release", content)
        if self.shared:
            self.seeds |= self._pads(me, joins.seed_in_release(content, me))
        return joins.openings_from_bytes(content, self.plan, owner, len(names), shared=self.shared)

    def _pads(self, org: str, seed: bytes) -> dict[int, Pads]:
        owner = self.join.owners.index(org)
        return {owner: Pads(seed, self.join.run_id, self.join.sizes[owner])}

    def _result(
        self,
        key: ReceiverKey | None,
        cells: Cells,
        openings: Sequence[Sequence[Opening]],
        told: Mapping[str, Mapping[int, RowNumbers]],
    ) -> tuple[Result, int]:
        names = names_of(cells.passing, remainder=cells.remainder)
        content = (self.folder / f"{COORDINATOR}.sums").read_bytes()
        assert sha256(content).hexdigest() == cells.result
        self._send(COORDINATOR, self.receiver, "sums", content)
        sums = joins.sums_from_bytes(content, self.plan, len(names), shared=self.shared)
        if key is None:
            off = pad_sums(self.plan, self.seeds, told[self.receiver], len(names))
            values = minus([joins.words_from_sums(cell) for cell in sums.cells], off)
        else:
            by_summand = key.decrypt_all(sums.packs, len(names), sums_of(self.plan).merges)
            values = [[column[row] for column in by_summand] for row in range(len(names))]
        shut = [
            Shut(cell.blinded_count, tuple(row))
            for cell, row in zip(sums.cells, values, strict=True)
        ]
        cells_of = opened(self.plan, names, shut, openings, shared=self.shared)
        return result_of(self.plan, cells_of, (), deviations(self.plan)), sums.folded


def opening(plan: QueryPlan, owner: int, own: Own, name: Codes, *, shared: bool = False) -> Opening:
    """What an owner would release of a row of the result."""
    blind = own.blinding.of_shares if shared else own.blinding.of_sum
    return Opening(
        count_blinding=own.blinding.of_count(name),
        blindings=tuple(blind(name, place) for place in range(len(plan.summands))),
        labels=labels_of(plan, owner, name, own.labels),
    )
