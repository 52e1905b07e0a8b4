"""The lists of a comparison, as CSV files, and what they have in common.

All owners have as many keys, in an order of their own. A chosen part of them is in every list; of
three owners each two share some more, which are in no result. Each row has the key and an amount,
so that a result has a column to carry. Keys are valid under their numbering standard and drawn with
a seed: nobody's, and the same in every run.

Shapes      uscc       unified social credit codes (scenarios/synthetic/identifiers.py)
            id_number  citizen identification numbers, GB 11643-1999, by arithmetic of its own
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.psi.measured import OWNERS
from scenarios.synthetic.identifiers import draw

KEY_COLUMN: Final = "key"
SHAPES: Final = ("uscc", "id_number")

_BYTES = 18
_FIRST_REGION = 110_000
_REGION_KEYS = 1 << 18
"""So many keys are drawn for each region: far fewer than one has room for."""
_YEARS = 80
_DAYS = _YEARS * 365
_SEQUENCES = 1000
_ID_WEIGHTS = np.array([pow(2, 17 - place, 11) for place in range(17)])
_ID_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
_ZERO = ord("0")
_LARGEST_AMOUNT = 10**6
_ROWS_AT_ONCE = 1 << 18

Keys = NDArray[np.bytes_]


class Lists:
    """A list for each of two or three owners, the receiver's first."""

    def __init__(
        self,
        folder: Path,
        shape: str,
        keys: int,
        overlap: float,
        owners: Sequence[str] = OWNERS[:2],
        seed: int = 1,
    ) -> None:
        self.shape, self.keys = shape, keys
        common = round(keys * overlap)
        paired = (keys - common) // 4 if len(owners) > 2 else 0
        alone = keys - common - 2 * paired
        sizes = [common, *[alone] * len(owners), *[paired] * len(owners)]
        everyones, *others = np.split(_drawn(shape, sum(sizes), seed), np.cumsum(sizes[:-1]))
        self.common = np.sort(everyones)
        chance = np.random.default_rng(seed)
        self.files = tuple(folder / f"{owner}.csv" for owner in owners)
        for place, file in enumerate(self.files):
            # With the next owner, and with the one before.
            shared = others[len(owners) :][place], others[len(owners) :][place - 1]
            own = np.concatenate([everyones, others[place], *shared])
            _write(file, chance.permutation(own))

    def right(self, file: Path) -> bool:
        """Whether a result file holds the keys of all lists, each once, and no others."""
        return bool(np.array_equal(np.sort(_keys_of(file)), self.common))


def _write(file: Path, keys: Keys) -> None:
    with file.open("wb") as out:
        out.write(f"{KEY_COLUMN},amount\n".encode())
        for start in range(0, len(keys), _ROWS_AT_ONCE):
            some = keys[start : start + _ROWS_AT_ONCE].tolist()
            amounts = (place % _LARGEST_AMOUNT for place in range(start, start + len(some)))
            out.write(b"".join(b"%b,%d\n" % row for row in zip(some, amounts, strict=True)))


def _keys_of(file: Path) -> Keys:
    with file.open("rb") as lines:
        head = [_bare(cell) for cell in next(lines, b"").split(b",")]
        if KEY_COLUMN.encode() not in head:
            return np.array([], dtype=f"S{_BYTES}")
        place = head.index(KEY_COLUMN.encode())
        # One byte more than a key has: what is too long must not be cut to a right one.
        keys = [_bare(line.split(b",")[place]) for line in lines]
        return np.array(keys, dtype=f"S{_BYTES + 1}")


def _bare(cell: bytes) -> bytes:
    """A cell without the quotation marks that some write around it."""
    return cell.strip(b'"\r\n')


def _drawn(shape: str, number: int, seed: int) -> Keys:
    make = _usccs if shape == "uscc" else _id_numbers
    return np.concatenate(
        [
            make(_FIRST_REGION + region, some, seed + region)
            for region, some in enumerate(_parts(number))
        ]
    ).astype(f"S{_BYTES}")


def _parts(number: int) -> Iterator[int]:
    for start in range(0, number, _REGION_KEYS):
        yield min(_REGION_KEYS, number - start)


def _usccs(region: int, number: int, seed: int) -> Keys:
    chance = np.random.default_rng(seed)
    old, sole = chance.random(number) < 0.5, chance.random(number) < 0.1
    codes = draw(seed, [str(region)], np.zeros(number, dtype=np.int64), old, sole)
    return np.array(codes.tolist(), dtype=f"S{_BYTES}")


def _id_numbers(region: int, number: int, seed: int) -> Keys:
    drawn = np.random.default_rng(seed).choice(_DAYS * _SEQUENCES, number, replace=False)
    day, sequence = np.divmod(drawn, _SEQUENCES)
    born = np.datetime64("1930-01-01") + day
    year = born.astype("datetime64[Y]").astype(np.int64) + 1970
    month = born.astype("datetime64[M]").astype(np.int64) % 12 + 1
    date = (born - born.astype("datetime64[M]")).astype(np.int64) + 1
    body = ((region * 10_000 + year) * 10_000 + month * 100 + date) * _SEQUENCES + sequence
    digits = body[:, None] // 10 ** np.arange(16, -1, -1) % 10
    check = _ID_CHECKS[digits @ _ID_WEIGHTS % 11]
    written = np.column_stack([(digits + _ZERO).astype(np.uint8), check])
    return np.ascontiguousarray(written).view(f"S{_BYTES}").ravel()
