"""What a service manager is told."""

import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from daemon.readiness import READY, STOPPING, tell


@pytest.fixture
def manager() -> Iterator[tuple[socket.socket, Path]]:
    with (
        TemporaryDirectory(prefix="mihe-", dir="/tmp") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening,
    ):
        listening.bind(f"{folder}/notify")
        listening.settimeout(10)
        yield listening, Path(folder, "notify")


def test_a_manager_hears_both_words(
    manager: tuple[socket.socket, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, path = manager
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    tell(READY)
    tell(STOPPING)
    assert [listening.recv(64) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]


def test_an_abstract_name_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # Linux chooses a name in its abstract space
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + listening.getsockname()[1:].decode())
        tell(READY)
        assert listening.recv(64) == b"READY=1"


def test_nobody_is_told_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell(READY)


def test_a_manager_that_is_gone_stops_nothing(
    manager: tuple[socket.socket, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, path = manager
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    listening.close()
    tell(READY)
    path.unlink()
    tell(READY)
