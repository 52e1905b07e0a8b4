"""The PostgreSQL server that tests use: its databases, its passwords, its end."""

import psycopg
import pytest

from tests.postgres import Server, running


def _answer(uri: str, statement: str) -> object:
    with psycopg.connect(uri) as connection:
        row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return row[0]


@pytest.mark.parametrize("tcp", [False, True])
def test_a_database_answers_its_owner_who_has_no_other_rights(postgres: Server, tcp: bool) -> None:
    database = postgres.database()
    assert _answer(database.uri(tcp=tcp), "SELECT current_database()") == database.name
    assert _answer(database.uri(tcp=tcp), "SELECT rolsuper FROM pg_roles WHERE rolname = user") is (
        False
    )


def test_it_asks_for_a_password(postgres: Server) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.database().uri(password=False, passfile="/nowhere"))


def test_two_databases_share_nothing(postgres: Server) -> None:
    one, other = postgres.database(), postgres.database()
    one.execute("CREATE TABLE t (x int)")
    assert _answer(one.uri(), "SELECT to_regclass('t') IS NOT NULL") is True
    assert _answer(other.uri(), "SELECT to_regclass('t') IS NOT NULL") is False


def test_what_was_written_survives_a_stop_and_nothing_runs_at_the_end() -> None:
    with running() as server:
        database = server.database()
        database.execute("CREATE TABLE t (x int)", "INSERT INTO t VALUES (7)")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(database.uri())
        server.start()
        assert _answer(database.uri(), "SELECT x FROM t") == 7
    assert not server.folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database.uri(tcp=True))
