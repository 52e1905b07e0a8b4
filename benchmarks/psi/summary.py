"""From runs to figures: medians, how far the rounds lie apart, and ratios inside a round."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.psi.measured import OWNERS, RECEIVER, SENDER, Cost, Run, Setting


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and their least and most."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """ValueError if there are none."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Figure:
    """What one engine took on one setting, or why there is no figure."""

    setting: Setting
    engine: str
    problem: str = ""
    wall: Spread | None = None
    ratio: Spread | None = None
    """Its time divided by that of the group's first engine in the same round."""
    imported: float | None = None
    job: float | None = None
    processor: float = 0.0
    bytes_a_key: float = 0.0
    receiver_peak: int = 0
    sender_peak: int = 0
    """Of two senders, the larger."""
    suite: str = ""


def figures(runs: Sequence[Run], first: str) -> list[Figure]:
    """A figure for each engine of one setting, in the order in which they came."""
    walls = {run.round: run.cost.wall for run in runs if run.engine == first and run.cost}
    return [
        _figure([run for run in runs if run.engine == engine], walls)
        for engine in dict.fromkeys(run.engine for run in runs)
    ]


def spells(runs: Iterable[Run]) -> list[tuple[str, dict[str, float]]]:
    """Phase → seconds of each party, in the order in which they begin: medians of the rounds."""
    rounds = [run.cost for run in runs if run.cost and run.cost.phases]
    begins: dict[str, list[float]] = {}
    for cost in rounds:
        for name in {phase.name for phase in cost.phases}:
            began = min(phase.begin for phase in cost.phases if phase.name == name)
            begins.setdefault(name, []).append(began)
    order = sorted(begins, key=lambda name: median(begins[name]))
    return [
        (
            name,
            {
                party: median(_lasted(cost, party, name) for cost in rounds)
                for party in (RECEIVER, SENDER)
            },
        )
        for name in order
    ]


def _figure(runs: Sequence[Run], walls: dict[int, float]) -> Figure:
    setting, engine = runs[0].setting, runs[0].engine
    # An engine that was wrong or failed once has no figure, whatever its other rounds took.
    if problem := next((run.problem for run in runs if run.problem), ""):
        return Figure(setting, engine, problem)
    costs = {run.round: run.cost for run in runs if run.cost}
    together = [cost.wall / walls[number] for number, cost in costs.items() if number in walls]
    all_costs = list(costs.values())
    return Figure(
        setting,
        engine,
        wall=Spread.of([cost.wall for cost in all_costs]),
        ratio=Spread.of(together) if together else None,
        imported=_median_if_any([cost.imported for cost in all_costs]),
        job=_median_if_any([cost.job for cost in all_costs]),
        processor=median(cost.processor for cost in all_costs),
        bytes_a_key=median(cost.wire for cost in all_costs) / setting.keys,
        receiver_peak=max(cost.peak[RECEIVER] for cost in all_costs),
        sender_peak=max(_senders_peak(cost) for cost in all_costs),
        suite=all_costs[0].suite,
    )


def _senders_peak(cost: Cost) -> int:
    return max(cost.peak[owner] for owner in OWNERS[1:] if owner in cost.peak)


def _median_if_any(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _lasted(cost: Cost, party: str, name: str) -> float:
    return sum(
        phase.end - phase.begin
        for phase in cost.phases
        if phase.party == party and phase.name == name
    )
