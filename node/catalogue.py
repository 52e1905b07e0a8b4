"""The datasets of this node: its current snapshots, and what it tells others of them."""

from datetime import UTC, datetime
from pathlib import Path

from contract.canonical import canonical_bytes, digest
from contract.dataset import CatalogueEntry, Snapshot
from contract.errors import BadRequest, UnknownDataset, nearest
from contract.statements import Catalogue
from node import snapshot
from node.snapshot import USUAL, Files, Terms


class Datasets:
    """Current snapshots by name; the folder is the truth, read once and after every import."""

    def __init__(self, folder: Path, org: str) -> None:
        self._folder = folder
        self._org = org
        self._current = {held.entry.name: held for held in snapshot.datasets(folder)}

    def add(self, description: Path, terms: Terms = USUAL) -> Snapshot:
        """Import a dataset from its description file; it is current from now on. Blocking."""
        today = datetime.now(UTC).date()
        added = snapshot.add(description, self._folder, org=self._org, today=today, terms=terms)
        self._current = {**self._current, added.entry.name: added}
        return added

    def current(self) -> tuple[Snapshot, ...]:
        """The current snapshots, by name."""
        return tuple(held for _, held in sorted(self._current.items()))

    def description(self, name: str) -> Path:
        """The file that a dataset was last imported from; UnknownDataset, BadRequest."""
        held = self._current.get(name)
        if held is None:
            raise UnknownDataset(
                f"this node has no dataset '{name}'.{nearest(name, list(self._current))}",
                fix="`mihe dataset list` shows what there is; `mihe dataset add` imports another.",
            )
        if held.described is None:
            raise BadRequest(
                f"{name} was imported before descriptions were remembered",
                fix="Add it once more from its description: mihe dataset add.",
            )
        return Path(held.described)

    def entries(self) -> dict[str, CatalogueEntry]:
        """What others may know of each dataset, by name."""
        return {name: held.entry for name, held in self._current.items()}

    def current_root(self, name: str) -> str | None:
        """The commitment to the current snapshot of a dataset, if there is one."""
        held = self._current.get(name)
        return held.root if held else None

    def files(self, name: str, root: str) -> Files:
        """Where a snapshot lies, checked against its commitment; SnapshotChanged if it does not."""
        at = snapshot.files(self._folder, name, root)
        snapshot.verify(at)
        return at

    def snapshot(self, name: str, root: str) -> Snapshot:
        """A snapshot, current or not."""
        return snapshot.load(snapshot.files(self._folder, name, root))

    def entry(self, name: str, root: str) -> CatalogueEntry:
        """What a snapshot, current or not, holds."""
        return self.snapshot(name, root).entry

    def prune(self, pinned: set[str]) -> None:
        """Remove snapshots that are neither current nor pinned by a job."""
        snapshot.prune(self._folder, pinned)

    def catalogue(self, revision: int) -> tuple[bytes, Catalogue]:
        """What this node offers, and the subject under which it signs that."""
        entries = tuple(held.entry for _, held in sorted(self._current.items()))
        catalogue = Catalogue(org=self._org, revision=revision, entries=entries)
        return digest(canonical_bytes(catalogue)), catalogue
