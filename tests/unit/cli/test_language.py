"""Help in Chinese: whole, current, cut off nowhere; and English for everybody else."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer import rich_utils
from typer.main import get_command

from cli import language
from cli.main import app

CODE = re.compile(r"`[^`]*`|--[a-z][a-z-]+|\b[A-Z]{2,}_[A-Z_]+\b|\b[a-z]+\.(?:toml|pem|key)\b")
"""Words that a person types or reads in files, in any language."""


def english() -> dict[str, str]:
    """Every paragraph of English help, and whose it is."""
    own = {getattr(rich_utils, name): name for name in language.TYPERS_OWN}
    return own | {
        paragraph: f"{type(owner).__name__} {owner.name}"
        for owner, name in language.texts(get_command(app))
        for paragraph in language.paragraphs(getattr(owner, name))
    }


def test_every_paragraph_has_a_translation_and_no_translation_is_left_over() -> None:
    told, translated = english(), language.translations()
    missing = {text: told[text] for text in told.keys() - translated.keys()}
    assert missing == {}, "add a line to cli/chinese.toml"
    assert translated.keys() - told.keys() == set(), "nobody says these any more"


@pytest.mark.parametrize(("said", "chinese"), language.translations().items())
def test_what_is_typed_stays_as_it_is(said: str, chinese: str) -> None:
    assert CODE.findall(chinese) == CODE.findall(said)
    if not said.startswith("For example"):
        assert re.search(r"[一-鿿]", chinese)


@pytest.mark.parametrize(
    ("environment", "chinese"),
    [
        ({}, False),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "C"}, False),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, False),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, True),
        ({"LANG": "zh_CN.UTF-8", "MIHE_LANG": "en"}, False),
        ({"LC_ALL": "C", "MIHE_LANG": "zh"}, True),
        ({"MIHE_LANG": "ZH-Hans"}, True),
    ],
)
def test_the_environment_decides(environment: dict[str, str], chinese: bool) -> None:
    assert language.wants_chinese(environment) is chinese


def page(*words: str, columns: int = 80, **environment: str) -> str:
    """What `mihe … --help` prints, as a process of its own does, without frames and spaces."""
    inherited = {
        name: value for name, value in os.environ.items() if name not in language.VARIABLES
    }
    shown = subprocess.run(
        [sys.executable, "-m", "cli.main", *words, "--help"],
        env=inherited | environment | {"COLUMNS": str(columns)},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stderr == ""
    return re.sub(r"[\s│╭╮╰╯─]+", "", shown.stdout)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_no_sentence_is_cut_off(columns: int) -> None:
    shown = page("psi", columns=columns, MIHE_LANG="zh")
    assert "…" not in shown.replace("ORG.DATASET…", "")
    psi: Any = get_command(app)
    chinese = language.translations()
    for parameter in psi.commands["psi"].params:
        (said,) = language.paragraphs(parameter.help)
        assert re.sub(r"[\s`]+", "", chinese[said]) in shown
    assert "Show this message" not in shown


def test_others_read_english() -> None:
    assert "Showthismessageandexit." in page("psi", LANG="C.UTF-8")
    assert not re.search(r"[一-鿿]", page("psi", LANG="C.UTF-8"))
