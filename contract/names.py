"""Names of datasets and columns: their alphabet, and how a typed one is brought to it.

Implements  lower-case SQL identifiers, in which Chinese characters are letters too: a to z, digits,
            _, and the ideographs of Unicode's basic block and its extensions A and B, and 〇
Why so      Every character of the alphabet is its own NFKC form and has no case, so RFC 8785, which
            normalises nothing, gives one name one digest. What merely looks like one of them (full
            width, compatibility ideographs, radicals, Cyrillic and Greek letters, invisible and
            direction marks, combining characters) is outside, so no two names look the same but
            for ideographs that readers of Chinese tell apart. The ranges are written out because
            the properties that a Python knows depend on its version, and nodes must agree.
Learns      nobody
Not for     organisations, whose ids stand in certificates and are ASCII: contract.canonical.OrgId
"""

from re import compile as pattern
from unicodedata import normalize

LONGEST = 63
"""Characters; in UTF-8 that is at most 252 bytes, and a file's name may have 255."""

_LETTERS = "a-z\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002a6df"

FORM = rf"[{_LETTERS}][0-9_{_LETTERS}]{{0,{LONGEST - 1}}}"
"""A name, as a regular expression."""

IN_WORDS = (
    f"a letter (a to z in lower case, or a Chinese character), then letters, digits or _, at most"
    f" {LONGEST}"
)

_NAME = pattern(FORM)


def is_name(text: str) -> bool:
    """Whether `text` is a name as documents hold it."""
    return _NAME.fullmatch(text) is not None


def typed(text: str) -> str:
    """What somebody typed, in the form of names: an input method may write full-width letters."""
    return normalize("NFKC", text)
