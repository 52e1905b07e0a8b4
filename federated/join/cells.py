"""The coordinator's part of a release: which cells of a joint GROUP BY may be opened.

Implements  federated/SPEC.md §1.8 (release), the coordinator's half; §1.14 (large shares)
Learns      the number of entities in every cell, opened or not
Shows       one bit a cell, passed or not; never a count
Not safe    as the only gate: every owner still decides over its own blinding of every cell

A cell is a tuple of codes, one of each owner in the contract's order. Cells stand in ascending
order of their codes, which are random: the order says nothing about size or meaning.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.errors import BadMessage
from federated.join.bands import Bands, Magnitude, together
from federated.join.matching import Matched, Positions
from federated.join.ordering import in_order

Codes = tuple[int, ...]
CodeList = NDArray[np.integer]
"""The code at each place of one owner's list."""

_MOST_NAMES: Final = 1 << 62


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Cell:
    """Entities with the same codes; `positions[:, i]` are their places in the list of owner i."""

    codes: Codes
    positions: Positions
    magnitudes: tuple[Magnitude, ...] = ()
    """Of every number that is added up, if shares are checked."""

    @property
    def count(self) -> int:
        """How many entities there are."""
        return len(self.positions)


@dataclass(frozen=True, slots=True, repr=False)
class Remainder:
    """The cells that are opened as one row."""

    cells: tuple[Cell, ...]

    @property
    def count(self) -> int:
        """How many entities there are."""
        return sum(cell.count for cell in self.cells)

    @property
    def positions(self) -> Positions:
        """The places of all of them."""
        return np.concatenate([cell.positions for cell in self.cells])


@dataclass(frozen=True, slots=True, repr=False)
class Cells:
    """What may be opened; `dropped` cells are not."""

    passing: tuple[Cell, ...]
    remainder: Remainder | None
    dropped: int

    @property
    def folded(self) -> int:
        """How many cells the remainder row holds."""
        return len(self.remainder.cells) if self.remainder else 0


def cells(
    matched: Matched,
    codes: Sequence[CodeList | None],
    other: Sequence[Collection[int]],
    real_sizes: Sequence[Sequence[int]],
    k: int,
    min_join: int,
    public: Sequence[bool],
    withheld: Collection[Codes] = (),
    bands: Sequence[Sequence[Bands]] = (),
    largest_share: int | None = None,
) -> Cells:
    """Divide the join into cells and decide which may be opened.

    Of every owner in the contract's order: the code at each place of its list (None: no group
    columns, one code), its codes for `other`, its distinct keys of each code, dummies not counted,
    and whether its membership is public. `withheld` are cells that an owner will not open. If no
    entity may have more than `largest_share` percent of a sum, `bands` are every owner's, at each
    place of its list, column by column. Raises BadMessage naming an owner whose codes can't be.
    """
    columns = [
        _column(matched, owner, listed, len(sizes))
        for owner, (listed, sizes) in enumerate(zip(codes, real_sizes, strict=True))
    ]
    unmatched = [
        _unmatched(matched, owner, column, sizes)
        for owner, (column, sizes) in enumerate(zip(columns, real_sizes, strict=True))
    ]
    every = [_measured(cell, bands) for cell in _divided(matched, columns)]
    if matched.count < min_join:
        return Cells(passing=(), remainder=None, dropped=len(every))
    counted = [None if _all_but(public, i) else u for i, u in enumerate(unmatched)]
    gate = _Gate(k, counted, largest_share)
    passing: list[Cell] = []
    failing: list[Cell] = []
    for cell in every:
        apart = cell.codes in withheld or any(
            code in others for code, others in zip(cell.codes, other, strict=True)
        )
        (failing if apart or not gate.opens([cell]) else passing).append(cell)
    return _folded(gate, passing, failing)


def _folded(gate: "_Gate", passing: list[Cell], failing: list[Cell]) -> Cells:
    """One row of what fails, with cells that pass if it can't be opened alone."""

    def stands(row: list[Cell]) -> bool:
        return len(row) > 1 and gate.opens(row)

    if failing and passing and not stands(failing):
        joining = _joining(gate, passing, failing)
        passing = [cell for cell in passing if cell not in joining]
        failing = sorted([*failing, *joining], key=lambda cell: cell.codes)
    opened = stands(failing)
    return Cells(
        passing=tuple(passing),
        remainder=Remainder(tuple(failing)) if opened else None,
        dropped=0 if opened else len(failing),
    )


def _joining(gate: "_Gate", passing: Sequence[Cell], failing: Sequence[Cell]) -> Collection[Cell]:
    """Cells that pass, by which the others can be opened: one, the smallest, or the smallest ones.

    With any of them two cells, k entities and k unmatched keys are there. All of them, if even so
    one entity's share is too large: then nothing is opened, for what is left out would be missed.
    """
    by_size = sorted(passing, key=lambda cell: (cell.count, cell.codes))
    row, joining = together(cell.magnitudes for cell in failing), set()
    for cell in by_size:
        if gate.balances(together((row, cell.magnitudes))):
            return {cell}
    for cell in by_size:
        row = together((row, cell.magnitudes))
        joining.add(cell)
        if gate.balances(row):
            break
    return joining


@dataclass(frozen=True, slots=True, repr=False)
class _Gate:
    """k; of each owner whose matches say something its unmatched keys of each code; the limit."""

    k: int
    unmatched: Sequence[NDArray[np.int64] | None]
    largest_share: int | None

    def balances(self, row: Sequence[Magnitude]) -> bool:
        """That no entity may have too large a share of a sum."""
        share = self.largest_share
        return share is None or not any(of_sum.may_exceed(share) for of_sum in row)

    def opens(self, row: Sequence[Cell]) -> bool:
        """At least k entities, in no owner's groups nearly all keys matched, no share too large.

        A full group would be a list of members: its owner knows whom it submitted. Counted over
        whole groups, since their cells add up; over a row of several groups, over all of them.
        """
        return (
            sum(cell.count for cell in row) >= self.k
            and all(
                unmatched[list({cell.codes[owner] for cell in row})].sum() >= self.k
                for owner, unmatched in enumerate(self.unmatched)
                if unmatched is not None
            )
            and self.balances(together(cell.magnitudes for cell in row))
        )


def _column(
    matched: Matched, owner: int, listed: CodeList | None, number: int
) -> NDArray[np.int64]:
    """The owner's code of each entity."""
    if listed is None:
        listed = np.zeros(matched.sizes[owner], dtype=np.uint32)
    _require(number > 0 and number & (number - 1) == 0, matched, owner, "not a power of two")
    _require(len(listed) == matched.sizes[owner], matched, owner, "not one code a place")
    inside = int(listed.min()) >= 0 and int(listed.max()) < number
    _require(inside, matched, owner, "a code beyond the number of codes")
    return listed[matched.positions[:, owner]].astype(np.int64)


def _unmatched(
    matched: Matched, owner: int, column: NDArray[np.int64], sizes: Sequence[int]
) -> NDArray[np.int64]:
    """The owner's keys of each code that are not in the join."""
    unmatched = np.asarray(sizes, dtype=np.int64) - np.bincount(column, minlength=len(sizes))
    _require(min(sizes) >= 0, matched, owner, "fewer keys than none")
    _require(sum(sizes) <= matched.sizes[owner], matched, owner, "more keys than places")
    _require(int(unmatched.min()) >= 0, matched, owner, "more matches than keys")
    return unmatched


def _divided(matched: Matched, columns: Sequence[NDArray[np.int64]]) -> list[Cell]:
    """The cells that have an entity."""
    if not matched.count:
        return []
    ascending, order = in_order(_names(columns).view(np.uint64))
    changes = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
    bounds = [0, *changes.tolist(), len(order)]
    of_cells = np.stack([column[order[bounds[:-1]]] for column in columns], axis=1)
    return [
        Cell(tuple(codes), matched.positions[order[start:end]])
        for codes, (start, end) in zip(of_cells.tolist(), pairwise(bounds), strict=True)
    ]


def _measured(cell: Cell, bands: Sequence[Sequence[Bands]]) -> Cell:
    """The cell with what bands say of it."""
    magnitudes = tuple(
        Magnitude.of(column[cell.positions[:, owner]])
        for owner, columns in enumerate(bands)
        for column in columns
    )
    return replace(cell, magnitudes=magnitudes)


def _names(columns: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Of each entity a number for its codes, in the order of the codes."""
    names, most = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        number = int(column.max()) + 1
        if most * number >= _MOST_NAMES:
            names = np.unique(names, return_inverse=True)[1].astype(np.int64)
            most = len(names)
        names, most = names * number + column, most * number
    return names


def _all_but(public: Sequence[bool], owner: int) -> bool:
    return all(known for at, known in enumerate(public) if at != owner)


def _require(holds: bool, matched: Matched, owner: int, what: str) -> None:
    if not holds:
        raise BadMessage(
            f"these group codes can't be: {what}",
            fix="Ask that owner's operator; an honest node never sends such codes.",
            party=matched.owners[owner],
            rule="federated/SPEC.md §1.6",
        )
