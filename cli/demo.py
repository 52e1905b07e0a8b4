"""`mihe demo`: a whole federation on this machine, and its result beside the clear answer.

    world → CA, coordinator, five nodes → datasets → `mihe psi`, as a person types it
          → the answer computed in the clear by a process that sees every file → equal, or failed

Learns      whoever runs it sees everything: the world is synthetic and lies in one folder. Each
            node sees only its own organisation's part of it, as in earnest.
Not for     production (see cli/local.py).
"""

import csv
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Group
from rich.text import Text

from cli import terminal, views
from cli.client import NodeClient
from cli.local import LocalFederation, cli_command, stop_left_running
from cli.options import JsonOption
from contract.canonical import Frozen
from contract.errors import AlreadyThere, OurError
from contract.keys import KeyKind, Strictness, check

USCCS = {
    "coordinator": "5233000070000001XF",
    "registry": "11330000700000028N",
    "tax": "11330000700000036H",
    "power": "913300007000000444",
    "bank_a": "91330000700000052Y",
    "bank_b": "91330000700000060R",
}
"""Made-up organisations; the codes are valid and belong to no enterprise of the world."""

LEFT, RIGHT, COLUMN, RECEIVER = "bank_a.loans", "bank_b.loans", "uscc", "bank_a"
QUESTION = (
    *("psi", LEFT, RIGHT, "--on", COLUMN, "--to", RECEIVER),
    *("--purpose", "CREDIT_MICRO", "--basis", "SYNTHETIC_TEST"),
)

# A Unix socket's path has 107 bytes at most; some systems' own temporary folders leave no room.
_LONGEST_TEMPORARY = 60


class Size(StrEnum):
    """How large a world."""

    MINI = "mini"
    STD = "std"
    LARGE = "large"


class Comparison(Frozen):
    """The result through mihe beside the answer in the clear."""

    equal: bool
    counted: int
    in_rows: int
    in_the_clear: int
    only_through_mihe: int
    only_in_the_clear: int


def demo(
    size: Annotated[
        Size, typer.Option(help="Enterprises: mini 2 000, std 20 000, large 200 000.")
    ] = Size.STD,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the federation running, and say what to type.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            metavar="DIR",
            help="A new or empty folder to work in, left there at the end. Default: a temporary "
            "one, removed at the end.",
        ),
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="Nodes reach each other directly, without the relay.")
    ] = False,
    stop: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Stop a federation that --keep left running, and exit."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a whole federation on this machine and compare its result with the clear answer.

    Writes a synthetic world, starts a coordinator and the nodes of a registry, a tax bureau, a
    power company and two banks as processes with mutual TLS, intersects the borrowers of the two
    banks through the command line, and computes the same in the clear. Says "equal", or fails.
    Everything is stopped at the end, whatever happens.
    """
    if stop is not None:
        names = stop_left_running(stop)
        terminal.say(f"Stopped: {', '.join(names) or 'nothing was running'}.")
        terminal.say(f"Its files are still there; to remove them: rm -r {shlex.quote(str(stop))}")
        return
    with _place(folder, keep=keep) as place, _ended_by_signals():
        comparison = _run(place, size, keep=keep, direct=direct)
        terminal.answer(comparison, _shown(comparison), as_json=as_json)
        if not comparison.equal:
            raise OurError(
                "the result is not the clear answer", fix=f"report it with the files in {place}"
            )
    if keep:
        _say_next(place)


def _run(place: Path, size: Size, *, keep: bool, direct: bool) -> Comparison:
    federation = LocalFederation(place, USCCS, direct=direct)
    with _step(f"a synthetic world ({size.value})"):
        descriptions = _write_world(place / "world", size)
    with _step("CA, certificates, configurations, policies"):
        federation.build()
        for org in federation.orgs:
            shutil.copy(place / "world" / org / "policy.toml", federation.home(org).policy)
    try:
        with _step("coordinator and five nodes, attached over mutual TLS"):
            federation.start("coordinator", *federation.orgs)
            federation.wait_attached()
        with _step("datasets imported by their owners"):
            for org, description in descriptions:
                with federation.client(org) as node:
                    node.add_dataset(description)
        with federation.client(RECEIVER) as node:
            terminal.show(views.catalogue_summary(node.catalogue()))
        with _step(f"the intersection of {LEFT} and {RIGHT}", drawn=False):
            rows = _ask(federation, place / "common.csv")
        with _step("the clear answer, by a process that reads every owner's file"):
            clear = _clear_answer(place)
        with federation.client(RECEIVER) as node:
            comparison = _compare(node, rows, clear)
        if keep and comparison.equal:
            federation.leave_running()
        return comparison
    finally:
        if federation.running:
            with _step("everything stopped"):
                federation.stop_all()


def _write_world(folder: Path, size: Size) -> list[tuple[str, Path]]:
    # Its imports are heavy, and no other command needs them.
    from scenarios.world import write_world

    world = write_world(folder, size=size.value)
    return [(one.organisation, one.description) for one in world.datasets]


def _ask(federation: LocalFederation, rows: Path) -> Path:
    """Type the question at the receiver's node; the file with the released rows."""
    home = federation.folder / RECEIVER
    words = [*QUESTION, "--out", str(rows)]
    terminal.say()
    terminal.say(f"$ export MIHE_NODE={shlex.quote(str(home))}", style="bold")
    terminal.say(f"$ mihe {shlex.join(words)}", style="bold")
    asked = subprocess.run(
        cli_command(*words, "--yes"),
        env={**os.environ, "MIHE_NODE": str(home)},
        # stdout is for the demonstration's own answer.
        stdout=sys.stderr.fileno(),
        check=False,
    )
    if asked.returncode != 0:
        # The command has said why; the demonstration ends as it did.
        raise typer.Exit(asked.returncode)
    return rows


def _clear_answer(place: Path) -> set[bytes]:
    keys = place / "clear.keys"
    sources = [place / "world" / name.replace(".", "/") for name in (LEFT, RIGHT)]
    command = [sys.executable, "-P", "-m", "scenarios.oracle", "psi"]
    command += [f"{source}.csv" for source in sources]
    answered = subprocess.run(
        [*command, "--on", COLUMN, "--keys-out", str(keys)], stdout=subprocess.PIPE, check=False
    )
    found = set(keys.read_bytes().split()) if answered.returncode == 0 else set()
    if answered.returncode != 0 or json.loads(answered.stdout)["count"] != len(found):
        raise OurError("the clear answer could not be computed", fix="report this defect")
    return found


def _compare(node: NodeClient, rows: Path, clear: set[bytes]) -> Comparison:
    result = node.show(node.jobs().jobs[0].job).result
    if result is None:
        raise OurError("the job is done and its receiver has no result", fix="report this defect")
    return compared(result.count, _keys_in(rows), clear)


def compared(counted: int, ours: set[bytes], clear: set[bytes]) -> Comparison:
    """Equal only if the count and every single key agree."""
    return Comparison(
        equal=counted == len(clear) and ours == clear,
        counted=counted,
        in_rows=len(ours),
        in_the_clear=len(clear),
        only_through_mihe=len(ours - clear),
        only_in_the_clear=len(clear - ours),
    )


def _keys_in(rows: Path) -> set[bytes]:
    with rows.open(encoding="utf-8", newline="") as file:
        found = {check(KeyKind.USCC, row[COLUMN], Strictness.WARN) for row in csv.DictReader(file)}
    keys = {key for key in found if isinstance(key, bytes)}
    if keys != found:
        raise OurError("a released row has no valid key", fix="report this defect")
    return keys


def _shown(comparison: Comparison) -> Group:
    beside = terminal.table(
        ("", "through mihe>", "in the clear>"),
        [
            ("keys in common, as counted", comparison.counted, comparison.in_the_clear),
            ("keys in common, one by one", comparison.in_rows, comparison.in_the_clear),
            ("only here", comparison.only_through_mihe, comparison.only_in_the_clear),
        ],
    )
    verdict = ("equal", "bold green") if comparison.equal else ("NOT EQUAL", "bold red")
    return Group(beside, Text.assemble(verdict))


def _say_next(place: Path) -> None:
    mihe = os.path.relpath(Path(sys.executable).parent / "mihe")
    terminal.say()
    terminal.say("The federation keeps running. What to type next:")
    terminal.say(f"  export MIHE_NODE={shlex.quote(str(place / RECEIVER))}")
    terminal.say(f"  {mihe} catalog")
    terminal.say(f"  {mihe} jobs")
    terminal.say(f"  {mihe} {shlex.join(QUESTION)} --dry-run")
    terminal.say(f"  {mihe} {shlex.join(QUESTION)} --cardinality")
    refused = shlex.join(QUESTION).replace("CREDIT_MICRO", "MARKETING")
    terminal.say(f"  {mihe} {refused}   # no policy lists it")
    terminal.say("To stop it:")
    terminal.say(f"  {mihe} demo --stop {shlex.quote(str(place))}")


@contextmanager
def _step(text: str, *, drawn: bool = True) -> Iterator[None]:
    """One step, and how long it took; `drawn` is a sign of life while it runs."""
    started = time.monotonic()
    if drawn:
        with terminal.working(text):
            yield
    else:
        yield
    terminal.say(f"{time.monotonic() - started:7.2f} s  {text}")


@contextmanager
def _place(folder: Path | None, *, keep: bool) -> Iterator[Path]:
    """The folder to work in; a temporary one stays only if it is still needed."""
    if folder is not None:
        if folder.exists() and any(folder.iterdir()):
            raise AlreadyThere(f"{folder} is not empty", fix="name a new folder with --dir")
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    temporary = tempfile.gettempdir()
    short = temporary if len(temporary) <= _LONGEST_TEMPORARY else "/tmp"  # noqa: S108  # mkdtemp's
    place = Path(tempfile.mkdtemp(prefix="mihe-", dir=short)).resolve()
    try:
        yield place
    except Exception:
        terminal.say(f"Files and logs of this attempt are left in {place}")
        raise
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    if not keep:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the demonstration as Ctrl-C does: in order."""

    def leave(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
