"""`mihe node run` and `mihe coordinator run`: become the daemon, as units and compose files do.

The command line imports neither daemon; it replaces itself by `python -P -m node`, so that
signals, exit code and process id are the daemon's own.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cli import terminal
from mihe.where import COORDINATOR_FILE, NODE_VARIABLE, config_file

node_app = typer.Typer(no_args_is_help=False, help="This organisation's daemon.")
coordinator_app = typer.Typer(no_args_is_help=False, help="The consortium's meeting point.")

CoordinatorOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="coordinator.toml or its folder.", show_default=False
    ),
]


@node_app.command("run")
def run_node(
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar=NODE_VARIABLE,
            help="node.toml or its folder.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run this organisation's node in the foreground until SIGTERM or Ctrl-C.

    Without --config it is MIHE_NODE, else ./node.toml. The log goes to stderr and holds nothing
    personal.
    """
    _become("node", config_file(config))


@coordinator_app.command("run")
def run_coordinator(
    config: CoordinatorOption = None,
) -> None:
    """Run the coordinator in the foreground until SIGTERM or Ctrl-C.

    Without --config it is ./coordinator.toml. The log goes to stderr and holds nothing personal.
    """
    _become("coordinator", config_file(config, COORDINATOR_FILE))


@coordinator_app.command("status")
def coordinator_status(
    config: CoordinatorOption = None,
) -> None:
    """Say whether the coordinator of this machine serves; for health checks.

    Asks it under its own certificate, so type this as the user that it runs as.
    """
    # gRPC is slow to import, and `run` must not hold it when it becomes the daemon.
    from mihe.serving import require_serving

    address = require_serving(config_file(config, COORDINATOR_FILE))
    terminal.out().print(f"serves on {address}")


def daemon_command(package: str, config: Path) -> list[str]:
    """The command that is the daemon; -P keeps the working folder out of its import path."""
    return [sys.executable, "-P", "-m", package, "--config", str(config)]


def _become(package: str, config: Path) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, daemon_command(package, config))  # noqa: S606  # our own words only
