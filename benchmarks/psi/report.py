"""What a run of the comparison leaves: a line for each run, a table, a plot, and what it ran on.

`python -m benchmarks.psi.report FILE.jsonl…` puts what several runs have measured on one machine
into docs/benchmarks.md and its plot.
"""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from benchmarks.psi.measured import Run, Setting
from benchmarks.psi.plan import ANY, GROUPS, THREE, USUAL
from benchmarks.psi.plot import plot
from benchmarks.psi.sites import LINKS
from benchmarks.psi.summary import Figure, figures, spells
from benchmarks.psi.table import count, table, timeline, title

_UNLESS_SAID = (
    "Lists of social credit codes, half of them in all lists, unless a row says otherwise.\n"
)
_QUIET = 0.5
"""A load average below which nothing else is at work."""
_ROOT = Path(__file__).resolve().parents[2]
_LOCKS = _ROOT / "benchmarks" / "peers"
_PAGE = _ROOT / "docs" / "benchmarks.md"
_MEASURED = "<!-- Below: written by benchmarks/psi/report.py. -->\n"


class Report:
    """Grows by runs; the files are DATE-TIME-PROCESSOR with an ending each."""

    def __init__(self, folder: Path, cores: int) -> None:
        now, processor = datetime.now(UTC), _processor()
        self._notes = [_machine(now, processor, cores)]
        self._runs: list[Run] = []
        folder.mkdir(exist_ok=True)
        slug = re.sub(r"[^a-z0-9]+", "-", processor.lower()).strip("-")
        self._stem = folder / f"{now:%Y-%m-%d-%H%M}-{slug}"
        self._line(json.dumps({"note": self._notes[0]}, ensure_ascii=False))

    def note(self, text: str) -> None:
        """Something that whoever reads the table has to know."""
        self._notes.append(text)
        self._line(json.dumps({"note": text}, ensure_ascii=False))
        print(text, flush=True)

    def add(self, run: Run) -> None:
        """A run that has just ended."""
        self._runs.append(run)
        self._line(run.line())
        took = run.problem if run.cost is None else f"{run.cost.wall:.2f} s"
        where = f"{run.setting.link}  {count(run.setting.keys):>10}"
        print(f"{where}  {run.engine:16} {took}", flush=True)

    def write(self) -> None:
        """Table and plot of all runs."""
        page = text(self._notes, self._runs)
        self._file(".md").write_text(page, encoding="utf-8")
        self._file(".svg").write_text(plot(panels(self._runs)), encoding="utf-8")
        print(f"\n{page}\n{self._file('.md')}\n{self._file('.svg')}")

    def _line(self, line: str) -> None:
        with self._file(".jsonl").open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")

    def _file(self, ending: str) -> Path:
        return self._stem.with_name(self._stem.name + ending)


def text(notes: Sequence[str], runs: Sequence[Run]) -> str:
    """Everything as Markdown."""
    parts = [*(f"{note}\n" for note in notes), _UNLESS_SAID]
    for name, some in groupby(_figures(runs), key=lambda figure: title(figure.setting)):
        parts.append(f"### {name}\n\n{table(some)}")
    for setting in _longest(runs):
        head = f"### Where mihe's time goes: {count(setting.keys)} keys a list, "
        told = timeline(spells(_of(setting, runs)))
        parts.append(f"{head}{LINKS[setting.link]}\n\n{told}")
    return "\n".join(parts)


def panels(runs: Sequence[Run]) -> list[tuple[str, list[Figure]]]:
    """What is plotted: the usual lists of two owners, a panel for each link."""
    usual = [
        figure
        for figure in _figures(runs)
        if (figure.setting.shape, figure.setting.overlap) == USUAL and figure.setting.group != THREE
    ]
    return [
        (name, list(panel))
        for name, panel in groupby(usual, key=lambda figure: LINKS[figure.setting.link])
    ]


def main() -> None:
    """Write the page anew from the files named."""
    notes: list[str] = []
    runs: list[Run] = []
    for name in sys.argv[1:]:
        for line in Path(name).read_text(encoding="utf-8").splitlines():
            raw = json.loads(line)
            if "note" in raw:
                notes.append(raw["note"])
            else:
                runs.append(Run.of(line))
    said, mark, _ = _PAGE.read_text(encoding="utf-8").partition(_MEASURED)
    if not mark:
        raise SystemExit(f"{_PAGE} has no line {_MEASURED}")
    _PAGE.write_text(f"{said}{mark}\n{text(notes, runs)}", encoding="utf-8")
    _PAGE.with_suffix(".svg").write_text(plot(panels(runs)), encoding="utf-8")


def _figures(runs: Sequence[Run]) -> list[Figure]:
    """By link, group and what is unusual; runs of several files may come in any order."""
    settings = sorted(
        {run.setting for run in runs},
        key=lambda one: (
            list(LINKS).index(one.link),
            list(GROUPS).index(one.group),
            (one.shape, one.overlap) != USUAL,
            one.keys,
            one.shape,
            one.overlap,
        ),
    )
    return [
        figure
        for setting in settings
        for figure in figures(_of(setting, runs), GROUPS[setting.group][0].engine.name)
    ]


def _longest(runs: Sequence[Run]) -> list[Setting]:
    """The usual lists that are the largest on each link."""
    largest: dict[str, Setting] = {}
    for setting in (run.setting for run in runs if run.setting.group == ANY):
        found = largest.get(setting.link)
        usual = (setting.shape, setting.overlap) == USUAL
        if usual and (found is None or setting.keys > found.keys):
            largest[setting.link] = setting
    return list(largest.values())


def _of(setting: Setting, runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.setting == setting]


def _machine(now: datetime, processor: str, cores: int) -> str:
    pins = [
        line
        for lock in sorted(_LOCKS.glob("*.in"))
        for line in lock.read_text(encoding="utf-8").splitlines()
        if "==" in line
    ]
    words = " ".join(sys.argv[1:])
    asked = f' ARGS="{words}"' if words else ""
    return (
        f"{now:%Y-%m-%d}, {processor}, {cores} cores, Linux {platform.release()}, Python "
        f"{platform.python_version()}; mihe {_commit()}, {', '.join(pins)}; "
        f"`make bench-psi{asked}`{_busy(os.getloadavg()[0])}"
    )


def _busy(load: float) -> str:
    """What to think of figures from a machine that has other work to do."""
    if load < _QUIET:
        return ""
    return (
        f". **The machine was busy** (load {load:.1f} before it began): seconds are too long for"
        " all, ratios are rough; processor time, bytes and memory hold"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()


def _commit() -> str:
    """Of this repository, with a mark if something in it was changed since."""
    words = ("git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=12")
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
