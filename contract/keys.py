"""Keys that records are joined on: what is one, and the one way to write it as bytes.

Implements  GB 32100-2015 unified social credit code (USCC), its body GB 11714 organisation code;
            GB 11643-1999 citizen identification number (ISO 7064 MOD 11-2);
            the 18-digit number of a customs declaration
Canonical   NFKC → without blanks, dashes and invisible characters → upper case → valid → ASCII,
            behind the kind's name: b"uscc:91110000600037341L". All three kinds have 18 characters;
            the prefix keeps a declaration from ever meeting a company in an intersection.
Learns      nobody: no I/O, and no error here holds the value.
Not for     proof that a subject exists. A key is never repaired either: O for 0 or I for 1 is
            refused, because a guess is somebody else.

Mandatory checks make a key invalid. Each is a rule of the numbering standard that no new register,
department or year can break: length, alphabet, check character, six region digits that don't begin
with 0 (eighteen zeros, the common filler, pass the check character; two parties' fillers must not
meet), a calendar date of birth, the year and direction of a declaration. Advisory checks
(`remarks`) only count in a quality report, because departments keep opening new categories and a
company left out for one is a wrong answer: the first two characters, the organisation code's own
check character. A region's existence isn't checked at all: GB/T 2260 changes and keys outlive it.

A declaration number has no check character, so a mistyped one is seen only by its year or flag.

A key may be of several columns, at least one of them of the kinds above: `combined`.
"""

from collections.abc import Callable, Sequence
from datetime import date
from enum import StrEnum
from operator import mul
from re import compile as pattern
from unicodedata import category, normalize

from contract.errors import InvalidKey

LENGTH = 18


class KeyKind(StrEnum):
    """The numbering a key column follows."""

    USCC = "uscc"
    DECLARATION = "declaration"
    ID_NUMBER = "id_number"


class BesideKind(StrEnum):
    """What may stand in a key of several columns beside a key column: values that name nobody."""

    INTEGER = "integer"
    TEXT = "text"
    DATE = "date"
    PERIOD = "period"
    BOOLEAN = "boolean"


PartKind = KeyKind | BesideKind
"""What a column of a key holds. No two kinds have one name."""

MOST_PARTS = 8
"""Columns of a key."""


class Strictness(StrEnum):
    """What an invalid key does to the file that it stands in, and by which book it is judged."""

    STRICT = "strict"
    """The standard alone; one invalid key refuses the file."""
    WARN = "warn"
    """The standard and the codes known to be issued against it; others are left out and counted."""


class Reason(StrEnum):
    """Why a text is no key: what a quality report counts by."""

    EMPTY = "empty"
    LENGTH = "length"
    ALPHABET = "alphabet"
    REGION = "region digits"
    CHECK = "check character"
    DATE = "date of birth"
    YEAR = "year of declaration"
    DIRECTION = "import or export flag"


class Remark(StrEnum):
    """What is unusual about a valid key: counted, never a ground to leave it out."""

    CATEGORY = "registering department and category not seen before"
    ORGANISATION_CODE = "check character of the organisation code"
    ISSUED_EXCEPTION = "issued with a check character that fails"


# A pilot region issued codes before the standard was fixed. Open validators publish these three
# with the companies' names, and the organisation code inside each of them does check.
ISSUED_EXCEPTIONS = frozenset({b"91350100M0001TGQXM", b"91350203M0001FUE2P", b"91350211M0000XUF46"})

# Registering department → categories seen in practice.
_SEEN = {"1": "1239", "2": "19", "3": "123459", "4": "19", "5": "1239", "6": "129", "7": "129"}
_SEEN |= {"8": "19", "9": "123", "A": "19", "N": "1239", "Y": "1"}
SEEN_CATEGORIES = frozenset(f"{d}{c}".encode() for d, cs in _SEEN.items() for c in cs)

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""31 symbols; I, O, S, V and Z are left out because they are misread."""

# No key needs more, blanks included; a compatibility character may expand eighteenfold.
_LONGEST_RAW = 64
_FOREIGN = 255


def _values(alphabet: str) -> bytes:
    table = bytearray([_FOREIGN] * 256)
    for value, letter in enumerate(alphabet):
        table[ord(letter)] = value
    return bytes(table)


# The check character has weight 1 and makes the weighted sum 0 modulo 31. This is the standard's
# (31 − Σ mod 31) mod 31 without its trap: leaving out the outer modulus refuses every code in '0'.
_USCC_VALUES = _values(USCC_ALPHABET)
_USCC_WEIGHTS = bytes([*(pow(3, i, 31) for i in range(17)), 1])

# Likewise: "10X98765432"[Σ mod 11] is the character that makes the whole sum 1 modulo 11.
_ID_VALUES = _values("0123456789X")
_ID_WEIGHTS = bytes([*(pow(2, 17 - i, 11) for i in range(17)), 1])

_ORGANISATION_VALUES = _values("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ORGANISATION_WEIGHTS = bytes([3, 7, 9, 10, 5, 8, 4, 2])
_ORGANISATION_CHECKS = b"0123456789X"

_ZERO, _ONE = b"01"


def check(kind: KeyKind, raw: str, strictness: Strictness = Strictness.STRICT) -> bytes | Reason:
    """The canonical bytes of `raw`, or why it is none; never raises."""
    text = raw if len(raw) == LENGTH and raw.isascii() and raw.isalnum() else _tidy(raw)
    if len(text) != LENGTH:
        return Reason.LENGTH if text else Reason.EMPTY
    # Before upper-casing: 'ß' becomes two letters, and 'ı' a plain I.
    if not (text.isascii() and text.isalnum()):
        return Reason.ALPHABET
    key = text.upper().encode()
    reason = _RULES[kind](key)
    if reason is None or _is_issued(kind, key, reason, strictness):
        return _PREFIXES[kind] + key
    return reason


def canonical(kind: KeyKind, raw: str, strictness: Strictness = Strictness.STRICT) -> bytes:
    """The canonical bytes of `raw`; raises InvalidKey with the reason, without the value."""
    found = check(kind, raw, strictness)
    if isinstance(found, Reason):
        raise InvalidKey(
            f"a text is not a key of kind {kind}: {found}",
            fix='Correct it at its source, or set invalid_keys = "warn" to leave such rows out.',
            rule=f"{kind}: {found}",
        )
    return found


def combined(parts: Sequence[tuple[PartKind, str]]) -> bytes:
    """The canonical bytes of a key of several columns: b"tuple:23:uscc:9111…,13:period:202403,".

    Each part is its kind, a colon and its value as a text, and travels as a netstring: its length
    in bytes, in decimal, a colon, itself, a comma. So no two different keys have the same bytes,
    whatever a text holds; and none has those of a key of one column, which begin with its kind.
    """
    tagged = [f"{kind}:{value}".encode() for kind, value in parts]
    return _TUPLE + b"".join(b"%d:%s," % (len(part), part) for part in tagged)


def remarks(key: bytes) -> frozenset[Remark]:
    """What is unusual about canonical `key`."""
    kind, _, code = key.partition(b":")
    if kind.decode() != KeyKind.USCC:
        return frozenset()
    found = set()
    if code[:2] not in SEEN_CATEGORIES:
        found.add(Remark.CATEGORY)
    if not _organisation_code_checks(code[8:17]):
        found.add(Remark.ORGANISATION_CODE)
    if code in ISSUED_EXCEPTIONS:
        found.add(Remark.ISSUED_EXCEPTION)
    return frozenset(found)


def looks_like_key(text: str) -> bool:
    """Whether some 18 characters of `text`, blanks and dashes aside, are a key of any kind.

    For free text and literals in a contract, which must hold no identifier. It never misses a key
    that `check` accepts, wherever it stands, and so errs towards yes: about 3 in 100 unrelated
    18-digit numbers pass as one. Not for digests and other fields of a known form.
    """
    return any(
        isinstance(check(kind, run[start : start + LENGTH], Strictness.WARN), bytes)
        for run in _RUNS.findall(_tidy_text(text))
        for start in range(len(run) - LENGTH + 1)
        for kind in KeyKind
    )


_RUNS = pattern(rf"[0-9A-Za-z]{{{LENGTH},}}")


def _tidy(raw: str) -> str:
    return _tidy_text(raw) if len(raw) <= _LONGEST_RAW else raw


def _tidy_text(text: str) -> str:
    return "".join(letter for letter in normalize("NFKC", text) if not _is_blank(letter))


def _is_blank(letter: str) -> bool:
    # Cf: zero-width characters, direction marks, soft hyphen, byte order mark. Pd: dashes; the
    # minus sign, which office software puts for one, is a symbol (Sm).
    return letter.isspace() or letter == "−" or category(letter) in {"Cf", "Pd"}


def _is_issued(kind: KeyKind, key: bytes, reason: Reason, strictness: Strictness) -> bool:
    return (
        strictness is Strictness.WARN
        and reason is Reason.CHECK
        and kind is KeyKind.USCC
        and key in ISSUED_EXCEPTIONS
    )


def _uscc(key: bytes) -> Reason | None:
    """[1] department, [2] category, [3–8] region, [9–17] organisation code, [18] check."""
    values = key.translate(_USCC_VALUES)
    if _FOREIGN in values:
        return Reason.ALPHABET
    if not _is_region(key[2:8]):
        return Reason.REGION
    if sum(map(mul, values, _USCC_WEIGHTS)) % 31 != 0:
        return Reason.CHECK
    return None


def _declaration(key: bytes) -> Reason | None:
    """[1–4] customs area, [5–8] year, [9] 1 import or 0 export, [10–18] serial number."""
    if not key.isdigit():
        return Reason.ALPHABET
    if not key.startswith(b"20", 4):  # the form is of this century
        return Reason.YEAR
    if key[8] not in (_ZERO, _ONE):
        return Reason.DIRECTION
    return None


def _id_number(key: bytes) -> Reason | None:
    """[1–6] region, [7–14] date of birth, [15–17] sequence, [18] check."""
    values = key.translate(_ID_VALUES)
    if _FOREIGN in values or not key[:17].isdigit():
        return Reason.ALPHABET
    if not _is_region(key[:6]):
        return Reason.REGION
    if not _is_birth_date(key[6:14]):
        return Reason.DATE
    if sum(map(mul, values, _ID_WEIGHTS)) % 11 != 1:
        return Reason.CHECK
    return None


def _is_region(digits: bytes) -> bool:
    return digits.isdigit() and digits[0] != _ZERO


def _is_birth_date(digits: bytes) -> bool:
    # Whether the day has come yet isn't asked: a key must not become valid with time.
    if digits[:2] not in (b"18", b"19", b"20"):
        return False
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def _organisation_code_checks(code: bytes) -> bool:
    values = code[:8].translate(_ORGANISATION_VALUES)
    # 11 − Σ mod 11, where 10 is written X and 11 is written 0.
    expected: int = -sum(map(mul, values, _ORGANISATION_WEIGHTS)) % 11
    return code[8] == _ORGANISATION_CHECKS[expected]


_RULES: dict[KeyKind, Callable[[bytes], Reason | None]] = {
    KeyKind.USCC: _uscc,
    KeyKind.DECLARATION: _declaration,
    KeyKind.ID_NUMBER: _id_number,
}
_TUPLE = b"tuple:"
_PREFIXES = {kind: f"{kind}:".encode() for kind in KeyKind}
