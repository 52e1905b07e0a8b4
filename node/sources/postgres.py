"""PostgreSQL through ADBC: one table, or one SELECT of the owner's own, streamed as Arrow batches.

Implements  DESIGN §6, sources. One read-only transaction with one snapshot (REPEATABLE READ); every
            wanted column is turned to text by the server, so that an exact number stays exact and
            meets the rules that a file's text meets. Nothing is held but a batch at a time, and no
            row is a Python object.
Passwords   never stand in the description: they come from `password_file`, mode 0600, or from where
            libpq looks by itself. TLS with a checked certificate (sslmode=verify-full) to any other
            machine, unless the URI says otherwise.
Errors      UnreadableSource; of the driver's and the server's words at most a SQLSTATE is used
Learns      the owner alone; the database sees a login, a SELECT, and the name "mihe"
Needs       the extra `postgres`, imported when a description names a database
Not for     a role that may write: give the node one that may only SELECT
"""

# The owner's own SELECT goes to the owner's own database; names pass through `quoted`.
# ruff: noqa: S608

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from re import compile as pattern
from stat import S_IMODE, S_ISREG
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from duckdb import DuckDBPyConnection

from contract.errors import UnreadableSource
from contract.sources import Postgres
from node.arrow import fields_at
from node.duck import quoted
from node.sources.part import TEXT, Found, Part, unreadable

if TYPE_CHECKING:
    from adbc_driver_manager import AdbcConnection, AdbcStatement

_STREAM = "_stream"
_LARGEST_PASSWORD_BYTES = 4096
_LOCAL_HOSTS = frozenset({"", "localhost", "127.0.0.1", "[::1]", "::1"})
# A server that falls silent is given up within about a minute.
_PARAMETERS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "application_name": "mihe",
}
_STORED = {
    "text": TEXT,
    "varchar": TEXT,
    "bpchar": TEXT,
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "numeric": "DECIMAL",
    "date": "DATE",
    "bool": "BOOLEAN",
}
_SQLSTATE = pattern(r"[0-9A-Z]{5}")
_PORT = pattern(r":[0-9]+\Z")
_REFUSALS = {
    "42P01": ("has no such table", "Correct `schema` and `table`, or the SELECT in `query`."),
    "42501": (
        "may not be read by this role",
        "GRANT SELECT on it, and USAGE on its schema, to the role in the URI.",
    ),
    "42703": ("has no such column in its SELECT", "Correct the SELECT in `query`."),
    "42702": (
        "gives two columns the same name",
        "Name each column once in the SELECT, by AS.",
    ),
    "42601": ("is no SELECT", "Write exactly one SELECT as `query`, without a semicolon."),
    "25006": ("would write", "Write one SELECT that changes nothing."),
    "57014": (
        "took longer than `timeout_seconds`",
        "Raise `timeout_seconds` in the description, or read less.",
    ),
}


@dataclass(frozen=True, slots=True)
class PostgresSource:
    """A table or a SELECT in a database."""

    dataset: str
    settings: Postgres
    beside: Path
    reads: Sequence[Path] = ()

    @contextmanager
    def opened(self) -> Iterator[Sequence[Part]]:
        """The one part, inside a transaction that ends with the block."""
        title = f"the source of {self.dataset}"
        password = _password(title, self.settings, self.beside)
        try:
            from adbc_driver_manager import AdbcConnection, Error
            from adbc_driver_postgresql import connect  # type: ignore[import-untyped]
        except ImportError:
            raise unreadable(
                title,
                "is a PostgreSQL database, and the driver is not installed",
                "Install it where the node runs: pip install 'mihe[postgres]'.",
                rule="extra: postgres",
            ) from None
        with ExitStack() as held:
            try:
                database = held.enter_context(connect(_complete(self.settings.uri, password)))
                connection = held.enter_context(AdbcConnection(database))
            except Error:
                raise unreadable(
                    title,
                    "can't be reached, or does not let this node in",
                    "Check the URI, the password, the server's certificate and pg_hba.conf: psql"
                    " with the same URI, as the user that the node runs as, says what is wrong.",
                    rule="libpq",
                ) from None
            part = PostgresRows(title, self.settings, connection)
            held.callback(part.close)
            part.begin()
            yield [part]


class PostgresRows:
    """What the table or the SELECT gives."""

    def __init__(self, title: str, settings: Postgres, connection: "AdbcConnection") -> None:
        self.title = title
        self._connection = connection
        self._seconds = settings.timeout_seconds
        self._select = settings.query or "TABLE " + ".".join(
            quoted(name) for name in (settings.schema_name, settings.table) if name
        )
        self._began = 0.0
        self._close = ExitStack()

    def begin(self) -> None:
        """Fix the snapshot, and how values are written."""
        self._connection.set_autocommit(False)
        self._run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._run(f"SET LOCAL statement_timeout = {self._seconds * 1000}")
        self._run("SET LOCAL datestyle = 'ISO, YMD'")
        self._run("SET LOCAL client_encoding = 'UTF8'")

    def columns(self, connection: DuckDBPyConnection) -> Sequence[Found]:
        """The names and types that the server says."""
        with self._statement(self._select) as statement, self._words():
            schema = statement.execute_schema()
            fields = fields_at(schema.address)
            del schema
        return [
            Found(field.name, _stored(field.metadata.get("POSTGRESQL:type")), quoted(field.name))
            for field in fields
        ]

    def rows(self, connection: DuckDBPyConnection, wanted: Sequence[Found]) -> str:
        """A stream of texts, registered in DuckDB under a name of ours."""
        texts = ", ".join(
            f"CAST(_q.{found.sql} AS text) AS {found.sql}" for found in dict.fromkeys(wanted)
        )
        # A comment at the end of the owner's SELECT must not swallow the bracket.
        select = f"SELECT {texts} FROM ({self._select}\n) AS _q"
        statement = self._close.enter_context(self._statement(select))
        with self._words():
            self._began = monotonic()
            stream, _ = statement.execute_query()
        connection.register(_STREAM, stream)
        self._close.callback(connection.unregister, _STREAM)
        return _STREAM

    def fault(self, message: str) -> UnreadableSource:
        """The stream broke off; why, is seen from the clock and the connection, not from words."""
        if monotonic() - self._began >= self._seconds:
            return self._refusal("57014")
        if self._is_gone():
            return unreadable(
                self.title,
                "broke off: the server went away while it was read; nothing was imported",
                "Repeat when the server is back.",
                rule="libpq",
            )
        return unreadable(
            self.title,
            "stopped at a row that the server could not compute, or whose text is not UTF-8",
            "Run the SELECT in psql: it says which function or cast fails. If the database's"
            " encoding is SQL_ASCII, export the table as CSV and declare its true `encoding`.",
            rule="SQL of the owner's own",
        )

    def close(self) -> None:
        """Give back what the server and DuckDB hold."""
        self._close.close()

    def _run(self, sql: str) -> None:
        with self._statement(sql) as statement, self._words():
            statement.execute_update()

    @contextmanager
    def _statement(self, sql: str) -> "Iterator[AdbcStatement]":
        from adbc_driver_manager import AdbcStatement

        with AdbcStatement(self._connection) as statement:
            statement.set_sql_query(sql)
            yield statement

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        from adbc_driver_manager import Error

        try:
            yield
        except Error as error:
            raise self._refusal(error.sqlstate or "") from None

    def _refusal(self, sqlstate: str) -> UnreadableSource:
        what, fix = _REFUSALS.get(
            sqlstate,
            (
                "could not be read: the server refused the SELECT",
                "Run it in psql, as the same role: it says why.",
            ),
        )
        rule = f"SQLSTATE {sqlstate}" if _SQLSTATE.fullmatch(sqlstate) else "libpq"
        return unreadable(self.title, what, fix, rule=rule)

    def _is_gone(self) -> bool:
        from adbc_driver_manager import Error

        try:
            self._connection.rollback()
        except Error:
            return True
        return False


def _stored(type_: str | None) -> str:
    return _STORED.get(type_ or "", f"PostgreSQL's {type_}" if type_ else "an unknown type")


def _password(title: str, settings: Postgres, beside: Path) -> str | None:
    """What stands in the password file, which nobody but its owner may read."""
    if settings.password_file is None:
        return None
    try:
        with (beside / settings.password_file).open("rb") as file:
            found = os.fstat(file.fileno())
            safe = S_ISREG(found.st_mode) and not S_IMODE(found.st_mode) & 0o077
            password = file.read(_LARGEST_PASSWORD_BYTES) if safe else b""
        text = password.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError):
        text, safe = "", True
    if not safe:
        raise unreadable(
            title,
            "has a password file that others may read",
            "chmod 600 it; it belongs to the user that the node runs as.",
            rule="mode 0600",
        )
    if not text or "\n" in text or "\0" in text:
        raise unreadable(
            title,
            "has no password in its password file, or the file can't be read",
            "Write the password alone, on one line, into a file of mode 0600 that `password_file`"
            " names, relative to the description's own folder.",
        )
    return text


def _complete(uri: str, password: str | None) -> str:
    """The URI with the password, and with what its owner left open."""
    given = dict(parse_qsl(urlsplit(uri).query, keep_blank_values=True))
    added = {name: value for name, value in _PARAMETERS.items() if name not in given}
    if "sslmode" not in given and "service" not in given and not _is_local(uri, given):
        added["sslmode"] = "verify-full"
    if password is not None:
        added["password"] = password
    # Not quote_plus: libpq reads a plus sign as itself.
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(added, quote_via=quote, safe='')}"


def _is_local(uri: str, given: Mapping[str, str]) -> bool:
    """Whether every host is this machine; without any, libpq takes the socket or PGHOST."""
    hosts = [given[name] for name in ("host", "hostaddr") if name in given]
    named = [urlsplit(uri).netloc.rpartition("@")[2], *hosts]
    return all(
        _PORT.sub("", unquote(host)) in _LOCAL_HOSTS or unquote(host).startswith("/")
        for several in named
        for host in several.split(",")
    )
