"""Parts and streams of a join: what owners hand to the coordinator, get from it, and release."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federated.aggregate.wire import results_bytes
from federated.join.messages import GroupCodes
from federated.query.agreed import sums_of
from federated.query.plan import QueryPlan
from federated.query.release import Opening
from federated.shares.rows import RowNumbers
from federated.words import WORD_BYTES
from node.wire.bounded import parse, require
from protos import join_pb2

Places = NDArray[np.uint32]

MAX_RELEASE_BYTES = 1 << 26
MAX_LABEL_CHARACTERS = 4096
ROW_BYTES = 2
_HALVES = 2  # of a word mod 2^128, in numbers of 64 bits
_HALF_BITS = 64
_HALF = (1 << _HALF_BITS) - 1


@dataclass(frozen=True, slots=True, repr=False)
class CellSums:
    """What the coordinator added up for one cell, blinded."""

    blinded_count: int
    sums: tuple[bytes, ...]
    """Of shares; encrypted ones stand apart, many in a ciphertext."""


@dataclass(frozen=True, slots=True, repr=False)
class Sums:
    """What the coordinator added up, and how many cells are folded."""

    cells: tuple[CellSums, ...]
    packs: tuple[bytes, ...]
    """Encrypted sums, summand by summand."""
    folded: int


def share_to_bytes(
    *,
    tokens: bytes,
    codes: GroupCodes | None,
    keys: int,
    columns: Sequence[Sequence[bytes]],
    shares: Sequence[bytes] = (),
    bands: Sequence[bytes] = (),
    blinding: bytes,
) -> bytes:
    """The part `share`; an owner without groups has one code, for all of its `keys` keys."""
    return join_pb2.JoinShare(
        tokens=tokens,
        codes=codes.codes if codes else b"",
        other=[codes.other] if codes else [],
        keys_per_code=codes.sizes if codes else [keys],
        columns=[join_pb2.Ciphertexts(chunks=chunks) for chunks in columns],
        shares=shares,
        bands=bands,
        blinding=blinding,
    ).SerializeToString()


def further_to_bytes(shares: Sequence[bytes]) -> bytes:
    """A part `further_1`, …: columns of shares that the share has no room for."""
    return join_pb2.JoinFurther(shares=shares).SerializeToString()


def sums_from_bytes(raw: bytes, plan: QueryPlan, rows: int, *, shared: bool) -> Sums:
    """The part `sums`: of each row of the result, or of each summand, what was added up."""
    sums = parse(join_pb2.JoinSums, raw, "coordinator")
    expected = len(plan.summands) if shared else 0
    whole = all(len(cell.sums) == expected for cell in sums.cells)
    require(len(sums.cells) == rows and whole, "coordinator")
    packs = [] if shared else results_bytes(rows, sums_of(plan).merges) * len(plan.summands)
    require([len(pack) for pack in sums.packs] == packs, "coordinator")
    cells = tuple(CellSums(cell.blinded_count, tuple(cell.sums)) for cell in sums.cells)
    return Sums(cells, tuple(sums.packs), sums.folded)


def words_from_sums(cell: CellSums) -> list[int]:
    """Of a cell of which shares were added up, its sums mod 2^128."""
    require(all(len(one) == WORD_BYTES for one in cell.sums), "coordinator")
    return [int.from_bytes(one, "little") for one in cell.sums]


def rows_from_bytes(raw: bytes, sizes: Sequence[int], rows: int) -> list[RowNumbers]:
    """The part `rows`: of lists of these sizes, which of so many rows each place is in."""
    told = parse(join_pb2.JoinRows, raw, "coordinator")
    whole = [len(one) for one in told.lists] == [ROW_BYTES * size for size in sizes]
    require(whole, "coordinator")
    lists = [np.frombuffer(one, dtype="<u2") for one in told.lists]
    require(all(int(one.max()) <= rows for one in lists), "coordinator")
    return lists


def seed_to_bytes(seed: bytes) -> bytes:
    """The stream `seed`."""
    return join_pb2.JoinSeed(seed=seed).SerializeToString()


def seed_from_bytes(raw: bytes, party: str) -> bytes:
    """What `seed_to_bytes` wrote; its length is checked by the protocol."""
    return parse(join_pb2.JoinSeed, raw, party).seed


def match_from_bytes(raw: bytes, size: int) -> tuple[Places, int]:
    """The part `match`: places of the own list of `size`, ascending, and the number asked for."""
    match = parse(join_pb2.JoinMatch, raw, "coordinator")
    require(len(match.places) % 4 == 0 and match.count <= size, "coordinator")
    places = np.frombuffer(match.places, dtype="<u4")
    ascending = bool((places[1:] > places[:-1]).all()) and (not len(places) or places[-1] < size)
    require(ascending, "coordinator")
    return places, match.count


def openings_to_bytes(openings: Sequence[Opening], seed: bytes | None = None) -> bytes:
    """The stream `release`; by shares with the seed of the own list's pads."""
    halves = 1 if seed is None else _HALVES
    return join_pb2.JoinRelease(
        cells=[
            join_pb2.CellOpening(
                count_blinding=opening.count_blinding,
                blindings=_in_halves(opening.blindings, halves),
                labels=[_label(label) for label in opening.labels],
            )
            for opening in openings
        ],
        seed=seed or b"",
    ).SerializeToString()


def seed_in_release(raw: bytes, party: str) -> bytes:
    """The seed that came with openings; its length is checked by the protocol."""
    return parse(join_pb2.JoinRelease, raw, party).seed


def openings_from_bytes(
    raw: bytes, plan: QueryPlan, owner: int, rows: int, *, shared: bool = False
) -> list[Opening]:
    """What an owner released, one for each row of the result."""
    halves = _HALVES if shared else 1
    party = plan.owners[owner].org
    released = parse(join_pb2.JoinRelease, raw, party)
    require(len(released.cells) == rows, party)
    openings = []
    for cell in released.cells:
        require(len(cell.blindings) == halves * len(plan.summands), party)
        require(all(len(label.text) <= MAX_LABEL_CHARACTERS for label in cell.labels), party)
        labels = tuple(None if label.null else label.text for label in cell.labels)
        blindings = _from_halves(cell.blindings, halves)
        openings.append(Opening(cell.count_blinding, blindings, labels))
    return openings


def _in_halves(words: Iterable[int], halves: int) -> list[int]:
    return [word >> _HALF_BITS * at & _HALF for word in words for at in range(halves)]


def _from_halves(numbers: Sequence[int], halves: int) -> tuple[int, ...]:
    whole = (numbers[at : at + halves] for at in range(0, len(numbers), halves))
    return tuple(sum(half << _HALF_BITS * at for at, half in enumerate(word)) for word in whole)


def _label(label: str | None) -> join_pb2.Label:
    return join_pb2.Label(null=True) if label is None else join_pb2.Label(text=label)
