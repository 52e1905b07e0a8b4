"""Plain CSV files, read without a parser: nothing is quoted, so lines are cut at commas.

An export of identifiers and amounts is such a file, and DuckDB's reader, which must expect
anything, takes several times as long. What comes out is what that one makes of it; an empty field
is NULL.

Errors      NotPlainError, wherever in the file: what else it is, DuckDB's reader says
Learns      the owner alone
"""

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.arrow import Texts
from psi.keys import Keys
from psi.plain_csv import Plain

_CHUNK = 2 << 20


class NotPlainError(Exception):
    """The file needs a whole reader of CSV."""


def plain_columns(file: Path, fields: int, wanted: Sequence[int]) -> Iterator[list[Texts]]:
    """The fields `wanted`, from 0, of all rows behind the header, some 10^5 rows at a time."""
    with file.open("rb") as handle:
        header = handle.readline(_CHUNK).removeprefix(BOM_UTF8)
        plain = Plain(fields, wanted, crlf=header.endswith(b"\r\n"))
        _read(plain, header)
        rest = b""
        while chunk := handle.read(_CHUNK):
            end = chunk.rfind(b"\n") + 1
            if end:
                yield _read(plain, rest + chunk[:end])
                rest = chunk[end:]
            elif len(rest) < _CHUNK:
                rest += chunk
            else:
                raise NotPlainError
        if rest:
            yield _read(plain, rest)


def _read(plain: Plain, lines: bytes) -> list[Texts]:
    found = plain.columns(lines)
    if found is None:
        raise NotPlainError
    return [_texts(*column) for column in found]


def _texts(texts: Keys, empty: NDArray[np.uint32]) -> Texts:
    if not len(empty):
        return Texts(texts, None)
    nulls = np.zeros(len(texts), dtype=np.bool_)
    nulls[empty] = True
    return Texts(texts, nulls)
