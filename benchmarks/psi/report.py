"""What a run of the comparison leaves: a line for each run, a table, a plot, and what it ran on."""

import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from benchmarks.psi.measured import Run, Setting
from benchmarks.psi.plan import ANY, GROUPS, USUAL
from benchmarks.psi.plot import plot
from benchmarks.psi.sites import LINKS
from benchmarks.psi.summary import Figure, figures, spells
from benchmarks.psi.table import count, table, timeline, title

_UNLESS_SAID = (
    "Lists of social credit codes, half of them in all lists, unless a row says otherwise.\n"
)
_ROOT = Path(__file__).resolve().parents[2]
_LOCKS = _ROOT / "benchmarks" / "peers"


class Report:
    """Grows by runs; the files are DATE-PROCESSOR with an ending each."""

    def __init__(self, folder: Path, cores: int) -> None:
        self._began = datetime.now(UTC)
        self._processor = _processor()
        self._cores = cores
        self._notes: list[str] = []
        self._runs: list[Run] = []
        folder.mkdir(exist_ok=True)
        slug = re.sub(r"[^a-z0-9]+", "-", self._processor.lower()).strip("-")
        self._stem = folder / f"{self._began:%Y-%m-%d}-{slug}"
        self._file(".jsonl").unlink(missing_ok=True)

    def note(self, text: str) -> None:
        """Something that whoever reads the table has to know."""
        self._notes.append(text)
        print(text, flush=True)

    def add(self, run: Run) -> None:
        """A run that has just ended."""
        self._runs.append(run)
        with self._file(".jsonl").open("a", encoding="utf-8") as lines:
            lines.write(run.line() + "\n")
        took = run.problem if run.cost is None else f"{run.cost.wall:.2f} s"
        print(
            f"{run.setting.link}  {count(run.setting.keys):>6}  {run.engine:16} {took}", flush=True
        )

    def write(self) -> None:
        """Table and plot of all runs."""
        text = self._text()
        self._file(".md").write_text(text, encoding="utf-8")
        self._file(".svg").write_text(plot(self._panels()), encoding="utf-8")
        print(f"\n{text}\n{self._file('.md')}\n{self._file('.svg')}")

    def _text(self) -> str:
        parts = [self._machine(), _UNLESS_SAID, *(f"{note}\n" for note in self._notes)]
        for name, all_figures in groupby(self._figures(), key=lambda one: title(one.setting)):
            parts.append(f"### {name}\n\n{table(all_figures)}")
        parts += [
            f"### Where mihe's time goes: {count(setting.keys)} keys a list, "
            f"{LINKS[setting.link]}\n\n{timeline(spells(runs))}"
            for setting, runs in self._longest()
        ]
        return "\n".join(parts)

    def _machine(self) -> str:
        pins = [
            line.split(" ")[0]
            for lock in sorted(_LOCKS.glob("*.in"))
            for line in lock.read_text(encoding="utf-8").splitlines()
            if "==" in line
        ]
        words = " ".join(sys.argv[1:])
        asked = f' ARGS="{words}"' if words else ""
        return (
            f"{self._began:%Y-%m-%d}, {self._processor}, {self._cores} cores, Linux "
            f"{platform.release()}, Python {platform.python_version()}; mihe {_commit()}, "
            f"{', '.join(pins)}; `make bench-psi{asked}`\n"
        )

    def _settings(self) -> list[Setting]:
        return list(dict.fromkeys(run.setting for run in self._runs))

    def _of(self, setting: Setting) -> list[Run]:
        return [run for run in self._runs if run.setting == setting]

    def _figures(self) -> list[Figure]:
        return [
            figure
            for setting in self._settings()
            for figure in figures(self._of(setting), GROUPS[setting.group][0].engine.name)
        ]

    def _panels(self) -> list[tuple[str, list[Figure]]]:
        usual = [
            figure
            for figure in self._figures()
            if (figure.setting.shape, figure.setting.overlap) == USUAL
        ]
        return [
            (name, list(panel))
            for name, panel in groupby(usual, key=lambda one: LINKS[one.setting.link])
        ]

    def _longest(self) -> list[tuple[Setting, list[Run]]]:
        """Our own runs on the largest lists of each link."""
        largest: dict[str, Setting] = {}
        for setting in self._settings():
            found = largest.get(setting.link)
            if setting.group == ANY and (found is None or setting.keys > found.keys):
                largest[setting.link] = setting
        return [(setting, self._of(setting)) for setting in largest.values()]

    def _file(self, ending: str) -> Path:
        return self._stem.with_name(self._stem.name + ending)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()


def _commit() -> str:
    """Of this repository, with a mark if something in it was changed since."""
    words = ("git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=12")
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
