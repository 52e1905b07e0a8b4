"""What every command that asks for a job does: plan, show, agree, propose, follow, tell."""

from dataclasses import dataclass
from pathlib import Path

from cli import terminal, views
from cli.follow import conclude, follow
from contract.errors import BadRequest
from contract.lifecycle import State
from mihe import sidecar
from mihe.job import Job
from mihe.node import Node
from mihe.proposal import Proposal
from mihe.result import require_format


@dataclass(frozen=True, slots=True)
class Manner:
    """How a person wants a job carried out."""

    dry_run: bool
    out: Path | None
    detach: bool
    yes: bool
    as_json: bool


def carry_out(node: Node, proposal: Proposal, manner: Manner) -> Job | None:
    """Ask for a job; the job as it stood last, None after a dry run."""
    require_receiver(node, proposal, manner)
    plan = node.plan(proposal)
    if manner.dry_run:
        terminal.answer(plan.view, views.plan(plan.view), as_json=manner.as_json)
        return None
    terminal.show(views.plan(plan.view))
    if not manner.yes:
        terminal.ask("Propose this job?")
    job = plan.propose()
    terminal.say(f"Proposed as job {job.id}")
    if not manner.detach:
        follow(job)
    if manner.out is not None and job.last.state is State.DONE:
        job.result().save(manner.out)
    return job


def tell(node: Node, job: Job, manner: Manner) -> None:
    """Show how a job ended, and end with its exit code."""
    terminal.answer(job.last, views.outcome(job.last, own=node.org), as_json=manner.as_json)
    if manner.out is not None and job.last.state is State.DONE:
        say_written(manner.out)
    if not manner.detach:
        conclude(job)


def say_written(rows: Path) -> None:
    """Say where a result lies now, and its terms."""
    terminal.say(
        f"Rows written to {rows}, what they are and may be used for to {sidecar.beside(rows)}"
    )


def require_receiver(node: Node, proposal: Proposal, manner: Manner) -> None:
    """Fail before anything is proposed if --out could never be written."""
    if manner.out is None:
        return
    if node.org not in proposal.receivers:
        raise BadRequest(
            f"--out is for the result's receivers, and {node.org} is none",
            fix=f"add --to {node.org}, or leave out --out",
        )
    if manner.detach:
        raise BadRequest(
            "--detach does not wait for the rows that --out is for",
            fix="leave out one of them; `mihe result` fetches rows later",
        )
    require_format(manner.out)
    sidecar.require_absent(manner.out)
