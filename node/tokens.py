"""Tokens come home: an owner's list visits every other owner in turn, while it serves theirs.

Joins federated/join/owner.py to the links: own chain and serving go on side by side, so no owner
waits for another's list to be finished before its own moves.
"""

import asyncio
from collections.abc import Mapping, Sequence

from contract.errors import PeerError
from federated.join.messages import Blinded, Served
from federated.join.owner import AwaitServed, Serving, TokenList, start
from federated.join.parameters import POINT_BYTES, JoinParameters
from node.stage import Line, Stage, together
from node.wire import message_from_wire, message_to_wire

_ENVELOPE_BYTES = 64


def awaited(parameters: JoinParameters, me: str, peer: str) -> dict[str, int]:
    """The streams that `peer` opens to `me`, with the most bytes of each."""
    return {
        "blinded": POINT_BYTES * parameters.size_of(peer) + _ENVELOPE_BYTES,
        "served": POINT_BYTES * parameters.size_of(me) + _ENVELOPE_BYTES,
    }


async def come_home(
    stage: Stage, parameters: JoinParameters, keys: Sequence[bytes], links: Mapping[str, Line]
) -> TokenList:
    """The own tokens, in list order; returns when every other owner's list was served, too."""
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
