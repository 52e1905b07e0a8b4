"""`mihe psi` and the commands about jobs: ask the own node, show what it answers.

    psi: request → plan, shown with who learns what → (a person agrees) → propose → follow → result

Nothing is decided here: names, schemas and policies are the nodes' business.
"""

import sys
from pathlib import Path
from re import fullmatch
from typing import Annotated

import typer

from cli import terminal, views
from cli.carry_out import (
    Manner,
    carry_out,
    connect,
    require_receiver,
    say_written,
    seconds,
    tell,
)
from cli.follow import conclude, follow
from cli.options import JobArgument, JsonOption, NodeOption
from contract.errors import BadRequest
from contract.job import Basis, JobKind
from contract.lifecycle import TERMINAL
from contract.views import JobView
from mihe import sidecar
from mihe.client import Proposal
from mihe.where import OwnNode, own_node

_REFERENCE = r"[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,62}"
STDOUT = Path("-")


def psi(
    datasets: Annotated[
        list[str],
        typer.Argument(
            metavar="ORG.DATASET…", help="Two datasets or more, one an owner.", show_default=False
        ),
    ],
    on: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Key column to match on: `uscc`, or `uscc=code` where the names differ, in order.",
            show_default=False,
        ),
    ],
    to: Annotated[
        list[str],
        typer.Option(
            metavar="ORG", help="Who receives the result; once or twice.", show_default=False
        ),
    ],
    purpose: Annotated[
        str,
        typer.Option(metavar="CODE", help="Purpose code, as CREDIT_MICRO.", show_default=False),
    ],
    basis: Annotated[
        Basis,
        typer.Option(
            metavar="CODE",
            help="Legal basis: " + ", ".join(Basis) + ".",
            show_default=False,
        ),
    ],
    cardinality: Annotated[
        bool, typer.Option("--cardinality", help="Compute only how many, not which.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show plan, cost and who learns what; send nothing."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write this organisation's matching rows here, as CSV."),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long the contract may start: 30m, 12h, 7d. The node's default is one day.",
            show_default=False,
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Propose, print the job, and don't wait for its end.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before proposing.")] = False,
    node: NodeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Intersect organisations' datasets: which of its own rows does the receiver share with all?

    Shows what everybody would learn, asks, proposes the job to every organisation, follows it, and
    ends with the code of the job's end. Each owner's policy decides; unlisted means denied.

    For example: `mihe psi bank_a.loans bank_b.loans --on uscc --to bank_a --purpose CREDIT_MICRO
    --basis SYNTHETIC_TEST --out common.csv`
    """
    proposal = Proposal(
        kind=JobKind.PSI_CARDINALITY if cardinality else JobKind.PSI,
        datasets=tuple(_reference(dataset) for dataset in datasets),
        on=_columns(on, len(datasets)),
        receivers=tuple(to),
        purpose=purpose,
        basis=basis,
        expires_in_seconds=seconds(expires) if expires else 0,
    )
    own, manner = own_node(node), Manner(dry_run, out, detach, yes, as_json)
    if cardinality and out is not None:
        raise BadRequest("--cardinality releases no rows", fix="leave out --out")
    require_receiver(own, proposal, manner)
    job = carry_out(own, proposal, manner)
    if job is not None:
        tell(own, job, manner)


def jobs(node: NodeOption = None, as_json: JsonOption = False) -> None:
    """List every job that this organisation's node has heard of, newest first."""
    with connect(own_node(node)) as line:
        found = line.jobs()
    terminal.answer(found, views.jobs(found), as_json=as_json)


def show(
    job: JobArgument,
    follow_it: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Follow it to its end, and end with its exit code."),
    ] = False,
    node: NodeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a job: its state, every signed statement about it, and who learns what."""
    own = own_node(node)
    with connect(own) as line:
        found = line.show(_job(job))
        if follow_it:
            found = follow(line, found.job)
    terminal.answer(found, views.job(found, own=own.config.org), as_json=as_json)
    if follow_it:
        conclude(found)
    elif found.cause is not None:
        terminal.show_cause(found.cause)


def abort(job: JobArgument, node: NodeOption = None, as_json: JsonOption = False) -> None:
    """Stop a job at every party. What was released before can't be called back."""
    own = own_node(node)
    with connect(own) as line:
        found = line.abort(_job(job))
    _tell(own, found, as_json=as_json)
    if found.state not in TERMINAL:
        terminal.say("Its end is on the way to every party; `mihe show` says when it has arrived.")


def result(
    job: JobArgument,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Where to write the CSV; - for stdout.", show_default=False
        ),
    ],
    node: NodeOption = None,
) -> None:
    """Write the rows that a finished job released to this organisation, as CSV.

    The file is readable by you alone, and is never written over another one. Beside it lies
    FILE.json: what the rows are, who agreed, and what they may be used for. Cells are the data as
    they are: spreadsheet programs may take one that begins with = for a formula.
    """
    if out != STDOUT:
        sidecar.require_absent(out)
    with connect(own_node(node)) as line:
        found = line.show(_job(job))
        chunks = line.result(found.job)
        if out == STDOUT:
            sys.stdout.flush()
            sys.stdout.buffer.writelines(chunks)
            return
        sidecar.write(out, found, chunks)
    say_written(out)


def status(node: NodeOption = None, as_json: JsonOption = False) -> None:
    """Say whether this organisation's node is up, and whether it reaches the coordinator."""
    with connect(own_node(node)) as line:
        found = line.status()
    terminal.answer(found, views.status(found), as_json=as_json)


def catalog(node: NodeOption = None, as_json: JsonOption = False) -> None:
    """Show what every organisation offers: names, types, levels and padded sizes."""
    with connect(own_node(node)) as line:
        found = line.catalogue()
    terminal.answer(found, views.catalogue(found), as_json=as_json)


def _tell(own: OwnNode, job: JobView, *, as_json: bool) -> None:
    terminal.answer(job, views.outcome(job, own=own.config.org), as_json=as_json)


def _reference(text: str) -> str:
    if fullmatch(_REFERENCE, text) is None:
        raise BadRequest(
            "a dataset is named by its organisation and its name",
            fix="write it as bank_a.loans; `mihe catalog` lists what there is",
            rule="ORG.DATASET, lower case",
        )
    return text


def _columns(on: str, datasets: int) -> tuple[str, ...]:
    columns = tuple(on.split("="))
    if len(columns) not in (1, datasets) or not all(columns):
        raise BadRequest(
            "--on takes one column, or one for each dataset",
            fix="write --on uscc, or --on uscc=credit_code in the order of the datasets",
        )
    return columns


def _job(text: str) -> str:
    if fullmatch(r"[0-9a-f]{6,64}", text.lower()) is None:
        raise BadRequest(
            "a job is named by its id or the first digits of it",
            fix="copy 6 digits or more from `mihe jobs`",
            rule="hexadecimal digits",
        )
    return text.lower()
