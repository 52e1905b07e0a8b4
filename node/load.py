"""Load: consent → keys. The one place where rows are read for a computation."""

from dataclasses import dataclass
from pathlib import Path

from node import rows
from node.catalogue import Datasets
from node.gate import Consent
from psi.keys import DistinctKeys


@dataclass(frozen=True, slots=True, repr=False)
class Loaded:
    """The distinct keys of a consented column, their rows, and the file that they came from."""

    column: DistinctKeys
    snapshot: Path


def load(consent: Consent, datasets: Datasets) -> Loaded:
    """The keys that a contract asks for, from the very snapshot that was consented to.

    Raises SnapshotChanged if its bytes are not those that the start record commits to. Blocking.
    """
    parquet = datasets.files(consent.dataset, consent.snapshot).parquet
    kind = consent.contract.party(consent.org).key_kind
    return Loaded(rows.keys(parquet, consent.column, kind), parquet)
