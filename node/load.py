"""Load: consent → keys. The one place where rows are read for a computation."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.dataset import Snapshot
from contract.errors import OurError
from contract.job import Contract
from contract.keys import LENGTH
from contract.suites import RR22_SUITES
from node import rows
from node.catalogue import Datasets
from node.gate import Consent
from node.rows import Batch, Key, Wanted
from psi.keys import DistinctKeys, require_bytes


@dataclass(frozen=True, slots=True, repr=False)
class Loaded:
    """The distinct keys that were consented to, their rows, and the file that they came from."""

    column: DistinctKeys
    snapshot: Path
    rows: int
    """How many rows the snapshot has; of several columns some may have no key."""

    def wanted(self, positions: Sequence[int] | NDArray[np.integer]) -> Wanted:
        """Of each row of the snapshot, whether it has one of these keys."""
        return self.column.wanted(positions, self.rows)


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A consented key that is read piece by piece."""

    parquet: Path
    key: Key
    snapshot: Snapshot

    @property
    def rows(self) -> int:
        """How many rows the snapshot has."""
        return self.snapshot.report.rows_kept

    @property
    def keys(self) -> int:
        """How many distinct keys it has."""
        names = tuple(name for _, name in self.key)
        found = self.snapshot.report.distinct_keys(names)
        if found is None:
            raise OurError("keys were asked for of no key", fix="Report this defect.")
        return found

    def batches(self) -> AbstractContextManager[Iterator[Batch]]:
        """The keys of all rows that have one, as canonical bytes, in order. Each step blocks."""
        return rows.batches(self.parquet, self.key)

    def loaded(self) -> Loaded:
        """The distinct keys, all at once. Blocking."""
        return Loaded(rows.keys(self.parquet, self.key), self.parquet, self.rows)


def require_counted(contract: Contract, org: str, datasets: Datasets) -> None:
    """That the keys which a job takes all at once, as they are now, are not too long for that.

    Raises DatasetOutgrown, which a run would, too; a query's keys are known when its own SQL is
    done.
    """
    if contract.query is not None or contract.crypto.suite in RR22_SUITES:
        return
    party = contract.party(org)
    root = datasets.current_root(party.dataset)
    if root is None:
        return
    report = datasets.snapshot(party.dataset, root).report
    if len(party.key) == 1:
        require_bytes(report.rows_kept * (len(f"{party.key_kind}:") + LENGTH))
    elif (length := report.key_bytes(party.key)) is not None:
        require_bytes(length)


def load(consent: Consent, datasets: Datasets) -> Loaded:
    """The keys that a contract asks for, all at once. As `open_key`. Blocking."""
    return open_key(consent, datasets).loaded()


def open_key(consent: Consent, datasets: Datasets) -> Opened:
    """The keys that a contract asks for, in the very snapshot that was consented to.

    Raises SnapshotChanged if its bytes are not those that the start record commits to. Blocking.
    """
    parquet = datasets.files(consent.dataset, consent.snapshot).parquet
    party = consent.contract.party(consent.org)
    key = tuple(zip(party.kinds, party.key, strict=True))
    return Opened(parquet, key, datasets.snapshot(consent.dataset, consent.snapshot))
