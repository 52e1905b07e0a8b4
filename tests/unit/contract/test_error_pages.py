"""Every code has a page, every page says all that it must, and the tree is drawn as it is."""

from pathlib import Path

import pytest

from contract import error_pages, errors
from contract.errors import BY_CODE, MiheError

HEADINGS = ["When you meet it", "Whose fault", "What to do", "What is as it was", "Exit code"]


@pytest.mark.parametrize("error", BY_CODE.values(), ids=BY_CODE)
def test_a_page_says_everything(error: type[MiheError]) -> None:
    assert error_pages.meaning_of(error).endswith(".")
    facts = error_pages.facts_of(error)
    assert [heading for heading, _ in facts] == HEADINGS
    assert all(text and not text.endswith(".") for _, text in facts)


def test_there_is_a_page_for_every_code_and_for_nothing_else(root: Path) -> None:
    pages = {path.stem for path in (root / "docs" / "errors").iterdir()}
    assert pages == {"README", *BY_CODE}


def test_every_leaf_is_in_the_tree_that_is_drawn_in_its_file() -> None:
    drawn = (errors.__doc__ or "").partition("An error says")[0]
    for leaf in BY_CODE.values():
        assert drawn.count(f" {leaf.__name__}") == 1, leaf
        assert drawn.index(_branch(leaf)) <= drawn.index(leaf.__name__)


def test_the_tree_has_every_code_once() -> None:
    leaves = [line.split("── ")[1].split()[0] for line in error_pages.tree()[1:]]
    assert [name for name in leaves if name in BY_CODE] == list(BY_CODE)


def test_the_exit_codes_are_those_of_the_leaves() -> None:
    of_errors = {leaf.exit_code for leaf in BY_CODE.values()}
    assert set(error_pages.exit_codes()) == of_errors | {errors.DONE, errors.INTERRUPTED}


def _branch(leaf: type[MiheError]) -> str:
    (above,) = leaf.__bases__
    return leaf.__name__ if above is MiheError else above.__name__
