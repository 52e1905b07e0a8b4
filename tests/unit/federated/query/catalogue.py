"""The catalogue that the statements of these tests are about."""

from datetime import date
from decimal import Decimal

from contract.dataset import CatalogueColumn, CatalogueEntry, CatalogueKey, ColumnType
from contract.keys import KeyKind

Catalogue = dict[str, dict[str, CatalogueEntry]]


def key(name: str, kind: KeyKind = KeyKind.USCC, rows: int | None = 1) -> CatalogueColumn:
    return CatalogueColumn(
        name=name, type=ColumnType.KEY, key=kind, level=2, size=1024, rows_per_key=rows
    )


def plain(name: str, type_: ColumnType, nullable: bool = False) -> CatalogueColumn:
    return CatalogueColumn(name=name, type=type_, level=2, nullable=nullable)


def number(
    name: str, decimals: int | None, most: str | None, nullable: bool = False
) -> CatalogueColumn:
    return CatalogueColumn(
        name=name,
        type=ColumnType.INTEGER if decimals is None else ColumnType.DECIMAL,
        decimals=decimals,
        level=3,
        minimum=None if most is None else -Decimal(most),
        maximum=None if most is None else Decimal(most),
        nullable=nullable,
    )


def entry(
    reference: str, *columns: CatalogueColumn, keys: tuple[CatalogueKey, ...] = ()
) -> CatalogueEntry:
    org, name = reference.split(".")
    return CatalogueEntry(
        org=org, name=name, columns=columns, keys=keys or None, refreshed=date(2026, 11, 1)
    )


def together(*columns: str, rows: int | None = 1) -> CatalogueKey:
    return CatalogueKey(columns=columns, size=2048, rows_per_key=rows)


CATALOGUE = (
    entry(
        "bank.loans",
        key("uscc"),
        key("declaration", KeyKind.DECLARATION),
        number("balance", 2, "1000000"),
        number("limit_left", 2, "1000000", nullable=True),
        number("loose", 2, None),
        number("vast", 2, "99999999999999999999"),
        number("days", None, "3650"),
        plain("class", ColumnType.TEXT),
        plain("since", ColumnType.DATE),
        plain("open", ColumnType.BOOLEAN),
        plain("note", ColumnType.TEXT, nullable=True),
    ),
    entry(
        "tax.returns",
        key("uscc", rows=24),
        plain("period", ColumnType.PERIOD),
        number("vat", 2, "1000000"),
        number("late", None, "31", nullable=True),
        plain("grade", ColumnType.TEXT),
        keys=(together("uscc", "period"),),
    ),
    entry("power.meters", key("uscc", rows=None), number("kwh", 3, "1000")),
    entry("registry.firms", key("code"), plain("industry", ColumnType.TEXT)),
    entry("customs.declared", key("number", KeyKind.DECLARATION), number("usd", 2, "1000")),
    entry(
        "grid.usage",
        key("uscc", rows=12),
        plain("period", ColumnType.PERIOD, nullable=True),
        plain("site", ColumnType.TEXT),
        plain("open", ColumnType.BOOLEAN),
        number("kwh", 3, "1000"),
        keys=(
            together("period", "uscc", rows=40),
            together("uscc", "site", rows=None),
        ),
    ),
    entry(
        "water.bills",
        key("firm", rows=None),
        plain("month", ColumnType.PERIOD),
        plain("site", ColumnType.INTEGER),
        number("m3", 1, "1000"),
        keys=(together("firm", "month"), together("firm", "site")),
    ),
    entry("weather.days", plain("day", ColumnType.DATE)),
)

FURTHER = (
    entry(
        "bank.limits",
        key("uscc"),
        number("granted", 2, "1000000", nullable=True),
        plain("class", ColumnType.TEXT),
        plain("branch", ColumnType.TEXT),
        key("owner"),
    ),
    entry(
        "tax.late",
        key("uscc", rows=None),
        plain("period", ColumnType.PERIOD),
        number("fined", 2, "1000"),
        keys=(together("uscc", "period", rows=3),),
    ),
    entry(
        "tax.unpaid",
        key("uscc", rows=5),
        plain("period", ColumnType.PERIOD),
    ),
)
"""Further datasets of these owners, with which they join the first."""
