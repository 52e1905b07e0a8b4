"""`mihe psi` and the commands about jobs: ask the own node, show what it answers.

    psi: request → plan, shown with who learns what → (a person agrees) → propose → follow → result

Nothing is decided here: names, schemas and policies are the nodes' business.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import terminal, views
from cli.carry_out import Manner, carry_out, say_written, tell
from cli.follow import conclude, follow
from cli.options import JobArgument, JsonOption, MatchingOption, NodeOption
from contract.errors import BadRequest
from contract.job import Basis
from contract.lifecycle import TERMINAL
from contract.suites import STRONGEST_MATCHING
from mihe import sidecar
from mihe.node import Node, job_name
from mihe.proposal import ANY_ENGINE, intersection

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
            metavar="COLUMNS",
            help="Key column to match on: `uscc`, or `uscc=code` where the names differ, in order;"
            " `uscc,period` for a key of several columns that every owner declares.",
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
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Protocol: of two `rr22` (fast), `ecdh` (holds a peer to its size), `ecdh-sm2`"
            " (the same with SM2 and SM3) or `rr22-active` (rr22 with checks, experimental), of"
            " more `star` (fast; two of them must not collude); `auto`.",
        ),
    ] = ANY_ENGINE,
    matching: MatchingOption = STRONGEST_MATCHING,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show plan, cost and who learns what; send nothing."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write this organisation's matching rows here: CSV, or Parquet or JSON by its"
            " name.",
        ),
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
    if cardinality and out is not None:
        raise BadRequest("--cardinality releases no rows", fix="leave out --out")
    proposal = intersection(
        datasets,
        on=on,
        to=to,
        purpose=purpose,
        basis=basis,
        cardinality=cardinality,
        engine=engine,
        matching=matching,
        expires=expires,
    )
    manner = Manner(dry_run, out, detach, yes, as_json)
    with Node.open(node) as own:
        job = carry_out(own, proposal, manner)
        if job is not None:
            tell(own, job, manner)


def jobs(node: NodeOption = None, as_json: JsonOption = False) -> None:
    """List every job that this organisation's node has heard of, newest first."""
    with Node.open(node) as own:
        found = own.jobs()
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
    with Node.open(node) as own:
        found = own.job(job)
        if follow_it:
            follow(found)
    terminal.answer(found.last, views.job(found.last, own=own.org), as_json=as_json)
    if follow_it:
        conclude(found)
    elif found.last.cause is not None:
        terminal.show_cause(found.last.cause)


def abort(job: JobArgument, node: NodeOption = None, as_json: JsonOption = False) -> None:
    """Stop a job at every party. What was released before can't be called back."""
    with Node.open(node) as own:
        found = own.client.abort(job_name(job))
    terminal.answer(found, views.outcome(found, own=own.org), as_json=as_json)
    if found.state not in TERMINAL:
        terminal.say("Its end is on the way to every party; `mihe show` says when it has arrived.")


def result(
    job: JobArgument,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Where to write them: CSV, or Parquet or JSON by its name; - for stdout, as CSV.",
            show_default=False,
        ),
    ],
    node: NodeOption = None,
) -> None:
    """Write the rows that a finished job released to this organisation.

    The file is readable by you alone, and is never written over another one. Beside it lies
    FILE.json: what the rows are, who agreed, and what they may be used for. In a CSV a text that a
    spreadsheet would run as a formula, or that begins with an apostrophe, has one put in front.
    """
    if out != STDOUT:
        sidecar.require_absent(out)
    with Node.open(node) as own:
        found = own.job(job)
        rows = found.released()
        if out == STDOUT:
            sys.stdout.flush()
            sys.stdout.buffer.writelines(rows.csv())
            return
        rows.save(out)
    say_written(out)


def status(node: NodeOption = None, as_json: JsonOption = False) -> None:
    """Say whether this organisation's node is up, and whether it reaches the coordinator."""
    with Node.open(node) as own:
        found = own.status()
    terminal.answer(found, views.status(found), as_json=as_json)


def catalog(node: NodeOption = None, as_json: JsonOption = False) -> None:
    """Show what every organisation offers: names, types, levels and padded sizes."""
    with Node.open(node) as own:
        found = own.catalogue()
    terminal.answer(found, views.catalogue(found), as_json=as_json)
