"""No file keeps both sides of a conflict, as a rebase leaves them."""

import subprocess
from pathlib import Path

import pytest

MARK = "^(<{7}|>{7}) "


def left_in(root: Path, *among: str) -> list[str]:
    found = subprocess.run(
        ["git", "grep", "--no-index", "-lE", MARK, "--", *among]
        if among
        else ["git", "grep", "-lE", MARK],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not found.stderr
    return found.stdout.split()


def test_no_conflict_is_left(root: Path) -> None:
    assert left_in(root) == []


@pytest.mark.parametrize("mark", ["<<<<<<< HEAD", ">>>>>>> 0123abc (Say it)"])
def test_what_the_search_finds(tmp_path: Path, mark: str) -> None:
    (tmp_path / "page.md").write_text(f"one\n{mark}\nother\n", encoding="utf-8")
    assert left_in(tmp_path, "page.md") == ["page.md"]
