"""`mihe explain`: what docs/errors says of an error's code, and the list of all codes."""

from typing import Annotated

import typer

from cli import terminal
from contract.error_pages import exit_codes, facts_of, meaning_of
from contract.errors import BY_CODE, BadRequest, nearest


def explain(
    code: Annotated[
        str,
        typer.Argument(
            metavar="[CODE]", help="The word in capitals behind `error`.", show_default=False
        ),
    ] = "",
) -> None:
    """Say what an error's code means, when one meets it, and what to do about it.

    Without CODE: all codes, and what the exit codes of the command say.
    """
    if not code:
        codes = [(name, leaf.exit_code, meaning_of(leaf)) for name, leaf in BY_CODE.items()]
        terminal.out().print(terminal.table(("code", "exit>", "meaning"), codes))
        terminal.out().print(terminal.table(("exit>", "meaning"), exit_codes().items()))
        return
    error = BY_CODE.get(code.upper())
    if error is None:
        raise BadRequest(
            f"no error has this code.{nearest(code.upper(), list(BY_CODE))}",
            fix="list all codes with `mihe explain`",
        )
    terminal.out().print(f"{error.code}: {meaning_of(error)}")
    terminal.out().print(terminal.facts(facts_of(error)))
