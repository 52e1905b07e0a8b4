"""How the coordinator says what it has computed, and what it says if its computation broke."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from contract.errors import MiheError, OurError, StorageFull
from coordinator.collection import COORDINATOR
from coordinator.journal import defect, note

_AGAIN_SECONDS = 1.0

Saying = Callable[[], Awaitable[None]]
"""A statement to be made; it is made again while the log's disk takes no more."""


async def carried_out(
    work: Awaitable[Saying], end: Callable[[MiheError], Awaitable[None]], phase: str
) -> None:
    """Compute, and say what came out; if nothing can, end the job and say why."""
    try:
        await _stated(await work)
        return
    except MiheError as error:
        reason = error.at(phase=phase)
    except Exception as found:  # noqa: BLE001  # its text may quote what came in
        defect(found)
        reason = _lost_process(phase)
    await _stated(lambda: end(reason))


async def _stated(statement: Saying) -> None:
    while True:
        try:
            return await statement()
        except StorageFull as full:
            note("statement_waits", level=logging.ERROR, code=full.code)
            await asyncio.sleep(_AGAIN_SECONDS)


def _lost_process(phase: str) -> MiheError:
    return OurError(
        "the coordinator's computation stopped with a defect",
        party=COORDINATOR,
        phase=phase,
        fix="report it with the coordinator's journal; run the job again",
    )
