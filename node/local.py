"""An owner's own part of a query: its SQL on its snapshot → one row of integers per key.

Implements  federated/SPEC.md §3.2; DESIGN §6: DuckDB with external access off, configuration
            locked, memory and time limits; on the snapshot that was consented to, nothing else
Checks      one row per key; no branch of a CASE that is added up taken by a few keys only; each
            number within the bounds that the plan's proof rests on, though the import has checked
            the columns: what leaves 64 bits would be a wrong result
Learns      the owner alone: keys, labels and values in clear. No error here says how many.
Not for     sending: what leaves is blinded, coded and encrypted first
"""

# The names of columns are numbered; nobody else's SQL is put into a text here.
# ruff: noqa: S608

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.errors import BadValue, QueryTooLong, SeveralRows, SmallBranch
from federated.join.codes import Groups
from federated.query.plan import LocalPart, QueryPlan, ValueColumn, snapshot_name
from federated.query.result import Cell
from federated.query.subquery import summed
from federated.query.union_part import UnionPart
from node import arrow, duck, rows
from node.aside import Aside, Integers
from node.scratch import scratch
from psi.keys import DistinctKeys, Keys

SECONDS = 600.0


@dataclass(frozen=True, slots=True, repr=False)
class LocalRows:
    """An owner's part: keys in ascending order; labels and values in the order of the keys."""

    keys: Sequence[bytes]
    """Canonical, each once."""
    groups: Sequence[Hashable]
    """The own group of each key: its labels in the order of the plan's group columns."""
    values: Sequence[Integers]
    """The columns that are sent, limbs apart, in the order of the plan's value columns."""
    taken: Sequence[NDArray[np.integer]] = ()
    """Of each CASE that is added up which branches a key's rows take, a bit for each."""


def run_local(
    part: LocalPart,
    parquet: Path,
    *,
    k: int,
    joined: Sequence[Path] = (),
    seconds: float = SECONDS,
    aside: Aside | None = None,
) -> LocalRows:
    """What an owner's part of a plan gives on the snapshot `parquet`, and those `joined`. Blocking.

    A branch of what is added up is taken by no key, or by at least `k`. The numbers stay in memory,
    unless they are to go `aside`.
    Raises SeveralRows, BadValue, SmallBranch, QueryTooLong, SnapshotChanged, StorageFull.
    """
    with snapshots([parquet, *joined]) as connection, limited(connection, seconds):
        # Compiled here from checked parts, never taken from the wire.
        connection.execute(f"CREATE TEMP TABLE own AS {part.sql}")
        found = _keys(connection)
        keys, order = found.keys, found.rows
        if len(keys) < len(order):
            raise _several_rows(part)
        taken = []
        for i in range(part.picks):
            branches = column_of(connection, f"p{i}")
            check_branches(part, branches, k)
            taken.append(_narrow(branches)[order])
        groups = groups_of(connection, [f"g{i}" for i in range(len(part.groups))], len(keys))
        values: list[Integers] | Aside = [] if aside is None else aside
        for i, value in enumerate(part.values):
            for limb in _limbs(part, value, column_of(connection, f"v{i}")[order]):
                values.append(limb)
    return LocalRows(keys, Groups(groups.labels, groups.of_keys[order]), values, taken)


def keys_of(connection: duckdb.DuckDBPyConnection) -> Keys:
    """The keys of the table `own`, row by row."""
    found = connection.sql("SELECT key FROM own")
    return Keys.joined_up(texts.texts for (texts,) in arrow.texts(found))


def _keys(connection: duckdb.DuckDBPyConnection) -> DistinctKeys:
    """The core puts keys in order, in an eighth of the time that a sort of DuckDB's takes."""
    keys = keys_of(connection)
    return DistinctKeys.of(keys, np.arange(len(keys), dtype=np.uint32))


def column_of(connection: duckdb.DuckDBPyConnection, name: str) -> Integers:
    """A column of whole numbers of the table `own`."""
    found = connection.execute(f"SELECT {name} FROM own").fetchnumpy()[name]
    return np.ma.getdata(found).astype(np.int64, copy=False)


def groups_of(connection: duckdb.DuckDBPyConnection, columns: Sequence[str], rows: int) -> Groups:
    """The groups of the table `own`, row by row; each label once: rows are many, groups few."""
    of_rows = np.zeros(rows, dtype=np.int32)
    if not columns:
        return Groups([()] if rows else [], of_rows)
    listed = ", ".join(columns)
    # In one order whatever the threads do: what is kept of an answer must be the same each time.
    distinct = f"SELECT DISTINCT {listed} FROM own ORDER BY {listed}"
    connection.execute(f"CREATE TEMP TABLE groups AS {distinct}")
    labels = connection.execute(f"SELECT {listed} FROM groups ORDER BY rowid").fetchall()
    alike = " AND ".join(f"own.{one} IS NOT DISTINCT FROM groups.{one}" for one in columns)
    found = connection.execute(
        f"SELECT own.rowid AS at, groups.rowid AS place FROM own JOIN groups ON {alike}"
    ).fetchnumpy()
    of_rows[np.ma.getdata(found["at"])] = np.ma.getdata(found["place"])
    return Groups(labels, of_rows)


def run_left(plan: QueryPlan, files: Sequence[Path], *, seconds: float = SECONDS) -> list[Cell]:
    """Of a LEFT JOIN, what all the receiver's own rows add up to, group by group. Blocking.

    After `run_local`, which checks the rows. Raises QueryTooLong, SnapshotChanged, StorageFull.
    """
    left = plan.left
    assert left is not None
    groups = len(plan.owners[left.owner].groups)
    with snapshots(files) as connection, limited(connection, seconds):
        found = connection.execute(left.sql).fetchall()
    places = range(len(plan.owners))
    return [
        Cell(
            tuple(row[:groups] if place == left.owner else () for place in places),
            row[groups],
            tuple(map(int, row[groups + 1 :])),
        )
        for row in found
    ]


@contextmanager
def snapshots(files: Sequence[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked connection in which each snapshot is a view; what it needs meanwhile is scratch."""
    with scratch(files[0].parent) as work, duck.locked(files, spill=work) as connection:
        for place, file in enumerate(files):
            reader = rows.reader(connection, file)
            connection.execute(f"CREATE VIEW {snapshot_name(place)} AS FROM {reader}")
        yield connection


@contextmanager
def limited(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Stop what runs within after so many seconds."""
    timer = Timer(seconds, connection.interrupt)
    timer.start()
    try:
        yield
    except duckdb.InterruptException:
        raise QueryTooLong(
            "an owner's own part of a query takes too long",
            fix="Prepare the columns that it computes in the dataset, or ask for a shorter period.",
            rule=f"{seconds:.0f} seconds",
        ) from None
    finally:
        timer.cancel()


def _several_rows(part: LocalPart) -> SeveralRows:
    dataset = f"{part.org}.{part.dataset}"
    return SeveralRows(
        f"{part.datasets} {'together have' if part.joined else 'has'} several rows for one key, and"
        " a join takes one from each owner",
        fix=f"Add them up first: {summed(', '.join(part.key), dataset)}; or leave one row per key"
        " with WHERE.",
        rule="one row per key and owner",
    )


def check_branches(part: LocalPart | UnionPart, taken: Integers, k: int) -> None:
    """Refuse branches that so few keys take that their sum would be these keys' own."""
    bits = int(np.bitwise_or.reduce(taken)).bit_length()
    keys = [np.count_nonzero(taken & (1 << bit)) for bit in range(bits)]
    if any(0 < some < k for some in keys):
        raise SmallBranch(
            f"what is added up of {part.datasets} picks fewer keys than a row of the"
            " result must have",
            fix="Widen the conditions inside of SUM, AVG or COUNT; or GROUP BY the CASE, which"
            " folds small groups.",
            rule=f"k = {k}",
        )


def _narrow(branches: Integers) -> NDArray[np.integer]:
    """In as few bytes as hold the bits of all branches: rows are many, branches few."""
    return branches.astype(np.min_scalar_type(int(branches.max(initial=0))))


def _limbs(part: LocalPart, value: ValueColumn, column: Integers) -> Iterator[Integers]:
    """The columns that a value is sent as, the lowest limb first; BadValue if it is too large."""
    if len(column) and not value.least <= column.min() <= column.max() <= value.most:
        raise BadValue(
            f"a value that {part.datasets} gives is outside of the bounds that its catalogue entry"
            " declares",
            fix="Import the dataset again, and propose the job anew.",
            rule="values are within their declared bounds",
        )
    rest = column
    for _ in range(value.limbs - 1):
        yield rest & ((1 << value.limb_bits) - 1)
        rest = rest >> value.limb_bits  # rounds down, so that lower limbs are never negative
    yield rest
