"""Following a job: one bar per party and phase while it runs, and the exit code of its end."""

from collections.abc import Iterator

import typer
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed

from cli import terminal
from cli.views import SHORT
from contract.errors import INTERRUPTED, NodeAbsent, OurError, clean
from contract.views import JobView
from mihe.job import Job


def follow(job: Job) -> None:
    """Wait for a job's end, and draw how far it is; Ctrl-C ends the following only."""
    short = job.id[:SHORT]
    try:
        _draw(job.watch(), short)
    except KeyboardInterrupt:
        terminal.say()
        terminal.say(f"No longer following. The job goes on: mihe show {short} --follow")
        terminal.say(f"                          To stop it: mihe abort {short}")
        raise typer.Exit(INTERRUPTED) from None
    except NodeAbsent:
        terminal.say(f"The job is not lost. Once the node is back: mihe show {short} --follow")
        raise


def conclude(job: Job) -> None:
    """End the command as the job ended: silently when done, else with its cause and exit code."""
    if (error := job.error) is not None:
        terminal.show_error(error)
        raise typer.Exit(error.exit_code)


def _draw(views: Iterator[JobView], short: str) -> None:
    console = terminal.err()
    bars: dict[tuple[str, str], TaskID] = {}
    last: JobView | None = None
    progress = Progress(
        TextColumn("{task.fields[party]:<12} {task.description:<10}"),
        BarColumn(),
        TaskProgressColumn(),
        Elapsed(),
        console=console,
        # Without a terminal there is nothing to draw over: the lines below are all that is said.
        disable=not console.is_terminal,
    )
    with progress:
        for view in views:
            if last is None or view.state is not last.state:
                terminal.say_above(progress.console, f"job {short}  {view.state.value}")
            _advance(progress, bars, view)
            last = view
    if last is None:
        raise OurError("the node said nothing about the job", fix="look at the node's log")


def _advance(progress: Progress, bars: dict[tuple[str, str], TaskID], view: JobView) -> None:
    for one in view.progress:
        bar = (one.org, one.phase)
        if bar not in bars:
            bars[bar] = progress.add_task(clean(one.phase), party=one.org, total=one.total)
        progress.update(bars[bar], completed=one.done, total=one.total)
