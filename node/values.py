"""What the text of a field means: SQL for its typed value, and words for what it must be.

Implements  DESIGN §6: declared types, never guessed. Whatever a source is, its fields become text
            first and meet these rules, so a dataset is the same snapshot whichever way it came.
Numbers     digits, a minus sign, a point: no exponent, no plus, no blanks. Leading zeros, and zeros
            beyond the declared decimals, change no value; any other digit too many is an error,
            because money is never rounded.
Not for     keys, which contract/keys.py reads
"""

from contract.dataset import Column, ColumnType
from node.duck import literal, quoted
from node.sources.part import TEXT

DECIMAL_DIGITS = 38
_BEYOND = 2**63
"""The least whole number that BIGINT has not."""


def value_of(column: Column) -> str:
    """SQL: the typed value of the text in `column`, or NULL where it is none, or out of bounds."""
    form, value = _read(column)
    conditions = ([] if form is None else [f"({form})"]) + _within(column, value)
    return f"CASE WHEN {' AND '.join(conditions)} THEN {value} END" if conditions else value


def _within(column: Column, value: str) -> list[str]:
    if column.minimum is None or column.maximum is None:
        return []
    whole = column.type is ColumnType.INTEGER and all(
        -_BEYOND <= bound < _BEYOND for bound in (column.minimum, column.maximum)
    )
    # A comparison of numbers of 128 bits takes as long as to read them.
    type_ = "BIGINT" if whole else f"DECIMAL({DECIMAL_DIGITS}, {column.places})"
    least, most = (
        f"CAST({literal(f'{bound:f}')} AS {type_})" for bound in (column.minimum, column.maximum)
    )
    return [f"{value} BETWEEN {least} AND {most}"]


def _read(column: Column) -> tuple[str | None, str]:
    """SQL: what a text must fulfil to be read, if it must, and the value that is read of it."""
    text = quoted(column.name)
    match column.type:
        case ColumnType.TEXT if column.allowed is None:
            return None, text
        case ColumnType.TEXT:
            return f"{text} IN ({', '.join(map(literal, column.allowed or ()))})", text
        case ColumnType.INTEGER:
            value = _cast(text, "BIGINT")
            return _as_written(value, text, "-?[0-9]+"), value
        case ColumnType.DECIMAL:
            places = column.decimals or 0
            some = rf"[0-9]{{1,{places}}}0*|" if places else ""
            value = _cast(text, f"DECIMAL({DECIMAL_DIGITS}, {places})")
            form = rf"-?[0-9]+(\.({some}0+))?"
            return _as_written(value, text, form), value
        case ColumnType.PERIOD:
            return _matches(text, "[1-9][0-9]{3}(0[1-9]|1[0-2])"), _cast(text, "INTEGER")
        case ColumnType.BOOLEAN:
            return _matches(text, "true|false"), _cast(text, "BOOLEAN")
        case ColumnType.DATE:
            form = f"{text} >= '0001' AND {_matches(text, '[0-9]{4}(-[0-9]{2}){2}')}"
            return form, _cast(text, "DATE")
        case ColumnType.KEY:
            raise AssertionError("keys are not read by SQL")


def expectation(column: Column) -> str:
    """What a value of `column` must be, in words."""
    if column.minimum is None or column.maximum is None:
        return _form(column)
    return f"{_form(column)}, from {column.minimum:f} to {column.maximum:f}"


def _form(column: Column) -> str:
    match column.type:
        case ColumnType.TEXT:
            return "one of the declared codes" if column.allowed else "a text"
        case ColumnType.INTEGER:
            return "a whole number that fits in 64 bits, such as -1234"
        case ColumnType.DECIMAL:
            places = column.decimals or 0
            return (
                f"a plain decimal number with at most {DECIMAL_DIGITS - places} digits before and "
                f"{places} after the point"
            )
        case ColumnType.PERIOD:
            return "a month written YYYYMM, such as 202510"
        case ColumnType.BOOLEAN:
            return "true or false"
        case ColumnType.DATE:
            return "a date of the calendar written YYYY-MM-DD"
        case ColumnType.KEY:
            return f"a key of kind {column.key}"


def _cast(text: str, type_: str) -> str:
    return f"TRY_CAST({text} AS {type_})"


def _matches(text: str, form: str) -> str:
    # A cast alone would take blanks, exponents and 1_000, and round what is too long.
    return f"regexp_full_match({text}, {literal(form)})"


def _as_written(value: str, text: str, form: str) -> str:
    """The same as `_matches`: a number that DuckDB writes as the text is one of this form.

    Nearly all are, and to write a number takes a third of the time of an expression.
    """
    return f"CAST({value} AS {TEXT}) = {text} OR {_matches(text, form)}"
