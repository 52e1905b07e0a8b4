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

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from secrets import token_bytes

from contract import toml
from contract.canonical import canonical_bytes, parse
from contract.dataset import (
    CatalogueColumn,
    CatalogueEntry,
    CatalogueKey,
    Combined,
    Declared,
    Description,
    QualityReport,
    Snapshot,
)
from contract.errors import (
    BadSetting,
    BadValue,
    MiheError,
    SnapshotChanged,
)
from contract.sizes import padded_size
from node import duck
from node.changes import Refused, compare, refuse_drastic
from node.one_pass import import_in_one_pass
from node.quality import Outputs, check_rows
from node.scratch import alone, create, scratch, settle
from node.sources.stage import source_of, stage

_TAG = b"mihe/snapshot/v1"
_CURRENT = "current"
_DATA = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Files:
    """Where one snapshot lies."""

    parquet: Path
    record: Path
    salt: Path


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which an import replaces the current snapshot."""

    name: str | None = None
    """The dataset that the description must be of, if it is known."""
    accept: bool = False
    """Whether a drastic change is taken, too."""
    refused: Refused = lambda _: 0


USUAL = Terms()


def add(
    description_file: Path, snapshots: Path, *, org: str, today: date, terms: Terms = USUAL
) -> Snapshot:
    """Import the dataset that `description_file` declares, and make it the current one.

    Raises UnknownSetting and BadSetting for the description; UnreadableSource, MissingColumn,
    InvalidKey, BadValue and DuplicateRows for the source; DrasticChange for what the source has
    become; StorageFull. After any of them, or a crash, the snapshots are what they were.
    """
    try:
        description = _read_description(description_file)
        if terms.name not in (None, description.name):
            raise BadSetting(
                f"{description_file.name} describes {description.name} now, not {terms.name}",
                fix="Add it under its new name: mihe dataset add.",
            )
        old = _before(snapshots, description.name)
        with scratch(snapshots / description.name) as work:
            outputs = Outputs(work / "keys.csv", work / "rows.parquet", work / "firsts.parquet")
            source = source_of(description, description_file.parent, work)
            opens = [*source.reads, *outputs.files, *([old[1]] if old else [])]
            with duck.locked(opens, spill=work) as connection:
                checked = import_in_one_pass(connection, source, description, outputs)
                if checked is None:
                    staged = stage(connection, source, description)
                    checked = check_rows(connection, description, staged, outputs)
                report, parquet = checked
                entry = _entry(description, report, org, today)
                new = (entry, parquet)
                changes = compare(connection, old, new, terms.refused) if old else None
            if changes is not None and not terms.accept:
                refuse_drastic(changes, report)
            # A new salt each time: nobody else can tell whether anything changed.
            salt = token_bytes(32)
            snapshot = Snapshot(
                root=_root(salt, parquet),
                report=report,
                entry=entry,
                changes=changes,
                described=str(description_file.absolute()),
            )
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


def _before(snapshots: Path, dataset: str) -> tuple[Snapshot, Path] | None:
    """The current snapshot and its rows; None if there is none that is whole."""
    try:
        held = current(snapshots, dataset)
        if held is None:
            return None
        at = files(snapshots, dataset, held.root)
        verify(at)
    except SnapshotChanged:  # importing it anew is the remedy
        return None
    return held, at.parquet


def _read_description(file: Path) -> Description:
    if file.suffix.lower() in _DATA or file.is_dir():
        raise BadSetting(
            f"{file.name} is data, and not the description of it",
            fix="Declare its columns in a TOML file that names it as `source`, and name that file.",
        )
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadSetting(
            f"{file.name} is not there, or no UTF-8 text",
            fix="Name the TOML file that describes the dataset.",
        ) from None
    return toml.parse(Description, text, file.name)


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


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
                size=_size(f"column '{column.name}'", found.distinct_keys, column.padded_to),
            )
            for column, found in zip(description.column, report.columns, strict=True)
        ),
        keys=tuple(
            CatalogueKey(
                **{name: getattr(key, name) for name in Combined.model_fields},
                size=_size(f"key {', '.join(key.columns)}", found.distinct_keys, key.padded_to),
            )
            for key, found in zip(description.key, report.keys or (), strict=True)
        )
        or None,
        refreshed=today,
    )


def _size(called: str, keys: int | None, padded_to: int | None) -> int | None:
    """What others are told of a key: at least what it is padded to."""
    if keys is None:
        return None
    if padded_to is not None and keys > padded_to:
        raise BadValue(
            f"{called} has {keys} different keys, and is to be padded to {padded_to}",
            fix="Raise `padded_to` in the description: others learn the new size, once.",
            rule="padded_to",
        )
    return padded_size(max(keys, padded_to or 0))


def _changed() -> SnapshotChanged:
    return SnapshotChanged(
        "the snapshot is not what it was when it was imported",
        fix="Restore the data folder, or import the dataset again and propose the job anew.",
        rule="a run uses the snapshot it is pinned to, byte by byte",
    )
