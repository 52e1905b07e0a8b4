"""Formulas: exact where they can be, NULL as in SQL, wide enough for what they may be."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.dataset import ColumnType
from federated.query.formula import (
    WITHHELD,
    Bounds,
    Call,
    Constant,
    Figure,
    Formula,
    Operator,
    bounds_of,
    call,
    decimals_of,
    error_of,
    shown_decimal,
    shown_significant,
    value_of,
)

X, Y = Figure(place=0), Figure(place=1)
NULL, TRUE, FALSE = None, True, False
LEFT = Constant(type=ColumnType.TEXT, text="left")
NUMBERS = st.fractions(-(10**9), 10**9, max_denominator=100).map(lambda one: round(one, 2))


def number(text: str) -> Constant:
    return Constant(type=ColumnType.DECIMAL, text=text)


@pytest.mark.parametrize(
    ("operator", "left", "right", "value"),
    [
        (Operator.AND, TRUE, NULL, NULL),
        (Operator.AND, FALSE, NULL, FALSE),
        (Operator.AND, NULL, NULL, NULL),
        (Operator.OR, TRUE, NULL, TRUE),
        (Operator.OR, FALSE, NULL, NULL),
        (Operator.OR, FALSE, FALSE, FALSE),
        (Operator.EQUAL, NULL, NULL, NULL),
        (Operator.LESS, Fraction(1), NULL, NULL),
        (Operator.UNEQUAL, "a", "b", TRUE),
        (Operator.DIVIDE, Fraction(1), Fraction(0), NULL),
        (Operator.DIVIDE, Fraction(1), Fraction(3), Fraction(1, 3)),
        (Operator.FIRST_KNOWN, NULL, Fraction(3), Fraction(3)),
        (Operator.FIRST_KNOWN, Fraction(0), NULL, Fraction(0)),
        (Operator.FIRST_KNOWN, NULL, WITHHELD, WITHHELD),
        (Operator.FIRST_KNOWN, "a", WITHHELD, "a"),
        (Operator.NULL_IF, Fraction(2), Fraction(2), NULL),
        (Operator.NULL_IF, Fraction(2), NULL, Fraction(2)),
        (Operator.NULL_IF, NULL, Fraction(2), NULL),
        (Operator.NULL_IF, Fraction(2), WITHHELD, WITHHELD),
        (Operator.CHOOSE, NULL, "a", "left"),
        (Operator.CHOOSE, FALSE, "a", "left"),
        (Operator.CHOOSE, TRUE, "a", "a"),
        (Operator.CHOOSE, TRUE, NULL, NULL),
        (Operator.CHOOSE, WITHHELD, "a", WITHHELD),
    ],
)
def test_null_is_as_in_sql(
    operator: Operator, left: Fraction | None, right: Fraction | None, value: object
) -> None:
    rest = (LEFT,) if operator is Operator.CHOOSE else ()
    assert value_of(call(operator, X, Y, *rest), [left, right]) == value


def test_what_is_null_can_be_asked() -> None:
    assert value_of(call(Operator.IS_NULL, X), [None]) is True
    assert value_of(call(Operator.NOT, call(Operator.IS_NULL, X)), [None]) is False


@pytest.mark.parametrize(
    ("value", "decimals", "rounded"),
    [
        ("2.5", 0, "3"),
        ("-2.5", 0, "-3"),
        ("0.45", 1, "0.5"),
        ("1450", -2, "1500"),
        ("-0.4", 0, "0"),
    ],
)
def test_round_takes_halves_away_from_zero(value: str, decimals: int, rounded: str) -> None:
    formula = Call(operator=Operator.ROUND, of=(X,), decimals=decimals)
    assert value_of(formula, [Fraction(value)]) == Fraction(rounded)


def test_a_table_takes_halves_to_the_even_neighbour() -> None:
    assert [str(shown_decimal(Fraction(one), 1)) for one in ("0.25", "0.35")] == ["0.2", "0.4"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0", "0"),
        ("1/3", "0.333333333333"),
        ("2000/3", "666.666666667"),
        ("-1/3000000", "-0.000000333333333333"),
        ("123456789012345", "123456789012000"),
        ("999999999999.5", "1000000000000"),
        ("5/2", "2.5"),
        ("10", "10"),
        ("0.1", "0.1"),
    ],
)
def test_significant_digits(value: str, shown: str) -> None:
    with localcontext(prec=3):
        assert f"{shown_significant(Fraction(value)):f}" == shown


@given(st.fractions())
def test_significant_digits_are_as_many_as_they_say(value: Fraction) -> None:
    shown = shown_significant(value)
    assert abs(Fraction(shown) - value) * 2 * 10**11 <= abs(value)
    assert len(Decimal(shown).as_tuple().digits) <= 12 or not Fraction(shown).numerator % 10


@pytest.mark.parametrize("square", ["0", "1/9", "4", "2.25", "1e-20"])
def test_a_root_is_exact_where_it_is_rational(square: str) -> None:
    root = value_of(call(Operator.ROOT, X), [Fraction(square)])
    assert isinstance(root, Fraction)
    assert root * root == Fraction(square)


@given(st.fractions(0))
def test_a_root_is_too_close_to_be_told(square: Fraction) -> None:
    root = value_of(call(Operator.ROOT, X), [square])
    assert isinstance(root, Fraction)
    assert abs(root * root - square) * 10**38 <= square


def test_a_variance_of_too_few_is_null() -> None:
    figures = [Fraction(1), Fraction(5), Fraction(25)]
    of = tuple(Figure(place=place) for place in range(3))
    assert value_of(call(Operator.VAR_SAMP, *of), figures) is None
    assert value_of(call(Operator.VAR_POP, *of), figures) == 0
    assert value_of(call(Operator.VAR_POP, *of), [Fraction(0), None, None]) is None


@pytest.mark.parametrize(
    ("formula", "error"),
    [
        (call(Operator.ADD, X, Y), Fraction(3)),
        (call(Operator.SUBTRACT, X, call(Operator.NEGATE, X)), Fraction(6)),
        (call(Operator.MULTIPLY, X, number("-0.5")), Fraction(3, 2)),
        (call(Operator.DIVIDE, X, number("2")), Fraction(3, 2)),
        (Call(operator=Operator.ROUND, of=(X,), decimals=-1), Fraction(8)),
        (call(Operator.DIVIDE, Y, Y), Fraction(0)),
        (call(Operator.DIVIDE, Y, X), None),
        (call(Operator.MULTIPLY, X, X), None),
        (call(Operator.DIVIDE, X, number("0")), None),
        (call(Operator.ABSOLUTE, X), Fraction(3)),
        (call(Operator.FIRST_KNOWN, Y, X), Fraction(3)),
        (call(Operator.NULL_IF, X, Y), None),
        (call(Operator.CHOOSE, call(Operator.LESS, Y, number("1")), X, Y), Fraction(3)),
        (call(Operator.CHOOSE, call(Operator.LESS, X, number("1")), Y, Y), None),
    ],
)
def test_how_far_a_number_may_be_off(formula: Formula, error: Fraction | None) -> None:
    assert error_of(formula, [Fraction(3), Fraction(0)]) == error


def formulas() -> st.SearchStrategy[Formula]:
    leaves: st.SearchStrategy[Formula] = st.sampled_from([X, Y, number("0.50"), number("3")])
    two = st.sampled_from(
        [
            *(Operator.ADD, Operator.SUBTRACT, Operator.MULTIPLY, Operator.DIVIDE, Operator.ROUND),
            *(Operator.FIRST_KNOWN, Operator.NULL_IF, Operator.CHOOSE),
        ]
    )
    less = call(Operator.LESS, X, Y)

    def larger(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
        return st.tuples(two, inner, inner, st.integers(-2, 3)).map(
            lambda one: (
                Call(operator=one[0], of=one[1:2], decimals=one[3])
                if one[0] is Operator.ROUND
                else call(one[0], *([less] if one[0] is Operator.CHOOSE else []), one[1], one[2])
            )
        )

    return st.recursive(leaves, larger, max_leaves=5)


@given(formulas(), NUMBERS, NUMBERS)
def test_no_value_is_wider_than_its_bounds(formula: Formula, x: Fraction, y: Fraction) -> None:
    value = value_of(formula, [x, y])
    decimals = decimals_of(formula, [2, 2])
    bounds = bounds_of(formula, [Bounds(Fraction(10**9), 100)] * 2)
    assert decimals is not None
    if value is None:
        return
    assert isinstance(value, Fraction)
    assert abs(value) <= bounds.most
    digits = len(f"{abs(shown_decimal(value, decimals)):f}".replace(".", "").lstrip("0"))
    assert digits <= bounds.digits(decimals)


def test_decimals_are_counted_as_sql_does() -> None:
    figures = [2, 0]
    assert decimals_of(call(Operator.ADD, X, number("0.125")), figures) == 3
    assert decimals_of(call(Operator.MULTIPLY, X, number("100.0")), figures) == 3
    assert decimals_of(call(Operator.DIVIDE, X, Y), figures) == 6
    assert decimals_of(Call(operator=Operator.ROUND, of=(X,), decimals=-3), figures) == 0
    assert decimals_of(call(Operator.DIVIDE, X, Y), [None, 0]) is None
    assert decimals_of(call(Operator.FIRST_KNOWN, Y, number("0.5")), figures) == 1
    chosen = call(Operator.CHOOSE, call(Operator.LESS, X, number("0.12345")), Y, number("0"))
    assert decimals_of(chosen, figures) == 0
    assert decimals_of(call(Operator.NULL_IF, Y, X), figures) == 0
