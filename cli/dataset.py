"""`mihe dataset`: what this organisation's node may be asked about."""

from pathlib import Path
from typing import Annotated

import typer

from cli import terminal, views
from cli.options import JsonOption, NodeOption
from mihe.node import Node

app = typer.Typer(no_args_is_help=False, help="This organisation's datasets.")


@app.command("add")
def add(
    description: Annotated[
        Path,
        typer.Argument(metavar="FILE.toml", help="The dataset's description.", show_default=False),
    ],
    node: NodeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a dataset: read it with its declared types, check it, and keep a snapshot.

    Jobs run on the snapshot, never on the file. Adding it again makes a new snapshot. The report
    counts what was left out and why, by row number; it never shows a value. The other
    organisations see names, types, levels and a size rounded up to a power of two.
    """
    with Node.open(node) as own, terminal.working("reading and checking the dataset"):
        report = own.client.add_dataset(description.absolute())
    terminal.answer(report, views.quality(report), as_json=as_json)
