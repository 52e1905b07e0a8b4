"""The tour and the code agree: every file that is named exists, and every file is named."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

PATH = re.compile(r"`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.{},*-]+)+/?)`")
LABEL = re.compile(r"/v[0-9]")
"""Tags of the protocols look like paths, and have a version."""
ELSEWHERE = ("data/", "ca/", "FOLDER/", "log/")
"""Folders that a document names and that a user's machine has, not the repository."""


def documents(root: Path) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=root, capture_output=True, text=True, check=True
    )
    # What was true once stays as it was.
    kept = (name for name in listed.stdout.split() if name != "CHANGELOG.md")
    return [root / name for name in kept if not name.startswith("docs/decisions/")]


def named_in(document: Path, root: Path) -> set[str]:
    packages = {path.name for path in root.iterdir() if path.is_dir()}
    found = PATH.findall(document.read_text(encoding="utf-8"))
    return {
        name
        for name in found
        if name.split("/")[0] in packages
        and not name.startswith(ELSEWHERE)
        and not LABEL.search(name)
    }


def test_every_file_that_a_document_names_exists(root: Path) -> None:
    gone = {
        f"{document.relative_to(root)}: {name}"
        for document in documents(root)
        for name in named_in(document, root)
        if not list(root.glob(name.rstrip("/")))
    }
    assert gone == set()


def test_every_test_that_the_threat_model_leans_on_exists(root: Path) -> None:
    text = (root / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[a-z/]+/test_[a-z_]+\.py", text))
    assert len(named) > 10
    assert [name for name in named if not (root / "tests" / name).exists()] == []


def modules(root: Path) -> set[str]:
    with (root / "pyproject.toml").open("rb") as file:
        packages = tomllib.load(file)["tool"]["maturin"]["python-packages"]
    toured = [package for package in packages if package not in ("native", "protos", "scenarios")]
    listed = subprocess.run(
        ["git", "ls-files", *(f"{package}/*.py" for package in toured)],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name for name in listed.stdout.split() if not name.endswith("__init__.py")}


def test_every_module_has_its_place_in_the_tour(root: Path) -> None:
    tour = named_in(root / "docs" / "tour.md", root)
    assert len(modules(root)) > 100
    assert modules(root) - tour == set(), "say in docs/tour.md what it is for"


@pytest.mark.parametrize("name", ["node/nowhere.py", "psi/ecdh/"])
def test_what_the_search_finds(root: Path, tmp_path: Path, name: str) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"See `{name}` and `a/b`.", encoding="utf-8")
    assert named_in(document, root) == {name}
