"""A node's durable state: what it has said, what it has heard, and what it must still do.

In a file or on a PostgreSQL server (durable/). Every row is committed before it is acted on, so a
node that is killed at any moment goes on from here. Nothing personal stands in it: statements,
names and file names; the rows themselves are in snapshots and results in the data folder.

One process holds the state, so what is often asked for is in memory too: the cursor, what is
unsaid, rows of jobs. Called on the event loop, which waits meanwhile: a commit takes a few
milliseconds on either, and never more than durable/postgres.py has patience for.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from contract.errors import BadSetting
from contract.signing import Kind, Statement
from durable.opening import open_state
from durable.postgres import Place
from node.schema import HISTORY
from node.schema import charges as _charges
from node.schema import heard as _heard
from node.schema import jobs as _jobs
from node.schema import meta as _meta
from node.schema import receipts as _receipts
from node.schema import said as _said
from node.scratch import disk_refusals

STATE_FILE = "state.sqlite"
_MOST_ROWS = 1024
"""Rows of jobs that are kept in memory."""

# Built once: to build one of these takes longer than to execute it. `of` and the like are not names
# of columns, which an update would take for what is to be set.
_HAS_SAID = select(_said.c.number).where(
    _said.c.kind == bindparam("kind"), _said.c.subject == bindparam("subject")
)
_UNSAID = select(_said).where(_said.c.taken.is_(False)).order_by(_said.c.number)
_TAKE = (
    update(_said)
    .where(_said.c.number == bindparam("of"))
    .values(taken=True, rejected=bindparam("why"))
)
_SAY, _HEAR, _OPEN = insert(_said), insert(_heard), insert(_jobs)
_MOVE = update(_jobs).where(_jobs.c.job == bindparam("of")).values(state=bindparam("to"))
_COUNT = select(func.count()).select_from(_jobs)
_HEARD = select(_heard).where(_heard.c.job == bindparam("job")).order_by(_heard.c.number)
_MILESTONES = _HEARD.with_only_columns(_heard.c.number, _heard.c.org, _heard.c.kind)
_JOB = select(_jobs).where(_jobs.c.job == bindparam("job"))
_GET = select(_meta.c.value).where(_meta.c.name == bindparam("name"))
_SET = update(_meta).where(_meta.c.name == bindparam("of")).values(value=bindparam("to"))
_SET_FIRST = insert(_meta)
_KEEP = insert(_receipts)
_RECEIPTS = (
    select(_receipts).where(_receipts.c.run == bindparam("run")).order_by(_receipts.c.digest)
)
_CHARGE = insert(_charges)
_IS_CHARGED = select(_charges.c.run).where(_charges.c.run == bindparam("run"))
_CHARGED = select(_charges).where(
    _charges.c.dataset == bindparam("dataset"), _charges.c.at >= bindparam("since")
)


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


@dataclass(frozen=True, slots=True)
class Charge:
    """What an answer with noise costs a dataset, towards its receiver."""

    dataset: str
    receiver: str
    epsilon: Decimal
    at: datetime


class Store:
    """The node's state, in `folder` or at `place`. Every method commits before it returns."""

    def __init__(self, folder: Path, place: Place | None = None) -> None:
        with disk_refusals():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = open_state(folder / STATE_FILE, place, HISTORY)
        self.id = self._meta_or("store", os.urandom(16))
        self._log = self._meta_or("log", b"")
        self._cursor = int.from_bytes(self._meta_or("heard", bytes(8)), "big")
        with self._database.read() as db:
            self._unsaid = {row.number: _statement(row) for row in db.execute(_UNSAID)}
        self._rows: dict[bytes, JobRow] = {}

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
        try:
            with self._database.write() as db:
                made = db.execute(_SAY, {**_columns(statement), "taken": False})
                assert made.inserted_primary_key is not None
                number = int(made.inserted_primary_key[0])
        except IntegrityError:
            return False
        self._unsaid[number] = statement
        return True

    def has_said(self, kind: Kind, subject: bytes) -> bool:
        """Whether this node has made a statement of this kind about a job or run."""
        with self._database.read() as db:
            found = db.execute(_HAS_SAID, {"kind": kind.value, "subject": subject})
            return found.first() is not None

    def unsaid(self, after: int) -> list[tuple[int, Statement]]:
        """Statements that the coordinator has not taken yet, numbered above `after`."""
        return [(number, said) for number, said in self._unsaid.items() if number > after]

    def taken(self, number: int, rejected: str | None) -> Statement | None:
        """The coordinator has statement `number`; returns it if it was outstanding."""
        with self._database.write() as db:
            db.execute(_TAKE, {"of": number, "why": rejected})
        return self._unsaid.pop(number, None)

    # ── what this node has heard ────────────────────────────────────────────────────────────────

    def hear(self, number: int, job: bytes, statement: Statement, state: str) -> None:
        """Keep a statement of the log, move the cursor, and note the job's new state."""
        with self._database.write() as db:
            place = {"log": self.log, "number": number, "job": job}
            db.execute(_HEAR, {**place, **_columns(statement)})
            self._set(db, "heard", number.to_bytes(8, "big"))
            if not db.execute(_MOVE, {"of": job, "to": state}).rowcount:
                places = db.execute(_COUNT).scalar_one()
                row = {"job": job, "place": places, "state": state, "begun": False}
                db.execute(_OPEN, row)
        self._cursor = number
        self._rows.pop(job, None)

    def skip(self, number: int) -> None:
        """Move the cursor over a statement that is not kept."""
        with self._database.write() as db:
            self._set(db, "heard", number.to_bytes(8, "big"))
        self._cursor = number

    def heard(self, job: bytes) -> list[tuple[int, Statement]]:
        """Everything heard about a job, in log order."""
        with self._database.read() as db:
            return [(row.number, _statement(row)) for row in db.execute(_HEARD, {"job": job})]

    def milestones(self, job: bytes) -> list[tuple[int, str, Kind]]:
        """The same in short: number, organisation and kind."""
        with self._database.read() as db:
            rows = db.execute(_MILESTONES, {"job": job})
            return [(row.number, row.org, Kind(row.kind)) for row in rows]

    @property
    def cursor(self) -> int:
        """Number of the last statement that was heard."""
        return self._cursor

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
        self._log, self._cursor = log, 0
        for number in [number for number in self._unsaid if number > taken]:
            del self._unsaid[number]

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────

    def jobs(self) -> list[JobRow]:
        """Every job, newest first."""
        with self._database.read() as db:
            return [_job(row) for row in db.execute(select(_jobs).order_by(_jobs.c.place.desc()))]

    def job(self, job: bytes) -> JobRow | None:
        """One job."""
        if job in self._rows:
            return self._rows[job]
        with self._database.read() as db:
            row = db.execute(_JOB, {"job": job}).first()
        if row is None:
            return None
        if len(self._rows) >= _MOST_ROWS:
            del self._rows[next(iter(self._rows))]
        self._rows[job] = _job(row)
        return self._rows[job]

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
        with suppress(IntegrityError), self._database.write() as db:
            db.execute(_KEEP, row)

    def receipts(self, run: bytes) -> list[Statement]:
        """The receipts of a run, of every stream that this node sent or received."""
        with self._database.read() as db:
            return [
                Statement(
                    Kind.RECEIPT, row.org, row.subject, row.body, row.signature, row.certificate
                )
                for row in db.execute(_RECEIPTS, {"run": run})
            ]

    # ── charges ─────────────────────────────────────────────────────────────────────────────────

    def charge(self, run: bytes, charges: Sequence[Charge]) -> None:
        """Keep what the answer of a run costs each of its datasets."""
        rows = [
            {
                "run": run,
                "dataset": one.dataset,
                "receiver": one.receiver,
                "epsilon": str(one.epsilon),
                "at": int(one.at.timestamp()),
            }
            for one in charges
        ]
        with self._database.write() as db:
            db.execute(_CHARGE, rows)

    def is_charged(self, run: bytes) -> bool:
        """Whether the answer of a run has been charged."""
        with self._database.read() as db:
            return db.execute(_IS_CHARGED, {"run": run}).first() is not None

    def charged(self, dataset: str, since: datetime) -> dict[str, Decimal]:
        """What all answers about a dataset have cost since then, by receiver."""
        terms = {"dataset": dataset, "since": int(since.timestamp())}
        found: dict[str, Decimal] = defaultdict(Decimal)
        with self._database.read() as db:
            for row in db.execute(_CHARGED, terms):
                found[row.receiver] += Decimal(row.epsilon)
        return found

    # ── within ──────────────────────────────────────────────────────────────────────────────────

    def _update_job(self, job: bytes, **values: object) -> None:
        with self._database.write() as db:
            db.execute(update(_jobs).where(_jobs.c.job == job).values(**values))
        self._rows.pop(job, None)

    def _meta_or(self, name: str, default: bytes) -> bytes:
        with self._database.write() as db:
            row = db.execute(_GET, {"name": name}).first()
            if row is not None:
                return bytes(row.value)
            self._set(db, name, default)
            return default

    @staticmethod
    def _set(db: Connection, name: str, value: bytes) -> None:
        if not db.execute(_SET, {"of": name, "to": value}).rowcount:
            db.execute(_SET_FIRST, {"name": name, "value": value})


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
