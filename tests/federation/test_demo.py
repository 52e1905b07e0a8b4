"""The demonstration as whoever opens the repository types it: equal or failed, and nothing left."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import scenarios
from cli.demo import ASKED_FOR, LEFT, QUESTION, RECEIVER, RIGHT, STATEMENT
from cli.local import cli_command
from contract.errors import OurError
from tests.federation.federation import SECONDS, eventually, short_folder

DEMO = cli_command("demo", "--size", "mini")

WRONG_ORACLES = {
    "oracle": """
right = oracle["keys_of"]
oracle["main"].__globals__["keys_of"] = lambda *file: set(sorted(right(*file))[::2])
""",
    "sql_oracle": """
right = oracle["Total"]
oracle["main"].__globals__["Total"] = lambda total, *rest: right(total + 1, *rest)
""",
}
"""What makes an oracle wrong: half of every owner's keys unseen; every sum one more."""

SHADOW = """
import runpy, sys
oracle = runpy.run_path(REAL)
CHANGE
sys.exit(oracle["main"]())
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for temporary files; nothing that was started on a file in it may outlive a test."""
    with short_folder() as folder:
        yield folder
        assert _processes_on(folder) == []


def _processes_on(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(word.startswith(str(folder)) for word in words):
            found.append(" ".join(words))
    return found


def _run(command: list[str], place: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, "TMPDIR": str(place), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
        check=False,
    )


def test_it_says_equal_and_leaves_nothing_behind(place: Path) -> None:
    ran = _run(DEMO, place)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1].strip() == "equal"
    assert {"mihe", "clear", "firms", "C17"} <= set(ran.stdout.split())
    assert "Who learns what" in ran.stderr
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(("wrong", "part"), [("oracle", "intersection"), ("sql_oracle", "query")])
def test_it_fails_when_a_clear_answer_is_another(place: Path, wrong: str, part: str) -> None:
    shadow = place / "shadow" / "scenarios"
    shadow.mkdir(parents=True)
    real = Path(scenarios.__file__ or "").parent
    (shadow / "__init__.py").write_text(f"__path__.append({str(real)!r})\n", encoding="utf-8")
    oracle = SHADOW.replace("REAL", repr(str(real / f"{wrong}.py")))
    oracle = oracle.replace("CHANGE", WRONG_ORACLES[wrong])
    (shadow / f"{wrong}.py").write_text(oracle, encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(shadow.parent), os.environ.get("PYTHONPATH")]))
    ran = _run([*DEMO, "--dir", str(place / "demo"), "--json"], place, PYTHONPATH=path)
    assert ran.returncode == OurError.exit_code, ran.stderr
    comparison = json.loads(ran.stdout)
    parts = {name: comparison[name]["equal"] for name in ("intersection", "query")}
    assert comparison["equal"] is False
    assert parts == {"intersection": True, "query": True} | {part: False}


def test_kept_it_goes_on_until_it_is_stopped(place: Path) -> None:
    demo = place / "demo"
    ran = _run([*DEMO, "--dir", str(demo), "--keep", "--direct", "--json"], place)
    try:
        assert ran.returncode == 0, ran.stderr
        comparison = json.loads(ran.stdout)
        assert comparison["equal"] is True
        node = {"MIHE_NODE": str(demo / RECEIVER)}
        offered = _run(cli_command("catalog"), place, **node)
        assert LEFT in offered.stdout
        assert RIGHT in offered.stdout
        counted = _run(cli_command(*QUESTION, "--cardinality", "--json"), place, **node)
        assert counted.returncode == 0, counted.stderr
        assert (
            json.loads(counted.stdout)["result"]["count"] == comparison["intersection"]["counted"]
        )
        typed = ("query", str(demo / STATEMENT), *ASKED_FOR, "--dry-run")
        planned = _run(cli_command(*typed), place, **node)
        assert planned.returncode == 0, planned.stderr
        assert "smallest row" in planned.stdout
    finally:
        stopped = _run(cli_command("demo", "--stop", str(demo)), place)
    assert stopped.returncode == 0, stopped.stderr
    assert _processes_on(demo) == []


def test_stopped_in_the_middle_it_leaves_nothing_behind(place: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(place)}
    # A session of its own, as a terminal would give it; what it starts has others.
    demo = subprocess.Popen(
        DEMO, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: len(_processes_on(place)) > 1)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(SECONDS) == 128 + signal.SIGTERM
    finally:
        demo.kill()
        demo.wait()
    assert _processes_on(place) == []
    assert list(place.iterdir()) == []
