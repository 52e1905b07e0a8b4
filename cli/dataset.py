"""`mihe dataset`: what this organisation's node may be asked about."""

from pathlib import Path
from typing import Annotated

import typer

from cli import terminal, views
from cli.options import JsonOption, NodeOption
from contract.errors import UnknownDataset, nearest
from mihe.node import Node

app = typer.Typer(no_args_is_help=False, help="This organisation's datasets.")

AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept", help="Take the new rows even if most are gone, or if open jobs would end."
    ),
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The dataset's name.", show_default=False)
]


@app.command("add")
def add(
    description: Annotated[
        Path,
        typer.Argument(metavar="FILE.toml", help="The dataset's description.", show_default=False),
    ],
    accept: AcceptOption = False,
    node: NodeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a dataset: read it with its declared types, check it, and keep a snapshot.

    Jobs run on the snapshot, never on the file. Adding it again makes a new snapshot. The report
    counts what was left out and why, by row number; it never shows a value. The other
    organisations see names, types, levels and a number of keys, rounded up.
    """
    with Node.open(node) as own, terminal.working("reading and checking the dataset"):
        view = own.client.add_dataset(description.absolute(), accept=accept)
    terminal.answer(view, views.dataset(view), as_json=as_json)


@app.command("refresh")
def refresh(
    name: NameArgument,
    accept: AcceptOption = False,
    node: NodeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a dataset anew from the description it has, and say what changed.

    Rows and keys are counted, never shown, and nobody else learns the counts. Jobs that have begun
    keep the snapshot they began with. A refresh that loses more than half of the rows, or that
    would end open jobs, is refused unless it is accepted.
    """
    with Node.open(node) as own, terminal.working("reading and checking the dataset"):
        view = own.client.refresh_dataset(name, accept=accept)
    terminal.answer(view, views.dataset(view), as_json=as_json)


@app.command("list")
def list_(node: NodeOption = None, as_json: JsonOption = False) -> None:
    """List this node's datasets: rows, date of the snapshot, open jobs, description."""
    with Node.open(node) as own:
        view = own.client.datasets()
    terminal.answer(view, views.datasets(view), as_json=as_json)


@app.command("show")
def show(name: NameArgument, node: NodeOption = None, as_json: JsonOption = False) -> None:
    """Show what the last import of a dataset found, and what it changed."""
    with Node.open(node) as own:
        found = {view.entry.name: view for view in own.client.datasets().datasets}
    if name not in found:
        raise UnknownDataset(
            f"this node has no dataset '{name}'.{nearest(name, list(found))}",
            fix="`mihe dataset list` shows what there is.",
        )
    terminal.answer(found[name], views.dataset(found[name]), as_json=as_json)
