"""Columns of texts, as Python lists them."""

import numpy as np

from node.arrow import Texts
from psi.keys import Keys


def listed(column: Texts) -> list[str | None]:
    nulls = np.zeros(len(column), dtype=bool) if column.nulls is None else column.nulls
    return [None if null else text.decode() for text, null in zip(column.texts, nulls, strict=True)]


def column(cells: list[str | None]) -> Texts:
    nulls = np.array([cell is None for cell in cells], dtype=np.bool_)
    return Texts(Keys.of((cell or "").encode() for cell in cells), nulls if any(nulls) else None)
