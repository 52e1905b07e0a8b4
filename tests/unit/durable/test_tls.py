"""A server elsewhere, as a second loopback address is: it proves itself, or is not spoken to."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from sqlalchemy import text

from contract.errors import StateAbsent
from durable.postgres import Place
from node.store import Store
from tests.postgres import Database, Server, running
from tests.states import place_on

ELSEWHERE = "127.0.0.2"


def write_certificate(folder: Path, address: str) -> None:
    """A self-signed certificate of the server at `address`: server.pem, server.key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server")])
    named = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(named, critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "server.key").touch(mode=0o600)
    (folder / "server.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Server]:
    with running() as server:
        server.stop()
        write_certificate(server.folder, ELSEWHERE)
        shutil.chown(server.folder / "server.key", server.folder.owner())
        server.start(
            {
                "listen_addresses": f"127.0.0.1,{ELSEWHERE}",
                "ssl": "on",
                "ssl_cert_file": str(server.folder / "server.pem"),
                "ssl_key_file": str(server.folder / "server.key"),
            }
        )
        yield server


@pytest.fixture(scope="module")
def database(elsewhere: Server) -> Database:
    return elsewhere.database()


def place_at(database: Database, folder: Path, **options: str) -> Place:
    url = database.uri(tcp=True, password=False, **options)
    return replace(place_on(database, folder), url=url.replace("127.0.0.1", ELSEWHERE))


def is_encrypted(store: Store) -> bool:
    query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    with store._database.read() as db:
        return bool(db.execute(text(query)).scalar_one())


def test_a_server_that_proves_its_name_is_spoken_to_in_tls(
    elsewhere: Server, database: Database, tmp_path: Path
) -> None:
    root = str(elsewhere.folder / "server.pem")
    store = Store(tmp_path, place_at(database, tmp_path, sslrootcert=root))
    assert is_encrypted(store)
    store.close()


def test_a_server_that_nobody_vouches_for_is_not_spoken_to(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # libpq would look for a root there
    with pytest.raises(StateAbsent, match="out of reach"):
        Store(tmp_path, place_at(database, tmp_path))
    write_certificate(tmp_path, ELSEWHERE)
    another = str(tmp_path / "server.pem")
    with pytest.raises(StateAbsent):
        Store(tmp_path, place_at(database, tmp_path, sslrootcert=another))


def test_a_server_of_another_name_is_not_spoken_to(
    elsewhere: Server, database: Database, tmp_path: Path
) -> None:
    root = str(elsewhere.folder / "server.pem")
    place = place_at(database, tmp_path, sslrootcert=root, sslmode="verify-full")
    with pytest.raises(StateAbsent):
        Store(tmp_path, replace(place, url=place.url.replace(ELSEWHERE, "127.0.0.1")))


def test_whoever_writes_so_forgoes_the_proof_but_not_tls(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    store = Store(tmp_path, place_at(database, tmp_path, sslmode="require"))
    assert is_encrypted(store)
    store.close()
