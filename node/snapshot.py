"""Snapshots: what a dataset is once it is checked; runs, commitments and results use nothing else.

Implements  DESIGN §6: declared types, canonical keys, quality report, Parquet
Files       <snapshots>/<dataset>/<root>.parquet  the declared columns in declared order, rows in
                                                  file order: keys as canonical text without the
                                                  kind, decimals as DECIMAL(38, decimals), integers
                                                  BIGINT, periods INTEGER, dates DATE, NULL as NULL
                                    <root>.json   the Snapshot: quality report, catalogue entry
                                    <root>.salt   32 bytes, which hide what the root commits to
                                    current       the root that new jobs run on
            all mode 0600. A root names one snapshot for ever; `prune` alone removes any.
Learns      the owner alone. The root leaves the node: SHA-256("mihe/snapshot/v1" ‖ salt ‖
            SHA-256(parquet)); without the salt, guessed rows can't be tested against it.
Not for     proof that the rows are true, or that they were not changed before the import.
"""

# Names pass through `quoted` and texts through `literal`; nobody else's SQL comes here.
# ruff: noqa: S608

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from secrets import token_bytes

from duckdb import DuckDBPyConnection

from contract import toml
from contract.canonical import canonical_bytes, parse
from contract.dataset import (
    CatalogueColumn,
    CatalogueEntry,
    Column,
    ColumnQuality,
    ColumnType,
    Declared,
    Description,
    Duplicates,
    InvalidKeys,
    QualityReport,
    Snapshot,
)
from contract.errors import (
    BadSetting,
    BadValue,
    DuplicateRows,
    InvalidKey,
    MiheError,
    SnapshotChanged,
)
from contract.job import padded_size
from contract.keys import KeyKind, Reason, Strictness, check
from node import duck
from node.duck import literal, quoted
from node.scratch import alone, create, scratch, settle
from node.source import expectation, stage, value_of

_TAG = b"mihe/snapshot/v1"
_CURRENT = "current"
_FIRST_ROWS = 10
_COLUMNS_IN_ONE_ERROR = 3
_REFUSED = "!"  # before the reason; no canonical key begins with it


@dataclass(frozen=True, slots=True)
class Files:
    """Where one snapshot lies."""

    parquet: Path
    record: Path
    salt: Path


def add(description_file: Path, snapshots: Path, *, org: str, today: date) -> Snapshot:
    """Import the dataset that `description_file` declares, and make it the current one.

    Raises UnknownSetting and BadSetting for the description; UnreadableSource, MissingColumn,
    InvalidKey, BadValue and DuplicateRows for the source; StorageFull. After any of them, or a
    crash, the snapshots are what they were.
    """
    try:
        description = _read_description(description_file)
        file = (description_file.parent / description.source).resolve()
        with scratch(snapshots / description.name) as work:
            parquet = work / "snapshot.parquet"
            create(parquet)
            with duck.locked([file, parquet], spill=work) as connection:
                stage(connection, file, description)
                report = _check(connection, description)
                _write(connection, description, parquet)
            salt = token_bytes(32)
            entry = _entry(description, report, org, today)
            snapshot = Snapshot(root=_root(salt, parquet), report=report, entry=entry)
            _commit(work, snapshot, salt, parquet)
            return snapshot
    except MiheError as error:
        error.at(party=org, phase="import")
        raise


def current(snapshots: Path, dataset: str) -> Snapshot | None:
    """The snapshot that new jobs run on; None if no such dataset was ever imported."""
    try:
        root = (snapshots / dataset / _CURRENT).read_text("ascii")
    except FileNotFoundError:
        return None
    return load(files(snapshots, dataset, root))


def datasets(snapshots: Path) -> tuple[Snapshot, ...]:
    """The current snapshot of every dataset, by name."""
    names = sorted(pointer.parent.name for pointer in snapshots.glob(f"*/{_CURRENT}"))
    found = (current(snapshots, name) for name in names)
    return tuple(snapshot for snapshot in found if snapshot is not None)


def files(snapshots: Path, dataset: str, root: str) -> Files:
    """Where the snapshot `root` of `dataset` lies, or would."""
    folder = snapshots / dataset
    return Files(folder / f"{root}.parquet", folder / f"{root}.json", folder / f"{root}.salt")


def load(at: Files) -> Snapshot:
    """The snapshot's report and entry; SnapshotChanged if they are gone or damaged."""
    try:
        raw = at.record.read_bytes()
    except FileNotFoundError:
        raise _changed() from None
    snapshot = parse(Snapshot, raw, error=SnapshotChanged)
    if snapshot.root != at.record.stem:
        raise _changed()
    return snapshot


def verify(at: Files) -> None:
    """Return if the snapshot's bytes are those its root commits to; else raise SnapshotChanged."""
    load(at)
    try:
        root = _root(at.salt.read_bytes(), at.parquet)
    except FileNotFoundError:
        raise _changed() from None
    if root != at.record.stem:
        raise _changed()


def prune(snapshots: Path, keep: set[str]) -> None:
    """Remove each snapshot that is neither current nor, by its root, in `keep`."""
    for pointer in snapshots.glob(f"*/{_CURRENT}"):
        with alone(pointer.parent):
            kept = keep | {pointer.read_text("ascii")}
            for record in pointer.parent.glob("*.json"):
                if record.stem not in kept:
                    record.unlink()
            _remove_halves(pointer.parent)


# ── checks ──────────────────────────────────────────────────────────────────────────────────────


def _read_description(file: Path) -> Description:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadSetting(
            f"{file.name} is not there, or no UTF-8 text",
            fix="Name the TOML file that describes the dataset.",
        ) from None
    return toml.parse(Description, text, file.name)


def _check(connection: DuckDBPyConnection, description: Description) -> QualityReport:
    """Make the tables `_kept` and `_firsts`, or raise what is wrong with the rows of `_raw`."""
    for column in description.columns_of(ColumnType.KEY):
        _canonicalise(connection, column, Strictness(description.invalid_keys))
    columns = _quality(connection, description)
    _refuse_keys(description, columns)
    _refuse_values(description, columns)
    _keep(connection, description)
    duplicates = _find_duplicates(connection, description)
    for column in description.columns_of(ColumnType.KEY):
        _refuse_repeated_keys(connection, description, column)
    left_out = duplicates if description.duplicates is Duplicates.FIRST else 0
    return QualityReport(
        dataset=description.name,
        rows_read=_one(connection, "SELECT count(*) FROM _raw"),
        rows_kept=_one(connection, "SELECT count(*) FROM _kept") - left_out,
        duplicate_rows=duplicates,
        columns=tuple(
            _with_distinct_keys(connection, column, found)
            for column, found in zip(description.column, columns, strict=True)
        ),
    )


def _canonicalise(connection: DuckDBPyConnection, column: Column, strictness: Strictness) -> None:
    """Make a table of the distinct texts of a key column and of what `check` says to each."""
    assert column.key is not None
    function = f"canonical_{column.name}"
    canonicalise = _canonicaliser(column.key, strictness)
    connection.create_function(function, canonicalise, ["VARCHAR"], "VARCHAR")
    connection.execute(
        f"CREATE TABLE {_texts(column)} AS SELECT _text, {function}(_text) AS _found "
        f"FROM (SELECT DISTINCT coalesce({quoted(column.name)}, '') AS _text FROM _raw)"
    )


def _canonicaliser(kind: KeyKind, strictness: Strictness) -> Callable[[str], str]:
    prefix = len(f"{kind}:")

    def canonicalise(text: str) -> str:
        found = check(kind, text, strictness)
        return _REFUSED + found if isinstance(found, Reason) else found[prefix:].decode("ascii")

    return canonicalise


def _quality(connection: DuckDBPyConnection, description: Description) -> tuple[ColumnQuality, ...]:
    wanted = ", ".join(
        f"count(*) FILTER ({quoted(column.name)} IS NULL), count(*) FILTER ({_is_wrong(column)}), "
        f"min(_row, {_FIRST_ROWS}) FILTER ({_is_wrong(column)})"
        for column in description.column
    )
    (found,) = connection.execute(f"SELECT {wanted} FROM {_rows(description)}").fetchall()
    return tuple(
        ColumnQuality(
            name=column.name,
            nulls=found[3 * i],
            invalid=found[3 * i + 1],
            invalid_rows=tuple(found[3 * i + 2] or ()),
            reasons=_reasons(connection, description, column),
        )
        for i, column in enumerate(description.column)
    )


def _reasons(
    connection: DuckDBPyConnection, description: Description, column: Column
) -> dict[str, int]:
    if column.type is not ColumnType.KEY:
        return {}
    found = connection.execute(
        f"SELECT {_texts(column)}._found, count(*) FROM {_rows(description)} "
        f"WHERE {_is_wrong(column)} GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    return {reason.removeprefix(_REFUSED): count for reason, count in found}


def _keep(connection: DuckDBPyConnection, description: Description) -> None:
    values = ", ".join(
        f"{_value(column)} AS {quoted(column.name)}" for column in description.column
    )
    wrong = " OR ".join(map(_is_wrong, description.columns_of(ColumnType.KEY))) or "false"
    connection.execute(
        f"CREATE TABLE _kept AS SELECT _row, {values} FROM {_rows(description)} WHERE NOT ({wrong})"
    )


def _find_duplicates(connection: DuckDBPyConnection, description: Description) -> int:
    """How many rows repeat an earlier one; DuplicateRows where the dataset allows none."""
    connection.execute(
        "CREATE TABLE _firsts AS "
        f"SELECT min(_row) AS _row FROM _kept GROUP BY {_names(description)}"
    )
    ((count, rows),) = connection.execute(
        f"SELECT count(*), min(_row, {_FIRST_ROWS}) FROM _kept ANTI JOIN _firsts USING (_row)"
    ).fetchall()
    if count and description.duplicates is Duplicates.ERROR:
        raise DuplicateRows(
            f"{_rows_of(count)} of {description.name} repeat an earlier row entirely{_first(rows)}",
            fix='Remove them at the source, or set duplicates = "first" to leave them out, '
            '"keep" to count each.',
            rule="duplicates = error",
        )
    return int(count)


def _with_distinct_keys(
    connection: DuckDBPyConnection, column: Column, found: ColumnQuality
) -> ColumnQuality:
    if column.type is not ColumnType.KEY:
        return found
    count = _one(connection, f"SELECT count(DISTINCT {quoted(column.name)}) FROM _kept")
    return found.model_copy(update={"distinct_keys": count})


# ── the SQL of the checks ───────────────────────────────────────────────────────────────────────


def _texts(column: Column) -> str:
    return f"_texts_{column.name}"


def _rows(description: Description) -> str:
    """`_raw`, and beside each key's text what was found in it."""
    joins = (
        f"JOIN {_texts(column)} ON {_texts(column)}._text = coalesce({quoted(column.name)}, '')"
        for column in description.columns_of(ColumnType.KEY)
    )
    return " ".join(("_raw", *joins))


def _value(column: Column) -> str:
    return f"{_texts(column)}._found" if column.type is ColumnType.KEY else value_of(column)


def _is_wrong(column: Column) -> str:
    if column.type is ColumnType.KEY:
        return f"starts_with({_texts(column)}._found, {literal(_REFUSED)})"
    wrong = f"({value_of(column)}) IS NULL"
    return f"{quoted(column.name)} IS NOT NULL AND {wrong}" if column.nullable else wrong


def _names(description: Description) -> str:
    return ", ".join(quoted(column.name) for column in description.column)


def _without_repeats(description: Description) -> str:
    """What follows `_kept` where whole-row duplicates are left out."""
    first = description.duplicates is Duplicates.FIRST
    return " SEMI JOIN _firsts USING (_row)" if first else ""


def _one(connection: DuckDBPyConnection, query: str) -> int:
    ((value,),) = connection.execute(query).fetchall()
    return int(value)


# ── what is wrong with the rows ─────────────────────────────────────────────────────────────────


def _refuse_keys(description: Description, columns: Sequence[ColumnQuality]) -> None:
    wrong = [
        found
        for column, found in zip(description.column, columns, strict=True)
        if column.type is ColumnType.KEY and found.invalid
    ]
    if wrong and description.invalid_keys is InvalidKeys.STRICT:
        raise InvalidKey(
            _together(
                f"column '{found.name}' of {description.name}: {_rows_of(found.invalid)} without a "
                f"valid key ({', '.join(f'{why}: {n}' for why, n in found.reasons.items())})"
                f"{_first(found.invalid_rows)}"
                for found in wrong
            ),
            fix='Correct the keys at their source, or set invalid_keys = "warn" in the description '
            "to leave such rows out and count them.",
            rule="invalid_keys = strict",
        )


def _refuse_values(description: Description, columns: Sequence[ColumnQuality]) -> None:
    wrong = [
        (column, found)
        for column, found in zip(description.column, columns, strict=True)
        if column.type is not ColumnType.KEY and found.invalid
    ]
    if wrong:
        raise BadValue(
            _together(
                f"column '{column.name}' of {description.name}: {_rows_of(found.invalid)} without "
                f"{expectation(column)}{_empty(column, found)}{_first(found.invalid_rows)}"
                for column, found in wrong
            ),
            fix="Correct the rows at their source, or the column's type in the description; "
            "`nullable = true` allows empty fields.",
            rule=str(wrong[0][0].type),
        )


def _refuse_repeated_keys(
    connection: DuckDBPyConnection, description: Description, column: Column
) -> None:
    if column.rows_per_key is None:
        return
    ((count, rows),) = connection.execute(
        f"SELECT count(*), min(_first, {_FIRST_ROWS}) FROM (SELECT min(_row) AS _first "
        f"FROM _kept{_without_repeats(description)} GROUP BY {quoted(column.name)} "
        f"HAVING count(*) > {column.rows_per_key})"
    ).fetchall()
    if count:
        raise BadValue(
            f"column '{column.name}' of {description.name}: {count} key{'' if count == 1 else 's'} "
            f"with more rows than rows_per_key = {column.rows_per_key}{_first(rows)}",
            fix="Correct the rows at their source, or raise rows_per_key in the description.",
            rule="rows_per_key",
        )


def _together(sentences: Iterable[str]) -> str:
    listed = list(sentences)
    rest = len(listed) - _COLUMNS_IN_ONE_ERROR
    more = [f"and {rest} more columns"] if rest > 0 else []
    return "; ".join(listed[:_COLUMNS_IN_ONE_ERROR] + more)


def _rows_of(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _empty(column: Column, found: ColumnQuality) -> str:
    return f" ({found.nulls} empty)" if found.nulls and not column.nullable else ""


def _first(rows: Sequence[int]) -> str:
    return f", first in data rows {', '.join(map(str, rows))}"


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


def _write(connection: DuckDBPyConnection, description: Description, parquet: Path) -> None:
    connection.execute(
        f"COPY (SELECT {_names(description)} FROM _kept{_without_repeats(description)} "
        "ORDER BY _row) "
        f"TO {literal(str(parquet))} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
    )
    settle(parquet)


def _commit(work: Path, snapshot: Snapshot, salt: bytes, parquet: Path) -> None:
    """Move a finished snapshot to its place. Until the last rename it isn't there."""
    folder = work.parent
    at = files(folder.parent, folder.name, snapshot.root)
    record, salted, pointer = work / "record", work / "salt", work / _CURRENT
    create(record, canonical_bytes(snapshot))
    create(salted, salt)
    create(pointer, snapshot.root.encode("ascii"))
    with alone(folder):
        _remove_halves(folder)
        parquet.rename(at.parquet)
        salted.rename(at.salt)
        record.rename(at.record)
        settle(folder)
        pointer.rename(folder / _CURRENT)
        settle(folder)


def _remove_halves(folder: Path) -> None:
    """Remove what a crash left between the renames, or within a removal."""
    for part in (*folder.glob("*.parquet"), *folder.glob("*.salt")):
        if not part.with_suffix(".json").exists():
            part.unlink()


def _root(salt: bytes, parquet: Path) -> str:
    with parquet.open("rb") as handle:
        content = hashlib.file_digest(handle, "sha256").digest()
    return hashlib.sha256(_TAG + salt + content).hexdigest()


def _entry(
    description: Description, report: QualityReport, org: str, today: date
) -> CatalogueEntry:
    return CatalogueEntry(
        org=org,
        name=description.name,
        title=description.title,
        columns=tuple(
            CatalogueColumn(
                **{name: getattr(column, name) for name in Declared.model_fields},
                size=None if found.distinct_keys is None else padded_size(found.distinct_keys),
            )
            for column, found in zip(description.column, report.columns, strict=True)
        ),
        refreshed=today,
    )


def _changed() -> SnapshotChanged:
    return SnapshotChanged(
        "the snapshot is not what it was when it was imported",
        fix="Restore the data folder, or import the dataset again and propose the job anew.",
        rule="a run uses the snapshot it is pinned to, byte by byte",
    )
