"""The command `mihe`: parse what was typed, ask the own node, show the answer.

Every way out of it goes through `main`: a MiheError in the fixed layout with its exit code, a
mistyped command line as BAD_REQUEST, and anything unforeseen as a defect of ours, whose text may
quote anything and is therefore shown only to who asks for it with MIHE_DEBUG=1.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from errno import EDQUOT, EFBIG, EIO, ENOSPC, EROFS
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException
from typer.main import get_command

from cli import (
    ca,
    check,
    daemons,
    dataset,
    demo,
    evidence,
    explain,
    init,
    jobs,
    language,
    query,
    renew,
    terminal,
)
from contract.errors import Aborted, BadRequest, MiheError, OurError, StorageFull

_JOBS = "Jobs"
_NODE = "This organisation's node"
_SETUP = "Setting up"

app = typer.Typer(
    name="mihe",
    help="Compute over the join of several organisations' records while no record leaves its "
    "owner. You talk to your own organisation's node: --node, MIHE_NODE, or ./node.toml.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback(invoke_without_command=True)
def _mihe(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.")
    ] = False,
) -> None:
    if show_version:
        terminal.out().print(f"mihe {version('mihe')}")
    elif context.invoked_subcommand is None:
        context.get_help()


app.command("psi", rich_help_panel=_JOBS)(jobs.psi)
app.command("query", rich_help_panel=_JOBS)(query.query)
app.command("jobs", rich_help_panel=_JOBS)(jobs.jobs)
app.command("show", rich_help_panel=_JOBS)(jobs.show)
app.command("abort", rich_help_panel=_JOBS)(jobs.abort)
app.command("result", rich_help_panel=_JOBS)(jobs.result)
app.command("evidence", rich_help_panel=_JOBS)(evidence.evidence)
app.command("catalog", rich_help_panel=_JOBS)(jobs.catalog)
app.command("explain", rich_help_panel=_JOBS)(explain.explain)
app.command("status", rich_help_panel=_NODE)(jobs.status)
app.command("check", rich_help_panel=_NODE)(check.check)
app.add_typer(dataset.app, name="dataset", rich_help_panel=_NODE)
app.add_typer(daemons.node_app, name="node", rich_help_panel=_NODE)
app.command("demo", rich_help_panel=_SETUP)(demo.demo)
app.add_typer(ca.app, name="ca", rich_help_panel=_SETUP)
init.app.command("renew")(renew.renew)
app.add_typer(init.app, name="init", rich_help_panel=_SETUP)
daemons.coordinator_app.command("check")(check.check_coordinator)
app.add_typer(daemons.coordinator_app, name="coordinator", rich_help_panel=_SETUP)

_FULL = (ENOSPC, EDQUOT, EFBIG, EROFS, EIO)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    # gRPC writes its own lines to stderr, with addresses, unless it is told before its first use.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    command = get_command(app)
    if language.wants_chinese(os.environ):
        language.in_chinese(command)
    try:
        code: int = command.main(arguments, prog_name="mihe", standalone_mode=False) or 0
        sys.stdout.flush()  # what can't be written is found out now, not at exit
        return code
    except MiheError as error:
        return _fail(error)
    except TyperException as mistyped:
        return _fail(_mistyped(mistyped))
    except Abort:
        return _fail(Aborted("stopped at the question", fix="type the command again"))
    except BrokenPipeError:
        # Whoever read stdout has seen enough; Python would complain about it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _fail(_unwritten() if error.errno in _FULL else _defect())
    except Exception:  # noqa: BLE001  # the last line of defence: no traceback reaches a user
        return _fail(_defect())


def _defect() -> OurError:
    if os.environ.get("MIHE_DEBUG") == "1":
        traceback.print_exc()
    return OurError(
        "mihe met a defect of its own",
        fix="type it again with MIHE_DEBUG=1 and report what it prints, after reading "
        "it through: a traceback may quote data",
    )


def _unwritten() -> StorageFull:
    # Python would try again at exit, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return StorageFull(
        "the answer can't be written where stdout leads: its disk is full or read-only",
        fix="free space there, or let it lead elsewhere; the node's own state is as it was",
    )


def _fail(error: MiheError) -> int:
    terminal.show_error(error)
    return error.exit_code


def _mistyped(problem: TyperException) -> BadRequest:
    context = getattr(problem, "ctx", None)
    command = context.command_path if context else "mihe"
    return BadRequest(problem.format_message().rstrip("."), fix=f"see `{command} --help`")


if __name__ == "__main__":
    sys.exit(main())
