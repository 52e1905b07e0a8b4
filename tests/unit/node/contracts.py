"""A contract between two members, the datasets it is about, and a policy that allows it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.job import Basis, Contract, JobKind, Party, suites_for
from contract.keys import KeyKind
from contract.policy import Allow, Policy
from tests.unit.node.lines import Member

PLAYS = [
    (kind, suite)
    for kind in (JobKind.PSI, JobKind.PSI_CARDINALITY)
    for suite in suites_for(kind, 2)
]
"""Every way in which two parties intersect."""

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SNAPSHOT = "aa" * 32


def key_column(name: str = "uscc", **differing: Any) -> CatalogueColumn:
    column = CatalogueColumn(name=name, type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=256)
    return column.model_copy(update=differing)


def entry_of(org: str, *columns: CatalogueColumn, name: str = "loans") -> CatalogueEntry:
    balance = CatalogueColumn(name="balance", type=ColumnType.DECIMAL, decimals=2, level=3)
    chosen = columns or (key_column(), balance)
    return CatalogueEntry(org=org, name=name, columns=chosen, refreshed=date(2026, 2, 1))


def party_of(member: Member, **differing: Any) -> Party:
    party = Party(
        org=member.org,
        fingerprint=member.fingerprint,
        dataset="loans",
        key_column="uscc",
        key_kind=KeyKind.USCC,
        schema_digest=entry_of(member.org).schema_digest,
        size=256,
    )
    return party.model_copy(update=differing)


def contract_of(*parties: Party, **differing: Any) -> Contract:
    fields: dict[str, Any] = {
        "kind": JobKind.PSI,
        "initiator": parties[0].org,
        "parties": parties,
        "receivers": (parties[0].org,),
        "purpose": "CREDIT_MICRO",
        "basis": Basis.SYNTHETIC_TEST,
        "created": NOW,
        "expires": NOW + timedelta(days=1),
        "nonce": "ab" * 32,
    }
    return Contract(**{**fields, **differing})


def rule(**differing: Any) -> Allow:
    """A rule that allows `contract_of(bank_a, bank_b)` at either of them."""
    fields: dict[str, Any] = {
        "dataset": "loans",
        "jobs": (JobKind.PSI,),
        "on": ("uscc",),
        "with": ("bank_a", "bank_b"),
        "receivers": ("bank_a",),
        "purposes": ("CREDIT_MICRO",),
        "bases": (Basis.SYNTHETIC_TEST,),
        "approve": "auto",
    }
    return Allow(**{**fields, **differing})


def policy_of(*rules: Allow) -> Policy:
    return Policy(allow=rules)
