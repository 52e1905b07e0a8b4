"""Load: consent → keys. The one place where rows are read for a computation."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from contract.dataset import Snapshot
from contract.errors import OurError
from contract.keys import KeyKind
from node import rows
from node.catalogue import Datasets
from node.gate import Consent
from node.rows import Batch
from psi.keys import DistinctKeys


@dataclass(frozen=True, slots=True, repr=False)
class Loaded:
    """The distinct keys of a consented column, their rows, and the file that they came from."""

    column: DistinctKeys
    snapshot: Path


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A consented column that is read piece by piece."""

    parquet: Path
    column: str
    kind: KeyKind
    snapshot: Snapshot

    @property
    def rows(self) -> int:
        """How many rows the snapshot has."""
        return self.snapshot.report.rows_kept

    @property
    def keys(self) -> int:
        """How many distinct keys the column has."""
        for column in self.snapshot.report.columns:
            if column.name == self.column and column.distinct_keys is not None:
                return column.distinct_keys
        raise OurError("keys were asked for of no key column", fix="Report this defect.")

    def batches(self) -> AbstractContextManager[Iterator[Batch]]:
        """The keys of all rows as canonical bytes, in order. Each step blocks."""
        return rows.batches(self.parquet, self.column, self.kind)

    def loaded(self) -> Loaded:
        """The distinct keys, all at once. Blocking."""
        return Loaded(rows.keys(self.parquet, self.column, self.kind), self.parquet)


def load(consent: Consent, datasets: Datasets) -> Loaded:
    """The keys that a contract asks for, all at once. As `open_column`. Blocking."""
    return open_column(consent, datasets).loaded()


def open_column(consent: Consent, datasets: Datasets) -> Opened:
    """The keys that a contract asks for, in the very snapshot that was consented to.

    Raises SnapshotChanged if its bytes are not those that the start record commits to. Blocking.
    """
    parquet = datasets.files(consent.dataset, consent.snapshot).parquet
    kind = consent.contract.party(consent.org).key_kind
    return Opened(
        parquet, consent.column, kind, datasets.snapshot(consent.dataset, consent.snapshot)
    )
