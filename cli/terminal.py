"""What a person sees: the one file that writes to the terminal.

The contract of the command line with whoever types, or scripts, it:

    stdout    data and nothing else: what was asked for, as a table, or with --json as one line of
              canonical JSON (the models of contract/views.py)
    stderr    prose, questions, progress and errors; nothing that a script would need to parse
    error     error CODE: what happened
                party / phase / rule    each on a line of its own, where known
                fix                     what to do next; always there
                more                    the command with the whole page; to a person only
    exit code 0 when done, else that of the error: contract/errors.py, `mihe explain`
    job       a command that follows a job ends with the code of the job's end: whoever scripts
              mihe needs no parsing to know how it went
    Ctrl-C    while following: only the following ends, the job goes on
    questions are asked of a person at a terminal only; a script that typed the command meant it
    place     of what is wrong in a statement: the line, and ^ under it; to a person only
    colour    only on a terminal, never alone in carrying a meaning; NO_COLOR is honoured

Titles, causes and names come from other organisations: nothing of them is read as markup, and no
control character of theirs reaches the terminal.
"""

import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import environ

import typer
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from contract.canonical import Frozen, canonical_bytes
from contract.cause import Cause, error_of
from contract.errors import Aborted, MiheError, clean

# A pipe has no width of its own; tables must not be folded for whoever reads them with grep.
_WIDTH_OF_A_PIPE = 160
_BEFORE_A_PLACE = 40
"""Signs of a line that are shown before the place in it that something is about."""


def out() -> Console:
    """The console on stdout."""
    return _console(stderr=False)


def err() -> Console:
    """The console on stderr."""
    return _console(stderr=True)


def answer(view: Frozen, shown: RenderableType, *, as_json: bool) -> None:
    """Write what was asked for to stdout."""
    if as_json:
        sys.stdout.write(canonical_bytes(view).decode() + "\n")
    else:
        out().print(shown)


def say(text: str = "", *, style: str | None = None) -> None:
    """Write a sentence to stderr; it is wrapped by the terminal alone, so that it can be copied."""
    err().print(Text(clean(text), style=style or ""), soft_wrap=True)


def say_above(console: Console, text: str) -> None:
    """Write a line to stderr above the progress bars that `console` is drawing."""
    console.print(Text(clean(text)), soft_wrap=True)


@contextmanager
def working(text: str) -> Iterator[None]:
    """A sign of life on stderr while one long step runs; nothing where nobody looks on."""
    console = err()
    if not console.is_terminal:
        yield
        return
    with console.status(Text(clean(text))):
        yield


def show(shown: RenderableType) -> None:
    """Write a table or a panel to stderr."""
    err().print(shown)


def ask(question: str) -> None:
    """Go on only if the person agrees; where nobody sits at the terminal nothing is asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if not typer.confirm(question, err=True):
        raise Aborted("stopped at the question; nothing was sent", fix="type the command again")


def point_at(line: str, place: int) -> None:
    """Show a person the place in a line that was typed; nothing where nobody looks on."""
    console = err()
    if not console.is_terminal:
        return  # what was typed may name a subject, and a log is no place for that
    line = line.rstrip("\r").expandtabs(1)
    start = max(0, place - _BEFORE_A_PLACE)
    before = clean(line[start:place])
    width = max(console.width - 2, cell_len(before) + 1)
    shown = set_cell_size(before + clean(line[place:]), width).rstrip()
    console.print(Text(f"  {shown}"), soft_wrap=True)
    console.print(Text(f"  {' ' * cell_len(before)}^", "bold red"), soft_wrap=True)


def show_error(error: MiheError) -> None:
    """Write an error in the fixed layout."""
    console = err()
    head = Text.assemble(("error ", "bold red"), (error.code, "bold"), f": {clean(error.what)}")
    console.print(head, soft_wrap=True)
    for name in ("party", "phase", "rule", "fix"):
        value = getattr(error, name)
        if value is not None:
            line = Text.assemble((f"  {name:<6} ", "dim"), clean(value))
            console.print(line, soft_wrap=True)
    if console.is_terminal:
        console.print(Text(f"  more   mihe explain {error.code}", "dim"), soft_wrap=True)
    if environ.get("MIHE_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)


def show_cause(cause: Cause) -> None:
    """Write why a job ended, in the same layout."""
    show_error(error_of(cause))


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> Table:
    """A table; a column whose name ends in '>' is aligned to the right, for numbers."""
    drawn = Table(
        title=title and Text(clean(title)),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for name in columns:
        # On a narrow terminal a cell takes more lines: half a figure would be another figure.
        drawn.add_column(
            Text(name.rstrip(">")),
            justify="right" if name.endswith(">") else "left",
            overflow="fold",
        )
    for row in rows:
        drawn.add_row(*(_cell(value) for value in row))
    return drawn


def facts(rows: Iterable[tuple[str, object]], *, title: str | None = None) -> Table:
    """Names and values, one pair a line; pairs without a value are left out."""
    drawn = Table(
        title=title and Text(clean(title)),
        title_justify="left",
        box=None,
        show_header=False,
        pad_edge=False,
    )
    drawn.add_column(style="dim")
    drawn.add_column(overflow="fold")
    for name, value in rows:
        if value is not None and value != "":
            drawn.add_row(Text(name), _cell(value))
    return drawn


def lines(texts: Iterable[str]) -> Text:
    """Several lines for one cell."""
    return Text("\n".join(clean(text) for text in texts))


def _cell(value: object) -> Text:
    match value:
        case None:
            return Text("–", style="dim")
        case bool():
            return Text("yes" if value else "no")
        case int():
            return Text(f"{value:,}")
        case Text():
            return value
        case _:
            return Text(clean(str(value)))


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in environ else _WIDTH_OF_A_PIPE
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)
