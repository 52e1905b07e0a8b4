"""What the bracket of a sum over UNION ALL offers to the SELECT around it: columns of all its rows.

Implements  federated/SPEC.md §5.5: of one type, numbers at the finest scale of any SELECT, within
            the bounds of all; and the values of a dimension that everybody knows
Learns      nobody
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from sqlglot import exp

from contract.dataset import MOST_DOMAIN, ColumnType
from federated.query.union_select import InBracket
from federated.query.values import Column, Linear, Range, all_texts, number, type_at

Items = dict[str, exp.Expr]
"""What one SELECT gives for each column, and by names that nobody can type what belongs to it."""

TRUTHS: Final = ("false", "true")


def offered(
    selects: Sequence[InBracket], alias: str
) -> tuple[dict[str, Column], tuple[Items, ...]]:
    """The columns of the bracket that is called `alias`, and what each SELECT gives for them."""
    columns: dict[str, Column] = {}
    items: tuple[Items, ...] = tuple({} for _ in selects)
    for place, name in enumerate(selects[0].names):
        columns[name] = _column(selects, place, alias, name)
        for select, own in zip(selects, items, strict=True):
            own[name] = _sql(select.fields[place], columns[name])
            for hidden, pick in _picks(name, select.fields[place], columns[name]):
                own[hidden] = pick
    return columns, items


def _column(selects: Sequence[InBracket], place: int, alias: str, name: str) -> Column:
    fields = [select.fields[place] for select in selects]
    scale = max(field.scale for field in fields)
    type_ = _type(selects, place, scale)
    as_it_is = not any(field.scaled or field.scale != scale for field in fields)
    as_it_is = as_it_is and len({field.type for field in fields}) == 1
    if type_.is_number and not as_it_is:
        for select, field in zip(selects, fields, strict=True):
            linear = Linear(((field, Fraction(1)),), scale=field.scale)
            select.scope.prove(select.nodes[place], linear, scale)
    ranges = [_at(field, scale) for field in fields]
    known = [one for one in ranges if one is not None]
    hidden = [f"#{name}#{i}" for i in range(max(len(field.picks) for field in fields))]
    return Column(
        source=alias,
        name=name,
        type=type_,
        scale=scale,
        nullable=any(field.nullable for field in fields),
        range=_around(known) if len(known) == len(fields) else None,
        domain=all_texts([field.domain for field in fields]),
        lacks=next((field.lacks for field in fields if field.range is None), ""),
        scaled=type_.is_number and not as_it_is,
        origins=frozenset({name}),
        picks=tuple(exp.column(one, table=alias, quoted=True) for one in hidden),
    )


def _type(selects: Sequence[InBracket], place: int, scale: int) -> ColumnType:
    first = selects[0].fields[place].type
    mixed = False
    for select in selects[1:]:
        type_ = select.fields[place].type
        if type_ is first:
            continue
        mixed = True
        if not (type_.is_number and first.is_number):
            raise select.refuse(
                place,
                f"'{select.names[place]}' is of different types in different SELECTs: {type_.value}"
                f" here, {first.value} in the first one",
                "Select columns of one type.",
            )
    return type_at(scale) if mixed else first


def _at(field: Column, scale: int) -> Range | None:
    return None if field.range is None else field.range.times(10 ** (scale - field.scale))


def _around(ranges: Sequence[Range]) -> Range:
    return Range(min(one.least for one in ranges), max(one.most for one in ranges))


def _sql(field: Column, column: Column) -> exp.Expr:
    if column.scaled:
        return Linear(((field, Fraction(1)),), scale=field.scale).sql(column.scale)
    return field.sql()


def _picks(name: str, field: Column, column: Column) -> list[tuple[str, exp.Expr]]:
    """Of each CASE in it which branch is taken; where another SELECT has more of them, none."""
    none = [number(0)] * (len(column.picks) - len(field.picks))
    return [(f"#{name}#{i}", pick) for i, pick in enumerate((*field.picks, *none))]


def public_values(column: Column) -> tuple[str, ...] | None:
    """Every value that everybody may know there can be; None if there is no list.

    Numbers as integers at their scale.
    """
    match column.type:
        case ColumnType.TEXT:
            return column.domain
        case ColumnType.BOOLEAN:
            return TRUTHS
        case ColumnType.INTEGER | ColumnType.DECIMAL if column.range is not None:
            least, most = column.range.least, column.range.most
            return tuple(map(str, range(least, most + 1))) if most - least < MOST_DOMAIN else None
    return None
