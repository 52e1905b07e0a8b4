"""Lines of plain CSV as columns of texts, without an object for each.

Plain is what every reader of RFC 4180 reads alike: no quotes, no blank line, as many fields in each
line, all lines ended alike, UTF-8. Of other lines nothing is said: who asks has a whole reader.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from native import _core
from psi.keys import Keys


@dataclass(frozen=True, slots=True)
class Plain:
    """How the lines of a file are read."""

    fields: int
    """How many each has."""
    wanted: Sequence[int]
    """Which of them are read, from 0."""
    crlf: bool
    """Whether CR stands before each LF."""

    def columns(self, lines: bytes) -> list[tuple[Keys, NDArray[np.uint32]]] | None:
        """Of each wanted field its texts, and the places of empty ones; None: not plain lines."""
        found = _core.plain_csv_columns(lines, self.fields, self.wanted, self.crlf)
        if found is None:
            return None
        return [
            (Keys(joined, np.frombuffer(ends, "<u4")), np.frombuffer(empty, "<u4"))
            for joined, ends, empty in found
        ]
