"""A node's durable state: what it has said, what it has heard, and what it must still do.

SQLite (WAL, synchronous = FULL) by SQLAlchemy. Every row is committed before it is acted on, so a
node that is killed at any moment goes on from here. Nothing personal stands in it: statements,
names and file names; the rows themselves are in snapshots and results beside it.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import OperationalError

from contract.errors import StorageFull
from contract.signing import Kind, Statement
from node.scratch import disk_refusals

_tables = MetaData()

_meta = Table(
    "meta",
    _tables,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
_said = Table(
    "said",
    _tables,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("org", String, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("taken", Boolean, nullable=False, default=False),
    Column("rejected", String),
    UniqueConstraint("kind", "subject"),
    sqlite_autoincrement=True,
)
_heard = Table(
    "heard",
    _tables,
    Column("log", LargeBinary, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("job", LargeBinary, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("org", String, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
)
_jobs = Table(
    "jobs",
    _tables,
    Column("job", LargeBinary, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("cause", String),
    Column("snapshot", String),
    Column("begun", Boolean, nullable=False, default=False),
    Column("result", String),
)
_receipts = Table(
    "receipts",
    _tables,
    Column("run", LargeBinary, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("org", String, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class JobRow:
    """What this node itself keeps of a job, beside the statements."""

    job: bytes
    state: str
    cause: str | None
    snapshot: str | None
    begun: bool
    result: str | None


class Store:
    """The node's state. Every method commits before it returns."""

    def __init__(self, folder: Path) -> None:
        """Open the state in `folder`, made if need be; raises StorageFull."""
        self._engine = create_engine(f"sqlite:///{folder / 'state.sqlite'}")
        _harden(self._engine)
        with disk_refusals():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            _tables.create_all(self._engine)
        except OperationalError:
            raise _full() from None
        self.id = self._meta_or("store", os.urandom(16))
        self._log = self._meta_or("log", b"")

    def close(self) -> None:
        """Let go of the database file."""
        self._engine.dispose()

    # ── what this node says ─────────────────────────────────────────────────────────────────────

    def say(self, statement: Statement) -> bool:
        """Keep a statement until the coordinator has it; False if it was said before."""
        with self._write() as db:
            known = db.execute(
                select(_said.c.number).where(
                    _said.c.kind == statement.kind.value, _said.c.subject == statement.subject
                )
            ).first()
            if known is not None:
                return False
            db.execute(insert(_said).values(**_columns(statement), taken=False))
            return True

    def has_said(self, kind: Kind, subject: bytes) -> bool:
        """Whether this node has made a statement of this kind about a job or run."""
        with self._read() as db:
            query = select(_said.c.number).where(
                _said.c.kind == kind.value, _said.c.subject == subject
            )
            return db.execute(query).first() is not None

    def unsaid(self, after: int) -> list[tuple[int, Statement]]:
        """Statements that the coordinator has not taken yet, numbered above `after`."""
        with self._read() as db:
            rows = db.execute(
                select(_said)
                .where(_said.c.taken.is_(False), _said.c.number > after)
                .order_by(_said.c.number)
            )
            return [(row.number, _statement(row)) for row in rows]

    def taken(self, number: int, rejected: str | None) -> Statement | None:
        """The coordinator has statement `number`; returns it if it was outstanding."""
        with self._write() as db:
            row = db.execute(
                select(_said).where(_said.c.number == number, _said.c.taken.is_(False))
            ).first()
            db.execute(
                update(_said).where(_said.c.number == number).values(taken=True, rejected=rejected)
            )
            return _statement(row) if row is not None else None

    # ── what this node has heard ────────────────────────────────────────────────────────────────

    def hear(self, number: int, job: bytes, statement: Statement, state: str) -> None:
        """Keep a statement of the log, move the cursor, and note the job's new state."""
        with self._write() as db:
            place = {"log": self.log, "number": number, "job": job}
            db.execute(insert(_heard).values(**place, **_columns(statement)))
            self._set(db, "heard", number.to_bytes(8, "big"))
            if db.execute(select(_jobs.c.job).where(_jobs.c.job == job)).first() is None:
                places = db.execute(select(func.count()).select_from(_jobs)).scalar_one()
                db.execute(insert(_jobs).values(job=job, place=places, state=state, begun=False))
            else:
                db.execute(update(_jobs).where(_jobs.c.job == job).values(state=state))

    def skip(self, number: int) -> None:
        """Move the cursor over a statement that is not kept."""
        with self._write() as db:
            self._set(db, "heard", number.to_bytes(8, "big"))

    def heard(self, job: bytes) -> list[tuple[int, Statement]]:
        """Everything heard about a job, in log order."""
        with self._read() as db:
            rows = db.execute(select(_heard).where(_heard.c.job == job).order_by(_heard.c.number))
            return [(row.number, _statement(row)) for row in rows]

    @property
    def cursor(self) -> int:
        """Number of the last statement that was heard."""
        return int.from_bytes(self._meta_or("heard", bytes(8)), "big")

    @property
    def log(self) -> bytes:
        """The coordinator's log that the cursor counts in; empty before the first."""
        return self._log

    def begin_log(self, log: bytes, taken: int) -> None:
        """Count in another log from its start; what was still to be said to the old one is void."""
        with self._write() as db:
            self._set(db, "log", log)
            self._set(db, "heard", bytes(8))
            db.execute(delete(_said).where(_said.c.taken.is_(False), _said.c.number > taken))
        self._log = log

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────

    def jobs(self) -> list[JobRow]:
        """Every job, newest first."""
        with self._read() as db:
            return [_job(row) for row in db.execute(select(_jobs).order_by(_jobs.c.place.desc()))]

    def job(self, job: bytes) -> JobRow | None:
        """One job."""
        with self._read() as db:
            row = db.execute(select(_jobs).where(_jobs.c.job == job)).first()
            return _job(row) if row is not None else None

    def pin(self, job: bytes, snapshot: str) -> None:
        """Bind a job to the snapshot that it will run on."""
        self._update_job(job, snapshot=snapshot)

    def begin(self, job: bytes) -> None:
        """Note that this process has started the run: another process must not start it again."""
        self._update_job(job, begun=True)

    def set_result(self, job: bytes, result: str | None) -> None:
        """Keep the view of a result (JSON)."""
        self._update_job(job, result=result)

    def end(self, job: bytes, state: str, cause: str) -> None:
        """Note the end of a job that no statement brought about."""
        self._update_job(job, state=state, cause=cause)

    def next_revision(self) -> int:
        """A number for the next catalogue, higher than all before."""
        revision = int.from_bytes(self._meta_or("revision", bytes(8)), "big") + 1
        with self._write() as db:
            self._set(db, "revision", revision.to_bytes(8, "big"))
        return revision

    # ── receipts ────────────────────────────────────────────────────────────────────────────────

    def keep_receipt(self, run: bytes, salt: bytes, receipt: Statement) -> None:
        """Keep the receipt of a finished stream; the same one again is no error."""
        digest = receipt.digest
        columns = {name: value for name, value in _columns(receipt).items() if name != "kind"}
        row = {"run": run, "digest": digest, "salt": salt, **columns}
        with self._write() as db:
            same = (_receipts.c.run == run) & (_receipts.c.digest == digest)
            db.execute(delete(_receipts).where(same))
            db.execute(insert(_receipts).values(**row))

    def receipts(self, run: bytes) -> list[Statement]:
        """The receipts of a run, of every stream that this node sent or received."""
        with self._read() as db:
            rows = db.execute(
                select(_receipts).where(_receipts.c.run == run).order_by(_receipts.c.digest)
            )
            return [
                Statement(
                    Kind.RECEIPT, row.org, row.subject, row.body, row.signature, row.certificate
                )
                for row in rows
            ]

    # ── within ──────────────────────────────────────────────────────────────────────────────────

    def _update_job(self, job: bytes, **values: object) -> None:
        with self._write() as db:
            db.execute(update(_jobs).where(_jobs.c.job == job).values(**values))

    def _meta_or(self, name: str, default: bytes) -> bytes:
        with self._write() as db:
            row = db.execute(select(_meta.c.value).where(_meta.c.name == name)).first()
            if row is not None:
                return bytes(row.value)
            self._set(db, name, default)
            return default

    @staticmethod
    def _set(db: Connection, name: str, value: bytes) -> None:
        db.execute(delete(_meta).where(_meta.c.name == name))
        db.execute(insert(_meta).values(name=name, value=value))

    def _read(self) -> "_Transaction":
        return _Transaction(self._engine)

    _write = _read


class _Transaction:
    """A transaction whose failures are ours to word: SQLite's messages may quote values."""

    def __init__(self, engine: Engine) -> None:
        self._begun = engine.begin()

    def __enter__(self) -> Connection:
        try:
            return self._begun.__enter__()
        except OperationalError:
            raise _full() from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: object
    ) -> None:
        try:
            self._begun.__exit__(kind, error, tb)  # type: ignore[arg-type]
        except OperationalError:
            raise _full() from None
        if isinstance(error, OperationalError):
            raise _full() from None


def _full() -> StorageFull:
    return StorageFull(
        "the node's state can't be written",
        fix="free space in the node's data folder, or make it writable, then start the node again",
    )


def _harden(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _pragmas(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")


def _columns(statement: Statement) -> dict[str, object]:
    return {
        "kind": statement.kind.value,
        "org": statement.org,
        "subject": statement.subject,
        "body": statement.body,
        "signature": statement.signature,
        "certificate": statement.certificate,
    }


def _statement(row: Row[Any]) -> Statement:
    return Statement(Kind(row.kind), row.org, row.subject, row.body, row.signature, row.certificate)


def _job(row: Row[Any]) -> JobRow:
    return JobRow(row.job, row.state, row.cause, row.snapshot, row.begun, row.result)
