"""Parameters of a statement: `:year` in the text, one value for each beside it.

Implements  federated/SPEC.md §3.1: a parameter has the type of what it is compared with; its value
            is checked against that, and stands in an owner's SQL as a literal that is written anew
Learns      nobody. Values are as public as the statement's own constants: in the contract, to every
            party and the coordinator. A refusal names parameters and columns, never a value.
Not for     names, columns, lists of values: they would make another statement

A statement is read with its values at hand, so that every rule for a constant (types, scales,
bounds, keys) holds for a parameter. Its text keeps the names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from re import compile as pattern

from sqlglot import exp

from contract.dataset import ColumnType
from contract.errors import BadQuery, MiheError, nearest
from contract.job import Parameter
from contract.keys import looks_like_key
from federated.query.text import Text
from federated.query.values import Column, cast, decimal_text
from federated.query.words import key_in_query

_RULE = "parameters are typed by what they are compared with"
_INTEGER = pattern(r"[+-]?[0-9]{1,18}")
_DECIMAL = pattern(r"[+-]?([0-9]{1,18}\.?|[0-9]{0,18}\.[0-9]{1,18})")
_MONTH = pattern(r"[0-9]{4}(0[1-9]|1[0-2])")
_TRUTHS = ("true", "false")
_EXPECTED = {
    ColumnType.INTEGER: ("a whole number", "2024"),
    ColumnType.DECIMAL: ("a number", "10.5"),
    ColumnType.TEXT: ("a text", "A"),
    ColumnType.DATE: ("a date", "2026-01-31"),
    ColumnType.PERIOD: ("a month", "202601"),
    ColumnType.BOOLEAN: ("true or false", "true"),
}
"""What each type is called, and looks like on the command line."""


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody says a parameter is worth; the type is what they say it is, if they do."""

    value: str
    type: ColumnType | None = None


def given(parameters: Iterable[Parameter]) -> dict[str, Given]:
    """The values of a contract."""
    return {one.name: Given(one.value, one.type) for one in parameters}


@dataclass(slots=True)
class Parameters:
    """The values of one statement; what each is typed as is found while the statement is read."""

    given: Mapping[str, Given] = field(default_factory=dict)
    typed: dict[str, Parameter] = field(default_factory=dict)

    def literal(
        self, text: Text, node: exp.Placeholder, type_: ColumnType, beside: Column | None = None
    ) -> exp.Expr:
        """The value of a parameter, as a literal of a type; `beside` is what it is compared with.

        Raises BadQuery for a value that is missing, of another type or out of the column's range.
        """
        name = str(node.this)
        if name not in self.given:
            others = ", ".join(f":{one}" for one in sorted(self.given))
            given = f" (given: {others})" if others else ""
            raise self._refuse(text, node, f":{name} has no value{given}; ", type_, beside)
        known = self.typed.get(name)
        wanted = _agreed(type_, known.type if known else self.given[name].type)
        if wanted is None:
            other = (known.type if known else self.given[name].type) or type_
            raise self._refuse(
                text, node, f":{name} is {_EXPECTED[other][0]} elsewhere; ", type_, beside
            )
        value = _written(self.given[name].value, wanted)
        if value is None or not _has_places(value, beside):
            raise self._refuse(text, node, f"the value of :{name} does not fit; ", wanted, beside)
        if looks_like_key(value):
            raise key_in_query(text, node, f"the value of :{name} validates as a key")
        if not _is_within(value, beside):
            raise self._refuse(text, node, f"the value of :{name} never occurs; ", wanted, beside)
        self.typed[name] = Parameter(name=name, type=wanted, value=value)
        literal = _literal(value, wanted)
        literal.meta["start"] = text.start(node)  # a later refusal must still find the place
        return literal

    def declared(self, text: Text, node: exp.Placeholder) -> ColumnType:
        """The type that a value was given with, where nothing beside it says which."""
        name = str(node.this)
        found = self.given.get(name)
        if found is not None and found.type is not None:
            return found.type
        raise text.refuse(
            node,
            f"nothing that stands here says of what type :{name} is",
            f"Say it with the value: --param {name}:date=2026-01-31; types are integer, decimal,"
            " text, date, period and boolean.",
            rule=_RULE,
        )

    def settled(self, text: Text, trees: Iterable[exp.Expr]) -> tuple[Parameter, ...]:
        """All of them, typed, by name; refuses what was given and not used, or the reverse."""
        for node in (node for tree in trees for node in tree.find_all(exp.Placeholder)):
            if str(node.this) not in self.typed:
                raise text.refuse(
                    node,
                    "no parameter may stand here",
                    "Write a parameter where a constant is compared, or computed with.",
                    rule=_RULE,
                )
        for name in self.given:
            if name not in self.typed:
                there = ", ".join(f":{one}" for one in sorted(self.typed)) or "none"
                raise BadQuery(
                    f"the statement has no parameter :{name}.{nearest(name, list(self.typed))}",
                    fix=f"Leave the value out; the statement's parameters: {there}.",
                    phase="plan",
                    rule=_RULE,
                )
        return tuple(self.typed[name] for name in sorted(self.typed))

    def _refuse(
        self,
        text: Text,
        node: exp.Placeholder,
        what: str,
        type_: ColumnType,
        beside: Column | None,
    ) -> MiheError:
        called, example = _EXPECTED[type_]
        return text.refuse(
            node,
            f"{what}{called} is expected{_limits(beside)}",
            f"Give it as --param {node.this}={example}.",
            rule=_RULE,
        )


def _agreed(here: ColumnType, elsewhere: ColumnType | None) -> ColumnType | None:
    """One type for both places: a whole number is a number; None if there is none."""
    if elsewhere is None or elsewhere is here:
        return here
    return ColumnType.INTEGER if here.is_number and elsewhere.is_number else None


def _written(value: str, type_: ColumnType) -> str | None:
    """The one way to write a value of a type; None if it is none."""
    match type_:
        case ColumnType.INTEGER if _INTEGER.fullmatch(value):
            return str(int(value))
        case ColumnType.DECIMAL if _DECIMAL.fullmatch(value):
            number = Fraction(value.rstrip("."))
            places = len(value.partition(".")[2].rstrip("0"))
            return decimal_text(int(number * 10**places), places)
        case ColumnType.PERIOD if _MONTH.fullmatch(value):
            return value
        case ColumnType.BOOLEAN if value.lower() in _TRUTHS:
            return value.lower()
        case ColumnType.TEXT if value.isprintable():
            return value
        case ColumnType.DATE:
            return _day(value)
    return None


def _day(value: str) -> str | None:
    try:
        found = date.fromisoformat(value).isoformat()
    except ValueError:
        return None
    return found if found == value else None


def _has_places(value: str, column: Column | None) -> bool:
    """Whether a column of numbers can have a value of so many decimals."""
    is_number = column is not None and column.type.is_number
    return not is_number or column is None or len(value.partition(".")[2]) <= column.scale


def _is_within(value: str, column: Column | None) -> bool:
    if column is None:
        return True
    if column.domain is not None:
        return value in column.domain
    if column.range is None:
        return True
    scaled: Fraction = Fraction(value) * 10**column.scale
    return column.range.least <= scaled <= column.range.most


def _limits(column: Column | None) -> str:
    """What a column takes, in words."""
    if column is None:
        return ""
    if column.domain is not None:
        return f" for '{column.name}': one of {', '.join(column.domain)}"[:300]
    scale = f", with at most {column.scale} decimals" if column.scale else ""
    if column.range is None or column.type is ColumnType.PERIOD:
        return f" for '{column.name}'{scale}"
    low, high = (decimal_text(end, column.scale) for end in (column.range.least, column.range.most))
    return f" for '{column.name}': from {low} to {high}{scale}"


def _literal(value: str, type_: ColumnType) -> exp.Expr:
    match type_:
        case ColumnType.TEXT:
            return exp.Literal.string(value)
        case ColumnType.DATE:
            return cast(exp.Literal.string(value), "DATE")
        case ColumnType.BOOLEAN:
            return exp.Boolean(this=value == "true")
    literal = exp.Literal.number(value.removeprefix("-"))
    return exp.Neg(this=literal) if value.startswith("-") else literal
