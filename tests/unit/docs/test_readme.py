"""The two READMEs say the same: the same parts, the same examples, the same pages to read on."""

import re
from pathlib import Path

import pytest

LINK = re.compile(r"\]\(([^)]+)\)")
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
EXAMPLE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\|", re.MULTILINE)
POINT = re.compile(r"^\* ", re.MULTILINE)


@pytest.fixture
def both(root: Path) -> tuple[str, str]:
    english, chinese = (root / name for name in ("README.md", "README.zh.md"))
    return english.read_text(encoding="utf-8"), chinese.read_text(encoding="utf-8")


@pytest.mark.parametrize("part", [HEADING, EXAMPLE], ids=["headings", "examples"])
def test_they_have_the_same_parts_and_examples(
    both: tuple[str, str], part: re.Pattern[str]
) -> None:
    english, chinese = both
    assert len(part.findall(english)) > 3
    assert part.findall(chinese) == part.findall(english)


@pytest.mark.parametrize("unit", [ROW, POINT], ids=["rows", "points"])
def test_they_are_of_equal_depth(both: tuple[str, str], unit: re.Pattern[str]) -> None:
    english, chinese = both
    assert len(unit.findall(chinese)) == len(unit.findall(english)) > 10


def test_they_lead_to_the_same_pages_which_exist(both: tuple[str, str], root: Path) -> None:
    english, chinese = (set(LINK.findall(text)) for text in both)
    assert english - {"README.zh.md"} == chinese - {"README.md"}
    assert [link for link in english if not (root / link).exists()] == []
