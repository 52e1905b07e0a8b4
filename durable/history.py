"""The revisions of a daemon's tables, and the way from any of them to the newest.

Alembic's, driven from code when a daemon opens its state. All that an upgrade does is one
transaction, on SQLite as on PostgreSQL: whoever is killed in the middle has the old state. The
first revision makes the tables of mihe 0.1.0 where they are not there yet, so a state from before
there were revisions is taken over as it is.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from sqlalchemy import BigInteger, Integer, MetaData, Table, inspect, text
from sqlalchemy.engine import Connection

from contract.errors import AlreadyThere, BadSetting, StateTooNew

_ENVIRONMENT = Path(__file__).parent / "alembic_environment"
_VERSION_TABLE = "alembic_version"
# Alembic's `op` and `context` belong to the whole process.
_ONE_AT_A_TIME = Lock()

Counter = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database gives, 64 bits wide: SQLite calls that INTEGER and nothing else."""


@dataclass(frozen=True, slots=True)
class History:
    """The tables of one kind of daemon, as they are now and as they came to be."""

    daemon: str
    """Whose they are, node or coordinator; the ids of all revisions begin so."""
    newest: str
    """The revision that `tables` are; kept here too, so that a start need not load Alembic."""
    revisions: Path
    """The folder of Alembic's revision files."""
    tables: MetaData
    meta: Table
    """The table of single values, by name."""
    identity: str
    """The name in `meta` of what no two states have in common."""


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables; None before the first."""
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    found: str | None = connection.execute(
        text(f"SELECT version_num FROM {_VERSION_TABLE}")  # noqa: S608  # a name of our own
    ).scalar()
    return found


def is_empty(connection: Connection) -> bool:
    """Whether there is no table at all."""
    return not inspect(connection).get_table_names()


def bring_up(connection: Connection, history: History) -> None:
    """Bring the tables to the newest revision, within the transaction that `connection` is in."""
    revision = revision_of(connection)
    if revision == history.newest:
        return
    if revision is None:
        _require_own_tables(connection, history)
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    for option, value in (
        ("script_location", _ENVIRONMENT),
        ("path_separator", "newline"),
        ("version_locations", history.revisions),
    ):
        config.set_main_option(option, str(value).replace("%", "%%"))
    if revision is not None:
        known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
        _require_known(revision, known, history)
    with _ONE_AT_A_TIME:
        command.upgrade(config, "head")


def _require_own_tables(connection: Connection, history: History) -> None:
    found = set(inspect(connection).get_table_names())
    # Only a file can hold a state without revisions: there was no PostgreSQL before them.
    own = set(history.tables.tables) if connection.dialect.name == "sqlite" else set()
    if found - own:
        raise AlreadyThere(
            f"the place for the {history.daemon}'s state holds tables of something else",
            fix="give the state a place of its own: another `data` folder, or another `schema` in "
            "[state]",
        )


def _require_known(revision: str, known: set[str], history: History) -> None:
    if revision in known:
        return
    if not revision.startswith(f"{history.daemon}_"):
        raise BadSetting(
            f"this is the state of another daemon, not of a {history.daemon}",
            fix="correct `data`, or [state], in the configuration file",
        )
    raise StateTooNew(
        f"the {history.daemon}'s state was written by a newer mihe",
        fix="install that version again, or restore the state as it was before the upgrade",
    )
