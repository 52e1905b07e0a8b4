"""The reference of every key of every TOML file, as the page docs/reference/settings.md.

Generated from the models that read the files, so that it can't say anything else than they do;
`make docs` writes it and a test compares. Pure: models in, Markdown out.
"""

from collections.abc import Iterator

from contract.canonical import Frozen
from contract.config import CoordinatorConfig, NodeConfig
from contract.dataset import Description
from contract.policy import Policy
from contract.toml import Setting, describe

FILES: tuple[tuple[str, type[Frozen], str], ...] = (
    (
        "node.toml",
        NodeConfig,
        "One organisation's daemon. `mihe init node` writes it, with every key explained; the node"
        " reads it when it starts.",
    ),
    (
        "coordinator.toml",
        CoordinatorConfig,
        "The consortium's coordinator. `mihe init coordinator` writes it; read at start.",
    ),
    (
        "policy.toml",
        Policy,
        "What other organisations may do with this node's datasets. Unlisted means denied. The node"
        " reads it anew before every decision. A job passes if one single `[[allow]]` lists"
        " everything that it asks for.",
    ),
    (
        "The description of a dataset",
        Description,
        "A file of any name, given to `mihe dataset add`. Nothing is guessed from the data: every"
        " column is declared.",
    ),
)
"""Title, model and what the file is for, in the order of the page."""

_HEAD = """\
# Settings

Every key of every file that a person writes. An unknown key, a missing one or a value of another
kind is an error that names the file, the line and the nearest valid key. Relative paths are
relative to the file they stand in. `table.key` is a key in `[table]`, `table[].key` one in each
`[[table]]`.

This page is generated from the models that read the files (`make docs`).
"""


def settings_page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(*file) for file in FILES)])


def _section(title: str, model: type[Frozen], about: str) -> str:
    head = ("| key | what it is | value | default |", "|---|---|---|---|")
    return "\n".join([f"## {title}", "", about, "", *head, *_rows(model), ""])


def _rows(model: type[Frozen]) -> Iterator[str]:
    for setting in describe(model):
        cells = (f"`{setting.path}`", setting.description, setting.words, _default(setting))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(setting: Setting) -> str:
    if setting.required:
        return "**required**"
    return "none" if setting.default is None else f"`{setting.default}`"
