"""The play of an intersection: load keys, run the protocol with the peer, write the own rows."""

from contract.dataset import ResultColumn
from contract.views import ResultView
from node import rows
from node.load import Loaded, load
from node.plan import compile_plan
from node.release import Released, release
from node.session import run_session
from node.stage import Stage
from psi.step import Cardinality, Intersection, Result


async def play(stage: Stage) -> Released | None:
    """Run to the end; what this party's people may see of it, None if it is no receiver."""
    plan = compile_plan(stage.consent.contract)
    (peer,) = stage.peers
    line = stage.connect(peer, plan.incoming(stage.me))
    await stage.queue()
    stage.report("load", 0, 1)
    work = stage.activity.work
    loaded = await stage.during(work(load, stage.consent, stage.services.datasets))
    stage.report("load", 1, 1)
    result = await stage.during(
        run_session(
            plan,
            run=stage.run,
            org=stage.me,
            peer=peer,
            keys=loaded.column.keys,
            link=line,
            work=work,
            gate=stage.gate,
            progress=lambda phase: stage.report(phase, 0, 1),
        )
    )
    view = await stage.activity.working(view_of(stage, result, loaded))
    return None if view is None else release(view, stage.consent)


async def view_of(stage: Stage, result: Result, loaded: Loaded) -> ResultView | None:
    """Write the own rows that a result names; what people see of it, None if it is nothing."""
    results, consent = stage.services.results, stage.consent
    if isinstance(result, Cardinality):
        return ResultView(count=result.count)
    if not isinstance(result, Intersection):
        return None
    entry = stage.services.datasets.entry(consent.dataset, consent.snapshot)
    written = await results.write(
        stage.job,
        lambda file: rows.rows_of(
            loaded.snapshot, entry, loaded.column.wanted(result.positions), file
        ),
    )
    return ResultView(
        count=len(result.positions),
        rows=written,
        file=str(results.final(stage.job)),
        columns=tuple(ResultColumn.of(column) for column in entry.columns),
    )
