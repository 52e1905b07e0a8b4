"""The play of an intersection of three or more: tokens are made, the coordinator matches them.

    own keys → tokens → the list to the coordinator → matched → the owner's gate → each
    receiver fetches the places of its own list, or the number, and writes its own rows

The coordinator hands nothing out before every owner's gate has said yes.
"""

from contract.dataset import ResultColumn
from contract.errors import BadMessage
from contract.job import JobKind
from contract.views import ResultView
from federated.join.parameters import JoinParameters
from federated.join.secret import Order
from node import rows, tokens
from node.load import Loaded, load
from node.pulse import COORDINATOR
from node.release import Released, release
from node.stage import Stage
from node.wire import joins

_SHARE, _MATCH = "share", "match"
_ENVELOPE_BYTES = 128


async def play(stage: Stage) -> Released | None:
    """Run to the end; what this party's people may see of it, None if it is no receiver."""
    contract, services = stage.consent.contract, stage.services
    parameters = JoinParameters.of(contract, stage.run)
    parts = stage.parts()
    lines = {
        peer: stage.connect(peer, tokens.awaited(stage, parameters, peer)) for peer in stage.peers
    }
    await stage.queue()
    stage.report("load", 0, 1)
    loaded = await stage.during(stage.activity.work(load, stage.consent, services.datasets))
    stage.report("load", 1, 1)
    listed = await stage.during(tokens.made(stage, parameters, loaded.column.keys, lines))
    order = listed.order
    share = joins.share_to_bytes(tokens=listed.tokens, codes=None, keys=0, columns=[], blinding=b"")
    del listed  # tokens are the larger part, and nobody asks for them again
    salt, receipt = await stage.during(parts.contribute(_SHARE, share))
    del share
    stage.keep_receipt(salt, receipt)
    stage.report("match", 0, 1)
    everybody = (*stage.peers, COORDINATOR)
    matched = await stage.during(stage.stated(everybody, lambda ledger: ledger.matched))
    stage.report("match", 1, 1)
    stage.gate()
    if stage.me not in contract.receivers:
        return None
    await stage.during(stage.everybody_releases())
    (digest,) = (result.digest for result in matched.results if result.org == stage.me)
    limit = 4 * parameters.size_of(stage.me) + _ENVELOPE_BYTES
    fetching = parts.fetch_stated(_MATCH, digest, limit=limit, phase="match")
    content = await stage.during(fetching)
    view = await stage.activity.working(_view(stage, content, order, loaded))
    return release(view, stage.consent)


async def _view(stage: Stage, content: bytes, order: Order, loaded: Loaded) -> ResultView:
    consent, results = stage.consent, stage.services.results
    places, count = joins.match_from_bytes(content, len(order))
    if consent.contract.kind is JobKind.PSI_CARDINALITY:
        return ResultView(count=count)
    positions = own_keys(order, places)
    entry = stage.services.datasets.entry(consent.dataset, consent.snapshot)
    written = await results.write(
        stage.job,
        lambda file: rows.rows_of(loaded.snapshot, entry, loaded.wanted(positions), file),
    )
    return ResultView(
        count=len(positions),
        rows=written,
        file=str(results.final(stage.job)),
        columns=tuple(ResultColumn.of(column) for column in entry.columns),
    )


def own_keys(order: Order, places: joins.Places) -> Order:
    """The keys at places of the own list; that of a dummy is in nobody's list but this one."""
    keys: Order = order[places]
    if (keys < 0).any():
        raise BadMessage(
            "the coordinator matched a dummy",
            party="coordinator",
            phase="match",
            fix="the coordinator is not following the protocol: compare versions",
        )
    return keys
