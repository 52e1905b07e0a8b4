"""Sees to it that certificates count only as long as they should, at the coordinator.

Every second the files are looked at (daemon/renewal.py). A renewed pair greets and signs from
then on, and gRPC takes it for every new connection. A new revocation list shuts out whom it names,
ends its jobs, and is passed on to every node, which checks it for itself. That streams and jobs end
when a certificate expires is part of the sweep (coordinator/lifecycle.py).
"""

import asyncio
import logging
from datetime import date

from contract.credentials import Credentials
from contract.errors import StorageFull
from contract.standing import notices
from coordinator.clock import Clock
from coordinator.journal import note
from coordinator.lifecycle import Lifecycle
from daemon.renewal import LOOK_SECONDS, News, Renewal


class Validity:
    """The coordinator's certificate, and those of everybody whom it has met."""

    def __init__(
        self, credentials: Credentials, renewal: Renewal, lifecycle: Lifecycle, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._renewal = renewal
        self._lifecycle = lifecycle
        self._clock = clock
        self._warned: dict[tuple[str, str], date] = {}

    async def begin(self) -> None:
        """Before anybody is let in: what is in force from before, and what lies there now."""
        await self.consider(await asyncio.to_thread(self._renewal.begin))

    async def watch(self) -> None:
        """Look, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.consider(await asyncio.to_thread(self._renewal.look))

    async def consider(self, news: News) -> None:
        """Act on what is new on disk."""
        for error in news.refused:
            note("not_taken", level=logging.WARNING, why=error)
        if news.credentials:
            note("renewed", fingerprint=self._credentials.signer.identity.fingerprint)
            # No contract names the coordinator's certificate: nothing needs the one before.
            self._credentials.forget_all_but(())
        if news.lists:
            for one in self._credentials.authority.lists.values():
                note("revocations", number=one.number, entries=len(one.revoked))
            try:
                await self._lifecycle.revoked()
            except StorageFull as fault:  # nothing more is admitted; the next sweep ends the jobs
                note("sweep_failed", level=logging.ERROR, code=fault.code)
        self._warn()

    def _warn(self) -> None:
        now, own = self._clock.now(), self._credentials.signer.identity
        for notice in notices(self._credentials.authority, own, now):
            about = (notice.whose.value, notice.fingerprint)
            if self._warned.get(about) != now.date():
                self._warned[about] = now.date()
                note("certificate", level=logging.WARNING, what=notice)
