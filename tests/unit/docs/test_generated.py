"""What is generated in docs/ is what the code says now."""

import runpy
from pathlib import Path

import pytest

from contract.settings_page import FILES
from contract.toml import describe


def test_generated_pages_are_up_to_date(root: Path) -> None:
    pages = runpy.run_path(str(root / "docs" / "generate.py"))["PAGES"]
    assert pages
    for name, page in pages.items():
        written = (root / "docs" / name).read_text(encoding="utf-8")
        assert written == page(), f"docs/{name} is out of date: run `make docs`"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file[0]))
def test_every_setting_is_explained(file: tuple[str, type, str]) -> None:
    unexplained = [one.path for one in describe(file[1]) if not one.description]
    assert unexplained == []
