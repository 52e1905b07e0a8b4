"""An owner's tokens, by the contract's matching: on the links, what federated/join says.

Blind (federated/join/owner.py): the list visits every other owner in turn, while theirs are served;
own chain and serving go on side by side, so no owner waits for another's list to be finished before
its own moves. Keyed (federated/join/keyed.py): a contribution to and from every other owner.
"""

import asyncio
from collections.abc import Mapping, Sequence

from contract.errors import PeerError
from contract.suites import Matching
from federated.join.keyed import AwaitContributions, Keyed, start_keyed
from federated.join.messages import Blinded, Contribution, Served
from federated.join.owner import AwaitServed, Serving, TokenList, start
from federated.join.parameters import CONTRIBUTION_BYTES, POINT_BYTES, JoinParameters
from node.stage import Line, Stage, together
from node.wire.messages import message_from_wire, message_to_wire

_ENVELOPE_BYTES = 64


def awaited(stage: Stage, parameters: JoinParameters, peer: str) -> dict[str, int]:
    """The streams that `peer` opens to this owner, with the most bytes of each."""
    if _is_keyed(stage):
        return {"contribution": CONTRIBUTION_BYTES + _ENVELOPE_BYTES}
    return {
        "blinded": POINT_BYTES * parameters.size_of(peer) + _ENVELOPE_BYTES,
        "served": POINT_BYTES * parameters.size_of(stage.me) + _ENVELOPE_BYTES,
    }


async def made(
    stage: Stage, parameters: JoinParameters, keys: Sequence[bytes], links: Mapping[str, Line]
) -> TokenList:
    """The own tokens, in list order; returns when the others have what they need of this owner."""
    way = _keyed if _is_keyed(stage) else _come_home
    return await way(stage, parameters, keys, links)


def _is_keyed(stage: Stage) -> bool:
    return stage.consent.contract.matching is Matching.KEYED


async def _come_home(
    stage: Stage, parameters: JoinParameters, keys: Sequence[bytes], links: Mapping[str, Line]
) -> TokenList:
    stage.report("blind", 0, 1)
    started = await stage.activity.work(start, parameters, stage.me, keys)
    own = asyncio.create_task(_travel(started.state, started.message, links))
    serving = [
        asyncio.create_task(_serve(started.serving, peer, line)) for peer, line in links.items()
    ]
    del started  # its message is on its way
    await together(own, *serving)
    return own.result()


async def _travel(
    state: AwaitServed | TokenList, message: Blinded, links: Mapping[str, Line]
) -> TokenList:
    while isinstance(state, AwaitServed):
        peer, line = state.to, links[state.to]
        content = message_to_wire(message)
        # A list may be tens of megabytes: no two forms of it are held while it travels.
        del message
        await line.send("blinded", content)
        content = await line.receive("served")
        served = message_from_wire(Served, content, party=peer)
        del content
        assert isinstance(served, Served)
        try:
            state, following = await line.activity.work(state.advance, served)
        except PeerError as error:
            raise error.at(party=peer, phase="served") from None
        del served
        if isinstance(following, Blinded):
            message = following
        del following
    return state


async def _serve(serving: Serving, peer: str, line: Line) -> None:
    content = await line.receive("blinded")
    blinded = message_from_wire(Blinded, content, party=peer)
    del content
    assert isinstance(blinded, Blinded)
    try:
        served = await line.activity.work(serving.serve, blinded, peer)
    except PeerError as error:
        raise error.at(party=peer, phase="blinded") from None
    content = message_to_wire(served)
    del blinded, served
    await line.send("served", content)


async def _keyed(
    stage: Stage, parameters: JoinParameters, keys: Sequence[bytes], links: Mapping[str, Line]
) -> TokenList:
    stage.report("contribute", 0, 1)
    state: AwaitContributions | Keyed
    state, own = start_keyed(parameters, stage.me)
    content = message_to_wire(own)
    sending = [asyncio.create_task(line.send("contribution", content)) for line in links.values()]
    receiving = [asyncio.create_task(line.receive("contribution")) for line in links.values()]
    await together(*sending, *receiving)
    for peer, received in zip(links, receiving, strict=True):
        message = message_from_wire(Contribution, received.result(), party=peer)
        assert isinstance(message, Contribution)
        assert isinstance(state, AwaitContributions)
        try:
            state = state.advance(peer, message)
        except PeerError as error:
            raise error.at(party=peer, phase="contribution") from None
    assert isinstance(state, Keyed)
    return await stage.activity.work(state.list, keys)
