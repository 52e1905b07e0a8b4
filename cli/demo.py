"""`mihe demo`: a whole federation on this machine, and its result beside the clear answer.

    world → CA, coordinator, five nodes → datasets
          → `mihe psi` of two banks, then `mihe query` over four owners, as a person types them
          → both computed in the clear by processes that see every file → equal, or failed

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

from cli import terminal, views
from cli.comparison import (
    Comparison,
    KeysCompared,
    TablesCompared,
    clear_table,
    compare,
    compare_keys,
    compare_tables,
    keys_shown,
    released_table,
    tables_shown,
    verdict,
)
from cli.local import LocalFederation, cli_command, stop_left_running
from cli.options import JsonOption
from contract.canonical import parse
from contract.errors import AlreadyThere, OurError
from contract.keys import KeyKind, Strictness, check
from mihe.sidecar import Sidecar, beside

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
SQL = """\
SELECT r.industry, COUNT(*) AS firms, SUM(t.vat_paid) AS vat_paid,
       AVG(p.kwh_total) AS kwh, SUM(b.loan_balance) AS loans
FROM bank_a.loans AS b
JOIN (SELECT uscc, SUM(vat_paid) AS vat_paid FROM tax.returns
      WHERE period BETWEEN 202510 AND 202609 GROUP BY uscc) AS t USING (uscc)
JOIN (SELECT uscc, SUM(kwh_total) AS kwh_total FROM power.meters
      WHERE period BETWEEN 202510 AND 202609 GROUP BY uscc) AS p USING (uscc)
JOIN registry.enterprises AS r USING (uscc)
WHERE b.five_class <> '损失'
GROUP BY r.industry
"""
LABELS = ("industry",)
STATEMENT = "by_industry.sql"
"""The file in the demonstration's folder that holds the query."""

ASKED_FOR = ("--to", RECEIVER, "--purpose", "CREDIT_MICRO", "--basis", "SYNTHETIC_TEST")
QUESTION = ("psi", LEFT, RIGHT, "--on", COLUMN, *ASKED_FOR)

# A Unix socket's path has 107 bytes at most; some systems' own temporary folders leave no room.
_LONGEST_TEMPORARY = 60
_LONGEST_NOTE = 1 << 20


class Size(StrEnum):
    """How large a world."""

    MINI = "mini"
    STD = "std"
    LARGE = "large"


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
    """Run a whole federation on this machine and compare its results with the clear answers.

    Writes a synthetic world, starts a coordinator and the nodes of a registry, a tax bureau, a
    power company and two banks as processes with mutual TLS, intersects the borrowers of the two
    banks and asks for statistics over four owners through the command line, and computes the same
    in the clear. Says "equal" if every key and every cell is, or fails. Everything is stopped at
    the end, whatever happens.
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
                "a result is not the clear answer", fix=f"report it with the files in {place}"
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
        comparison = compare(_intersection(federation), _statistics(federation))
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


def _intersection(federation: LocalFederation) -> KeysCompared:
    rows = federation.folder / "common.csv"
    with _step(f"the intersection of {LEFT} and {RIGHT}", drawn=False):
        _ask(federation, *QUESTION, "--out", str(rows))
    with _step("the clear answer, by a process that reads every owner's file"):
        clear = _clear_keys(federation.folder)
    with federation.client(RECEIVER) as node:
        result = node.show(_note(rows).job).result
    if result is None:
        raise OurError("the job is done and its receiver has no result", fix="report this defect")
    return compare_keys(result.count, _keys_in(rows), clear)


def _statistics(federation: LocalFederation) -> TablesCompared:
    place = federation.folder
    statement, rows = place / STATEMENT, place / "by_industry.csv"
    statement.write_text(SQL, encoding="utf-8")
    terminal.say()
    for line in SQL.splitlines():
        terminal.say(line)
    with _step("the query over four owners", drawn=False):
        _ask(federation, "query", str(statement), *ASKED_FOR, "--out", str(rows))
    agreed = _note(rows).contract.query
    assert agreed is not None
    with _step("the clear answer, by a process that reads every owner's file"):
        clear = _oracle(
            *("sql_oracle", str(place / "world")),
            *("--k", str(agreed.min_group), "--min-join", str(agreed.min_join)),
            asked=SQL,
        )
    ours = released_table(rows.read_bytes().decode())
    return compare_tables(ours, clear_table(clear), LABELS)


def _ask(federation: LocalFederation, *words: str) -> None:
    """Type a question at the receiver's node."""
    home = federation.folder / RECEIVER
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


def _note(rows: Path) -> Sidecar:
    """What the command wrote beside the rows."""
    return parse(Sidecar, beside(rows).read_bytes().rstrip(b"\n"), max_bytes=_LONGEST_NOTE)


def _clear_keys(place: Path) -> set[bytes]:
    keys = place / "clear.keys"
    sources = [str(place / "world" / f"{name.replace('.', '/')}.csv") for name in (LEFT, RIGHT)]
    answer = _oracle("oracle", "psi", *sources, "--on", COLUMN, "--keys-out", str(keys))
    found = set(keys.read_bytes().split())
    if json.loads(answer)["count"] != len(found):
        raise _no_clear_answer()
    return found


def _oracle(name: str, *words: str, asked: str = "") -> str:
    """What a module of scenarios/ answers, in a process of its own."""
    answered = subprocess.run(
        [sys.executable, "-P", "-m", f"scenarios.{name}", *words],
        input=asked.encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    if answered.returncode != 0:
        raise _no_clear_answer()
    return answered.stdout.decode()


def _no_clear_answer() -> OurError:
    return OurError("the clear answer could not be computed", fix="report this defect")


def _keys_in(rows: Path) -> set[bytes]:
    with rows.open(encoding="utf-8", newline="") as file:
        found = {check(KeyKind.USCC, row[COLUMN], Strictness.WARN) for row in csv.DictReader(file)}
    keys = {key for key in found if isinstance(key, bytes)}
    if keys != found:
        raise OurError("a released row has no valid key", fix="report this defect")
    return keys


def _shown(comparison: Comparison) -> Group:
    return Group(
        keys_shown(comparison.intersection),
        tables_shown(comparison.query, LABELS),
        verdict(comparison),
    )


def _say_next(place: Path) -> None:
    mihe = os.path.relpath(Path(sys.executable).parent / "mihe")
    terminal.say()
    terminal.say("The federation keeps running. What to type next:")
    terminal.say(f"  export MIHE_NODE={shlex.quote(str(place / RECEIVER))}")
    terminal.say(f"  {mihe} catalog")
    terminal.say(f"  {mihe} jobs")
    terminal.say(f"  {mihe} {shlex.join(QUESTION)} --dry-run")
    terminal.say(f"  {mihe} {shlex.join(QUESTION)} --cardinality")
    statement = shlex.join(("query", str(place / STATEMENT), *ASKED_FOR))
    terminal.say(f"  {mihe} {statement}")
    terminal.say(f"  {mihe} {statement} --min-group 5   # no policy allows so small groups")
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
