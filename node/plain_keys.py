"""Keys that are written plainly, recognised by SQL: most of an import, many times as fast.

Implements  what contract/keys.py calls valid, for texts that are their own canonical form: eighteen
            upper-case letters and digits. It is the judge, and is asked about every other text; a
            test holds this file to it.
Not for     telling why a text is no key, or for codes that were issued against the standard
"""

from contract.keys import ID_WEIGHTS, USCC_ALPHABET, USCC_WEIGHTS, KeyKind
from node.duck import literal

_ID_ALPHABET = "0123456789X"


def is_plain(kind: KeyKind, text: str) -> str:
    """SQL: whether what the SQL `text` gives is a key of this kind as it stands."""
    match kind:
        case KeyKind.USCC:
            form = f"[{USCC_ALPHABET}]{{2}}[1-9][0-9]{{5}}[{USCC_ALPHABET}]{{10}}"
            return f"{_matches(text, form)} AND {_sum(text, USCC_ALPHABET, USCC_WEIGHTS)} % 31 = 0"
        case KeyKind.DECLARATION:
            return _matches(text, "[0-9]{4}20[0-9]{2}[01][0-9]{9}")
        case KeyKind.ID_NUMBER:
            year, month, day = (f"substr({text}, {place})" for place in ("7, 4", "11, 2", "13, 2"))
            return (
                f"{_matches(text, '[1-9][0-9]{5}(18|19|20)[0-9]{9}[0-9X]')}"
                f" AND TRY_CAST(concat_ws('-', {year}, {month}, {day}) AS DATE) IS NOT NULL"
                f" AND {_sum(text, _ID_ALPHABET, ID_WEIGHTS)} % 11 = 1"
            )


def _matches(text: str, form: str) -> str:
    return f"regexp_full_match({text}, {literal(form)})"


def _sum(text: str, alphabet: str, weights: bytes) -> str:
    """Each letter's place in the alphabet by its weight; of a text that matches its form."""
    terms = (
        f"{weight} * (strpos({literal(alphabet)}, substr({text}, {place}, 1)) - 1)"
        for place, weight in enumerate(weights, 1)
    )
    return f"({' + '.join(terms)})"
