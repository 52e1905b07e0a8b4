"""PostgreSQL as a source, against a real server: exact values, one moment, words of refusals."""

# ruff: noqa: S608  # the statements are made of constants of this file

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from contract.dataset import Snapshot
from contract.errors import (
    BadSetting,
    BadValue,
    InvalidKey,
    MiheError,
    MissingColumn,
    UnreadableSource,
)
from node import snapshot
from node.sources import postgres as source
from tests.postgres import Database, Server, running
from tests.unit.node.importing import (
    BALANCE,
    EVERY_ROW,
    EVERY_TYPE,
    KEY,
    A,
    B,
    Owner,
    one_column,
)

LOANS = f"""
    CREATE TABLE loans AS SELECT * FROM (VALUES
      ('{A}', -12.50, -7, '正常'::varchar(9), E'a, "b"\\nc', '2024-02-29'::date, 202510, true),
      ('{B}', NULL, 9223372036854775807, '关注', '', '0001-01-01', 199912, false)
    ) AS v (uscc, "贷款余额", count, "状态", note, since, month, open)
"""


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


@pytest.fixture(scope="module")
def whole_database(postgres: Server) -> Database:
    return postgres.database()


@pytest.fixture
def database(whole_database: Database) -> Database:
    """Empty; a database for each test would cost more time than the test."""
    whole_database.execute("DROP OWNED BY CURRENT_USER")
    return whole_database


def place(database: Database, what: str = 'table = "loans"', uri: str | None = None) -> str:
    uri = uri or database.uri(password=False)
    return f'[postgres]\nuri = "{uri}"\npassword_file = "secret"\n{what}'


def add(owner: Owner, database: Database, *columns: str, what: str = 'table = "loans"') -> Snapshot:
    write_password(owner, database.password)
    return owner.add(*columns, source=None, top=place(database, what))


def write_password(owner: Owner, password: str, mode: int = 0o600) -> None:
    file = owner.folder / "secret"
    file.write_text(f"{password}\n")
    file.chmod(mode)


# ── what is read ────────────────────────────────────────────────────────────────────────────────


def test_a_table_gives_the_rows_that_a_file_gives(owner: Owner, database: Database) -> None:
    database.execute(LOANS)
    assert owner.rows(add(owner, database, *EVERY_TYPE)) == list(EVERY_ROW)


def test_a_select_of_the_owners_own_may_say_what_counts(owner: Owner, database: Database) -> None:
    database.execute(
        'CREATE SCHEMA "税务"',
        'CREATE TABLE "税务"."申报" (uscc text, paid numeric(20, 4), at timestamptz)',
        f"""INSERT INTO "税务"."申报" VALUES
          ('{A}', 1.2500, '2025-09-30 23:30+00'), ('{B}', 7, NULL)""",
    )
    what = '''query = """
        SELECT uscc AS "代码", paid AS balance, (at AT TIME ZONE 'Asia/Shanghai')::date AS day
        FROM "税务"."申报" WHERE at IS NOT NULL -- the newest"""'''
    key = 'name = "uscc"\nsource = "代码"\ntype = "key"\nkey = "uscc"\nlevel = 2'
    day = 'name = "day"\ntype = "date"\nlevel = 2'
    added = add(owner, database, key, BALANCE, day, what=what)
    ((code, paid, when),) = owner.rows(added)
    assert (code, paid, str(when)) == (A, Decimal("1.25"), "2025-10-01")
    named = 'schema = "税务"\ntable = "申报"'
    paid = 'name = "paid"\ntype = "decimal"\ndecimals = 4\nlevel = 3'
    assert len(owner.rows(add(owner, database, KEY, paid, what=named))) == 2


@pytest.mark.parametrize(
    ("type_", "value", "more"),
    [
        ("numeric", "12345678901234567890.12", "decimals = 2"),
        ("numeric(38, 18)", "0.000000000000000001", "decimals = 18"),
        ("numeric", "1.500", "decimals = 1"),
        ("int8", "-9223372036854775808", "decimals = 0"),
        ("money_type", "0.10", "decimals = 2"),
    ],
)
def test_numbers_stay_exact(
    owner: Owner, database: Database, type_: str, value: str, more: str
) -> None:
    database.execute(
        "CREATE DOMAIN money_type AS numeric(12, 2)",
        f"CREATE TABLE loans AS SELECT '{value}'::{type_} AS x",
    )
    assert owner.rows(add(owner, database, one_column("decimal", more))) == [(Decimal(value),)]


def test_an_empty_table_is_an_empty_dataset(owner: Owner, database: Database) -> None:
    database.execute("CREATE TABLE loans (uscc text, balance numeric(9, 2))")
    assert owner.rows(add(owner, database, KEY, BALANCE)) == []


def test_names_that_differ_in_case_alone_are_two_columns(owner: Owner, database: Database) -> None:
    database.execute('CREATE TABLE loans AS SELECT 1 AS "X", 2 AS "x", 3 AS "a ""b"""')
    x = one_column("integer")
    assert owner.rows(add(owner, database, x)) == [(2,)]
    assert owner.rows(add(owner, database, x + '\nsource = "X"')) == [(1,)]
    assert owner.rows(add(owner, database, x + "\nsource = 'a \"b\"'")) == [(3,)]


def test_many_rows_come_in_order_and_in_batches(owner: Owner, database: Database) -> None:
    database.execute(
        "CREATE TABLE loans AS "
        "SELECT g AS x, repeat('y', 200) AS y FROM generate_series(1, 200000) g"
    )
    y = one_column("text").replace('"x"', '"y"')
    added = add(owner, database, one_column("integer"), y, what="query = 'TABLE loans ORDER BY x'")
    assert [row[0] for row in owner.rows(added)] == list(range(1, 200_001))


def test_libpqs_own_password_file_serves_too(
    owner: Owner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute(LOANS)
    write_password(owner, f"*:*:*:{database.user}:{database.password}")
    monkeypatch.setenv("PGPASSFILE", str(owner.folder / "secret"))
    top = f'[postgres]\nuri = "{database.uri(password=False)}"\ntable = "loans"'
    assert len(owner.rows(owner.add(*EVERY_TYPE, source=None, top=top))) == 2


def test_it_needs_neither_pyarrow_nor_pandas(owner: Owner, database: Database, root: Path) -> None:
    database.execute(LOANS)
    write_password(owner, database.password)
    described = owner.describe(*EVERY_TYPE, source=None, top=place(database))
    apart = (
        "import sys; sys.modules.update(pyarrow=None, pandas=None, polars=None)\n"
        "from datetime import date; from pathlib import Path; from node import snapshot\n"
        "snapshot.add(*map(Path, sys.argv[1:]), org='bank_a', today=date(2025, 10, 1))"
    )
    subprocess.run(
        [sys.executable, "-c", apart, described, owner.snapshots], cwd=root, check=True, timeout=120
    )
    added = snapshot.current(owner.snapshots, "loans")
    assert added is not None
    assert owner.rows(added) == list(EVERY_ROW)


# ── what is refused ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("type_", "value", "column", "error"),
    [
        ("float8", "1.5", one_column("decimal", "decimals = 2"), BadValue),
        ("real", "1", one_column("integer"), BadValue),
        ("money", "1.5", one_column("decimal", "decimals = 2"), BadValue),
        ("numeric", "NaN", one_column("decimal", "decimals = 2"), BadValue),
        ("numeric", "1.001", one_column("decimal", "decimals = 2"), BadValue),
        ("timestamptz", "2025-01-01", one_column("date"), BadValue),
        ("timestamp", "2025-01-01", one_column("date"), BadValue),
        ("date", "infinity", one_column("date"), BadValue),
        ("date", "0044-03-15 BC", one_column("date"), BadValue),
        ("bytea", "x", one_column("text"), BadValue),
        ("text[]", "{x}", one_column("text"), BadValue),
        ("jsonb", "{}", one_column("text"), BadValue),
        ("text", "x", KEY.replace('"uscc"\n', '"x"\n', 1), InvalidKey),
        ("text", "x", one_column("text").replace('"x"', '"y"'), MissingColumn),
    ],
)
def test_what_can_not_be_exact_is_refused(
    owner: Owner, database: Database, type_: str, value: str, column: str, error: type[MiheError]
) -> None:
    database.execute(f"CREATE TABLE loans AS SELECT '{value}'::{type_} AS x")
    with pytest.raises(error):
        add(owner, database, column)
    assert snapshot.current(owner.snapshots, "loans") is None


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ('table = "absent"', "has no such table.*SQLSTATE 42P01"),
        ('table = "secret"', "may not be read by this role.*SQLSTATE 42501"),
        ("query = 'SELECT zz FROM loans'", "has no such column.*SQLSTATE 42703"),
        ("query = 'SELECT x, x FROM loans'", "two columns named 'x'"),
        ("query = 'SELEC x'", "is no SELECT.*SQLSTATE 42601"),
        ("query = 'SELECT 1 AS x; DROP TABLE loans'", "is no SELECT.*SQLSTATE 42601"),
        ("query = 'SELECT 1 AS x) AS a, (SELECT 2'", "is no SELECT.*SQLSTATE 42601"),
        ("query = 'INSERT INTO loans VALUES (1) RETURNING x'", "is no SELECT|would write"),
        ("query = \"SELECT nextval('s') AS x\"", "could not compute"),
        ('query = "SELECT 1 / (x - 7) AS x FROM loans"', "could not compute"),
        ("timeout_seconds = 1\nquery = 'SELECT 1 AS x, pg_sleep(9)::text AS y'", "longer than"),
    ],
)
def test_what_the_server_refuses_is_said_in_our_words(
    owner: Owner, postgres: Server, database: Database, what: str, said: str
) -> None:
    database.execute("CREATE TABLE loans AS SELECT 7 AS x", "CREATE SEQUENCE s")
    replace(postgres.root, name=database.name).execute(
        "CREATE TABLE IF NOT EXISTS secret AS SELECT 7 AS x"
    )
    columns = [one_column("integer")]
    if "pg_sleep" in what:
        columns.append(one_column("text", "nullable = true").replace('"x"', '"y"'))
    with pytest.raises(UnreadableSource, match=said) as refused:
        add(owner, database, *columns, what=what)
    for theirs in ("ERROR", "relation", "LINE", database.password, database.host):
        assert theirs not in str(refused.value)
    assert owner.everything() == {"loans"}
    add(owner, database, one_column("integer"))  # the table is still there, and readable


@pytest.mark.parametrize("wrong", ["password", "database", "port", "parameter", "certificate"])
def test_a_server_that_does_not_let_the_node_in(
    owner: Owner, database: Database, wrong: str
) -> None:
    uri = {
        "password": database.uri(password=False),
        "database": database.uri(password=False).replace(f"/{database.name}?", "/absent?"),
        "port": database.uri(password=False).replace(str(database.port), "1"),
        "parameter": database.uri(password=False, nonsense="1"),
        "certificate": database.uri(tcp=True, password=False, sslmode="verify-full"),
    }[wrong]
    write_password(owner, "wr0ng" if wrong == "password" else database.password)
    with pytest.raises(UnreadableSource, match="does not let this node in") as refused:
        owner.add(KEY, source=None, top=place(database, uri=uri))
    for secret in ("wr0ng", database.password, database.host, "FATAL", "failed:"):
        assert secret not in str(refused.value)


def test_a_server_that_dies_in_the_middle_leaves_nothing(owner: Owner) -> None:
    with running() as server:
        database = server.database()
        database.execute("CREATE TABLE loans AS SELECT g AS x FROM generate_series(1, 1000000) g")
        x = one_column("integer")
        add(owner, database, x, what="query = 'SELECT 1 AS x'")
        before = owner.everything()
        # The server reaches this row in the middle of the stream, and kills itself there.
        database.execute(
            "CREATE FUNCTION ends(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
            "  IF n = 300000 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
            "  RETURN n; END $$"
        )
        with pytest.raises(UnreadableSource, match="broke off: the server went away"):
            add(owner, database, x, what="query = 'SELECT ends(x) AS x FROM loans'")
        assert owner.everything() == before


def test_all_rows_are_of_one_moment(
    owner: Owner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others commit between our statements isn't seen, and what is read can't be written."""
    database.execute("CREATE TABLE loans AS SELECT 1 AS x")
    describe = source.PostgresRows.columns

    def interrupted(*args: object) -> object:
        found = describe(*args)  # type: ignore[arg-type]
        database.execute("INSERT INTO loans VALUES (2)")
        return found

    monkeypatch.setattr(source.PostgresRows, "columns", interrupted)
    assert owner.rows(add(owner, database, one_column("integer"))) == [(1,)]


def test_a_text_that_is_not_what_its_database_says_is_refused(
    owner: Owner, postgres: Server
) -> None:
    encoding = "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    postgres.root.execute(f"CREATE DATABASE bare {encoding}")
    bare = replace(postgres.root, name="bare")
    bare.execute("CREATE TABLE texts AS SELECT E'\\xd5\\xfd\\xb3\\xa3'::text AS x")
    with pytest.raises(UnreadableSource, match="whose text is not UTF-8"):
        add(owner, bare, one_column("text"), what='table = "texts"')


# ── passwords and TLS ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://reader:hunter2@db/tax",
        "postgresql://reader@db/tax?password=hunter2",
        "postgresql://reader@db/tax?sslmode=require&password=hunter2",
        "postgresql://reader@db/tax?sslpassword=hunter2",
        "mysql://reader@db/tax",
        "host=db password=hunter2",
        "file:///etc/passwd",
    ],
)
def test_a_password_in_a_description_is_an_error_that_does_not_say_it(
    owner: Owner, uri: str
) -> None:
    top = f'[postgres]\nuri = "{uri}"\ntable = "loans"'
    with pytest.raises(BadSetting, match=r"loans\.toml:\d+: key 'uri' in \[postgres\]") as refused:
        owner.add(KEY, source=None, top=top)
    assert "hunter2" not in f"{refused.value} {refused.value.__dict__}"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_password_that_others_may_read_is_not_used(
    owner: Owner, database: Database, mode: int
) -> None:
    write_password(owner, database.password, mode)
    with pytest.raises(UnreadableSource, match="others may read"):
        owner.add(KEY, source=None, top=place(database))


def test_a_password_file_that_is_not_there_is_said(owner: Owner, database: Database) -> None:
    with pytest.raises(UnreadableSource, match="has no password in its password file"):
        owner.add(KEY, source=None, top=place(database))


@pytest.mark.parametrize(
    ("uri", "checked"),
    [
        ("postgresql://reader@db.example/tax", True),
        ("postgresql://reader@db.example:5432/tax?sslmode=disable", False),
        ("postgresql:///tax?host=db.example", True),
        ("postgresql:///tax?hostaddr=10.0.0.7", True),
        ("postgresql://localhost,db.example/tax", True),
        ("postgresql://localhost:5432/tax", False),
        ("postgresql://[::1]:5432/tax", False),
        ("postgresql://[2001:db8::7]:5432/tax", True),
        ("postgresql://%2Frun%2Fpostgresql/tax", False),
        ("postgresql:///tax?host=/run/postgresql", False),
        ("postgresql:///tax", False),
        ("postgresql:///?service=tax", False),
    ],
)
def test_a_server_elsewhere_must_show_its_certificate(uri: str, checked: bool) -> None:
    complete = source._complete(uri, "p&=#ä %")
    assert ("sslmode=verify-full" in complete) is checked
    assert complete.endswith("password=p%26%3D%23%C3%A4%20%25")


def test_tls_is_checked_against_the_root_that_is_named(owner: Owner) -> None:
    with running() as server:
        database = server.database()
        database.execute("CREATE TABLE loans AS SELECT 7 AS x")
        certificate, other = (write_certificate(server.folder / name) for name in ("one", "other"))
        server.stop()
        server.start(
            {"ssl": "on", "ssl_cert_file": f"{certificate}", "ssl_key_file": f"{certificate}.key"}
        )
        write_password(owner, database.password)

        def read(root: Path) -> Snapshot:
            uri = database.uri(
                tcp=True, password=False, sslmode="verify-full", sslrootcert=str(root)
            )
            return owner.add(one_column("integer"), source=None, top=place(database, uri=uri))

        assert owner.rows(read(certificate)) == [(7,)]
        with pytest.raises(UnreadableSource, match="does not let this node in"):
            read(other)


def write_certificate(file: Path) -> Path:
    """A certificate of 127.0.0.1 by itself, and its key beside it, of whom the folder is."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file.name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    private = file.with_name(f"{file.name}.key")
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    private.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(private, file.parent.stat().st_uid)
    return file


def test_it_is_explained_what_to_install(
    owner: Owner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_password(owner, database.password)
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(UnreadableSource, match=r"extra: postgres.*pip install 'mihe\[postgres\]'"):
        owner.add(KEY, source=None, top=place(database))


def test_a_description_names_one_source(owner: Owner, database: Database) -> None:
    both = place(database)
    with pytest.raises(BadSetting, match=r"either `source` or a table \[postgres\]"):
        owner.add(KEY, top=both)
    with pytest.raises(BadSetting, match=r"either `source` or a table \[postgres\]"):
        owner.add(KEY, source=None)
    with pytest.raises(BadSetting, match="either `table` or `query`"):
        owner.add(KEY, source=None, top=place(database, what=""))
