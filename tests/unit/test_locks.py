"""The locks pin all that is declared, by hash, and tell nothing of the machine that made them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("run", "dev")


def text_of(root: Path, lock: str) -> str:
    return (root / "locks" / f"{lock}.lock").read_text(encoding="utf-8")


def entries(root: Path, lock: str) -> dict[str, list[str]]:
    """Requirement line → its hashes."""
    joined = re.sub(r" \\\n\s*", " ", re.sub(r"(?m)^\s*#.*\n?", "", text_of(root, lock)))
    return {
        line.split(" --hash=")[0]: re.findall(r" --hash=sha256:[0-9a-f]{64}(?= |$)", line)
        for line in joined.splitlines()
        if line.strip()
    }


def pinned(root: Path, lock: str) -> dict[str, str]:
    """Canonical package name → its one version."""
    pins: dict[str, str] = {}
    for line in entries(root, lock):
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        assert name not in pins, f"{name} is locked twice"
        (exact,) = requirement.specifier
        assert exact.operator == "==", line
        pins[name] = exact.version
    return pins


def declared(root: Path) -> dict[str, list[Requirement]]:
    """Lock → what it has to hold."""
    with (root / "pyproject.toml").open("rb") as file:
        project: dict[str, Any] = tomllib.load(file)
    groups = project["dependency-groups"]
    base = project["project"]["dependencies"]
    extras = [
        name for extra in project["project"]["optional-dependencies"].values() for name in extra
    ]
    build = project["build-system"]["requires"] + groups["build"]
    dev = [entry for entry in groups["dev"] if isinstance(entry, str)]
    return {
        "run": [Requirement(text) for text in base + build],
        "dev": [Requirement(text) for text in base + build + extras + dev],
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_is_pinned_with_hashes(root: Path, lock: str) -> None:
    assert len(pinned(root, lock)) > 20
    assert [line for line, hashes in entries(root, lock).items() if not hashes] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_index_and_no_local_path(root: Path, lock: str) -> None:
    """A package index, a proxy or a home folder in a lock would travel to all who install."""
    for line in text_of(root, lock).splitlines():
        assert "://" not in line
        assert not re.search(r"--(extra-)?index|--find-links|--trusted|file:| @ |\.whl", line), line
        assert not re.search(r"(^|[\s=:'\"])(/|~|\.\.?/|[A-Za-z]:\\)", line), line


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_meets_what_is_declared(root: Path, lock: str) -> None:
    pins = pinned(root, lock)
    for requirement in declared(root)[lock]:
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name}: run `make lock`"
        assert version in requirement.specifier, f"{requirement.name}: run `make lock`"


def test_what_runs_is_what_is_tested(root: Path) -> None:
    assert pinned(root, "run").items() <= pinned(root, "dev").items()


def test_the_extras_and_tools_stay_out_of_what_runs(root: Path) -> None:
    assert not pinned(root, "run").keys() & {"phe", "pytest", "mypy", "ruff", "grpcio-tools"}
