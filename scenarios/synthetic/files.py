"""The files of one dataset: CSV, Parquet, and the TOML description that declares their types.

Both formats come from one projection, so they hold the same values. DuckDB runs on one thread: the
order of rows and the bytes written then depend on nothing but the world.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np

from scenarios.synthetic.organisation import Rule
from scenarios.synthetic.table import Column, Table

PURPOSE, BASIS = "CREDIT_MICRO", "SYNTHETIC_TEST"
MIN_GROUP = 10


def write_dataset(folder: Path, table: Table, formats: Sequence[str]) -> None:
    """`name.csv`, `name.parquet` as asked, and `name.toml` that names the first of them."""
    write_rows(folder / table.name, table.columns, formats)
    description = "\n".join(_description(table, f"{table.name}.{formats[0]}"))
    (folder / f"{table.name}.toml").write_text(description, encoding="utf-8")


def write_rows(stem: Path, columns: Iterable[Column], formats: Sequence[str]) -> None:
    """The columns in each format, beside each other."""
    columns = tuple(columns)
    arrays = {
        column.name: np.ma.masked_array(column.values, column.null)
        if column.null is not None and column.type != "text"
        else column.values
        for column in columns
    }
    select = ", ".join(f"{_expression(column)} AS {column.name}" for column in columns)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("world", arrays)
        rows = connection.view("world").project(select)
        if "csv" in formats:
            rows.write_csv(f"{stem}.csv", header=True)
        if "parquet" in formats:
            rows.write_parquet(f"{stem}.parquet")


def write_policy(folder: Path, rules: Iterable[Rule]) -> None:
    """`policy.toml`: what the organisation allows; what it doesn't list is denied."""
    lines = ["# 合成数据，非真实企业 — policy of a synthetic organisation. Unlisted means denied."]
    for rule in rules:
        lines += [
            "",
            "[[allow]]",
            f"dataset = {_toml(rule.dataset)}",
            f"jobs = {_toml(rule.jobs)}",
            f"on = {_toml(['uscc'])}",
            f"with = {_toml(rule.others)}",
            f"receivers = {_toml(rule.receivers)}",
            f"purposes = {_toml([PURPOSE])}",
            f"bases = {_toml([BASIS])}",
            *_query_settings(rule),
            f"approve = {_toml('auto')}",
        ]
    (folder / "policy.toml").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _query_settings(rule: Rule) -> Iterator[str]:
    """What a query may do with each column, and from how many enterprises on."""
    if rule.columns:
        uses = ", ".join(f"{name} = {_toml(done)}" for name, done in rule.columns.items())
        yield f"columns = {{ {uses} }}"
        yield f"min_group = {MIN_GROUP}"
        yield f"min_join = {MIN_GROUP}"


def _expression(column: Column) -> str:
    if column.type == "decimal":
        assert column.decimals
        return f"CAST({column.name} AS DECIMAL(18, 0)) * 0.{'1'.zfill(column.decimals)}"
    if column.type == "date":
        return f"DATE '1970-01-01' + CAST({column.name} AS INTEGER)"
    if column.type == "period":
        return f"CAST({column.name} AS INTEGER)"
    return column.name


def _description(table: Table, source: str) -> Iterator[str]:
    yield "# 合成数据，非真实企业 — synthetic data, not real enterprises."
    yield f"name = {_toml(table.name)}"
    yield f"source = {_toml(source)}"
    yield f"title = {_toml(table.title)}"
    yield 'invalid_keys = "warn"'
    yield 'duplicates = "first"'
    for column in table.columns:
        yield ""
        yield "[[column]]"
        yield from _column(column)
    yield ""


def _column(column: Column) -> Iterator[str]:
    yield f"name = {_toml(column.name)}"
    yield f"type = {_toml(column.type)}"
    if column.key is not None:
        yield f"key = {_toml(column.key)}"
    if column.rows_per_key is not None:
        yield f"rows_per_key = {column.rows_per_key}"
    if column.decimals is not None:
        yield f"decimals = {column.decimals}"
    if column.bounds is not None:
        yield f"minimum = {_toml(column.bounds[0])}"
        yield f"maximum = {_toml(column.bounds[1])}"
    if column.unit is not None:
        yield f"unit = {_toml(column.unit)}"
    if column.codes:
        yield f"codes = {_toml(column.codes)}"
    yield f"level = {column.level}"
    if column.nullable:
        yield "nullable = true"
    yield f"title = {_toml(column.title)}"


def _toml(value: str | Sequence[str]) -> str:
    """A text or a list of texts; JSON writes these as TOML does."""
    return json.dumps(value, ensure_ascii=False)
