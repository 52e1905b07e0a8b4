"""Keys of several columns, column by column.

Implements  contract/keys.py, `combined`: `tuple:`, then of each column a netstring
Not for     bytes from outside: keys are the owner's own, made by its own SQL (federated/query/part)
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from psi.keys import Keys, Places, counted_from

_TUPLE: Final = b"tuple:"
_MOST_DIGITS: Final = 4
"""Of the length of a column's text."""


def columns_of(keys: Keys, columns: int) -> list[Keys]:
    """What each of so many columns has of every key; keys of one column are that themselves."""
    if columns == 1:
        return [keys]
    joined = np.frombuffer(keys.joined, dtype=np.uint8)
    ends = keys.ends.astype(np.int64)
    at = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])[: len(ends)] + len(_TUPLE)
    found = []
    for _ in range(columns):
        at, lengths = _lengths(joined, at)
        cut = joined[counted_from(at, lengths)]
        found.append(Keys(cut.tobytes(), np.cumsum(lengths).astype(np.uint32)))
        at += lengths + 1
    assert bool((at == ends).all()), "a key has no more columns than that"
    return found


def _lengths(joined: NDArray[np.uint8], at: Places) -> tuple[Places, Places]:
    """The numbers that begin at some places, and the places behind their colons."""
    at, lengths = at.copy(), np.zeros(len(at), dtype=np.int64)
    open_ = np.ones(len(at), dtype=np.bool_)
    for _ in range(_MOST_DIGITS + 1):
        signs = joined[np.where(open_, at, 0)].astype(np.int64)
        digits = open_ & (signs != ord(":"))
        lengths = np.where(digits, 10 * lengths + signs - ord("0"), lengths)
        at += open_
        open_ = digits
    return at, lengths
