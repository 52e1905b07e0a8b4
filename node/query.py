"""The play of a query: an owner's part of a blind join, and the receiver's opening of its result.

    own rows → tokens → codes and hidden values to the coordinator → which cells pass → the owner's
    gate → openings to the receiver → exact rows

Every owner plays the same; the receiver also opens. How values are hidden and added up is the
contract's aggregation (node/adding.py). What each sees on the way is in federated/SPEC.md.
"""

import asyncio
import os
from collections.abc import Collection, Hashable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from contract.job import KeyedDataset
from contract.statements import Cells
from contract.suites import Aggregation
from contract.views import ResultView
from federated.aggregate.secret import Blinding
from federated.aggregate.wire import results_bytes
from federated.join.codes import Encoded, encode
from federated.join.owner import TokenList
from federated.query.agreed import plan_of, sums_of
from federated.query.dominance import groups_apart, shown_bands
from federated.query.drawing import noised
from federated.query.noise import deviations
from federated.query.plan import join_of
from federated.query.release import Codes, Opening, labels_of, names_of, opened
from federated.query.result import Cell, Result, result_of
from federated.words import WORD_BYTES
from node import comparing, shared, tables, tokens
from node.adding import Adding, Hidden, InOrder, Seat, by_owner
from node.answered import Brought
from node.aside import Aside
from node.encrypted import Encrypted
from node.local import LocalRows, run_left, run_local
from node.pulse import COORDINATOR
from node.release import Released, release
from node.shared import Shared
from node.stage import Line, Stage, together
from node.wire import joins

_SHARE, _SUMS, _RELEASE = "share", "sums", "release"
_ENVELOPE_BYTES = 1 << 12
_HEADER_BYTES = 16


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
        contract = stage.consent.contract
        self._stage = stage
        self._plan = plan_of(contract)
        self._join = join_of(self._plan, stage.run)
        self._owner = self._join.owners.index(stage.me)
        self._shared = contract.aggregation is Aggregation.SHARED
        (receiver,) = contract.receivers
        self._seat = Seat(stage, self._plan, self._owner, receiver, stage.parts())
        self._adding: Adding
        self._apart: Collection[Hashable]
        self._own: list[Cell] = []
        self._ended = ExitStack()

    async def run(self) -> Released | None:
        with self._ended:
            return await self._run()

    async def _run(self) -> Released | None:
        stage, lines = self._stage, self._seat.lines
        lines |= {peer: stage.connect(peer, self._awaited(peer)) for peer in stage.peers}
        await stage.queue()
        stage.report("load", 0, 1)
        rows = await stage.during(stage.activity.work(self._load))
        stage.report("load", 1, 1)
        self._adding = (Shared if self._shared else Encrypted)(self._seat)
        try:
            if self._seat.receives:
                return await stage.during(self._receive(rows))
            await stage.during(self._contribute_and_release(rows))
            return None
        finally:
            await self._adding.close()

    def _awaited(self, peer: str) -> dict[str, int]:
        streams = tokens.awaited(self._stage, self._join, peer)
        if self._shared:
            streams |= shared.awaited(self._seat, peer)
        if self._seat.receives:
            streams |= {_RELEASE: joins.MAX_RELEASE_BYTES}
        return streams

    # ── every owner ─────────────────────────────────────────────────────────────────────────────

    def _load(self) -> LocalRows:
        stage, consent = self._stage, self._stage.consent
        files = [stage.services.datasets.files(*one).parquet for one in consent.held]
        part, k = self._plan.owners[self._owner], self._plan.k
        aside = Aside(files[0].parent, stage.services.memory // 2, self._ended)
        rows = run_local(part, files[0], k=k, joined=files[1:], aside=aside)
        self._apart = groups_apart(part, rows.groups, rows.values, k=k, share=consent.largest_share)
        if self._seat.receives and self._plan.left is not None:
            self._own = run_left(self._plan, files)
        return rows

    async def _gate(self, rows: LocalRows) -> None:
        """The owner's last word: what is too near to an earlier answer is withheld, too."""
        services, stage = self._stage.services, self._stage
        kinds = stage.consent.contract.party(stage.me).kinds

        def bring(dataset: KeyedDataset) -> Iterable[tuple[str, Brought]]:
            columns = dict(zip(dataset.key, kinds, strict=True))
            of = (rows.keys, rows.groups, self._plan.k, columns, rows.taken)
            return services.answered.brought_keys(*of)

        await comparing.gate(stage, self._seat.receiver, bring)

    async def _contribute_and_release(self, rows: LocalRows) -> None:
        prepared, cells = await self._contribute(rows)
        openings = await self._stage.activity.work(lambda: self._noised(prepared, cells))
        await self._gate(rows)
        content = await self._adding.release(openings, cells)
        await self._seat.lines[self._seat.receiver].send(_RELEASE, content)

    async def _contribute(self, rows: LocalRows) -> tuple[_Prepared, Cells]:
        """Hand in the own share; what it can be opened by, and the cells that pass."""
        stage = self._stage
        listed = await tokens.made(stage, self._join, rows.keys, self._seat.lines)
        columns = await stage.activity.work(InOrder, rows.values, listed.order)
        hidden = await self._adding.hide(columns)
        prepared, share = await stage.activity.work(self._written, rows, listed, hidden)
        del listed, hidden
        await self._seat.hand_in(_SHARE, share)
        del share
        await self._adding.hand_in_further(columns)
        del columns
        stage.report("match", 0, 1)
        everybody = (*stage.peers, COORDINATOR)
        cells = await stage.stated(everybody, lambda ledger: ledger.cells)
        stage.report("match", 1, 1)
        return prepared, cells

    def _written(
        self, rows: LocalRows, listed: TokenList, hidden: Hidden
    ) -> tuple[_Prepared, bytes]:
        seed = os.urandom(32)
        coded = encode(rows.groups, listed.order, self._plan.k, seed, self._apart)
        blinding = Blinding(os.urandom(32), self._stage.run)
        share = joins.share_to_bytes(
            tokens=listed.tokens,
            codes=coded.message if self._plan.owners[self._owner].groups else None,
            keys=len(rows.keys),
            columns=hidden.columns,
            shares=hidden.shares,
            bands=shown_bands(self._plan, self._owner, rows.values, listed.order, seed),
            blinding=blinding.reveal(),
        )
        return _Prepared(coded, blinding), share

    def _openings(self, prepared: _Prepared, cells: Cells) -> list[Opening]:
        return [
            self._opening(prepared, name)
            for name in names_of(cells.passing, remainder=cells.remainder)
        ]

    def _noised(self, prepared: _Prepared, cells: Cells) -> list[Opening]:
        """The openings of an owner that is not the receiver; its draws are nowhere else."""
        return noised(self._plan, self._stage.me, self._openings(prepared, cells))

    def _opening(self, prepared: _Prepared, name: Codes) -> Opening:
        own = prepared.blinding
        return Opening(
            count_blinding=own.of_count(name),
            blindings=tuple(
                self._adding.blinding(own, name, place) for place in range(len(self._plan.summands))
            ),
            labels=labels_of(self._plan, self._owner, name, prepared.coded.labels),
        )

    # ── the receiver ────────────────────────────────────────────────────────────────────────────

    async def _receive(self, rows: LocalRows) -> Released:
        stage = self._stage
        prepared, cells = await self._contribute(rows)
        own = self._openings(prepared, cells)
        names = names_of(cells.passing, remainder=cells.remainder)
        content = await self._seat.parts.fetch_stated(
            _SUMS, cells.result, limit=self._most_sums(len(names)), phase="decrypt"
        )
        sums = joins.sums_from_bytes(content, self._plan, len(names), shared=self._shared)
        del content
        await self._gate(rows)
        await self._adding.passed()
        openings = await self._gathered(own, len(names))
        stage.report("decrypt", 0, 1)
        result = await stage.activity.working(self._opened(cells, sums, openings))
        stage.report("decrypt", 1, 1)
        view = ResultView(
            count=len(result.rows),
            rows=len(result.rows),
            folded=sums.folded,
            left_out=result.left_out,
            withheld=result.withheld,
            file=str(stage.services.results.final(stage.job)),
            columns=result.columns,
        )
        return release(view, stage.consent)

    async def _opened(
        self, cells: Cells, sums: joins.Sums, openings: list[Sequence[Opening]]
    ) -> Result:
        """The result, decrypted, opened, and written under its provisional name."""
        names = names_of(cells.passing, remainder=cells.remainder)
        shut = await self._adding.shut(cells, sums)
        found = opened(self._plan, names, shut, openings, shared=self._shared)
        result = result_of(self._plan, found, self._own, deviations(self._plan))
        results = self._stage.services.results
        await results.write(self._stage.job, lambda file: tables.write(result, file))
        return result

    async def _gathered(self, own: list[Opening], rows: int) -> list[Sequence[Opening]]:
        """Every owner's openings, in the plan's order."""
        received: dict[str, Sequence[Opening]] = {self._stage.me: own}

        async def receive(peer: str, line: Line) -> None:
            content = await line.receive(_RELEASE)
            received[peer] = self._adding.opened_by(content, peer, rows)

        lines = self._seat.lines
        await together(*(asyncio.create_task(receive(peer, line)) for peer, line in lines.items()))
        return by_owner(self._plan, received)

    def _most_sums(self, rows: int) -> int:
        summands = len(self._plan.summands)
        results = [] if self._shared else results_bytes(rows, sums_of(self._plan).merges) * summands
        headers = len(results) * _HEADER_BYTES
        cells = rows * (summands * (WORD_BYTES + _HEADER_BYTES) + _HEADER_BYTES)
        return sum(results) + headers + cells + _ENVELOPE_BYTES
