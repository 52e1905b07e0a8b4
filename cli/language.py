"""The language of `--help`: English, or Chinese where the environment asks for it.

MIHE_LANG decides, else the locale in POSIX's order: LC_ALL, LC_MESSAGES, LANG. A value that begins
with `zh` means Chinese. Every paragraph of help is looked up in chinese.toml by its English text:
one that was changed has no translation, and a test finds it.

Not for     answers, errors and causes: they travel between organisations and into evidence, where
            everybody must read the same words
"""

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from inspect import cleandoc
from typing import Any

from rich import columns
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from typer import rich_utils

VARIABLES = ("MIHE_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
"""Who decides; the first that is set."""

TYPERS_OWN = (
    "ARGUMENTS_PANEL_TITLE",
    "COMMANDS_PANEL_TITLE",
    "DEFAULT_STRING",
    "ENVVAR_STRING",
    "OPTIONS_PANEL_TITLE",
    "REQUIRED_LONG_STRING",
)
"""Words of the page that are Typer's, by their names in typer.rich_utils."""


def wants_chinese(environment: Mapping[str, str]) -> bool:
    """Whether a person with this environment reads Chinese."""
    chosen = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    return chosen.lower().startswith("zh")


def translations() -> dict[str, str]:
    """English paragraph → Chinese paragraph."""
    return tomllib.loads(files("cli").joinpath("chinese.toml").read_text(encoding="utf-8"))


def paragraphs(text: str) -> list[str]:
    """A help text in its paragraphs, each on one line."""
    return [" ".join(block.split()) for block in cleandoc(text).split("\n\n") if block.strip()]


def texts(command: Any, parent: Any = None) -> Iterator[tuple[Any, str]]:
    """Owner and attribute name of every help text of a command and of all commands below it."""
    context = command.context_class(
        command, parent=parent, info_name=command.name, **command.context_settings
    )
    for owner in (command, *command.get_params(context)):
        for name in ("help", "rich_help_panel"):
            if isinstance(getattr(owner, name, None), str):
                yield owner, name
    for below in getattr(command, "commands", {}).values():
        yield from texts(below, context)


def in_chinese(command: Any) -> None:
    """Put the help of a command, and of all commands below it, into Chinese."""
    chinese = translations()
    for name in TYPERS_OWN:
        english = getattr(rich_utils, name)
        setattr(rich_utils, name, chinese.get(english, english))
    for owner, name in texts(command):
        told = paragraphs(getattr(owner, name))
        setattr(owner, name, "\n\n".join(chinese.get(one, one) for one in told))
    # Chinese has no spaces to break lines at: without this, Typer's tables cut a sentence off.
    for module in (rich_utils, columns):
        setattr(module, "Table", _Folding)  # noqa: B010  # mypy takes no class for a class


class _Folding(Table):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for column in self.columns:
            column.overflow = "fold"
        return super().__rich_console__(console, options)
