"""What the world holds of one organisation: how to make its tables, and what its policy allows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scenarios.synthetic.economy import Economy
from scenarios.synthetic.risk import Risk
from scenarios.synthetic.table import Table


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission to intersect a dataset on its USCC."""

    dataset: str
    jobs: tuple[str, ...]
    others: tuple[str, ...]
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Organisation:
    """One folder of the world. Tables come one at a time: a large one fills much memory."""

    id: str
    tables: Callable[[Economy, Risk], Iterator[Table]]
    rules: tuple[Rule, ...]


def serves_bank_a(dataset: str) -> tuple[Rule, ...]:
    """A bureau lets bank A find its own customers in a dataset, and learns nothing itself."""
    return (Rule(dataset, ("psi",), ("bank_a",), ("bank_a",)),)
