"""Unified social credit codes (USCC): valid, unique, and none of a known real firm.

Implements  GB 32100-2015 (18 characters, check character modulo 31) and GB 11714 (organisation
            body, check character modulo 11), apart from the product's own validator on purpose:
            the truth must not inherit its mistakes
Not safe    a random code may be a real firm's by chance; only the ones listed here are kept out
"""

from collections.abc import Sequence

import numpy as np

from scenarios.synthetic.chance import Flags, Ints, Texts, stream

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I, O, S, V, Z
BODY_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
CODE_WEIGHTS = np.array([pow(3, place, 31) for place in range(17)])
ENTERPRISE, SOLE_TRADER = "91", "92"
NEW_STYLE_PREFIX = "MA"

# Codes of well-known firms and published examples: their organisation bodies are never drawn.
DENIED = (
    "91110000600037341L",
    "91110000101623741K",
    "911101066976941872",
    "91350100M000100Y43",
    "91350211M0000XUF46",
    "91330100799655058B",
    "91330000733796106P",
    "91330000727215176K",
    "91330000747735638J",
    "91330200711192037M",
    "91330000761336668H",
    "91330000255693873W",
    "91330000142944445H",
    "913300006096907427",
    "91440300708461136T",
    "914403001922038216",
)

_BYTES = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
_INDEX = np.zeros(128, dtype=np.int64)
_INDEX[_BYTES] = np.arange(31)
# GB 11714 counts all 26 letters, GB 32100 only those of its alphabet.
_BODY_VALUE = np.array([int(symbol, 36) for symbol in ALPHABET])


def symbols(text: str) -> Ints:
    """Positions of the characters of `text` in the alphabet."""
    return _INDEX[np.frombuffer(text.encode(), dtype=np.uint8)]


def draw(seed: int, counties: Sequence[str], county: Ints, old: Flags, sole: Flags) -> Texts:
    """One code per enterprise: an all-digit body where `old`, one that begins with MA elsewhere."""
    size = len(county)
    code = np.empty((size, 18), dtype=np.int64)
    prefixes = np.array([symbols(ENTERPRISE), symbols(SOLE_TRADER)])
    code[:, 0:2] = prefixes[sole.astype(np.int64)]
    code[:, 2:8] = np.array([symbols(name) for name in counties])[county]
    code[old, 8:16] = _bodies(seed, "identifiers.old", int(old.sum()), 10, "")
    code[~old, 8:16] = _bodies(seed, "identifiers.new", int((~old).sum()), 31, NEW_STYLE_PREFIX)
    code[:, 16] = _body_check(code[:, 8:16])
    code[:, 17] = -(code[:, :17] @ CODE_WEIGHTS) % 31
    return _texts(code)


def wrong_check(code: str, shift: int) -> str:
    """The code with another check character: `shift` is 1 to 30 places further in the alphabet."""
    return code[:-1] + ALPHABET[(ALPHABET.index(code[-1]) + shift) % 31]


def _bodies(seed: int, purpose: str, count: int, base: int, prefix: str) -> Ints:
    """Distinct eight-symbol bodies with digits below `base` after the prefix."""
    free = 8 - len(prefix)
    place_values = base ** np.arange(free)[::-1]
    denied = [symbols(code[8:16]) for code in DENIED if code[8:16].startswith(prefix)]
    banned = {int(body[len(prefix) :] @ place_values) for body in denied if max(body) < base}
    spare = count + len(banned)
    drawn = stream(seed, purpose).choice(base**free, size=spare, replace=False)
    kept = drawn[~np.isin(drawn, list(banned))][:count]
    digits = kept[:, None] // place_values % base
    return np.hstack([np.tile(symbols(prefix), (count, 1)), digits])


def _body_check(body: Ints) -> Ints:
    """GB 11714: 11 − Σ mod 11, where 10 is written X and 11 is written 0."""
    check: Ints = 11 - (_BODY_VALUE[body] @ BODY_WEIGHTS) % 11
    check[check == 10] = ALPHABET.index("X")
    check[check == 11] = 0
    return check


def _texts(code: Ints) -> Texts:
    rows = np.ascontiguousarray(_BYTES[code]).tobytes().decode()
    texts = np.empty(len(code), dtype=object)
    texts[:] = [rows[start : start + 18] for start in range(0, len(rows), 18)]
    return texts
