"""The peers stand apart: scripts import nothing of ours, wheels are pinned by hash."""

import ast
import re
import sys
from pathlib import Path

import pytest

from benchmarks.psi.engine import NoFigureError
from benchmarks.psi.environments import Environment
from benchmarks.psi.lists import Lists
from benchmarks.psi.measured import OWNERS
from benchmarks.psi.sites import LOOPBACK, SITES, Network, Site
from benchmarks.psi.theirs import OPENMINED, SPU, Theirs

PEERS = {"spu": SPU, "openmined": OPENMINED}
WHEELS = {"spu": "spu", "openmined": "private_set_intersection"}


@pytest.mark.parametrize("name", PEERS)
def test_a_party_imports_its_wheel_and_the_standard_library(root: Path, name: str) -> None:
    script = root / "benchmarks" / "peers" / f"{name}_party.py"
    imported = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert WHEELS[name] in imported
    assert imported - {WHEELS[name]} <= sys.stdlib_module_names


@pytest.mark.parametrize("name", PEERS)
def test_a_lock_pins_what_is_asked_for_by_hash(root: Path, name: str) -> None:
    folder = root / "benchmarks" / "peers"
    lock = re.sub(r" \\\n\s*", " ", (folder / f"{name}.txt").read_text(encoding="utf-8"))
    lines = [line for line in lock.splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9-]+==\S+ (; .+ )?--hash=sha256:[0-9a-f]{64}", line), line
    asked = (folder / f"{name}.in").read_text(encoding="utf-8").splitlines()
    for pin in (line for line in asked if "==" in line):
        assert any(line.startswith(f"{pin} ") for line in lines), pin


def test_a_peer_without_a_python_for_it_says_which_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.psi.environments._FOLDER", tmp_path)
    assert Environment("openmined", ("2.0", "2.1")).made() == "needs Python 2.0 or 2.1"


def test_a_party_that_ends_early_has_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is not waited for."""
    (tmp_path / "gone_party.py").write_text("raise SystemExit(1)")
    (tmp_path / "gone.log").touch()
    monkeypatch.setattr("benchmarks.psi.theirs.SCRIPTS", tmp_path)
    monkeypatch.setattr("benchmarks.psi.environments._FOLDER", tmp_path)
    monkeypatch.setattr(Environment, "python", Path(sys.executable))
    gone = Theirs("gone", Environment("gone", ()))
    network = Network(LOOPBACK, dict.fromkeys(SITES, Site("127.0.0.1")), ())
    lists = Lists(tmp_path, "uscc", 10, 0.5)
    with (
        gone.ready(network, OWNERS[:2]) as player,
        pytest.raises(NoFigureError, match="ended before it was"),
    ):
        player.play(lists, tmp_path / "result.csv")
