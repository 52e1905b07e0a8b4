"""The demonstration with real daemons: equal, in order, and nothing left behind."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.local import cli_command
from tests.federation.federation import short_folder

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as place:
        yield place


def _processes_of(folder: Path) -> list[int]:
    """Every process that was started on this folder, whoever started it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(bytes(folder.resolve()) + b"/") for word in words):
            found.append(int(entry.parent.name))
    return found


def _demo(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(cli_command("demo", *words), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", [[], ["--direct"]], ids=["relayed", "direct"])
def test_the_result_is_the_clear_answer(folder: Path, way: list[str]) -> None:
    ran = _demo("--size", "mini", "--json", "--dir", str(folder / "d"), *way)
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert answer["equal"]
    assert answer["counted"] > 100
    for words in ("Who learns what", "bank_a.loans", " s  everything stopped"):
        assert words in ran.stderr
    assert _processes_of(folder) == []


def test_keep_leaves_it_running_until_it_is_stopped(folder: Path) -> None:
    place = folder / "d"
    ran = _demo("--size", "mini", "--keep", "--dir", str(place))
    try:
        assert ran.returncode == 0, ran.stderr
        assert len(_processes_of(place)) == 6
        environment = {**os.environ, "MIHE_NODE": str(place / "bank_a")}
        asked = subprocess.run(
            cli_command("status"), env=environment, capture_output=True, text=True, check=False
        )
        assert asked.returncode == 0, asked.stderr
        assert f"mihe demo --stop {place}" in ran.stderr
    finally:
        stopped = _demo("--stop", str(place))
    assert stopped.returncode == 0, stopped.stderr
    assert _processes_of(place) == []
    assert "nothing was running" in _demo("--stop", str(place)).stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_order(folder: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        cli_command("demo", "--size", "mini", "--dir", str(folder / "d")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # As a shell starts a command in the foreground, whatever started these tests.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "attached" in line:
                assert len(_processes_of(folder)) == 1 + 6
                running.send_signal(number)
                break
        running.stderr.read()
    assert running.returncode == 128 + number
    assert _processes_of(folder) == []


def test_a_folder_that_holds_something_is_left_alone(folder: Path) -> None:
    (folder / "mine").touch()
    ran = _demo("--dir", str(folder))
    assert ran.returncode == 2
    assert "error ALREADY_THERE" in ran.stderr
    assert [path.name for path in folder.iterdir()] == ["mine"]
