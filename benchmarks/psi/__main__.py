"""`make bench-psi`: intersections by mihe and by every peer that installs, side by side.

Every engine gets the same CSV files and writes a CSV file, on the same cores, in turns within the
same run. A result that is not exactly the known intersection has no figure. What is counted and
what is not: benchmarks/README.md. Each run is a line in benchmarks/results/DATE-TIME-
PROCESSOR.jsonl as soon as it has ended; table and plot beside it are written at the end.
"""

import argparse
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.psi.engine import NoFigureError, Player
from benchmarks.psi.lists import SHAPES, Lists
from benchmarks.psi.measured import Cost, Run, Setting
from benchmarks.psi.plan import GROUPS, OWNERS_OF, Entrant, settings
from benchmarks.psi.report import Report
from benchmarks.psi.sites import DISTANT, LINKS, LOOPBACK, NETWORKS, missing_for_distant

_WARM_UP_KEYS = 1 << 12
_RESULTS = Path(__file__).resolve().parents[1] / "results"


def main() -> None:
    arguments = _parsed()
    signal.signal(signal.SIGTERM, _leave)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    report = Report(_RESULTS, arguments.cores)
    engines = [entrant.engine for group in arguments.group for entrant in GROUPS[group]]
    absent = {e.name: why for e in engines if (why := e.absent()) is not None}
    for link in arguments.link:
        if link == DISTANT and (why := missing_for_distant()) is not None:
            report.note(f"{LINKS[link]}: left out, {why}")
            continue
        for group in arguments.group:
            planned = settings(link, group, arguments.size, arguments.shape, arguments.overlap)
            if planned:
                _compare(planned, GROUPS[group], absent, arguments.rounds, report)
    report.write()


def _leave(*_: object) -> None:
    """End as Ctrl-C does, in order: daemons and networks are taken down."""
    raise KeyboardInterrupt


def _compare(
    planned: Sequence[Setting],
    entrants: Sequence[Entrant],
    absent: Mapping[str, str],
    rounds: int,
    report: Report,
) -> None:
    with ExitStack() as stack, TemporaryDirectory(prefix="mihe-bench-") as name:
        folder = Path(name)
        owners = OWNERS_OF[planned[0].group]
        players: dict[str, Player] = {}
        for engine in (entrant.engine for entrant in entrants):
            if engine.name not in absent:
                # Each has its own network, so that nobody's bytes are counted for another.
                network = stack.enter_context(NETWORKS[planned[0].link]())
                players[engine.name] = stack.enter_context(engine.ready(network, owners))
        warm_up = Lists(folder, SHAPES[0], _WARM_UP_KEYS, 0.5, owners)
        for player in players.values():
            _play(player, warm_up, folder)
        for setting in planned:
            names = [e.engine.name for e in entrants if setting.keys <= e.most_keys]
            if not names:
                continue
            lists = Lists(folder, setting.shape, setting.keys, setting.overlap, owners)
            for engine_name in (one for one in names if one in absent):
                report.add(Run(setting, engine_name, 0, problem=absent[engine_name]))
            _rounds(setting, lists, {n: players[n] for n in names if n in players}, rounds, report)


def _rounds(
    setting: Setting, lists: Lists, players: Mapping[str, Player], rounds: int, report: Report
) -> None:
    names = list(players)
    for number in range(rounds):
        # Whoever begins a round finds the machine as the one before left it: they take turns.
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            cost = _play(players[name], lists, lists.files[0].parent)
            run = Run(setting, name, number)
            report.add(
                replace(run, problem=cost) if isinstance(cost, str) else replace(run, cost=cost)
            )


def _play(player: Player, lists: Lists, folder: Path) -> Cost | str:
    """What a run took, or why it has no figure."""
    output = folder / "result.csv"
    output.unlink(missing_ok=True)
    try:
        cost = player.play(lists, output)
    except NoFigureError as failed:
        return str(failed)
    return cost if lists.right(output) else "the result is not the intersection"


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-psi", description=__doc__)
    parser.add_argument("--link", choices=NETWORKS, nargs="+", default=[LOOPBACK, DISTANT])
    parser.add_argument("--group", choices=GROUPS, nargs="+", default=list(GROUPS))
    parser.add_argument("--size", type=_size, nargs="+", help="keys of each list: 2^20, 10^7")
    parser.add_argument("--shape", choices=SHAPES, nargs="+")
    parser.add_argument("--overlap", type=float, nargs="+", help="part of a list that is in both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2, help="for all processes together")
    return parser.parse_args()


def _size(text: str) -> int:
    base, power, exponent = text.partition("^")
    return int(base) ** int(exponent) if power else int(base)


if __name__ == "__main__":
    main()
