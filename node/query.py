"""The play of a query: an owner's part of a blind join, and the receiver's opening of its result.

    own rows → tokens → the receiver's one-time key → codes and ciphertexts to the
    coordinator → which cells pass → the owner's gate → openings to the receiver → exact rows

Every owner plays the same; the receiver also makes the key, and opens. What each sees on the way
is in federated/SPEC.md.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from contract.errors import BadMessage, ForeignEncryptionKey
from contract.signing import Kind
from contract.statements import Cells, HeKey
from contract.views import ResultView
from daemon.apart import apart
from federated.aggregate.encrypt import encrypt_columns
from federated.aggregate.secret import Blinding
from federated.aggregate.wire import KEY_BYTES, RESULT_BYTES
from federated.join.codes import Encoded, encode
from federated.join.owner import TokenList
from federated.query.agreed import join_of, largest_of, plan_of
from federated.query.release import Codes, Opening, Shut, labels_of, names_of, opened
from federated.query.result import Result, result_of
from node import tables, tokens, wire
from node.key_process import KeyProcess
from node.local import LocalRows, run_local
from node.pulse import COORDINATOR
from node.release import Released, release
from node.stage import Line, Stage, together

_KEY, _SHARE, _SUMS, _RELEASE = "he_key", "share", "sums", "release"
_ENVELOPE_BYTES = 1 << 12


@dataclass(frozen=True, slots=True, repr=False)
class _Prepared:
    """What an owner keeps of what it handed in, to open cells by."""

    coded: Encoded
    blinding: Blinding


async def play(stage: Stage) -> Released | None:
    """Run to the end; what this party's people may see of it, None if it is not the receiver."""
    return await _Play(stage).run()


class _Play:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._plan = plan_of(stage.consent.contract)
        self._join = join_of(self._plan, stage.run)
        self._owner = self._join.owners.index(stage.me)
        (self._receiver,) = stage.consent.contract.receivers
        self._parts = stage.parts()
        self._lines: dict[str, Line] = {}

    @property
    def _receives(self) -> bool:
        return self._stage.me == self._receiver

    async def run(self) -> Released | None:
        stage = self._stage
        self._lines = {peer: stage.connect(peer, self._awaited(peer)) for peer in stage.peers}
        await stage.queue()
        rows = await stage.during(stage.activity.work(self._load))
        if not self._receives:
            await stage.during(self._contribute_and_release(rows, None))
            return None
        key = KeyProcess()
        try:
            return await stage.during(self._receive(rows, key))
        finally:
            await key.close()

    def _awaited(self, peer: str) -> dict[str, int]:
        matching = self._stage.consent.contract.matching
        streams = tokens.awaited(matching, self._join, self._stage.me, peer)
        return {**streams, _RELEASE: wire.MAX_RELEASE_BYTES} if self._receives else streams

    # ── every owner ─────────────────────────────────────────────────────────────────────────────

    def _load(self) -> LocalRows:
        stage, consent = self._stage, self._stage.consent
        stage.report("load", 0, 1)
        parquet = stage.services.datasets.files(consent.dataset, consent.snapshot).parquet
        rows = run_local(self._plan.owners[self._owner], parquet, k=self._plan.k)
        stage.report("load", 1, 1)
        return rows

    async def _contribute_and_release(self, rows: LocalRows, key: KeyProcess | None) -> None:
        prepared, cells = await self._contribute(rows, key)
        openings = self._openings(prepared, cells)
        self._stage.gate()
        content = wire.openings_to_bytes(openings)
        await self._lines[self._receiver].send(_RELEASE, content)

    async def _contribute(self, rows: LocalRows, key: KeyProcess | None) -> tuple[_Prepared, Cells]:
        """Hand in the own share; what it can be opened by, and the cells that pass."""
        stage = self._stage
        matching = stage.consent.contract.matching
        listed = await tokens.made(stage, matching, self._join, rows.keys, self._lines)
        public_key = await (self._fetched_key() if key is None else self._own_key(key))
        stage.report("encrypt", 0, 1)
        coded = encode(rows.groups, listed.order, self._plan.k, os.urandom(32))
        blinding = Blinding(os.urandom(32), stage.run)
        columns = await self._encrypted(public_key, rows, listed)
        share = wire.share_to_bytes(
            tokens=listed.tokens,
            codes=coded.message if self._plan.owners[self._owner].groups else None,
            keys=len(rows.keys),
            columns=columns,
            blinding=blinding.reveal(),
        )
        await self._hand_in(_SHARE, share)
        stage.report("match", 0, 1)
        everybody = (*stage.peers, COORDINATOR)
        cells = await stage.stated(everybody, lambda ledger: ledger.cells)
        stage.report("match", 1, 1)
        return _Prepared(coded, blinding), cells

    async def _fetched_key(self) -> bytes:
        receiver = (self._receiver,)
        named = await self._stage.stated(receiver, lambda ledger: ledger.he_key)
        content = await self._parts.fetch(_KEY, limit=KEY_BYTES)
        if sha256(content).hexdigest() != named.key:
            raise ForeignEncryptionKey(
                "the encryption key is not the one that the receiver signed for this run",
                party="coordinator",
                phase="encrypt",
                fix="run the job again; if it recurs, somebody between exchanges keys",
            )
        return content

    async def _own_key(self, key: KeyProcess) -> bytes:
        content = await self._stage.activity.working(key.public_key())
        await self._hand_in(_KEY, content)
        named = HeKey(run=self._stage.run.hex(), key=sha256(content).hexdigest())
        self._stage.say(Kind.HE_KEY, named)
        return content

    async def _hand_in(self, part: str, content: bytes) -> None:
        salt, receipt = await self._parts.contribute(part, content)
        self._stage.keep_receipt(salt, receipt)

    async def _encrypted(
        self, public_key: bytes, rows: LocalRows, listed: TokenList
    ) -> list[list[bytes]]:
        columns = [_in_order(column, listed.order) for column in rows.values]
        if not columns:
            return []
        largest = largest_of(self._plan, self._owner)
        encrypting = apart(encrypt_columns, public_key, columns, largest)
        return await self._stage.activity.working(encrypting)

    def _openings(self, prepared: _Prepared, cells: Cells) -> list[Opening]:
        return [
            self._opening(prepared, name)
            for name in names_of(cells.passing, remainder=cells.remainder)
        ]

    def _opening(self, prepared: _Prepared, name: Codes) -> Opening:
        blinding = prepared.blinding
        return Opening(
            count_blinding=blinding.of_count(name),
            blindings=tuple(
                blinding.of_sum(name, place) for place in range(len(self._plan.summands))
            ),
            labels=labels_of(self._plan, self._owner, name, prepared.coded.labels),
        )

    # ── the receiver ────────────────────────────────────────────────────────────────────────────

    async def _receive(self, rows: LocalRows, key: KeyProcess) -> Released:
        stage = self._stage
        prepared, cells = await self._contribute(rows, key)
        own = self._openings(prepared, cells)
        names = names_of(cells.passing, remainder=cells.remainder)
        content = await self._parts.fetch(_SUMS, limit=self._most_sums(len(names)))
        if sha256(content).hexdigest() != cells.result:
            raise BadMessage(
                "the sums are not those that the coordinator signed",
                party="coordinator",
                phase="decrypt",
                fix="run the job again; if it recurs, compare the coordinator's version",
            )
        sums, folded = wire.sums_from_bytes(content, self._plan, len(names))
        stage.gate()
        openings = await self._gathered(own, len(names))
        stage.report("decrypt", 0, 1)
        result = await stage.activity.working(self._opened(key, names, sums, openings))
        stage.report("decrypt", 1, 1)
        view = ResultView(
            count=len(result.rows),
            rows=len(result.rows),
            folded=folded,
            left_out=result.left_out,
            file=str(stage.services.results.final(stage.job)),
            columns=result.columns,
        )
        return release(view, stage.consent)

    async def _opened(
        self,
        key: KeyProcess,
        names: Sequence[Codes],
        sums: Sequence[wire.CellSums],
        openings: list[Sequence[Opening]],
    ) -> Result:
        """The result, decrypted, opened, and written under its provisional name."""
        shut = [
            Shut(cell.blinded_count, tuple(await key.decrypt(list(cell.sums)))) for cell in sums
        ]
        result = result_of(self._plan, opened(self._plan, names, shut, openings))
        results = self._stage.services.results
        await results.write(self._stage.job, lambda file: tables.write(result, file))
        return result

    async def _gathered(self, own: list[Opening], rows: int) -> list[Sequence[Opening]]:
        """Every owner's openings, in the plan's order."""
        received: dict[str, Sequence[Opening]] = {self._stage.me: own}

        async def receive(peer: str, line: Line) -> None:
            content = await line.receive(_RELEASE)
            owner = self._join.owners.index(peer)
            received[peer] = wire.openings_from_bytes(content, self._plan, owner, rows)

        await together(
            *(asyncio.create_task(receive(peer, line)) for peer, line in self._lines.items())
        )
        return [received[owner] for owner in self._join.owners]

    def _most_sums(self, rows: int) -> int:
        cell = len(self._plan.summands) * (RESULT_BYTES + 16) + _ENVELOPE_BYTES
        return rows * cell + _ENVELOPE_BYTES


def _in_order(column: NDArray[np.int64], places: NDArray[np.int32]) -> NDArray[np.int64]:
    """A column of the keys in the order of the list; dummies are 0."""
    listed = np.zeros(len(places), dtype=np.int64)
    listed[places >= 0] = column[places[places >= 0]]
    return listed
