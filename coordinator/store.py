"""The durable, ordered log of statements, and what each node's numbering has reached.

Whatever is appended here has reached the disk before anybody is told of it. One thread writes, in
the order in which it is asked, so log numbers ascend in the order of commits.

In a file or on a PostgreSQL server (durable/), which one process holds while it is open.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, bindparam, delete, func, insert, select, update

from contract.signing import Kind, Statement
from coordinator import tables
from durable.database import Database
from durable.folder import held_folder
from durable.opening import open_state
from durable.postgres import Place

LOG_FILE = "log.sqlite"
LOG_ID_BYTES = 16
_KEPT_REJECTIONS = 256

# Built once: to build one of these takes longer than to execute it. `of` and the like are not names
# of columns, which an update would take for what is to be set.
_CONCERNING = (
    select(tables.log)
    .join(tables.party, tables.party.c.job == tables.log.c.job)
    .where(tables.party.c.org == bindparam("org"), tables.log.c.number > bindparam("after"))
    .order_by(tables.log.c.number)
    .limit(bindparam("most"))
)
_HEAD = select(func.coalesce(func.max(tables.log.c.number), 0))
_KNOWN = (
    select(tables.job.c.job)
    .where((tables.job.c.job == bindparam("of")) | (tables.job.c.run == bindparam("of")))
    .limit(1)
)
_NODE = select(tables.node).where(tables.node.c.org == bindparam("org"))
_LOG, _OPEN, _PARTIES = insert(tables.log), insert(tables.job), insert(tables.party)
_MOVE = (
    update(tables.job)
    .where(tables.job.c.job == bindparam("of"))
    .values(run=bindparam("to_run"), ended=bindparam("to_ended"))
)
_SETTLE = (
    update(tables.node)
    .where(tables.node.c.org == bindparam("of"), tables.node.c.store == bindparam("in_store"))
    .values(taken=bindparam("to"))
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement in the log."""

    number: int
    statement: Statement


@dataclass(frozen=True, slots=True)
class Saying:
    """Which saying of which node's store a statement is."""

    org: str
    store: bytes
    number: int


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """The store that a node last came with, and the number up to which its sayings are settled."""

    store: bytes
    taken: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a statement leaves its job; `orgs` are the parties of a job that it opens."""

    job: bytes
    run: bytes | None
    ended: bool
    orgs: tuple[str, ...] = ()


class Store:
    """The log on disk. Every method is one transaction; StorageFull when the disk refuses it."""

    def __init__(
        self, database: Database, log_id: bytes, held: ExitStack, thread: ThreadPoolExecutor
    ):
        self.log_id = log_id
        self._database = database
        self._held = held
        self._thread = thread
        self._appended = 0
        self._nothing: dict[str, tuple[int, int]] = {}
        """Of an organisation: after which number nothing was about it, when how much was logged."""

    @staticmethod
    async def open(folder: Path, place: Place | None = None) -> "Store":
        """The store in `folder`, or at `place`; AlreadyThere if another process has it."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="log")

        def opened() -> tuple[Database, bytes]:
            database = open_state(folder / LOG_FILE, place, tables.HISTORY)
            try:
                with database.write() as connection:
                    return database, _log_id(connection)
            except BaseException:
                database.close()
                raise

        with ExitStack() as held:
            held.enter_context(held_folder(folder, "coordinator.toml"))
            held.callback(thread.shutdown)
            loop = asyncio.get_running_loop()
            database, log_id = await loop.run_in_executor(thread, opened)
            return Store(database, log_id, held.pop_all(), thread)

    def close(self) -> None:
        """Finish what is being written and let go of the state."""
        self._thread.submit(self._database.close)
        self._held.close()

    async def require_held(self) -> None:
        """Raise StateAbsent or AlreadyThere if this process does not hold the state any more."""
        await self._in_thread(self._database.require_held)

    # ── the log ─────────────────────────────────────────────────────────────────────────────────

    async def append(
        self, statement: Statement, standing: Standing, saying: Saying | None, logged: datetime
    ) -> int:
        """Log a statement and settle the saying that it came with; its number in the log."""

        def work(connection: Connection) -> int:
            _keep_standing(connection, standing)
            if saying is not None:
                _settle(connection, saying)
            row = {
                "job": standing.job,
                "logged": int(logged.timestamp()),
                **_columns(statement),
            }
            # Here, not when it has returned: a caller that goes away meanwhile would not count it.
            self._appended += 1
            number = connection.execute(_LOG, row).inserted_primary_key
            assert number is not None
            return int(number[0])

        return await self._write(work)

    async def concerning(self, org: str, after: int, limit: int) -> list[Entry]:
        """The next statements about jobs of `org` after log number `after`."""
        looked = after, self._appended
        # Sessions ask whenever they have something to tell, of which most is in no log.
        if self._nothing.get(org) == looked:
            return []
        terms = {"org": org, "after": after, "most": limit}

        def work(connection: Connection) -> list[Entry]:
            return [_entry(row) for row in connection.execute(_CONCERNING, terms).mappings()]

        found = await self._read(work)
        if not found:
            self._nothing[org] = looked
        return found

    async def open_jobs(self) -> dict[bytes, list[Entry]]:
        """Everything said about every job that has not ended, in log order."""
        query = (
            select(tables.log)
            .join(tables.job, tables.job.c.job == tables.log.c.job)
            .where(~tables.job.c.ended)
            .order_by(tables.log.c.number)
        )

        def work(connection: Connection) -> dict[bytes, list[Entry]]:
            jobs: dict[bytes, list[Entry]] = {}
            for row in connection.execute(query).mappings():
                jobs.setdefault(row["job"], []).append(_entry(row))
            return jobs

        return await self._read(work)

    async def head(self) -> int:
        """The number of the newest statement; 0 while there is none."""
        return await self._read(lambda connection: int(connection.execute(_HEAD).scalar_one()))

    async def knows(self, subject: bytes) -> bool:
        """Whether `subject` is the id of a job or run in the log, ended or not."""

        def work(connection: Connection) -> bool:
            return connection.execute(_KNOWN, {"of": subject}).first() is not None

        return await self._read(work)

    # ── what nodes have said ────────────────────────────────────────────────────────────────────

    async def node(self, org: str) -> NodeRecord | None:
        """What is known of a node; None if it never attached."""

        def work(connection: Connection) -> NodeRecord | None:
            row = connection.execute(_NODE, {"org": org}).mappings().first()
            return None if row is None else NodeRecord(row["store"], row["taken"])

        return await self._read(work)

    async def begin(self, org: str, store: bytes) -> None:
        """Start a node's numbering anew: what it offered and was denied under another is void."""

        def work(connection: Connection) -> None:
            for table in (tables.node, tables.rejection, tables.catalogue):
                connection.execute(delete(table).where(table.c.org == org))
            row = {"org": org, "store": store, "taken": 0}
            connection.execute(insert(tables.node).values(row))

        await self._write(work)

    async def settle(self, saying: Saying, rejected: str | None = None) -> None:
        """Settle a saying that is not logged: it changed nothing, or has the cause `rejected`."""

        def work(connection: Connection) -> None:
            _settle(connection, saying)
            if rejected is not None:
                row = {"org": saying.org, "number": saying.number, "cause": rejected}
                connection.execute(insert(tables.rejection).values(row))
                _forget_old_rejections(connection, saying.org)

        await self._write(work)

    async def rejections(self, org: str) -> dict[int, str]:
        """The causes of the newest sayings of a node that were rejected, by number."""
        query = select(tables.rejection).where(tables.rejection.c.org == org)

        def work(connection: Connection) -> dict[int, str]:
            rows = connection.execute(query).mappings()
            return {row["number"]: row["cause"] for row in rows}

        return await self._read(work)

    async def offer(self, catalogue: Statement, saying: Saying) -> None:
        """Put `catalogue` in the place of what its organisation offered before."""

        def work(connection: Connection) -> None:
            table = tables.catalogue
            connection.execute(delete(table).where(table.c.org == catalogue.org))
            connection.execute(insert(table).values(_columns(catalogue)))
            _settle(connection, saying)

        await self._write(work)

    async def catalogues(self) -> list[Statement]:
        """The newest catalogue of every organisation."""
        query = select(tables.catalogue).order_by(tables.catalogue.c.org)

        def work(connection: Connection) -> list[Statement]:
            return [_statement(row) for row in connection.execute(query).mappings()]

        return await self._read(work)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            with self._database.write() as connection:
                return work(connection)

        return await self._in_thread(transaction)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def looking() -> T:
            with self._database.read() as connection:
                return work(connection)

        return await self._in_thread(looking)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _keep_standing(connection: Connection, standing: Standing) -> None:
    if standing.orgs:
        row = {"job": standing.job, "run": standing.run, "ended": standing.ended}
        connection.execute(_OPEN, row)
        connection.execute(_PARTIES, [{"org": org, "job": standing.job} for org in standing.orgs])
    else:
        moved = {"of": standing.job, "to_run": standing.run, "to_ended": standing.ended}
        connection.execute(_MOVE, moved)


def _settle(connection: Connection, saying: Saying) -> None:
    terms = {"of": saying.org, "in_store": saying.store, "to": saying.number}
    connection.execute(_SETTLE, terms)


def _forget_old_rejections(connection: Connection, org: str) -> None:
    table = tables.rejection
    newest = (
        select(table.c.number)
        .where(table.c.org == org)
        .order_by(table.c.number.desc())
        .limit(_KEPT_REJECTIONS)
    )
    connection.execute(delete(table).where(table.c.org == org, table.c.number.not_in(newest)))


def _entry(row: RowMapping) -> Entry:
    return Entry(row["number"], _statement(row))


def _statement(row: RowMapping) -> Statement:
    return Statement(
        Kind(row["kind"]),
        row["org"],
        row["subject"],
        row["body"],
        row["signature"],
        row["certificate"],
    )


def _columns(statement: Statement) -> dict[str, Any]:
    return {
        "kind": statement.kind.value,
        "org": statement.org,
        "subject": statement.subject,
        "body": statement.body,
        "signature": statement.signature,
        "certificate": statement.certificate,
    }


def _log_id(connection: Connection) -> bytes:
    known: bytes | None = connection.execute(
        select(tables.meta.c.value).where(tables.meta.c.name == "log")
    ).scalar()
    if known is not None:
        return known
    made = os.urandom(LOG_ID_BYTES)
    connection.execute(insert(tables.meta).values({"name": "log", "value": made}))
    return made
