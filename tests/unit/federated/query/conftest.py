"""A catalogue for every test, statements over it, and a marker for positions."""

from collections.abc import Callable

import pytest

from contract.errors import MiheError
from federated.query.plan import QueryPlan
from federated.query.planning import compile_statement
from federated.query.statement import Statement, parse
from tests.unit.federated.query.catalogue import CATALOGUE, FURTHER, Catalogue

MARK = "▸"


@pytest.fixture
def catalogue() -> Catalogue:
    found: Catalogue = {}
    for one in (*CATALOGUE, *FURTHER):
        found.setdefault(one.org, {})[one.name] = one
    return found


@pytest.fixture
def understood(catalogue: Catalogue) -> Callable[[str], Statement]:
    return lambda sql: parse(sql, catalogue)


@pytest.fixture
def planned(understood: Callable[[str], Statement]) -> Callable[[str], QueryPlan]:
    return lambda sql: compile_statement(understood(sql), receivers=["bank"], k=10)


@pytest.fixture
def marked() -> Callable[[str], tuple[str, str]]:
    """A statement without its mark, and the mark's place in words."""

    def unmark(sql: str) -> tuple[str, str]:
        before, mark, after = sql.partition(MARK)
        assert mark, "the example marks a place"
        lines = before.split("\n")
        return before + after, f"line {len(lines)}, column {len(lines[-1]) + 1}: "

    return unmark


@pytest.fixture
def refusal(
    understood: Callable[[str], Statement], marked: Callable[[str], tuple[str, str]]
) -> Callable[[str, type[MiheError]], MiheError]:
    """What refuses a marked statement, with an error of this type, at its mark."""

    def read(sql: str, error: type[MiheError]) -> MiheError:
        written, place = marked(sql)
        with pytest.raises(error) as refused:
            understood(written)
        assert refused.value.what.startswith(place), refused.value
        return refused.value

    return read
