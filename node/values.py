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

DECIMAL_DIGITS = 38


def value_of(column: Column) -> str:
    """SQL: the typed value of the text in `column`, or NULL where it is none, or out of bounds."""
    value = _read(column)
    if column.bounds is None:
        return value
    type_ = f"DECIMAL({DECIMAL_DIGITS}, {column.places})"
    least, most = (
        f"CAST({literal(f'{bound:f}')} AS {type_})"
        for bound in (column.minimum, column.maximum)
        if bound is not None
    )
    return _if(f"({value}) BETWEEN {least} AND {most}", value)


def _read(column: Column) -> str:
    text = quoted(column.name)
    match column.type:
        case ColumnType.TEXT if column.allowed is None:
            return text
        case ColumnType.TEXT:
            return _if(f"{text} IN ({', '.join(map(literal, column.allowed or ()))})", text)
        case ColumnType.INTEGER:
            return _if_matches(text, "-?[0-9]+", "BIGINT")
        case ColumnType.DECIMAL:
            places = column.decimals or 0
            some = rf"[0-9]{{1,{places}}}0*|" if places else ""
            return _if_matches(
                text, rf"-?[0-9]+(\.({some}0+))?", f"DECIMAL({DECIMAL_DIGITS}, {places})"
            )
        case ColumnType.PERIOD:
            return _if_matches(text, "[1-9][0-9]{3}(0[1-9]|1[0-2])", "INTEGER")
        case ColumnType.BOOLEAN:
            return _if_matches(text, "true|false", "BOOLEAN")
        case ColumnType.DATE:
            return _if(f"{text} >= '0001'", _if_matches(text, "[0-9]{4}(-[0-9]{2}){2}", "DATE"))
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


def _if(condition: str, value: str) -> str:
    return f"CASE WHEN {condition} THEN {value} END"


def _if_matches(text: str, form: str, type_: str) -> str:
    # A cast alone would take blanks, exponents and 1_000, and round what is too long.
    return _if(f"regexp_full_match({text}, {literal(form)})", f"TRY_CAST({text} AS {type_})")
