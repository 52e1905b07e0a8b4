"""State on a PostgreSQL server: the one session that holds it, and in which all is done.

The session takes an advisory lock before anything else and keeps it for its life. Every statement
goes through this session, so whatever was committed was committed under the lock; no clock and no
lease is trusted. When the session is lost between two transactions a new one is made, for as long
as `PATIENCE` lasts, and goes on only if it gets the lock and nobody had it in between: whoever
opens the state leaves a mark in it. When it is lost in a transaction nobody knows what became of
that, so the process ends (durable/database.py).

A password never stands in the address, an error, or anything that is shown. Off this machine the
server has to prove who it is (TLS, verify-full), unless the address says `require` or `verify-ca`.

Not for     a pooler that gives a session's statements to several sessions of the server: neither
            lock nor settings survive that.
"""

import os
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, create_engine, delete, insert, text
from sqlalchemy.engine import Connection

from contract.config import StateServer
from contract.errors import AlreadyThere, BadSetting, MiheError, StateAbsent
from durable.history import History

if TYPE_CHECKING:
    import psycopg

PATIENCE = 15.0
"""Seconds that a daemon waits for a server that was there: longer than the server takes to notice
that a cut connection is dead (`_OURS`), shorter than nodes wait for one another."""

_START_SECONDS = 3.0
_PAUSE = 0.25
_SECRET_BYTES = 1024
_OTHERS_MAY = 0o077
_MARK = "holder"
_FORBIDDEN = {"password", "sslpassword", "options", "replication", "client_encoding"}
_IN_CLEAR = {"disable", "allow", "prefer"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

# A server that is gone without a word is noticed on either side: here after some 10 s, there after
# 14, so that a lock is not held by a session that is none any more.
_DEFAULTS: dict[str, str] = {
    "application_name": "mihe",
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "target_session_attrs": "read-write",
}
_OURS = {
    "synchronous_commit": "on",
    "statement_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where on which server a daemon's state lies, and how it is let in."""

    url: str
    schema: str
    password_file: Path | None

    @staticmethod
    def of(setting: StateServer, folder: Path, owner: str) -> "Place":
        """What [state] says; paths are relative to `folder`, the tables are `owner`'s."""
        password_file = folder / setting.password_file if setting.password_file else None
        return Place(setting.url, setting.in_schema or f"mihe_{owner}", password_file)


class Session:
    """A daemon's session on the server, and those that take its place."""

    def __init__(self, place: Place, history: History) -> None:
        self._place = place
        self._history = history
        self._parameters = _parameters(place)
        self._mark: bytes | None = None

    def engine(self) -> Engine:
        """An engine that has this session and no other."""
        return create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            pool_size=1,
            max_overflow=0,
            pool_timeout=PATIENCE,
            pool_pre_ping=True,
            hide_parameters=True,
        )

    def reach(self) -> None:
        """Get in and out again, holding and changing nothing; raises what keeps a daemon out."""
        self._dialled().close()

    def mark(self, connection: Connection) -> None:
        """Leave a mark in the state, whose tables are there: from now on it is this process's."""
        made, meta = os.urandom(16), self._history.meta
        connection.execute(delete(meta).where(meta.c.name == _MARK))
        connection.execute(insert(meta).values(name=_MARK, value=made))
        self._mark = made

    def make_schema(self, connection: Connection) -> None:
        """Make the schema if it is not there; the role may lack the right to make any."""
        name = self._place.schema
        there = connection.execute(text("SELECT to_regnamespace(:name)"), {"name": name}).scalar()
        if there is None:
            connection.execute(text(f'CREATE SCHEMA "{name}"'))

    # ── connecting ──────────────────────────────────────────────────────────────────────────────

    def _connect(self) -> "psycopg.Connection":
        """A session that holds the lock; called for the first one, and when one was lost."""
        import psycopg

        deadline = time.monotonic() + (_START_SECONDS if self._mark is None else PATIENCE)
        while True:
            late = time.monotonic() > deadline
            try:
                connection = self._dialled()
            except StateAbsent:
                if late or self._mark is None:
                    raise
            else:
                try:
                    if self._holds(connection):
                        connection.autocommit = False
                        return connection
                except BaseException as error:
                    connection.close()
                    if isinstance(error, psycopg.Error):
                        raise self._absent() from None
                    raise
                connection.close()
                if late:  # not a session of ours that is about to end
                    raise self._held_elsewhere()
            time.sleep(_PAUSE)

    def _dialled(self) -> "psycopg.Connection":
        import psycopg

        password = _password(self._place.password_file)
        try:
            return psycopg.connect(
                **self._parameters,  # type: ignore[arg-type]  # libpq's own, all of them text
                password=password,
                autocommit=True,
            )
        except psycopg.Error as error:
            raise self._not_let_in(error) from None

    def _holds(self, connection: "psycopg.Connection") -> bool:
        """Whether the session has got the lock; raises if another process has had it meanwhile."""
        words = f"mihe {self._place.schema}".encode()
        key = int.from_bytes(sha256(words).digest()[:8], "big", signed=True)
        query = "SELECT pg_try_advisory_lock(%s), current_setting('synchronous_commit')"
        row = connection.execute(query, (key,)).fetchone()
        assert row is not None
        taken, durability = row
        if durability != _OURS["synchronous_commit"]:
            raise BadSetting(
                "the PostgreSQL server, or a pooler before it, did not take the session's settings",
                fix="let `url` in [state] lead to the server itself",
            )
        if taken and self._mark is not None:
            query = "SELECT value FROM meta WHERE name = %s"
            if connection.execute(query, (_MARK,)).fetchone() != (self._mark,):
                raise AlreadyThere(
                    f"another process has had the {self._history.daemon}'s state in the meantime",
                    fix="run one of them only; then start it again",
                )
        return bool(taken)

    def _held_elsewhere(self) -> AlreadyThere:
        return AlreadyThere(
            f"another process holds the {self._history.daemon}'s state in schema "
            f"{self._place.schema}",
            fix="stop it first, or give this one another `schema` in [state]",
        )

    def _not_let_in(self, error: "psycopg.Error") -> MiheError:
        ended = error.pgconn
        if ended is not None and ended.needs_password and self._mark is None:
            return BadSetting(
                "the PostgreSQL server asks for a password, and there is none",
                fix="name a file of mode 0600 that holds it as `password_file` in [state], or use "
                "libpq's password file",
            )
        return self._absent()

    def _absent(self) -> StateAbsent:
        return StateAbsent(
            f"the PostgreSQL server of the {self._history.daemon}'s state is out of reach, or does "
            "not let this role in",
            fix="see that it runs and takes writes, and that address, role, password and TLS root "
            "in [state] are right",
        )


def _parameters(place: Place) -> dict[str, str]:
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise BadSetting(
            "state on PostgreSQL needs a driver that is not installed",
            fix="pip install 'mihe[postgres]', or remove [state] from the configuration file",
        ) from None
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(place.url).items()}
    except ProgrammingError:
        raise BadSetting(
            "`url` in [state] is no address that libpq reads",
            fix="write postgresql://role@host:port/database?parameter=value, with anything "
            "special in it %-escaped",
        ) from None
    if ours := sorted(_FORBIDDEN & given.keys()):
        raise BadSetting(
            f"`url` in [state] sets {', '.join(ours)}",
            fix="remove it there; a password belongs into `password_file`",
        )
    settings = {**_OURS, "search_path": place.schema}
    return {
        **_DEFAULTS,
        **_encrypted(given),
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }


def _encrypted(given: dict[str, str]) -> dict[str, str]:
    """The parameters, with TLS to whatever is not on this machine."""
    elsewhere = ("service", "PGSERVICE", "PGHOST", "PGHOSTADDR")
    hosts = (given.get("hostaddr") or given.get("host") or "").split(",")
    named = hosts != [""]
    if named and all(host in _LOOPBACK or host.startswith(("/", "@")) for host in hosts):
        return given
    if not named and "service" not in given and not any(name in os.environ for name in elsewhere):
        return given  # libpq's default: the Unix socket of this machine
    if given.get("sslmode") in _IN_CLEAR:
        raise BadSetting(
            "`url` in [state] lets the state cross a network in the clear",
            fix="leave sslmode out (verify-full), or set it to verify-ca or require",
        )
    return {"sslmode": "verify-full", **given}


def _password(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            mode, secret = os.fstat(opened.fileno()).st_mode, opened.read(_SECRET_BYTES)
        words = secret.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise BadSetting(
            f"the password file of [state] can't be read: {file}",
            fix="write the role's password into it, as one line of UTF-8",
        ) from None
    if mode & _OTHERS_MAY:
        raise BadSetting(
            "the password file of [state] can be read by other users of this machine",
            fix="chmod 600 it; if others may have read it, change the password",
        )
    return words
