"""Sees to it that certificates count only as long as they should, at the node.

Every second: the files are looked at (daemon/renewal.py). A renewed pair is used at once: the node
attaches anew, offers its catalogue anew, and finishes what was approved before under the pair that
those contracts name. Jobs end of which a party's certificate has expired or was revoked, at the
moment when that is so or becomes known, whether or not the coordinator says anything. People are
warned 30 days ahead, in the log once a day and by `mihe status`.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime

from contract.credentials import Credentials
from contract.errors import MiheError, StorageFull
from contract.revocation import Taken
from contract.standing import Notice, notices
from daemon.renewal import LOOK_SECONDS, News, Renewal
from node.attach import Attachment
from node.conduct import Conductor
from node.docket import Docket
from node.runs import Runs

_log = logging.getLogger("mihe.validity")


def _calendar() -> datetime:
    return datetime.now(UTC)


class Validity:
    """The node's certificates, and those of everybody whom it has met."""

    def __init__(
        self,
        credentials: Credentials,
        renewal: Renewal,
        attachment: Attachment,
        conductor: Conductor,
        docket: Docket,
        runs: Runs,
        now: Callable[[], datetime] = _calendar,
    ) -> None:
        self._credentials = credentials
        self._renewal = renewal
        self._attachment = attachment
        self._conductor = conductor
        self._docket = docket
        self._runs = runs
        self._now = now
        self._warned: dict[tuple[str, str], date] = {}
        attachment.on_revocations = self.take

    def begin(self) -> None:
        """Before anything is dialled: what earlier processes were told, and what lies there now."""
        self._report(self._renewal.begin())
        self.check()

    async def watch(self) -> None:
        """Look, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            news = await asyncio.to_thread(self._renewal.look)
            self.consider(news)
            if self._runs.idle:
                await self._attachment.close_former()

    def consider(self, news: News) -> None:
        """Act on what is new on disk, and on the time that has passed."""
        self._report(news)
        if news.credentials:
            self._conductor.renewed()
            self._attachment.renewed()
        try:
            self.check()
        except StorageFull as error:  # there may be room again next time
            _log.error("%s", error)

    def take(self, raw: bytes) -> None:
        """A revocation list from the coordinator. Raises what is wrong with it."""
        try:
            taken = self._renewal.take(raw)
        except StorageFull as error:
            _log.error("%s", error)
            taken = Taken.NEWER
        except MiheError as error:
            raise error.at(party="coordinator", phase="attach") from None
        if taken is Taken.NEWER:
            self._note_lists()
            self.check()

    def check(self) -> None:
        """End what can't go on, warn of what will end, let go of keys that nothing needs."""
        now, authority = self._now(), self._credentials.authority
        self._conductor.recheck(now)
        own = self._credentials.signer.identity
        for identity in (own, self._attachment.coordinator):
            if identity is None:
                continue
            if objection := authority.objection(identity, now=now):
                self._attachment.hang_up(objection)
        self._credentials.forget_all_but(
            ledger.contract.party(own.org).fingerprint for ledger in self._docket.open_ledgers()
        )
        self._warn(now)

    def notices(self) -> tuple[Notice, ...]:
        """What people should see to."""
        return notices(self._credentials.authority, self._credentials.signer.identity, self._now())

    def _warn(self, now: datetime) -> None:
        for notice in self.notices():
            about = (notice.whose.value, notice.fingerprint)
            if self._warned.get(about) != now.date():
                self._warned[about] = now.date()
                _log.warning("%s", notice)

    def _report(self, news: News) -> None:
        for error in news.refused:
            _log.warning("not taken: %s", error)
        if news.credentials:
            identity = self._credentials.signer.identity
            _log.info("renewed fingerprint=%s", identity.fingerprint)
        if news.lists:
            self._note_lists()

    def _note_lists(self) -> None:
        for one in self._credentials.authority.lists.values():
            _log.info("revocations number=%d entries=%d", one.number, len(one.revoked))
