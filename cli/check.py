"""`mihe check` and `mihe coordinator check`: what is wrong here, or soon will be, and what to do.

    files, disk, coordinator   by the daemon's own preflight (`python -P -m node.check`): it reads
                               what the daemon reads, before that was ever started too
    the running node           by its admin socket, if it answers

The command line imports no daemon: a preflight is a process whose answer is a Report.
"""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cli import terminal, views
from cli.daemons import CoordinatorOption
from cli.options import JsonOption, NodeOption
from contract import checks
from contract.canonical import parse
from contract.checks import Check, Finding, Outcome, Report, ok, problem
from contract.errors import MiheError, NodeAbsent, OurError
from contract.lifecycle import TERMINAL
from contract.policy import Policy
from contract.toml import parse as parse_toml
from mihe.node import Node
from mihe.serving import require_serving
from mihe.where import COORDINATOR_FILE, config_file

_LARGEST_REPORT = 1 << 20

MustRunOption = Annotated[
    bool,
    typer.Option(
        "--running", help="It has to be running: a problem if it is not, as for a health check."
    ),
]


def check(
    must_run: MustRunOption = False, node: NodeOption = None, as_json: JsonOption = False
) -> None:
    """Look for what is wrong at this organisation's node, or soon will be, and say what to do.

    Works before the node was ever started: configuration, key, certificate and CA, policy,
    datasets, folders, disk, the coordinator and both clocks. Beside a running node also: whether
    it is attached, whether its direct address is reached from outside, versions, members, and jobs
    left over.

    Changes nothing. Ends with 0 if there is no problem (warnings are none), else with the exit code
    of the first problem.
    """
    file = config_file(node)
    report = _preflight("node", file)
    if report.running:
        report = _with(report, *_of_running(file))
    elif must_run:
        fix = f"start it: `mihe node run --config {file}`"
        report = _with(report, problem(Check.RUNNING, NodeAbsent("the node does not run", fix=fix)))
    _conclude(report, as_json=as_json)


def check_coordinator(
    must_run: MustRunOption = False,
    config: CoordinatorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for what is wrong at the coordinator, or soon will be, and say what to do.

    Configuration, key, certificate and CA, data folder, disk, and whether it serves or could.

    Changes nothing. Ends with 0 if there is no problem (warnings are none), else with the exit code
    of the first problem.
    """
    file = config_file(config, COORDINATOR_FILE)
    serves = _serving(file)
    running = serves.outcome is Outcome.OK
    report = _preflight("coordinator", file, *(("--running",) if running else ()))
    if running or must_run:
        report = _with(report, serves)
    _conclude(report, as_json=as_json)


def _serving(file: Path) -> Finding:
    try:
        return ok(Check.RUNNING, f"it serves on {require_serving(file)}")
    except MiheError as error:
        return problem(Check.RUNNING, error)


def _preflight(package: str, file: Path, *words: str) -> Report:
    answered = subprocess.run(
        [sys.executable, "-P", "-m", f"{package}.check", "--config", str(file), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # What it has to say stands in the report; a library's own lines may quote anything.
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return parse(Report, answered.stdout.rstrip(b"\n"), error=OurError, max_bytes=_LARGEST_REPORT)


def _of_running(file: Path) -> Iterator[Finding]:
    """What the node itself can tell: each answer, or why there is none."""
    with Node.open(file) as node:
        try:
            status = node.status()
        except MiheError as error:
            yield problem(Check.RUNNING, error)
            return
        yield ok(Check.RUNNING, f"the node of {status.org} answers its people")
        yield checks.versions(version("mihe"), status.version, "the running node's")
        yield from filter(None, map(checks.noticed, status.notices))
        yield from _of_federation(node)
        try:
            yield _jobs(node)
        except MiheError as error:
            yield problem(Check.JOBS, error)


def _of_federation(node: Node) -> Iterator[Finding]:
    try:
        known = [one.org for one in node.catalogue().organisations]
    except MiheError as error:
        yield problem(Check.ATTACHED, error)
        return
    yield ok(Check.ATTACHED, f"to the coordinator at {node.own.config.coordinator}")
    place = node.own.file.parent / node.own.config.policy
    try:
        rules = parse_toml(Policy, place.read_text(encoding="utf-8"), str(place))
    except (OSError, UnicodeDecodeError, MiheError):
        return  # the preflight has told what is wrong with the policy
    yield checks.members(rules, known)


def _jobs(node: Node) -> Finding:
    open_jobs = [line.job for line in node.jobs().jobs if line.state not in TERMINAL]
    ends = [(job[: views.SHORT], node.job(job).last.contract.expires) for job in open_jobs]
    return checks.leftovers(ends, datetime.now(UTC))


def _with(report: Report, *more: Finding) -> Report:
    return report.model_copy(update={"findings": (*report.findings, *more)})


def _conclude(report: Report, *, as_json: bool) -> None:
    terminal.answer(report, views.report(report), as_json=as_json)
    if report.exit_code:
        raise typer.Exit(report.exit_code)
