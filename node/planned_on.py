"""What a contract was planned on: whether an owner's datasets still are what its entries said.

Every dataset that the owner's part names must be there, with the same columns, and be no longer
than the list that the contract lets it send; of several that it joins, the shortest.
"""

from collections.abc import Mapping

from contract.dataset import CatalogueEntry
from contract.errors import (
    DatasetOutgrown,
    KeyKindMismatch,
    SnapshotChanged,
    UnknownColumn,
    UnknownDataset,
    nearest,
)
from contract.job import KeyedDataset, Party


def root_of(
    org: str, dataset: str, entries: Mapping[str, CatalogueEntry], snapshot: str | None
) -> str:
    """The snapshot of a dataset, if there is one."""
    if dataset not in entries or snapshot is None:
        raise UnknownDataset(
            f"{org} has no dataset '{dataset}'.{nearest(dataset, list(entries))}",
            party=org,
            phase="approve",
            fix="see `mihe catalog` for the datasets there are",
        )
    return snapshot


def require_same(party: Party, entries: Mapping[str, CatalogueEntry]) -> None:
    """Raise what refuses a job whose part is `party`, on the datasets `entries`."""
    org = party.org
    for one in party.datasets:
        _check_columns(party, one, entries[one.dataset])
    if _keys_of(party, entries) > party.size:
        names = " and ".join(f"{org}.{one.dataset}" for one in party.datasets)
        raise DatasetOutgrown(
            f"{names} {'have' if party.joined else 'has'} outgrown the {party.size} keys that the"
            " contract allows",
            party=org,
            phase="approve",
            fix="propose the job again: it will be planned on the present size",
        )


def _check_columns(party: Party, one: KeyedDataset, entry: CatalogueEntry) -> None:
    reference, wanted = f"{party.org}.{one.dataset}", one.key[0]
    column = entry.column(wanted)
    if column is None or column.key is None:
        keys = [column.name for column in entry.columns if column.key]
        raise UnknownColumn(
            f"{reference} has no key column '{wanted}'.{nearest(wanted, keys)}",
            party=party.org,
            phase="approve",
            fix="see `mihe catalog` for the columns there are",
        )
    if column.key is not party.key_kind:
        raise KeyKindMismatch(
            f"{reference}.{wanted} holds {column.key.value} keys, the contract says"
            f" {party.key_kind.value}",
            party=party.org,
            phase="approve",
            fix="match columns of the same kind of key",
        )
    if entry.schema_digest != one.schema_digest:
        raise SnapshotChanged(
            f"the columns of {reference} are not those that the contract was planned on",
            party=party.org,
            phase="approve",
            fix="propose the job again: it will be planned on the present columns",
        )


def still_holds(party: Party, entries: Mapping[str, CatalogueEntry]) -> bool:
    """Whether a job that `party` is a part of may go on when its datasets become `entries`."""
    same = all(
        one.dataset in entries
        and entries[one.dataset].schema_digest == one.schema_digest
        and entries[one.dataset].key_of(one.key) is not None
        for one in party.datasets
    )
    return same and _keys_of(party, entries) <= party.size


def _keys_of(party: Party, entries: Mapping[str, CatalogueEntry]) -> int:
    """How many keys its smallest dataset has, of those that the contract joins by."""
    declared = [entries[one.dataset].key_of(one.key) for one in party.datasets]
    return min(0 if one is None else one.size or 0 for one in declared)
