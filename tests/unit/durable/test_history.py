"""The tables' revisions: what the newest is, how older states get there, and what is not opened.

The states of mihe 0.1.0, which knew no revisions, were written by its own code: states/*.sql.
"""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from contract.errors import AlreadyThere, BadSetting, StateTooNew, StorageFull
from contract.signing import Kind
from coordinator import tables
from coordinator.store import Store as Log
from durable.database import Database
from durable.history import History, revision_of
from durable.opening import open_state
from durable.postgres import Place
from durable.sqlite import copy_of
from node import schema
from node.store import Store

HISTORIES = [schema.HISTORY, tables.HISTORY]
JOB, RUN = bytes([1] * 32), bytes([2] * 32)
STATES = Path(__file__).parent / "states"


def by_daemon(history: History) -> str:
    return history.daemon


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@contextmanager
def opened(file: Path, place: Place | None, history: History) -> Iterator[Database]:
    database = open_state(file, place, history)
    try:
        yield database
    finally:
        database.close()


def write_old(history: History, file: Path, statements: int | None = None) -> None:
    """A state of mihe 0.1.0; of `statements` only the first ones."""
    script = (STATES / f"{history.daemon}_0_1_0.sql").read_text("utf-8")
    if statements is not None:
        made = [one for one in script.split(";\n") if one.startswith("CREATE")]
        script = ";\n".join(made[:statements]) + ";"
    database = sqlite3.connect(file)
    database.executescript(script)
    database.close()


def rows(database: Database, history: History) -> dict[str, list[tuple[object, ...]]]:
    with database.read() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for name, table in history.tables.tables.items()
        }


# ── what the newest revision is ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("history", HISTORIES, ids=by_daemon)
def test_revisions_make_the_tables_that_the_code_uses(
    history: History, file: Path, either: Place | None
) -> None:
    with opened(file, either, history) as database, database.read() as connection:
        assert revision_of(connection) == history.newest
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, history.tables) == []


@pytest.mark.parametrize("history", HISTORIES, ids=by_daemon)
def test_revisions_follow_one_another_and_say_whose_they_are(history: History) -> None:
    script = ScriptDirectory(str(STATES), version_locations=[str(history.revisions)])
    assert script.get_current_head() == history.newest
    for revision in script.walk_revisions():
        assert revision.revision.startswith(f"{history.daemon}_")
        assert Path(revision.path).stem == revision.revision


def test_a_state_that_is_up_to_date_opens_without_alembic(file: Path, root: Path) -> None:
    with opened(file, None, schema.HISTORY):
        pass
    script = (
        "import sys\nfrom pathlib import Path\nfrom node.store import Store\n"
        f"Store(Path({str(file.parent)!r}))\nassert 'node.schema' in sys.modules\n"
        "assert not [name for name in sys.modules if name.startswith(('alembic', 'psycopg'))]"
    )
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True)


# ── older states ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("history", HISTORIES, ids=by_daemon)
def test_a_state_of_0_1_0_is_taken_over_as_it_is(history: History, file: Path) -> None:
    write_old(history, file)
    with sqlite3.connect(file) as before:
        dump = [line for line in before.iterdump() if "sqlite_sequence" not in line]
        named = before.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    with opened(file, None, history) as database:
        kept = rows(database, history)
        with database.read() as connection:
            assert revision_of(connection) == history.newest
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, history.tables) == []
    old = {name for (name,) in named} & kept.keys()
    assert all(kept[name] for name in old), "a table without rows shows nothing"
    assert not any(kept[name] for name in kept.keys() - old)
    copy = copy_of(file)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with sqlite3.connect(copy) as copied:
        assert [line for line in copied.iterdump() if "sqlite_sequence" not in line] == dump
    copy.unlink()
    with opened(file, None, history) as database:
        assert rows(database, history) == kept
    assert not copy.exists(), "a state that is up to date is not copied"


def test_a_node_goes_on_from_what_0_1_0_wrote(tmp_path: Path) -> None:
    write_old(schema.HISTORY, tmp_path / "state.sqlite")
    store = Store(tmp_path)
    assert store.id == bytes(range(16))
    assert [(number, one.kind) for number, one in store.unsaid(0)] == [(3, Kind.PREPARE)]
    assert [number for number, _ in store.heard(JOB)] == [3, 9]
    assert [row.job for row in store.jobs()] == [RUN, JOB]
    assert store.next_revision() == 2
    store.close()


async def test_a_coordinator_goes_on_from_what_0_1_0_wrote(tmp_path: Path) -> None:
    write_old(tables.HISTORY, tmp_path / "log.sqlite")
    log = await Log.open(tmp_path)
    assert log.log_id == bytes(range(16))
    assert await log.head() == 4
    assert list(await log.open_jobs()) == [JOB]
    assert await log.rejections("bank_a") == {3: '{"code":"BAD_REQUEST"}'}
    log.close()


@pytest.mark.parametrize("history", HISTORIES, ids=by_daemon)
def test_a_state_whose_making_was_interrupted_is_completed(history: History, file: Path) -> None:
    """mihe 0.1.0 made its tables one by one."""
    whole = len(history.tables.tables) + sum(len(t.indexes) for t in history.tables.tables.values())
    for made in range(1, whole):
        file.unlink(missing_ok=True)
        write_old(history, file, made)
        with opened(file, None, history) as database, database.read() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, history.tables) == []


# ── an upgrade that is interrupted ──────────────────────────────────────────────────────────────

UPGRADE = """
import os, signal
import sqlalchemy as sa
from alembic import op

revision, down_revision = "node_3", "node_2"

def upgrade() -> None:
    op.create_table("notes", sa.Column("note", sa.String, primary_key=True))
    op.add_column("jobs", sa.Column("remark", sa.String))
    op.execute("UPDATE jobs SET remark = 'old'")
    op.execute("DELETE FROM receipts")
    with op.batch_alter_table("said") as said:
        said.drop_column("rejected")
    if os.environ.get("DIE"):
        os.kill(os.getpid(), signal.SIGKILL)
"""

UPGRADER = """
import sys
from dataclasses import replace
from pathlib import Path
from durable.opening import open_state
from durable.postgres import Place
from node.schema import HISTORY

file, revisions, *server = sys.argv[1:]
place = Place(server[0], server[1], Path(server[2])) if server else None
open_state(Path(file), place, replace(HISTORY, newest="node_3", revisions=Path(revisions))).close()
"""


@pytest.fixture
def coming(tmp_path: Path) -> Path:
    """Revisions with one that is to come."""
    folder = tmp_path / "100% \N{CJK UNIFIED IDEOGRAPH-65B0} revisions"
    shutil.copytree(schema.HISTORY.revisions, folder)
    (folder / "node_3.py").write_text(UPGRADE, encoding="utf-8")
    return folder


def test_an_upgrade_that_is_killed_leaves_the_old_state(
    file: Path, either: Place | None, coming: Path, root: Path
) -> None:
    store = Store(file.parent, either)
    store.end(JOB, "failed", "{}")
    store.close()
    with opened(file, either, schema.HISTORY) as database:
        before = rows(database, schema.HISTORY)
    words = [sys.executable, "-c", UPGRADER, str(file), str(coming)]
    if either is not None:
        words += [either.url, either.schema, str(either.password_file)]
    killed = subprocess.run(words, cwd=root, env={**os.environ, "DIE": "1"}, check=False)
    assert killed.returncode == -9
    with opened(file, either, schema.HISTORY) as database:
        assert rows(database, schema.HISTORY).keys() == before.keys()
        with database.read() as connection:
            assert revision_of(connection) == schema.HISTORY.newest
            assert "notes" not in inspect(connection).get_table_names()
            assert (
                compare_metadata(MigrationContext.configure(connection), schema.HISTORY.tables)
                == []
            )
    subprocess.run(words, cwd=root, check=True)
    with pytest.raises(StateTooNew), opened(file, either, schema.HISTORY):
        pass


def test_an_upgrade_that_fails_leaves_the_old_state(
    file: Path, either: Place | None, coming: Path
) -> None:
    with (coming / "node_3.py").open("a") as revision:
        revision.write("    op.execute('SELECT no_such_column FROM jobs')\n")
    Store(file.parent, either).close()
    history = replace(schema.HISTORY, newest="node_3", revisions=coming)
    with pytest.raises(StorageFull) as failed, opened(file, either, history):
        pass
    assert "no_such_column" not in str(failed.value)
    Store(file.parent, either).close()


# ── what is not opened ──────────────────────────────────────────────────────────────────────────


def test_a_newer_state_is_left_alone(file: Path, either: Place | None) -> None:
    with opened(file, either, schema.HISTORY) as database, database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'node_99'"))
    with pytest.raises(StateTooNew) as refused, opened(file, either, schema.HISTORY):
        pass
    assert refused.value.exit_code == 7


def test_another_daemons_state_is_left_alone(file: Path, either: Place | None) -> None:
    with opened(file, either, tables.HISTORY):
        pass
    with pytest.raises(BadSetting, match="another daemon"), opened(file, either, schema.HISTORY):
        pass
    with opened(file, either, tables.HISTORY):
        pass


def test_tables_of_something_else_are_left_alone(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE customers (name TEXT)")
    with pytest.raises(AlreadyThere), opened(file, None, schema.HISTORY):
        pass
    with sqlite3.connect(file) as database:
        found = database.execute("SELECT name FROM sqlite_master").fetchall()
    assert found == [("customers",)]


def test_what_cannot_be_copied_is_not_upgraded(file: Path) -> None:
    write_old(schema.HISTORY, file)
    copy_of(file).mkdir()
    with pytest.raises(StorageFull), opened(file, None, schema.HISTORY):
        pass
    with sqlite3.connect(file) as database:
        tables_now = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert "alembic_version" not in tables_now
