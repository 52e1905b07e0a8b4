"""Every statement of docs/sql.md compiles, over the descriptions of the demonstration's world."""

import re
from datetime import date
from pathlib import Path

import pytest

from contract import toml
from contract.dataset import (
    CatalogueColumn,
    CatalogueEntry,
    CatalogueKey,
    ColumnType,
    Declared,
    Description,
)
from contract.keys import KeyKind
from federated.query import union
from federated.query.parameters import Given
from federated.query.planning import compile_statement
from federated.query.statement import parse
from federated.query.union_plan import compile_union
from scenarios.world import write_world

STATEMENT = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PARAMETER = re.compile(r"--param (\w+)=(\S+?)`")
MONTHLY = ("uscc", "period")
SIZE = 1024

Entries = dict[str, dict[str, CatalogueEntry]]


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Entries:
    """The world's datasets; of three banks, by company and month where there are months; staff."""
    folder = tmp_path_factory.mktemp("world") / "world"
    write_world(folder, "mini", formats=("csv",))
    found: Entries = {}
    for file in folder.glob("*/*.toml"):
        if file.stem != "policy":
            described = toml.parse(Description, file.read_text("utf-8"), file.name)
            found.setdefault(file.parent.name, {})[described.name] = entry(
                file.parent.name, described
            )
    loans = found["bank_b"]["loans"].model_copy(update={"org": "bank_c"})
    found["tax"]["staff"] = CatalogueEntry(
        org="tax",
        name="staff",
        columns=(
            CatalogueColumn(
                name="uscc",
                type=ColumnType.KEY,
                key=KeyKind.USCC,
                level=2,
                size=256,
                rows_per_key=1,
            ),
            CatalogueColumn(name="heads", type=ColumnType.INTEGER, level=2),
        ),
        refreshed=date(2026, 11, 1),
    )
    return found | {"bank_c": {"loans": loans}}


def entry(org: str, described: Description) -> CatalogueEntry:
    columns = tuple(
        CatalogueColumn(
            **{name: getattr(column, name) for name in Declared.model_fields},
            size=SIZE if column.type is ColumnType.KEY else None,
        )
        for column in described.column
    )
    monthly = set(MONTHLY) <= {column.name for column in columns}
    return CatalogueEntry(
        org=org,
        name=described.name,
        columns=columns,
        keys=(CatalogueKey(columns=MONTHLY, size=SIZE, rows_per_key=1),) if monthly else None,
        refreshed=date(2026, 11, 1),
    )


def test_every_statement_of_the_page_compiles(root: Path, entries: Entries) -> None:
    page = (root / "docs" / "sql.md").read_text("utf-8")
    statements = STATEMENT.findall(page)
    values = {name: Given(value) for name, value in PARAMETER.findall(page)}
    assert len(statements) > 8
    assert values
    for sql in statements:
        given = {name: value for name, value in values.items() if f":{name}" in sql}
        if "UNION ALL" in sql:
            plan = compile_union(union.parse(sql, entries), receivers=["bank_a"], k=10)
            assert len(plan.parts) == 3
        else:
            statement = parse(sql, entries, given)
            receiver = statement.sources[0].org
            assert len(compile_statement(statement, receivers=[receiver], k=10).owners) == 2
