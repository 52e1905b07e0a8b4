"""What every command that asks for a job does: plan, show, agree, propose, follow, tell."""

from dataclasses import dataclass
from pathlib import Path
from re import fullmatch

from cli import terminal, views
from cli.follow import conclude, follow
from contract.errors import BadRequest
from contract.lifecycle import State
from contract.views import JobView
from mihe import sidecar
from mihe.client import NodeClient, Proposal
from mihe.where import OwnNode

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Manner:
    """How a person wants a job carried out."""

    dry_run: bool
    out: Path | None
    detach: bool
    yes: bool
    as_json: bool


def connect(own: OwnNode) -> NodeClient:
    """The line to the person's own node."""
    return NodeClient(own.socket, start_with=f"mihe node run --config {own.file}")


def carry_out(own: OwnNode, proposal: Proposal, manner: Manner) -> JobView | None:
    """Ask for a job; the job as it stood last, None after a dry run."""
    with connect(own) as line:
        plan = line.plan(proposal)
        if manner.dry_run:
            terminal.answer(plan, views.plan(plan), as_json=manner.as_json)
            return None
        terminal.show(views.plan(plan))
        if not manner.yes:
            terminal.ask("Propose this job?")
        job = line.propose(proposal)
        terminal.say(f"Proposed as job {job.job}")
        if not manner.detach:
            job = follow(line, job.job)
        if manner.out is not None and job.state is State.DONE:
            sidecar.write(manner.out, job, line.result(job.job))
    return job


def tell(own: OwnNode, job: JobView, manner: Manner) -> None:
    """Show how a job ended, and end with its exit code."""
    terminal.answer(job, views.outcome(job, own=own.config.org), as_json=manner.as_json)
    if manner.out is not None and job.state is State.DONE:
        say_written(manner.out)
    if not manner.detach:
        conclude(job)


def say_written(rows: Path) -> None:
    """Say where a result lies now, and its terms."""
    terminal.say(
        f"Rows written to {rows}, what they are and may be used for to {sidecar.beside(rows)}"
    )


def require_receiver(own: OwnNode, proposal: Proposal, manner: Manner) -> None:
    """Fail before anything is proposed if --out could never be written."""
    if manner.out is None:
        return
    if own.config.org not in proposal.receivers:
        raise BadRequest(
            f"--out is for the result's receivers, and {own.config.org} is none",
            fix=f"add --to {own.config.org}, or leave out --out",
        )
    if manner.detach:
        raise BadRequest(
            "--detach does not wait for the rows that --out is for",
            fix="leave out one of them; `mihe result` fetches rows later",
        )
    sidecar.require_absent(manner.out)


def seconds(text: str) -> int:
    """`12h` and the like; BadRequest for anything else."""
    found = fullmatch(r"([0-9]{1,6})([smhd])", text)
    if found is None:
        raise BadRequest("--expires is not a time", fix="write a number and s, m, h or d: 12h")
    return int(found[1]) * _UNITS[found[2]]
