"""A session on a real server: one process at a time, and what becomes of it when it is cut off."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from contract.errors import AlreadyThere, BadSetting, MiheError, StateAbsent, StorageFull
from contract.signing import Kind, Statement
from durable import postgres as sessions
from durable.postgres import Place, Session
from node.schema import HISTORY
from node.store import Store
from tests.postgres import Database, Server, running
from tests.states import cut_off, place_on

JOB = bytes([1] * 32)


def said(kind: Kind) -> Statement:
    return Statement(kind, "bank_a", JOB, b"{}", b"signature", b"certificate")


@pytest.fixture
def store(tmp_path: Path, place: Place) -> Iterator[Store]:
    store = Store(tmp_path / "one", place)
    yield store
    store.close()


def refused(error: type[MiheError], folder: Path, place: Place) -> MiheError:
    with pytest.raises(error) as found:
        Store(folder, place).close()
    assert type(found.value) is error
    return found.value


# ── one process at a time ───────────────────────────────────────────────────────────────────────


def test_a_state_is_one_processs(store: Store, tmp_path: Path, place: Place) -> None:
    refused(AlreadyThere, tmp_path / "two", place)
    store.require_held()
    store.close()
    Store(tmp_path / "two", place).close()


def test_who_looks_whether_it_is_let_in_holds_and_makes_nothing(
    store: Store, place: Place, state_database: Database
) -> None:
    elsewhere = replace(place, schema=f"{place.schema}_not_made")
    for looked_at in (place, elsewhere):
        Session(looked_at, HISTORY).reach()
    store.require_held()
    # It can still be made: nobody has yet.
    state_database.execute(f"CREATE SCHEMA {elsewhere.schema}")
    with pytest.raises(StateAbsent):
        Session(replace(place, url="postgresql://mihe@127.0.0.1:1/mihe"), HISTORY).reach()


def test_states_in_different_schemas_know_nothing_of_each_other(
    store: Store, tmp_path: Path, place: Place
) -> None:
    other = Store(tmp_path / "two", replace(place, schema=f"{place.schema}_too"))
    store.say(said(Kind.CONTRACT))
    assert other.unsaid(0) == []
    assert other.id != store.id
    other.close()


HOLDER = """
import sys
from pathlib import Path
from durable.postgres import Place
from node.store import Store

folder, url, schema, password = sys.argv[1:]
store = Store(Path(folder), Place(url, schema, Path(password)))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_holds_nothing(tmp_path: Path, place: Place, root: Path) -> None:
    words = [str(tmp_path / "one"), place.url, place.schema, str(place.password_file)]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, *words],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refused(AlreadyThere, tmp_path / "two", place)
        os.kill(holder.pid, signal.SIGKILL)
    Store(tmp_path / "two", place).close()


# ── a session that is lost ──────────────────────────────────────────────────────────────────────


def test_between_transactions_another_session_takes_its_place_and_the_lock(
    store: Store, state_database: Database, tmp_path: Path, place: Place
) -> None:
    store.say(said(Kind.CONTRACT))
    cut_off(state_database, place)
    assert [number for number, _ in store.unsaid(0)] == [1]
    cut_off(state_database, place)
    assert store.say(said(Kind.PREPARE))
    refused(AlreadyThere, tmp_path / "two", place)


def test_in_a_transaction_nobody_knows_what_became_of_it(
    store: Store, postgres: Server, tmp_path: Path, place: Place
) -> None:
    def in_a_transaction() -> None:
        with store._database.write() as db:
            session = db.execute(text("SELECT pg_backend_pid()")).scalar_one()
            db.execute(text("DELETE FROM meta"))
            postgres.root.execute(f"SELECT pg_terminate_backend({session})")
            db.execute(text("SELECT 1"))

    with pytest.raises(StateAbsent) as lost:
        in_a_transaction()
    assert lost.value.exit_code == 6
    # What it holds in memory may be old: it does nothing any more.
    for use in (store.require_held, lambda: store.say(said(Kind.CONTRACT)), store.jobs):
        with pytest.raises(StateAbsent):
            use()
    name, again = store.id, Store(tmp_path / "two", place)
    assert again.id == name, "the transaction that broke has deleted it"
    again.close()


def test_whoever_had_the_state_in_between_keeps_it(
    store: Store, state_database: Database, tmp_path: Path, place: Place
) -> None:
    cut_off(state_database, place)
    Store(tmp_path / "two", place).close()
    for _ in range(2):
        with pytest.raises(AlreadyThere, match="in the meantime"):
            store.require_held()


def test_whoever_has_the_state_now_keeps_it(
    store: Store,
    state_database: Database,
    tmp_path: Path,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "PATIENCE", 0.3)
    cut_off(state_database, place)
    other = Store(tmp_path / "two", place)
    with pytest.raises(AlreadyThere, match="another process holds"):
        store.jobs()
    other.close()
    with pytest.raises(AlreadyThere):
        store.jobs()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may stop."""
    with running() as server:
        yield server


def test_a_server_that_restarts_is_waited_for(
    own_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_on(own_server.database(), tmp_path)
    store = Store(tmp_path / "one", place)
    store.say(said(Kind.CONTRACT))
    own_server.stop()
    own_server.start()
    assert [number for number, _ in store.unsaid(0)] == [1]

    own_server.kill()  # its memory is gone, its log is not
    own_server.start()
    assert store.say(said(Kind.PREPARE))
    assert {one.kind for _, one in store.unsaid(0)} == {Kind.CONTRACT, Kind.PREPARE}

    monkeypatch.setattr(sessions, "PATIENCE", 0.3)
    own_server.stop()
    with pytest.raises(StateAbsent):
        store.jobs()
    refused(StateAbsent, tmp_path / "two", place)
    own_server.start()
    with pytest.raises(StateAbsent):
        store.jobs()
    store.close()
    again = Store(tmp_path / "two", place)
    assert {one.kind for _, one in again.unsaid(0)} == {Kind.CONTRACT, Kind.PREPARE}
    again.close()


def test_a_server_that_takes_no_writes_is_not_used(
    tmp_path: Path, state_database: Database, postgres: Server
) -> None:
    database = postgres.database()
    postgres.root.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    refused(StateAbsent, tmp_path, place_on(database, tmp_path))
    url = database.uri(password=False, target_session_attrs="any")
    refused(StorageFull, tmp_path, replace(place_on(database, tmp_path), url=url))


def test_what_is_committed_is_on_the_servers_disk(store: Store, postgres: Server) -> None:
    with store._database.read() as db:
        shown = {
            name: db.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("synchronous_commit", "statement_timeout", "search_path")
        }
    assert shown["synchronous_commit"] == "on", "the server's own setting is off"
    assert shown["statement_timeout"] == "10s"


# ── being let in ────────────────────────────────────────────────────────────────────────────────


def test_names_and_a_password_with_anything_in_them(postgres: Server, tmp_path: Path) -> None:
    name, password = "b:nk@a/数 %41", "p'w\\d@:/?#%41 密"
    # Its own words, in SQL's quotes.
    postgres.root.execute(
        f"""CREATE ROLE "{name}" LOGIN PASSWORD '{password.replace("'", "''")}'""",
        f'CREATE DATABASE "{name}" OWNER "{name}"',
    )
    database = Database(name, name, password, postgres.root.host, postgres.port)
    Store(tmp_path / "socket", place_on(database, tmp_path)).close()
    over_tcp = replace(place_on(database, tmp_path), url=database.uri(tcp=True, password=False))
    Store(tmp_path / "tcp", over_tcp).close()


def test_libpqs_own_password_file_counts(
    state_database: Database, tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgpass"
    file.touch(mode=0o600)
    file.write_text(f"*:*:*:*:{state_database.password}\n", encoding="utf-8")
    monkeypatch.setenv("PGPASSFILE", str(file))
    Store(tmp_path, replace(place, password_file=None)).close()


def test_whoever_has_no_password_is_told_where_to_put_it(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "nothing"))
    error = refused(BadSetting, tmp_path, replace(place, password_file=None))
    assert "password_file" in error.fix


def test_a_wrong_password_is_shown_nowhere(tmp_path: Path, place: Place) -> None:
    assert place.password_file is not None
    place.password_file.write_text("geheim-geheim\n", encoding="utf-8")
    error = refused(StateAbsent, tmp_path, place)
    assert "geheim" not in f"{error}{error!r}{place!r}{vars(Session(place, HISTORY))}"


def test_a_password_that_others_can_read_is_not_used(tmp_path: Path, place: Place) -> None:
    assert place.password_file is not None
    place.password_file.chmod(0o640)
    assert "chmod 600" in refused(BadSetting, tmp_path, place).fix
    place.password_file.unlink()
    refused(BadSetting, tmp_path, place)


def test_a_server_that_is_not_there(tmp_path: Path, place: Place) -> None:
    refused(StateAbsent, tmp_path, replace(place, url="postgresql://mihe@127.0.0.1:1/mihe"))


def test_a_role_that_may_not_make_the_schema(
    postgres: Server, state_database: Database, tmp_path: Path, place: Place
) -> None:
    stranger = postgres.database()
    url = replace(stranger, name=state_database.name).uri(password=False)
    refused(StorageFull, tmp_path, replace(place_on(stranger, tmp_path), url=url))
    # Its own schema, made by whoever administers the server, is all that it needs.
    administrator = replace(postgres.root, name=state_database.name)
    administrator.execute(f"CREATE SCHEMA {stranger.name} AUTHORIZATION {stranger.name}")
    here = Place(url, stranger.name, place_on(stranger, tmp_path).password_file)
    Store(tmp_path, here).close()


def test_a_missing_driver_is_named(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "mihe[postgres]" in refused(BadSetting, tmp_path, place).fix


# ── what an address may say ─────────────────────────────────────────────────────────────────────


def parameters(url: str) -> dict[str, str]:
    return Session(Place(url, "mihe_bank_a", None), HISTORY)._parameters


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://mihe@db.example.org/mihe",
        "postgresql://mihe@10.0.0.1,10.0.0.2/mihe",
        "postgresql://mihe@localhost,db.example.org/mihe",
        "postgresql:///mihe?host=/run/postgresql,db.example.org",
        "postgresql:///mihe?hostaddr=10.0.0.1&host=localhost",
        "postgresql:///?service=mihe",
    ],
)
def test_elsewhere_the_server_proves_who_it_is(url: str) -> None:
    assert parameters(url)["sslmode"] == "verify-full"
    joint = "&" if "?" in url else "?"
    assert parameters(f"{url}{joint}sslmode=require")["sslmode"] == "require"
    for mode in ("disable", "allow", "prefer"):
        with pytest.raises(BadSetting, match="in the clear"):
            parameters(f"{url}{joint}sslmode={mode}")


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
def test_the_environment_may_lead_elsewhere(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    assert "sslmode" not in parameters("postgresql:///mihe")
    monkeypatch.setenv(variable, "db.example.org")
    assert parameters("postgresql:///mihe")["sslmode"] == "verify-full"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "%2Frun%2Fpostgresql"])
def test_on_this_machine_tls_is_not_asked_for(host: str) -> None:
    assert "sslmode" not in parameters(f"postgresql://mihe@{host}/mihe")


@pytest.mark.parametrize(
    "more",
    [
        "options=-csynchronous_commit%3Doff",
        "pass%77ord=geheim",
        "sslpassword=geheim",
        "replication=database",
        "client_encoding=latin1",
        "no_such_parameter=geheim",
        "sslmode",
    ],
)
def test_what_an_address_may_not_say(more: str) -> None:
    with pytest.raises(BadSetting) as found:
        parameters(f"postgresql:///mihe?{more}")
    assert "geheim" not in str(found.value)
