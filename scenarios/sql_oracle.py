"""The clear answer of a query: the same SQL over every owner's files, as no party ever could.

Run by a test, or beside a demonstration, in a process of its own. It shares nothing with the
product but `canonical`: DuckDB runs the statement as it is over the joined data, and what is
written around its sums is computed as fractions (`sql_values`). What is then shown and what is
folded follows the rules of the release.

    python -P -m scenarios.sql_oracle WORLD --k 10 --public registry.enterprises < query.sql

Rules   own groups of less than k keys are one group, `other`, which is never shown. A cell is shown
        if it has k entities and, for each owner, k keys of its own group are not in the join (but
        for an owner where all the other lists are public). What isn't shown makes up one remainder,
        under the same rule, of at least two cells; else the smallest shown cell joins it, and if
        there is none it is dropped.
"""

# It runs the query of whoever calls it, over that person's own files.
# ruff: noqa: S608

import argparse
import csv
import json
import sys
import tomllib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from re import fullmatch
from typing import Any, Final

import duckdb
import numpy as np
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from contract.errors import InvalidKey
from contract.keys import KeyKind, Strictness, canonical
from scenarios.sql_values import CellValues, Shape, Total, aggregates_in, needs_values

_WHOLE_DIGITS = 18
_OTHER: Final = "other"
_TYPES = {
    "key": "VARCHAR",
    "integer": "BIGINT",
    "text": "VARCHAR",
    "date": "DATE",
    "period": "INTEGER",
    "boolean": "BOOLEAN",
}

Label = tuple[Any, ...]
Code = Label | str
Coded = tuple[Code, ...]
Bounds = Mapping[str, tuple[Fraction, Fraction, Fraction]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver sees: columns, rows in the order asked for, and what was folded."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    remainder: tuple[Any, ...] | None
    folded: int
    """How many cells the remainder is made of."""
    dropped: int
    """How many are in no row."""


@dataclass(frozen=True, slots=True)
class Group:
    """Entities with the same labels, and what is asked of them."""

    entities: int
    totals: tuple[Total, ...]

    def __add__(self, other: "Group") -> "Group":
        pairs = zip(self.totals, other.totals, strict=True)
        return Group(self.entities + other.entities, tuple(a + b for a, b in pairs))


class Clear:
    """Every owner's files of a world, read together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = duckdb.connect()
        self.schema: dict[str, dict[str, object]] = {}
        self.bounds: dict[str, tuple[Fraction, Fraction, Fraction]] = {}
        """Of org.dataset.column: smallest, largest, and the unit between them."""
        self.keys: dict[str, list[str]] = {}
        """Of org.dataset, its key columns."""

    def answer(
        self, sql: str, *, k: int, min_join: int = 1, public: Collection[str] = ()
    ) -> Answer:
        """The answer to `sql` as it is released; `public` lists `org.dataset`."""
        tree = self.understood(sql)
        return Query(self.connection, tree, self.bounds).answer(k, min_join, frozenset(public))

    def understood(self, sql: str) -> exp.Select:
        """A statement with every name in it qualified; the datasets that it meets are loaded."""
        asked = sqlglot.parse_one(sql, dialect="duckdb")
        for table in asked.find_all(exp.Table):
            self._load(table.db, table.name)
        tree = qualify(asked, schema=dict(self.schema), dialect="duckdb").transform(_date_part)
        assert isinstance(tree, exp.Select)
        return tree

    def load(self, *references: str) -> None:
        """Read these datasets (`org.dataset`), as `answer` does with those that it meets."""
        for reference in references:
            self._load(*reference.split("."))

    def as_duckdb_says(self, sql: str) -> list[tuple[Any, ...]]:
        """DuckDB's own rows, nothing folded; what it divides is a double. Of what is loaded."""
        asked = sqlglot.parse_one(sql, dialect="duckdb").transform(_date_part)
        return self.connection.execute(asked.sql(dialect="duckdb")).fetchall()

    def _load(self, org: str, dataset: str) -> None:
        if dataset in self.schema.get(org, {}):
            return
        place = self.folder / org
        description = tomllib.loads((place / f"{dataset}.toml").read_text(encoding="utf-8"))
        columns = description["column"]
        file = place / description["source"]
        names = ", ".join(f"{_expression(one)} AS {_quoted(one['name'])}" for one in columns)
        joins = " ".join(self._keys(file, one) for one in columns if one["type"] == "key")
        distinct = "DISTINCT " if description.get("duplicates") == "first" else ""
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(org)}")
        self.connection.execute(
            f"CREATE TABLE {_quoted(org)}.{_quoted(dataset)} AS SELECT {distinct}{names} "
            f"FROM {_reader(file)} AS _rows {joins}"
        )
        types = {one["name"]: _type(one) for one in columns}
        self.keys[f"{org}.{dataset}"] = [one["name"] for one in columns if one["type"] == "key"]
        self.bounds |= {
            f"{org}.{dataset}.{one['name']}": (
                Fraction(str(one["minimum"])),
                Fraction(str(one["maximum"])),
                Fraction(1, 10 ** one.get("decimals", 0)),
            )
            for one in columns
            if "minimum" in one
        }
        self.schema.setdefault(org, {})[dataset] = types

    def _keys(self, file: Path, column: Mapping[str, Any]) -> str:
        """A join that keeps the rows with a valid key, and knows its canonical form."""
        source = column.get("source", column["name"])
        with file.open(encoding="utf-8", newline="") as rows:
            raw = sorted({row[source] for row in csv.DictReader(rows)})
        kind = KeyKind(column["key"])
        pairs = [(one, found) for one in raw if (found := _canonical(kind, one)) is not None]
        table = f"_keys_{column['name']}"
        given = {
            "raw": np.array([one for one, _ in pairs], dtype=object),
            "key": np.array([found for _, found in pairs], dtype=object),
        }
        self.connection.register("_given", given)
        self.connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT CAST(raw AS VARCHAR) AS raw, "
            "CAST(key AS VARCHAR) AS key FROM _given"
        )
        self.connection.unregister("_given")
        return f"JOIN {table} ON {table}.raw = _rows.{_quoted(source)}"


def _date_part(node: exp.Expr) -> exp.Expr:
    """YEAR, QUARTER and MONTH of a month are those of its first day, which DuckDB can tell."""
    if isinstance(node, exp.Year | exp.Quarter | exp.Month):
        node.set("this", _day(node.this))
    elif isinstance(node, exp.Extract):
        node.set("expression", _day(node.expression))
    return node


def _day(value: exp.Expr) -> exp.Expr:
    text = exp.cast(value.copy(), "VARCHAR")
    pattern, day = exp.Literal.string(r"^(\d{4})(\d{2})$"), exp.Literal.string(r"\1-\2-01")
    return exp.cast(exp.Anonymous(this="regexp_replace", expressions=[text, pattern, day]), "DATE")


def _canonical(kind: KeyKind, raw: str) -> str | None:
    try:
        return canonical(kind, raw, Strictness.WARN).decode()
    except InvalidKey:
        return None


def _reader(file: Path) -> str:
    name = str(file).replace("'", "''")
    return f"read_csv('{name}', header = true, delim = ',', quote = '\"', all_varchar = true)"


def _expression(column: Mapping[str, Any]) -> str:
    if column["type"] == "key":
        return f"_keys_{column['name']}.key"
    source = f"_rows.{_quoted(column.get('source', column['name']))}"
    return f"CAST(nullif({source}, '') AS {_type(column)})"


def _type(column: Mapping[str, Any]) -> str:
    if column["type"] == "decimal":
        # Narrow enough that DuckDB has room for all decimals of the branches of a CASE.
        return f"DECIMAL({_WHOLE_DIGITS + column['decimals']}, {column['decimals']})"
    return _TYPES[column["type"]]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Query:
    """One qualified SELECT."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, tree: exp.Select, bounds: Bounds
    ) -> None:
        self.connection, self.tree, self.bounds = connection, tree, bounds
        joins = tree.args.get("joins") or []
        self.sources = {
            one.alias: one for one in (tree.args["from_"].this, *(j.this for j in joins))
        }
        # Of several columns, what an entity is: all of them together.
        joined = joins[0].args["on"].find_all(exp.Column) if joins else ()
        self.key = sorted({one.name for one in joined})
        group = tree.args.get("group")
        self.dimensions: list[exp.Expr] = group.expressions if group else []
        self.items = {one.alias: one.this for one in tree.expressions}
        self.aggregates = aggregates_in(tree)

    def answer(self, k: int, min_join: int, public: frozenset[str]) -> Answer:
        cells, shape = self.cells(k)
        release = _Release(self._owners(cells, public), cells, k)
        shown, folded, dropped = release.rows(min_join)
        rest = [labels for coded in folded for labels in release.coded[coded]]
        return self.table(shape, cells, shown, rest, (len(folded), dropped))

    def table(
        self,
        shape: Shape,
        cells: Mapping[Label, Group],
        shown: Collection[Label],
        rest: Collection[Label],
        counts: tuple[int, int],
    ) -> Answer:
        """The rows of cells that are shown, those of the rest as one; how many fold, and drop."""
        found = [_values(shape, one, cells[one]) for one in sorted(shown, key=order)]
        rows = [self._row(one) for one in self._kept(found)]
        remainder = None
        if rest:
            first, *others = (cells[one] for one in rest)
            total = sum(others, start=first)
            remainder = self._row(_values(shape, (None,) * len(self.dimensions), total))
        return Answer(tuple(self.items), tuple(rows), remainder, *counts)

    def _kept(self, found: list[CellValues]) -> list[CellValues]:
        """The rows that HAVING, LIMIT and OFFSET leave, in order."""
        having, order = self.tree.args.get("having"), self.tree.args.get("order")
        if having:
            found = [one for one in found if one.value(having.this) is True]
        for by in reversed(order.expressions if order else []):
            valued = [(one.value(by.this), one) for one in found]
            nulls = [one for value, one in valued if value is None]
            rest = sorted(
                (pair for pair in valued if pair[0] is not None),
                key=lambda pair: pair[0],
                reverse=bool(by.args.get("desc")),
            )
            others = [one for _, one in rest]
            found = nulls + others if by.args.get("nulls_first") else others + nulls
        limit, offset = (self.tree.args.get(name) for name in ("limit", "offset"))
        start = int(offset.expression.name) if offset else 0
        return found[start:][: int(limit.expression.name) if limit else None]

    def _row(self, cell: CellValues) -> tuple[Any, ...]:
        return tuple(cell.shown(node) for node in self.items.values())

    def cells(self, k: int) -> tuple[dict[Label, Group], Shape]:
        """Every cell by its labels, and what is to be made of it."""
        wanted: list[exp.Expr] = [
            *(one.copy() for one in self.dimensions),
            self._entities(next(iter(self.sources))),
        ]
        for value in self.aggregates:
            argument = value.this.copy()
            counts_only = isinstance(value, exp.Count)
            wanted.append(exp.Literal.number(0) if counts_only else exp.Sum(this=argument))
            wanted.append(exp.Count(this=argument.copy()))
            each = exp.ArrayAgg(this=argument.copy()) if needs_values(value) else exp.Null()
            wanted.append(each)
        result = self._run(self.tree, wanted)
        width = len(self.dimensions)
        scales = [_scale(str(column[1])) for column in result.description]
        cells = {}
        for row in result.fetchall():
            found = zip(*(row[width + 1 + place :: 3] for place in range(3)), strict=True)
            totals = tuple(
                Total(Fraction(total or 0), values, _present(each)) for total, values, each in found
            )
            # Without dimensions there is a row of nobody.
            if row[width]:
                cells[tuple(row[:width])] = Group(row[width], totals)
        return cells, Shape(
            self.dimensions,
            scales[:width],
            self.aggregates,
            scales[width + 1 :: 3],
            self.items,
            k,
            {
                one.this.sql(): self._declared(one.this)
                for one in self.aggregates
                if isinstance(one.this, exp.Column)
            },
        )

    def _declared(self, column: exp.Column) -> tuple[Fraction, Fraction, Fraction]:
        none = (Fraction(0), Fraction(0), Fraction(1))
        return self.bounds.get(f"{self._dataset(column.table)}.{column.name}", none)

    def _entities(self, alias: str) -> exp.Expr:
        """How many keys there are; one may have several rows."""
        columns = self._key_of(alias)
        key = columns[0] if len(columns) == 1 else exp.Tuple(expressions=columns)
        return exp.Count(this=exp.Distinct(expressions=[key]))

    def _key_of(self, alias: str) -> list[exp.Expr]:
        return [exp.column(name, table=alias, quoted=True) for name in self.key]

    def _run(self, tree: exp.Select, wanted: Sequence[exp.Expr]) -> duckdb.DuckDBPyConnection:
        asked = tree.copy()
        for clause in ("having", "order", "limit", "offset"):
            asked.set(clause, None)
        asked.set("expressions", [exp.alias_(one, f"c{i}") for i, one in enumerate(wanted)])
        return self.connection.execute(asked.sql(dialect="duckdb", identify=True))

    # ── what each owner brings ──────────────────────────────────────────────────────────────────

    def _owners(self, cells: Mapping[Label, Group], public: frozenset[str]) -> list["_Owner"]:
        owners = []
        for own in self._by_owner():
            others = {self._dataset(other) for other in self.sources if other not in own}
            places, matched = self._places(own), defaultdict[Label, int](int)
            for labels, cell in cells.items():
                matched[tuple(labels[i] for i in places)] += cell.entities
            owners.append(_Owner(places, self._submitted(own), matched, not others <= public))
        return owners

    def _by_owner(self) -> list[list[str]]:
        """What each owner's sources are called."""
        found: dict[str, list[str]] = defaultdict(list)
        for alias in self.sources:
            found[self._dataset(alias).partition(".")[0]].append(alias)
        return list(found.values())

    def _places(self, aliases: Sequence[str]) -> list[int]:
        """Which dimensions are of one owner's sources."""
        return [i for i, one in enumerate(self.dimensions) if _tables(one) <= set(aliases)]

    def _submitted(self, aliases: Sequence[str]) -> dict[Label, int]:
        """How many keys an owner brings, by its own labels; of several sources, those in all."""
        first, *others = aliases
        own = [self.dimensions[i] for i in self._places(aliases)]
        asked = exp.select(*(one.copy() for one in own), self._entities(first))
        asked = asked.from_(self.sources[first].copy())
        for alias in others:
            pairs = zip(self._key_of(first), self._key_of(alias), strict=True)
            equal = exp.and_(*(exp.EQ(this=a, expression=b) for a, b in pairs))
            asked = asked.join(self.sources[alias].copy(), on=equal)
        for column in self._key_of(first):
            asked = asked.where(exp.not_(exp.Is(this=column, expression=exp.Null())))
        for condition in self._conditions():
            tables = _tables(condition)
            if tables and tables <= set(aliases):
                asked = asked.where(condition.copy())
        if own:
            asked = asked.group_by(*(one.copy() for one in own))
        rows = self.connection.execute(asked.sql(dialect="duckdb", identify=True)).fetchall()
        return {tuple(row[:-1]): row[-1] for row in rows}

    def _conditions(self) -> list[exp.Expr]:
        """What AND holds together after WHERE."""
        where = self.tree.args.get("where")
        ahead, found = [where.this] if where else [], []
        while ahead:
            one = ahead.pop().unnest()
            if isinstance(one, exp.And):
                ahead += [one.this, one.expression]
            else:
                found.append(one)
        return found

    def _dataset(self, alias: str) -> str:
        (table,) = self.sources[alias].find_all(exp.Table)
        return f"{table.db}.{table.name}"


@dataclass(frozen=True, slots=True)
class _Owner:
    """One owner's list: how many keys it brings, and how many are in the join, by own labels."""

    places: list[int]  # which dimensions are its own
    submitted: Mapping[Label, int]
    matched: Mapping[Label, int]
    guarded: bool

    def code(self, labels: Label, k: int) -> Code:
        """What the coordinator would be told of an entity's own group."""
        own = tuple(labels[i] for i in self.places)
        return _OTHER if own and self.submitted[own] < k else own

    def absent(self, code: Code, k: int) -> int:
        """How many keys of a group are not in the join."""
        small = [own for own, keys in self.submitted.items() if own and keys < k]
        owns = small if isinstance(code, str) else [code]
        return sum(self.submitted[own] - self.matched.get(own, 0) for own in owns)


class _Release:
    """Which cells are shown; a cell is a tuple of the owners' codes."""

    def __init__(self, owners: list[_Owner], cells: Mapping[Label, Group], k: int) -> None:
        self.owners, self.k = owners, k
        self.coded: dict[Coded, list[Label]] = defaultdict(list)
        for labels in cells:
            self.coded[tuple(owner.code(labels, k) for owner in owners)].append(labels)
        self.entities = {
            coded: sum(cells[labels].entities for labels in members)
            for coded, members in self.coded.items()
        }

    def rows(self, min_join: int) -> tuple[list[Label], list[Coded], int]:
        """The labels that are shown, the cells of the remainder, and how many are in no row."""
        if sum(self.entities.values()) < min_join:
            return [], [], len(self.coded)
        shown = [one for one in self.coded if _OTHER not in one and self._opens([one])]
        rest = [one for one in self.coded if one not in shown]
        if rest and shown and not self._stands(rest):
            smallest = min(shown, key=lambda one: (self.entities[one], order(self.coded[one][0])))
            shown.remove(smallest)
            rest.append(smallest)
        labels = [member for one in shown for member in self.coded[one]]
        return (labels, rest, 0) if self._stands(rest) else (labels, [], len(rest))

    def _stands(self, row: Sequence[Coded]) -> bool:
        return len(row) > 1 and self._opens(row)

    def _opens(self, row: Sequence[Coded]) -> bool:
        absent = [
            sum(owner.absent(code, self.k) for code in {one[place] for one in row})
            for place, owner in enumerate(self.owners)
            if owner.guarded
        ]
        return min([sum(self.entities[one] for one in row), *absent]) >= self.k


def _tables(value: exp.Expr) -> set[str]:
    return {str(column.table) for column in value.find_all(exp.Column)}


def order(labels: Label) -> list[tuple[bool, Any]]:
    return [(label is None, 0 if label is None else label) for label in labels]


def _scale(type_: str) -> int:
    """The decimals of a DuckDB type."""
    found = fullmatch(r"DECIMAL\([0-9]+,([0-9]+)\)", type_)
    return int(found[1]) if found else 0


def _present(values: Sequence[Any] | None) -> tuple[Fraction, ...]:
    return tuple(Fraction(one) for one in values or () if one is not None)


def _values(shape: Shape, labels: Label, cell: Group) -> CellValues:
    return CellValues(shape, labels, cell.totals)


def _text(value: object) -> str:
    """A decimal with all its places: str() would write 0E-7."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read a query from standard input; print the answer as JSON, decimals as texts."""
    parser = argparse.ArgumentParser(prog="python -P -m scenarios.sql_oracle")
    parser.add_argument("world", type=Path, metavar="WORLD", help="one folder per organisation")
    parser.add_argument("--k", type=int, default=10, help="fewest entities in a row")
    parser.add_argument("--min-join", type=int, default=1, help="fewest entities in the join")
    parser.add_argument("--public", nargs="*", default=[], metavar="ORG.DATASET")
    chosen = parser.parse_args(arguments)
    answer = Clear(chosen.world).answer(
        sys.stdin.read(), k=chosen.k, min_join=chosen.min_join, public=chosen.public
    )
    shown = {
        "columns": answer.columns,
        "rows": answer.rows,
        "remainder": answer.remainder,
        "folded": answer.folded,
        "dropped": answer.dropped,
    }
    json.dump(shown, sys.stdout, default=_text, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
