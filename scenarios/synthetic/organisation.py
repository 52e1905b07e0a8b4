"""What the world holds of one organisation: how to make its tables, and what its policy allows."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from scenarios.synthetic.economy import Economy
from scenarios.synthetic.risk import Risk
from scenarios.synthetic.table import Table


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission to join a dataset on its USCC."""

    dataset: str
    jobs: tuple[str, ...]
    others: tuple[str, ...]
    receivers: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of a query: their uses


@dataclass(frozen=True, slots=True)
class Organisation:
    """One folder of the world. Tables come one at a time: a large one fills much memory."""

    id: str
    tables: Callable[[Economy, Risk], Iterator[Table]]
    rules: tuple[Rule, ...]


OWNERS = ("registry", "tax", "power", "bank_a", "bank_b")
NUMBER = ("sum", "avg", "variance", "quantile", "count", "filter")
LABEL = ("group", "filter")


def serves_bank_a(dataset: str) -> Rule:
    """A bureau lets bank A find its own customers in a dataset, and learns nothing itself."""
    return Rule(dataset, ("psi",), ("bank_a",), ("bank_a",))


def answers_bank_a(
    owner: str, dataset: str, numbers: tuple[str, ...], labels: tuple[str, ...]
) -> Rule:
    """Bank A learns statistics over any join with a dataset, and of nobody in it."""
    columns: dict[str, tuple[str, ...]] = {"uscc": ("join",)}
    columns |= dict.fromkeys(numbers, NUMBER)
    columns |= dict.fromkeys(labels, LABEL)
    others = tuple(one for one in OWNERS if one != owner)
    return Rule(dataset, ("query",), others, ("bank_a",), columns)
