"""The play of an intersection: load keys, run the protocol with the peer, write the own rows.

Of several buckets each is filed when it is done, for a further attempt (docs/decisions/0031); what
the evidence of such a run rests on are receipts of several attempts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.dataset import ResultColumn
from contract.signing import Statement
from contract.views import ResultView
from node import rows
from node.buckets import play_buckets
from node.evidence import stream_of
from node.filing import Filing, filing
from node.load import Loaded, load, open_key
from node.partition import partition
from node.plan import Plan, compile_plan
from node.release import Released, release
from node.session import Session, play_whole
from node.stage import Stage
from psi.step import Cardinality, Intersection, Marked, Result
from psi.two_party import FILED, Bucketed, Whole


async def play(stage: Stage) -> Released | None:
    """Run to the end; what this party's people may see of it, None if it is no receiver."""
    plan = compile_plan(stage.consent.contract)
    (peer,) = stage.peers
    part = plan.agreed(stage.run).part(plan.role_of(stage.me))
    awaited = plan.incoming(stage.me, stage.start.attempt)
    line = stage.connect(peer, awaited, _progress(plan, stage))
    await stage.queue()
    session = Session(peer, line, stage.activity.work, stage.gate, stage.report)
    match part:
        case Whole():
            found = await stage.during(_play_whole(stage, session, part))
        case Bucketed():
            found = await stage.during(_play_buckets(stage, session, plan, part))
    view = await stage.activity.working(_view(stage, found))
    return None if view is None else release(view, stage.consent)


@dataclass(frozen=True, slots=True, repr=False)
class _Rows:
    """Own rows of a result, and how many keys they have."""

    snapshot: Path
    wanted: NDArray[np.bool_]
    keys: int


async def _play_whole(stage: Stage, session: Session, part: Whole) -> _Rows | int | None:
    """What was learned: own rows, a count, or nothing."""
    session.progress("load", 0, 1)
    loaded = await session.work(load, stage.consent, stage.services.datasets)
    session.progress("load", 1, 1)
    return _found(await play_whole(session, part, loaded.column.keys), loaded)


def _found(result: Result, loaded: Loaded) -> _Rows | int | None:
    match result:
        case Intersection(positions):
            return _Rows(loaded.snapshot, loaded.wanted(positions), len(positions))
        case Cardinality(count):
            return count
    return None


async def _play_buckets(stage: Stage, session: Session, plan: Plan, part: Bucketed) -> _Rows | None:
    services, again = stage.services, stage.start.attempt > 1
    opened = await session.work(open_key, stage.consent, services.datasets)
    with partition(services.results.folder, services.memory) as empty, _filing(stage, part) as held:
        result = await play_buckets(session, part, opened, empty, held, again=again)
        if held is not None and again:
            stage.earlier = _earlier(stage, plan, held)
    if not isinstance(result, Marked):
        return None
    return _Rows(opened.parquet, result.rows, result.items)


@contextmanager
def _filing(stage: Stage, part: Bucketed) -> Iterator[Filing | None]:
    """Where the buckets of a run are filed; None if there is no more than one."""
    if part.buckets == 1:
        yield None
        return
    folder, key = stage.services.results.filed(stage.job), stage.own.signer.key
    with filing(folder, key, job=stage.job, run=stage.run) as held:
        yield held


def _earlier(stage: Stage, plan: Plan, held: Filing) -> list[Statement]:
    """Receipts of what earlier attempts have left to this one: as the peer has them, too."""
    needed = {
        (run, stream.names[bucket])
        for stream in plan.streams
        for bucket, run in (held.runs.items() if stream.buckets else [(0, held.agreed_in)])
    }
    return [
        receipt
        for run in sorted({run for run, _ in needed} - {stage.run})
        for receipt in stage.services.store.receipts(run)
        if (run, stream_of(receipt)) in needed
    ]


def _progress(plan: Plan, stage: Stage) -> Callable[[str, int, int], None]:
    """Messages of all buckets as one, so that people see a bar for each kind."""

    def report(name: str, done: int, total: int) -> None:
        if name in FILED:
            return
        stream, bucket = plan.place_of(name)
        stage.report(stream.name, bucket * total + done, max(stream.buckets, 1) * total)

    return report


async def view_of(stage: Stage, result: Result, loaded: Loaded) -> ResultView | None:
    """Write the own rows that a result names; what people see of it, None if it is nothing."""
    return await _view(stage, _found(result, loaded))


async def _view(stage: Stage, found: _Rows | int | None) -> ResultView | None:
    results, consent = stage.services.results, stage.consent
    if found is None:
        return None
    if isinstance(found, int):
        return ResultView(count=found)
    entry = stage.services.datasets.entry(consent.dataset, consent.snapshot)
    written = await results.write(
        stage.job, lambda file: rows.rows_of(found.snapshot, entry, found.wanted, file)
    )
    return ResultView(
        count=found.keys,
        rows=written,
        file=str(results.final(stage.job)),
        columns=tuple(ResultColumn.of(column) for column in entry.columns),
    )
