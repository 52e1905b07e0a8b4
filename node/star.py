"""The play of a star: an intersection of three or more with one receiver, two of whom do the most.

    keys go round → contributors' gates → stores to the pivot → receiver and pivot intersect, with
    the pivot's gate before its tags → the receiver writes its own rows

Every pair of parties has a link, on which at least one message goes. Nothing goes to the
coordinator but what is said of any job.
"""

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np

from contract.errors import PeerError
from node.buckets import Listed, play_buckets
from node.intersect import view_of
from node.load import load
from node.partition import partition
from node.release import Released, release
from node.session import Session
from node.stage import Line, Stage, together
from node.star_plan import STREAMS, StarPlan, compile_star
from node.wire.messages import message_from_wire, message_to_wire
from psi.keys import Keys
from psi.star import contributor, pivot, receiver
from psi.star.messages import Key, Store
from psi.star.parameters import Parameters
from psi.step import Intersection, Marked, Result
from psi.two_party import Bucketed

Lines = Mapping[str, Line]


async def play(stage: Stage) -> Released | None:
    """Run to the end; what this party's people may see of it, None if it is not the receiver."""
    contract = stage.consent.contract
    plan, parameters = compile_star(contract), Parameters.of(contract, stage.run)
    lines = {peer: stage.connect(peer, plan.incoming(stage.me, peer)) for peer in stage.peers}
    await stage.queue()
    stage.report("load", 0, 1)
    work = stage.activity.work
    loaded = await stage.during(work(load, stage.consent, stage.services.datasets))
    stage.report("load", 1, 1)
    play_role = {"receiver": _receive, "pivot": _gather, "contributor": _contribute}
    role = play_role[parameters.role_of(stage.me)]
    result = await stage.during(role(stage, plan, parameters, loaded.column.keys, lines))
    view = await stage.activity.working(view_of(stage, result, loaded))
    return None if view is None else release(view, stage.consent)


async def _receive(
    stage: Stage, plan: StarPlan, parameters: Parameters, keys: Sequence[bytes], lines: Lines
) -> Result:
    stage.report("share", 0, 1)
    blocks, shared = await stage.activity.work(receiver.Fresh(parameters, keys).begin)
    await _share(shared, lines)
    return await _compare(stage, plan, blocks, lines)


async def _gather(
    stage: Stage, plan: StarPlan, parameters: Parameters, keys: Sequence[bytes], lines: Lines
) -> Result:
    stage.report("gather", 0, len(parameters.contributors))
    state: pivot.AwaitStores | Keys = await stage.activity.work(pivot.Fresh(parameters, keys).begin)
    for done, peer in enumerate(parameters.contributors, 1):
        assert isinstance(state, pivot.AwaitStores)
        content = await lines[peer].receive(STREAMS[Store])
        store = message_from_wire(Store, content, party=peer)
        # A store may be tens of megabytes: no two forms of it are held.
        del content
        assert isinstance(store, Store)
        try:
            state = await stage.activity.work(state.advance, peer, store)
        except PeerError as error:
            raise error.at(party=peer, phase=STREAMS[Store]) from None
        del store
        stage.report("gather", done, len(parameters.contributors))
    assert isinstance(state, Keys)
    return await _compare(stage, plan, state, lines)


async def _contribute(
    stage: Stage, plan: StarPlan, parameters: Parameters, keys: Sequence[bytes], lines: Lines
) -> Result:
    stage.report("share", 0, 1)
    fresh = contributor.Fresh(parameters, stage.me, keys)
    begun, shared = await stage.activity.work(fresh.begin)
    state: contributor.AwaitKeys | contributor.Contributed = begun
    await _share(shared, lines)
    for peer in begun.senders:
        assert isinstance(state, contributor.AwaitKeys)
        content = await lines[peer].receive(STREAMS[Key])
        key = message_from_wire(Key, content, party=peer)
        assert isinstance(key, Key)
        try:
            state = state.advance(peer, key)
        except PeerError as error:
            raise error.at(party=peer, phase=STREAMS[Key]) from None
    assert isinstance(state, contributor.Contributed)
    stage.report("store", 0, 1)
    finished, message = await stage.activity.work(state.store)
    stage.gate()
    content = message_to_wire(message)
    del message
    await lines[plan.pivot].send(STREAMS[Store], content)
    stage.report("store", 1, 1)
    return finished.result


async def _share(shared: Mapping[str, Key], lines: Lines) -> None:
    """Send everybody the key that was drawn for it, whoever of them comes first."""
    await together(
        *(
            asyncio.create_task(lines[peer].send(STREAMS[Key], message_to_wire(key)))
            for peer, key in shared.items()
        )
    )


async def _compare(stage: Stage, plan: StarPlan, blocks: Keys, lines: Lines) -> Result:
    """The two-party part, which asks the gate."""
    (peer,) = {plan.receiver, plan.pivot} - {stage.me}
    session = Session(peer, lines[peer], stage.activity.work, stage.gate, stage.report)
    part = plan.comparison.agreed(stage.run).part(plan.comparison.role_of(stage.me))
    assert isinstance(part, Bucketed)
    services = stage.services
    with partition(services.results.folder, services.memory) as empty:
        result = await play_buckets(session, part, Listed(blocks), empty)
    if isinstance(result, Marked):
        return Intersection(np.flatnonzero(result.rows).tolist())
    return result
