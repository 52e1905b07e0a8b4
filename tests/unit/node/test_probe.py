"""Why a coordinator can't be reached: the operator reads what stands at the address."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from contract.errors import CoordinatorAbsent, ForeignCertificate, MiheError
from node.probe import why_unreachable
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import Member, enrol


@contextmanager
def listening(member: Member | None) -> Iterator[str]:
    """A port at which a TLS server with this member's certificate answers, or nobody speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if member is not None:
        context.load_cert_chain(member.folder / "cert.pem", member.folder / "key.pem")

    def answer() -> None:
        with suppress(OSError):
            connection, _ = server.accept()
            with connection:
                if member is None:
                    connection.recv(1 << 16)
                else:
                    context.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
    thread.join()


def answer_at(address: str, asking: Member) -> MiheError:
    error = why_unreachable(address, asking.credentials)
    assert error.phase == "attach"
    return error


@pytest.fixture
def coordinator(consortium: Consortium, tmp_path: Path) -> Member:
    return enrol(consortium.coordinator, tmp_path / "coordinator")


def test_a_coordinator_that_answers_is_not_the_trouble(bank_a: Member, coordinator: Member) -> None:
    with listening(coordinator) as address:
        error = answer_at(address, bank_a)
    assert isinstance(error, CoordinatorAbsent)
    assert "did not let this node attach" in error.what


def test_a_certificate_that_is_not_the_coordinators_is_named(
    bank_a: Member, bank_b: Member, tmp_path: Path
) -> None:
    other = enrol(Consortium("Another consortium").coordinator, tmp_path / "other")
    for member in (other, bank_b):
        with listening(member) as address:
            error = answer_at(address, bank_a)
        assert isinstance(error, ForeignCertificate)
        assert error.party == "coordinator"


def test_who_does_not_speak_tls_gives_no_answer(bank_a: Member) -> None:
    with listening(None) as address:
        error = answer_at(address, bank_a)
    assert isinstance(error, CoordinatorAbsent)
    assert "no answer" in error.what


def test_a_port_where_nobody_listens_is_named(bank_a: Member) -> None:
    with socket.socket() as taken:  # so that nobody else comes to listen there
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        error = answer_at(address, bank_a)
    assert "nothing listens there" in error.what
    assert address in error.what


def test_a_name_that_nobody_has_is_named(bank_a: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror  # a resolver's answer differs from network to network

    monkeypatch.setattr(socket, "create_connection", unknown)
    assert "does not resolve" in answer_at("coordinator.invalid:7450", bank_a).what
