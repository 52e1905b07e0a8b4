"""Options that many commands share, said once."""

from pathlib import Path
from typing import Annotated

import typer

from contract.suites import Matching
from mihe.where import NODE_VARIABLE

NodeOption = Annotated[
    Path | None,
    typer.Option(
        "--node",
        envvar=NODE_VARIABLE,
        show_default=False,
        help="This organisation's node: its folder, or its node.toml. Default: ./node.toml.",
    ),
]

JsonOption = Annotated[
    bool, typer.Option("--json", help="Write the answer to stdout as one line of canonical JSON.")
]

JobArgument = Annotated[
    str,
    typer.Argument(
        metavar="JOB",
        help="A job's id, or the beginning of it: 6 digits or more.",
        show_default=False,
    ),
]

MatchingOption = Annotated[
    Matching,
    typer.Option(
        help="How the coordinator matches: `blind`, or `keyed`: many times faster, but coordinator"
        " and any one party together can find out every identifier. Every policy must list it."
    ),
]
