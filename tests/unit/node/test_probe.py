"""Why a coordinator can't be reached: the operator reads what stands at the address."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from contract.errors import CoordinatorAbsent, ForeignCertificate, MiheError, PeerAbsent
from node.probe import why_peer_unreachable, why_unreachable
from node.proxy import STRAIGHT, WayOut
from tests.connect_proxy import ConnectProxy
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


def test_without_a_setting_a_proxy_of_the_environment_is_told_of(
    bank_a: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://user:hidden@127.0.0.1:1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = answer_at(f"127.0.0.1:{taken.getsockname()[1]}", bank_a)
    assert "[proxy]" in error.fix
    assert "hidden" not in str(error)


def test_what_stands_behind_a_proxy_is_told_as_without_one(
    bank_a: Member, coordinator: Member
) -> None:
    with listening(coordinator) as address, ConnectProxy() as proxy:
        error = why_unreachable(address, bank_a.credentials, WayOut(proxy.address))
        assert proxy.asked == {address: 1}
    assert isinstance(error, CoordinatorAbsent)
    assert "did not let this node attach" in error.what


@pytest.mark.parametrize(
    ("user", "sent", "answer", "what"),
    [
        ("a:b", None, None, "asks for a user"),
        ("a:b", "Basic hidden", None, "does not accept"),
        (None, None, 403, "allows no tunnel"),
        (None, None, 405, "allows no tunnel"),
        (None, None, None, "does not get through"),
    ],
)
def test_a_proxy_that_does_not_let_through_is_the_culprit(
    bank_a: Member, user: str | None, sent: str | None, answer: int | None, what: str
) -> None:
    with ConnectProxy(user=user, answer=answer) as proxy, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        way = WayOut(proxy.address, authorization=sent)
        error = why_unreachable(address, bank_a.credentials, way)
        assert what in error.what
        assert f"the proxy {proxy.address}" in error.what
        assert "hidden" not in str(error)


def test_a_proxy_that_is_not_there_or_none_is_the_culprit(bank_a: Member) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy = f"127.0.0.1:{taken.getsockname()[1]}"
        error = why_unreachable("coordinator.example:7450", bank_a.credentials, WayOut(proxy))
    assert f"the proxy {proxy}: nothing listens there" in error.what
    with listening(None) as proxy:
        error = why_unreachable("coordinator.example:7450", bank_a.credentials, WayOut(proxy))
    assert "does not answer as an HTTP proxy" in error.what


def test_a_peers_address_is_asked_in_the_same_way(bank_a: Member, bank_b: Member) -> None:
    with listening(bank_b) as address:
        error = why_peer_unreachable("bank_b", address, bank_a.credentials, STRAIGHT)
    assert isinstance(error, PeerAbsent)
    assert (error.party, error.phase) == ("bank_b", "link")
    assert "it answers" in error.what
    with listening(bank_b) as address:
        error = why_peer_unreachable("tax", address, bank_a.credentials, STRAIGHT)
    assert isinstance(error, ForeignCertificate)
    assert error.party == "tax"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        error = why_peer_unreachable("bank_b", address, bank_a.credentials, STRAIGHT)
    assert f"bank_b lists the address {address}" in error.what
    assert "nothing listens there" in error.what
