"""The parties of a contract: of each its owner, its dataset and its key, as catalogues offer them.

An intersection names datasets and columns; here these are looked up, and refused where they are
none, or are not declared to be a key, or hold other keys than the others'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from contract.dataset import CatalogueColumn, CatalogueEntry
from contract.errors import (
    BadMessage,
    BadRequest,
    KeyKindMismatch,
    MiheError,
    UnknownColumn,
    UnknownDataset,
    UnknownOrganisation,
    nearest,
)
from contract.identity import Identity
from contract.job import KeyPart, Party
from contract.keys import MOST_PARTS, KeyKind, PartKind


@dataclass(frozen=True, slots=True)
class Offer:
    """One organisation's datasets, under the certificate that it signed them with."""

    identity: Identity
    entries: dict[str, CatalogueEntry]
    objection: MiheError | None = None  # why its certificate does not count any more


def matched(
    datasets: Sequence[str], on: Sequence[str], offers: Mapping[str, Offer]
) -> tuple[Party, ...]:
    """The parties of an intersection, each by its columns: `uscc`, or `uscc,period`.

    Raises UnknownOrganisation, UnknownDataset, UnknownColumn, KeyKindMismatch, BadRequest.
    """
    keys = [tuple(columns.split(",")) for columns in on]
    number = len(keys[0])
    if number > MOST_PARTS or any(len(key) != number or len(set(key)) != number for key in keys):
        raise BadRequest(
            f"a key is of 1 to {MOST_PARTS} columns, each named once, as many in each dataset",
            fix="write uscc,period, or uscc,period=code,month in the order of the datasets",
        )
    first = _entry_of(datasets[0], offers)
    # Those that hold keys come first, so that one way to name them is as good as another.
    order = sorted(range(number), key=lambda place: not _holds_keys(first, keys[0][place]))
    ordered = [tuple(key[place] for place in order) for key in keys]
    parties = tuple(
        party_of(dataset, key, offers, _beside(dataset, key[1:], offers))
        for dataset, key in zip(datasets, ordered, strict=True)
    )
    _require_one_kind(datasets, ordered, parties)
    return parties


def party_of(
    reference: str,
    key: Sequence[str],
    offers: Mapping[str, Offer],
    beside: tuple[KeyPart, ...] | None = None,
) -> Party:
    """A dataset's owner and its part, by a key that it declares; `beside`: all but its first."""
    org, entry = reference.partition(".")[0], _entry_of(reference, offers)
    found = _key_column(reference, key[0], entry)
    assert found.key is not None
    declared = entry.key_of(key)
    if declared is None:
        raise _undeclared(reference, key, entry)
    assert declared.size is not None
    try:
        return Party(
            org=org,
            fingerprint=offers[org].identity.fingerprint,
            dataset=entry.name,
            key_column=found.name,
            key_kind=found.key,
            beside=beside,
            schema_digest=entry.schema_digest,
            size=declared.size,
        )
    except ValidationError:
        raise BadMessage(
            f"{org} offers {declared.size} keys in {reference}.{', '.join(key)}, which no contract"
            " can say",
            party=org,
            fix="that node is not following the protocol: compare versions",
            rule="a size is 256, or m·2^k with m from 8 to 15",
        ) from None


def _entry_of(reference: str, offers: Mapping[str, Offer]) -> CatalogueEntry:
    org, _, name = reference.partition(".")
    offer = offers.get(org)
    if offer is None:
        raise UnknownOrganisation(
            f"no organisation '{org}' has offered datasets.{nearest(org, list(offers))}",
            fix="see `mihe catalog`; a node offers its datasets when it first attaches",
        )
    if offer.objection is not None:
        raise offer.objection.at(phase="propose")
    entry = offer.entries.get(name)
    if entry is None:
        raise UnknownDataset(
            f"{org} has no dataset '{name}'.{nearest(name, list(offer.entries))}",
            party=org,
            fix="see `mihe catalog` for the datasets there are",
        )
    return entry


def _key_column(reference: str, column: str, entry: CatalogueEntry) -> CatalogueColumn:
    found = entry.column(column)
    if found is None or found.key is None or found.size is None:
        keys = [known.name for known in entry.columns if known.key]
        what = "is not a key column" if found else "does not exist"
        raise UnknownColumn(
            f"{reference}.{column} {what}.{nearest(column, keys)}",
            party=entry.org,
            fix=f"match on one of: {', '.join(keys) or 'no key column is declared there'}",
        )
    return found


def _holds_keys(entry: CatalogueEntry, column: str) -> bool:
    found = entry.column(column)
    return found is not None and found.key is not None


def _beside(
    reference: str, columns: Sequence[str], offers: Mapping[str, Offer]
) -> tuple[KeyPart, ...] | None:
    """The columns beside the first of a key; None if there are none."""
    entry = _entry_of(reference, offers)
    return tuple(_part(reference, column, entry) for column in columns) or None


def _part(reference: str, column: str, entry: CatalogueEntry) -> KeyPart:
    found = entry.column(column)
    if found is None:
        known = [one.name for one in entry.columns]
        raise UnknownColumn(
            f"{reference}.{column} does not exist.{nearest(column, known)}",
            party=entry.org,
            fix=f"there {'is' if len(known) == 1 else 'are'} {', '.join(known)}"[:600],
        )
    if found.part_kind is None:
        raise UnknownColumn(
            f"{reference}.{column} is a decimal, and no part of a key",
            party=entry.org,
            fix="match on key columns, and beside them whole numbers, texts, dates and months",
        )
    return KeyPart(column=column, kind=found.part_kind)


def _undeclared(reference: str, key: Sequence[str], entry: CatalogueEntry) -> MiheError:
    declared = [f"({', '.join(one.columns)})" for one in entry.keys or ()]
    known = f" It declares {', '.join(declared)}." if declared else ""
    listed = ", ".join(f'"{column}"' for column in key)
    return UnknownColumn(
        f"{reference} declares no key of {', '.join(key)}.{known}",
        party=entry.org,
        fix=f"have {entry.org} add [[key]] columns = [{listed}] to the dataset's description, or"
        f" match on {key[0]} alone",
    )


def _require_one_kind(
    datasets: Sequence[str], keys: Sequence[Sequence[str]], parties: Sequence[Party]
) -> None:
    for dataset, key, party in zip(datasets, keys, parties, strict=True):
        pairs = zip(keys[0], parties[0].kinds, key, party.kinds, strict=True)
        for column, wanted, other, kind in pairs:
            if kind is not wanted:
                raise KeyKindMismatch(
                    f"{datasets[0]}.{column} holds {_held(wanted)} and {dataset}.{other}"
                    f" {_held(kind)}",
                    fix="match columns of the same kind (`mihe catalog` shows the kinds)",
                )


def _held(kind: PartKind) -> str:
    return f"{kind.value} keys" if isinstance(kind, KeyKind) else f"the type {kind.value}"
