"""What is tried on sums themselves: AT-15, to read a part of one; AT-17, to make one wrap."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

from contract.errors import MiheError
from contract.suites import Aggregation
from federated.aggregate import parameters
from federated.query import planning
from tests.attacks.bench import BANK, BUREAU, JOIN, Bench, keys
from tests.attacks.test_coalitions_union import laid_bare
from tests.attacks.trial import Guard, Trial
from tests.flow.union_in_process import World

MEMBERS = 7
K = 10


def one_members_part(folder: Path) -> Iterator[Trial]:
    """Coordinator, receiver and members pool what they have, to read one bank's totals."""
    world = World(MEMBERS)
    world.play()
    target, *others = world.orgs[::-1]
    for guard, knowing in ((Guard.THERE, others[1:]), (Guard.TAKEN_AWAY, others)):
        truth = [one % 2**128 for one in world.members[target].words]
        found = [one % 2**128 for one in laid_bare(world, target, knowing)]
        right = sum(map(int.__eq__, found, truth)) / len(truth)
        setting = f"the masks that a member shares with {len(knowing)} of {MEMBERS - 1} are known"
        yield Trial("AT-15", setting, guard, right, 0.0)


def wrapping_sum(folder: Path) -> Iterator[Trial]:
    """Values at the end of their declared range, whose sum is far beyond what is added up in."""
    for guard, rule in ((Guard.THERE, nullcontext()), (Guard.TAKEN_AWAY, _unproven())):
        bench = Bench(folder / guard.name)
        people = keys(220)
        sales = {one: 2**59 + place for place, one in enumerate(people[20:])}
        bench.give(BANK, [(one, (1, 1)) for one in people[:200]])
        bench.give(BUREAU, [(one, (most, "trade", 1)) for one, most in sales.items()])
        asked = {
            f"SELECT SUM(f.sales) AS s {JOIN}": 1,
            f"SELECT SUM(f.sales * 7) AS s {JOIN}": 7,
            f"SELECT SUM(f.sales * 9) AS s {JOIN}": 9,
        }
        wrong = answered = 0
        with rule:
            for sql, factor in asked.items():
                try:
                    (row,) = bench.ask(sql, K, Aggregation.ENCRYPTED)
                except MiheError:
                    continue
                answered += 1
                true = factor * sum(sales[one] for one in people[20:200])
                wrong += int(str(row.values[0])) != true
        setting = f"sums of 180 values above 2^59: {answered} of 3 answered, {wrong} wrong"
        yield Trial("AT-17", setting, guard, wrong / len(asked), 0.0)


@contextmanager
def _unproven() -> Iterator[None]:
    """The planner takes a sum for wider than it is, and the one who adds up takes its word."""
    believed = patch.object(parameters, "_largest_sum", lambda _: 1)
    with patch.object(planning._drafted, "__defaults__", (80, None)), believed:
        yield


ATTACKS = (one_members_part, wrapping_sum)
