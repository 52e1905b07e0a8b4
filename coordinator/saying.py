"""How the coordinator says what it has computed, and what it says if its computation broke."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from contract.errors import MiheError, OurError, StorageFull
from coordinator.collection import COORDINATOR
from coordinator.journal import note

_AGAIN_SECONDS = 1.0


async def stated(statement: Callable[[], Awaitable[None]]) -> None:
    """Make a statement, and make it again while the log's disk takes no more."""
    while True:
        try:
            return await statement()
        except StorageFull as full:
            note("statement_waits", level=logging.ERROR, code=full.code)
            await asyncio.sleep(_AGAIN_SECONDS)


def lost_process(phase: str) -> MiheError:
    """The end of a job whose computation here met a defect."""
    return OurError(
        "the coordinator's computation stopped with a defect",
        party=COORDINATOR,
        phase=phase,
        fix="report it with the coordinator's journal; run the job again",
    )
