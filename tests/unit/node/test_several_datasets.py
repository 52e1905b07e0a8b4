"""Several datasets of one owner in a query: each needs a rule, a snapshot and its schema."""

# Statements are made up here, and never run.

from decimal import Decimal
from typing import Any

import pytest

from contract.canonical import canonical_bytes
from contract.canonical import parse as parse_canonical
from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import (
    DatasetOutgrown,
    MiheError,
    Refused,
    SnapshotChanged,
    UnknownDataset,
)
from contract.job import Contract, Crypto, JobKind, KeyedDataset, Query
from contract.policy import Allow, Use
from contract.suites import Dominance, Suite
from federated.query.statement import by_name, parse
from node.gate import Consent, check_policy, decide, min_changes, policy_lines
from node.planned_on import still_holds
from tests.unit.node.contracts import (
    NOW,
    SNAPSHOT,
    contract_of,
    entry_of,
    key_column,
    party_of,
    policy_of,
    rule,
)
from tests.unit.node.lines import Member

OTHER = "bb" * 32
USED: dict[str, dict[str, tuple[Use, ...]]] = {
    "loans": {"uscc": (Use.JOIN,), "balance": (Use.SUM,)},
    "limits": {"uscc": (Use.JOIN,), "branch": (Use.GROUP, Use.FILTER)},
}


def number(name: str) -> CatalogueColumn:
    return CatalogueColumn(
        name=name, type=ColumnType.INTEGER, level=3, minimum=Decimal(0), maximum=Decimal(9)
    )


def loans(org: str, size: int = 256) -> CatalogueEntry:
    return entry_of(org, key_column(rows_per_key=1, size=size), number("balance"))


def limits(size: int = 256, *more: CatalogueColumn) -> CatalogueEntry:
    branch = CatalogueColumn(name="branch", type=ColumnType.TEXT, level=2)
    key = key_column(rows_per_key=1, size=size)
    return entry_of("bank_b", key, branch, *more, name="limits")


@pytest.fixture
def contract(bank_a: Member, bank_b: Member) -> Contract:
    entries = (loans("bank_a"), loans("bank_b"), limits())
    statement = parse(
        "SELECT l.branch, COUNT(*) AS n, SUM(b.balance) AS s FROM bank_a.loans AS a JOIN"
        " bank_b.loans AS b USING (uscc) JOIN bank_b.limits AS l USING (uscc)"
        " WHERE l.branch <> 'x' GROUP BY l.branch",
        by_name(entries),
    )
    first, second, joined = (entry.schema_digest for entry in entries)
    return contract_of(
        party_of(bank_a, schema_digest=first),
        party_of(
            bank_b,
            schema_digest=second,
            joined=(KeyedDataset(dataset="limits", key=("uscc",), schema_digest=joined),),
        ),
        kind=JobKind.QUERY,
        crypto=Crypto(suite=Suite.BLIND_JOIN),
        query=Query(statement=statement.sql, min_group=10, min_join=10, entries=entries),
    )


def allowing(dataset: str, **differing: Any) -> Allow:
    fields = {"jobs": (JobKind.QUERY,), "columns": USED[dataset], **differing}
    return rule(dataset=dataset, **fields)


def answer(
    contract: Contract,
    owner: Member,
    *rules: Allow,
    held: tuple[CatalogueEntry, ...] = (),
    joined: str | None = OTHER,
) -> Consent:
    entries = {entry.name: entry for entry in held or (loans("bank_b"), limits())}
    return decide(
        contract,
        org=owner.org,
        fingerprint=owner.fingerprint,
        policy=policy_of(*rules),
        entries=entries,
        snapshots=(SNAPSHOT, joined),
        now=NOW,
    )


BOTH = (allowing("loans"), allowing("limits"))


def test_a_consent_is_to_the_snapshot_of_each(contract: Contract, bank_b: Member) -> None:
    consent = answer(contract, bank_b, *BOTH)
    assert consent.held == (("loans", SNAPSHOT), ("limits", OTHER))
    assert parse_canonical(Contract, canonical_bytes(contract)) == contract


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (BOTH[:1], "no rule of bank_b's policy is about 'limits'"),
        (BOTH[1:], "no rule of bank_b's policy is about 'loans'"),
        (
            (BOTH[0], allowing("limits", columns={"uscc": (Use.JOIN,), "branch": (Use.GROUP,)})),
            "for 'limits' allows this job; the closest one does not allow its use of 'branch'"
            " for filter",
        ),
        ((BOTH[0], allowing("limits", min_group=11)), "groups of fewer than 11"),
        ((allowing("loans", min_join=11), BOTH[1]), "joins of fewer than 11"),
        ((BOTH[0], allowing("limits", on=("code",))), "its key column"),
        ((BOTH[0], allowing("limits", largest_peer_set=255)), "peer's set size"),
        ((BOTH[0], allowing("limits", dominance=(Dominance.BANDS,))), "dominance off"),
        (
            # What one rule lists is no permission for the other dataset.
            (allowing("loans", columns={**USED["loans"], **USED["limits"]}),),
            "no rule of bank_b's policy is about 'limits'",
        ),
    ],
)
def test_each_needs_a_rule_that_lists_all_that_is_done_with_it(
    contract: Contract, bank_b: Member, rules: tuple[Allow, ...], said: str
) -> None:
    with pytest.raises(Refused) as refused:
        answer(contract, bank_b, *rules)
    assert said in refused.value.what


def test_the_smallest_share_of_all_rules_is_folded_by(contract: Contract, bank_b: Member) -> None:
    rules = (allowing("loans", largest_share=60), allowing("limits", largest_share=40))
    assert answer(contract, bank_b, *rules).largest_share == 40
    assert answer(contract, bank_b, rules[0], BOTH[1]).largest_share == 60
    assert answer(contract, bank_b, *BOTH).largest_share is None


def test_answers_are_compared_for_each_dataset_that_asks_for_it(contract: Contract) -> None:
    today = NOW.date()
    guarded = policy_of(BOTH[0], allowing("limits", min_change=9))
    assert min_changes(check_policy(contract, "bank_b", guarded, today)) == {"limits": 9}
    guarded = policy_of(allowing("loans", min_change=7), allowing("limits", min_change=9))
    assert min_changes(check_policy(contract, "bank_b", guarded, today)) == {
        "loans": 7,
        "limits": 9,
    }


def test_a_receivers_own_are_the_columns_of_all_its_datasets(
    contract: Contract, bank_a: Member
) -> None:
    turned = contract.model_copy(update={"receivers": ("bank_b",)})
    strict = rule(
        jobs=(JobKind.QUERY,),
        columns={"uscc": (Use.JOIN,)},
        receivers=("bank_b",),
        receivers_own=False,
    )
    with pytest.raises(Refused, match="sums of bank_b's own columns"):
        decide(
            turned,
            org="bank_a",
            fingerprint=bank_a.fingerprint,
            policy=policy_of(strict),
            entries={"loans": loans("bank_a")},
            snapshots=(SNAPSHOT,),
            now=NOW,
        )


@pytest.mark.parametrize(
    ("error", "held", "joined"),
    [
        (UnknownDataset, (loans("bank_b"),), OTHER),
        (UnknownDataset, (loans("bank_b"), limits()), None),
        (SnapshotChanged, (loans("bank_b"), limits(256, number("granted"))), OTHER),
        (DatasetOutgrown, (loans("bank_b", 288), limits(320)), OTHER),
    ],
    ids=["not there", "never imported", "other columns", "both have grown"],
)
def test_each_must_be_what_the_job_was_planned_on(
    contract: Contract,
    bank_b: Member,
    error: type[MiheError],
    held: tuple[CatalogueEntry, ...],
    joined: str | None,
) -> None:
    with pytest.raises(error) as refused:
        answer(contract, bank_b, *BOTH, held=held, joined=joined)
    assert "limits" in refused.value.what
    assert refused.value.phase == "approve"
    if joined is not None:
        assert not still_holds(contract.party("bank_b"), {one.name: one for one in held})


def test_one_may_grow_while_another_does_not(contract: Contract, bank_b: Member) -> None:
    held = (loans("bank_b", 4096), limits())
    answer(contract, bank_b, *BOTH, held=held)
    assert still_holds(contract.party("bank_b"), {one.name: one for one in held})


def test_each_use_is_said_of_its_dataset(contract: Contract) -> None:
    policy = policy_of(BOTH[0], allowing("limits", columns={"uscc": (Use.JOIN,)}))
    said = {
        (line.org, line.what): (line.allowed, line.rule)
        for line in policy_lines(contract, "bank_b", policy, NOW.date())
    }
    assert said["bank_a", "use of 'uscc' for join"] == (None, None)
    assert said["bank_b", "loans: use of 'balance' for sum"] == (True, "allow[1]")
    assert said["bank_b", "limits: use of 'uscc' for join"] == (True, "allow[2]")
    assert said["bank_b", "limits: use of 'branch' for group"] == (False, "allow[2]")
