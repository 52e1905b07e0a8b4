"""A node's durable state: what it has said, what it has heard, and what it must still do.

In a file or on a PostgreSQL server (durable/). Every row is committed before it is acted on, so a
node that is killed at any moment goes on from here. Nothing personal stands in it: statements,
names and file names; the rows themselves are in snapshots and results in the data folder.

Called on the event loop, which waits meanwhile: a commit takes a few milliseconds on either, and
never more than durable/postgres.py has patience for.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection, Row

from contract.errors import BadSetting
from contract.signing import Kind, Statement
from durable.opening import open_state
from durable.postgres import Place
from node.schema import HISTORY
from node.schema import heard as _heard
from node.schema import jobs as _jobs
from node.schema import meta as _meta
from node.schema import receipts as _receipts
from node.schema import said as _said
from node.scratch import disk_refusals

STATE_FILE = "state.sqlite"


@dataclass(frozen=True, slots=True)
class JobRow:
    """What this node itself keeps of a job, beside the statements."""

    job: bytes
    state: str
    cause: str | None
    snapshots: tuple[str, ...]
    """Of each dataset that the job uses, in the contract's order; none before consent."""
    begun: bool
    result: str | None


class Store:
    """The node's state, in `folder` or at `place`. Every method commits before it returns."""

    def __init__(self, folder: Path, place: Place | None = None) -> None:
        with disk_refusals():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = open_state(folder / STATE_FILE, place, HISTORY)
        self.id = self._meta_or("store", os.urandom(16))
        self._log = self._meta_or("log", b"")

    def close(self) -> None:
        """Let go of it."""
        self._database.close()

    def require_held(self) -> None:
        """Raise StateAbsent or AlreadyThere if this process does not hold the state any more."""
        self._database.require_held()

    def require_owner(self, org: str) -> None:
        """Raise BadSetting if another organisation has spoken from this state."""
        with self._database.read() as db:
            others = select(_said.c.org).where(_said.c.org != org).limit(1)
            owner = db.execute(others).scalar()
        if owner is not None:
            raise BadSetting(
                f"this is the state of {owner}'s node",
                party=org,
                fix="correct `data`, or `schema` in [state], in node.toml",
            )

    # ── what this node says ─────────────────────────────────────────────────────────────────────

    def say(self, statement: Statement) -> bool:
        """Keep a statement until the coordinator has it; False if it was said before."""
        with self._database.write() as db:
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
        with self._database.read() as db:
            query = select(_said.c.number).where(
                _said.c.kind == kind.value, _said.c.subject == subject
            )
            return db.execute(query).first() is not None

    def unsaid(self, after: int) -> list[tuple[int, Statement]]:
        """Statements that the coordinator has not taken yet, numbered above `after`."""
        with self._database.read() as db:
            rows = db.execute(
                select(_said)
                .where(_said.c.taken.is_(False), _said.c.number > after)
                .order_by(_said.c.number)
            )
            return [(row.number, _statement(row)) for row in rows]

    def taken(self, number: int, rejected: str | None) -> Statement | None:
        """The coordinator has statement `number`; returns it if it was outstanding."""
        with self._database.write() as db:
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
        with self._database.write() as db:
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
        with self._database.write() as db:
            self._set(db, "heard", number.to_bytes(8, "big"))

    def heard(self, job: bytes) -> list[tuple[int, Statement]]:
        """Everything heard about a job, in log order."""
        with self._database.read() as db:
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
        with self._database.write() as db:
            self._set(db, "log", log)
            self._set(db, "heard", bytes(8))
            db.execute(delete(_said).where(_said.c.taken.is_(False), _said.c.number > taken))
        self._log = log

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────

    def jobs(self) -> list[JobRow]:
        """Every job, newest first."""
        with self._database.read() as db:
            return [_job(row) for row in db.execute(select(_jobs).order_by(_jobs.c.place.desc()))]

    def job(self, job: bytes) -> JobRow | None:
        """One job."""
        with self._database.read() as db:
            row = db.execute(select(_jobs).where(_jobs.c.job == job)).first()
            return _job(row) if row is not None else None

    def pin(self, job: bytes, snapshots: Sequence[str]) -> None:
        """Bind a job to the snapshots that it will run on."""
        self._update_job(job, snapshot=" ".join(snapshots))

    def begin(self, job: bytes) -> None:
        """Note that this process has started the run: another process must not start it again."""
        self._update_job(job, begun=True)

    def begin_again(self, job: bytes) -> None:
        """Note that the job has a further attempt, of which no process has started the run."""
        self._update_job(job, begun=False)

    def set_result(self, job: bytes, result: str | None) -> None:
        """Keep the view of a result (JSON)."""
        self._update_job(job, result=result)

    def end(self, job: bytes, state: str, cause: str) -> None:
        """Note the end of a job that no statement brought about."""
        self._update_job(job, state=state, cause=cause)

    def next_revision(self) -> int:
        """A number for the next catalogue, higher than all before."""
        revision = int.from_bytes(self._meta_or("revision", bytes(8)), "big") + 1
        with self._database.write() as db:
            self._set(db, "revision", revision.to_bytes(8, "big"))
        return revision

    # ── receipts ────────────────────────────────────────────────────────────────────────────────

    def keep_receipt(self, run: bytes, salt: bytes, receipt: Statement) -> None:
        """Keep the receipt of a finished stream; the same one again is no error."""
        digest = receipt.digest
        columns = {name: value for name, value in _columns(receipt).items() if name != "kind"}
        row = {"run": run, "digest": digest, "salt": salt, **columns}
        with self._database.write() as db:
            same = (_receipts.c.run == run) & (_receipts.c.digest == digest)
            db.execute(delete(_receipts).where(same))
            db.execute(insert(_receipts).values(**row))

    def receipts(self, run: bytes) -> list[Statement]:
        """The receipts of a run, of every stream that this node sent or received."""
        with self._database.read() as db:
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
        with self._database.write() as db:
            db.execute(update(_jobs).where(_jobs.c.job == job).values(**values))

    def _meta_or(self, name: str, default: bytes) -> bytes:
        with self._database.write() as db:
            row = db.execute(select(_meta.c.value).where(_meta.c.name == name)).first()
            if row is not None:
                return bytes(row.value)
            self._set(db, name, default)
            return default

    @staticmethod
    def _set(db: Connection, name: str, value: bytes) -> None:
        db.execute(delete(_meta).where(_meta.c.name == name))
        db.execute(insert(_meta).values(name=name, value=value))


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
    snapshots = tuple((row.snapshot or "").split())
    return JobRow(row.job, row.state, row.cause, snapshots, row.begun, row.result)
