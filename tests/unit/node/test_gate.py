"""The owner's decision: every word of a policy refuses what it doesn't list, and says which."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.cause import cause_of
from contract.dataset import CatalogueColumn, CatalogueEntry, CatalogueKey, ColumnType
from contract.errors import (
    ContractExpired,
    DatasetOutgrown,
    FingerprintChanged,
    KeyKindMismatch,
    MiheError,
    Refused,
    SnapshotChanged,
    UnknownColumn,
    UnknownDataset,
)
from contract.job import Basis, Contract, Crypto, JobKind, KeyPart, Query
from contract.keys import BesideKind, KeyKind
from contract.policy import Allow, Policy, Use
from contract.suites import RR22_SUITES, Aggregation, Matching, Suite
from federated.query.statement import by_name, parse
from node.gate import Consent, check_policy, decide
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


@pytest.fixture
def contract(bank_a: Member, bank_b: Member) -> Contract:
    return contract_of(party_of(bank_a), party_of(bank_b))


def answer(
    contract: Contract,
    owner: Member,
    policy: Policy,
    *entries: CatalogueEntry,
    snapshot: str | None = SNAPSHOT,
    now: datetime = NOW,
    fingerprint: str | None = None,
) -> Consent:
    chosen = entries or (entry_of(owner.org),)
    return decide(
        contract,
        org=owner.org,
        fingerprint=fingerprint or owner.fingerprint,
        policy=policy,
        entries={entry.name: entry for entry in chosen},
        snapshots=(snapshot,),
        now=now,
    )


def refusal(error: type[MiheError], *asked: Any, **differing: Any) -> MiheError:
    with pytest.raises(error) as refused:
        answer(*asked, **differing)
    assert type(refused.value) is error
    cause = cause_of(refused.value)
    assert cause.party == asked[1].org
    assert cause.phase == "approve"
    return refused.value


def test_what_the_policy_lists_is_consented_to(contract: Contract, bank_b: Member) -> None:
    consent = answer(contract, bank_b, policy_of(rule()))
    assert (consent.contract, consent.org) == (contract, "bank_b")
    assert consent.held == ((consent.dataset, consent.snapshot),) == (("loans", SNAPSHOT),)
    assert consent.contract.party(consent.org).key_column == "uscc"


def test_nobody_else_makes_a_consent(contract: Contract) -> None:
    for made_by in (None, object(), "node.gate", Consent):
        with pytest.raises(TypeError):
            Consent(contract, "bank_b", (SNAPSHOT,), None, made_by)


# ── the policy ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("listed", "missing"),
    [
        ({"jobs": (JobKind.PSI_CARDINALITY,)}, "kind"),
        ({"on": ("tax_id", "uscc_old")}, "key column"),
        ({"with": ("tax", "bank_c")}, "other parties"),
        ({"receivers": ("bank_b",)}, "receivers"),
        ({"purposes": ("CREDIT_LARGE",)}, "purpose"),
        ({"bases": (Basis.GOV_SHARING,)}, "legal basis"),
        ({"until": date(2026, 2, 28)}, "date"),
        ({"largest_peer_set": 255}, "peer's set size"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_word_of_a_rule_refuses_what_it_does_not_list(
    contract: Contract, bank_b: Member, listed: dict[str, Any], missing: str
) -> None:
    refused = refusal(Refused, contract, bank_b, policy_of(rule(**listed)))
    assert refused.rule == "policy.toml: allow[1]"
    assert refused.what.endswith(f"does not allow its {missing}")


def test_a_rule_for_the_last_day_and_the_exact_size_allows(
    contract: Contract, bank_b: Member
) -> None:
    exact = rule(until=date(2026, 3, 1), largest_peer_set=256)
    late = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
    answer(contract, bank_b, policy_of(exact), now=late)
    late += timedelta(seconds=1)
    assert "date" in refusal(Refused, contract, bank_b, policy_of(exact), now=late).what


@pytest.mark.parametrize("suite", RR22_SUITES)
def test_a_cap_on_the_peers_set_asks_for_the_engine_that_holds_a_receiver_to_it(
    bank_a: Member, bank_b: Member, suite: Suite
) -> None:
    """RR22 holds its sender to the agreed size, not its receiver; nor do its checks."""
    fast = Crypto(suite=suite)
    capped = policy_of(rule(largest_peer_set=256))
    contract = contract_of(party_of(bank_a), party_of(bank_b), crypto=fast)
    refused = refusal(Refused, contract, bank_b, capped)
    assert "--engine ecdh" in refused.what
    answer(contract, bank_a, capped)  # which is the receiver itself
    answer(contract, bank_b, policy_of(rule()))


def test_a_star_does_not_hold_its_receiver_to_a_cap_either(bank_a: Member, bank_b: Member) -> None:
    tax = party_of(bank_b, org="tax")
    contract = contract_of(
        party_of(bank_a), party_of(bank_b), tax, crypto=Crypto(suite=Suite.PSI_STAR)
    )
    listed = {"with": ("bank_a", "bank_b", "tax")}
    capped = policy_of(rule(largest_peer_set=256, **listed))
    assert "leave out --engine" in refusal(Refused, contract, bank_b, capped).what
    answer(contract, bank_a, capped)  # which is the receiver itself
    answer(contract, bank_b, policy_of(rule(**listed)))
    matched = contract.model_copy(update={"crypto": Crypto(suite=Suite.BLIND_MATCH)})
    answer(matched, bank_b, capped)


def test_keyed_matching_is_for_owners_whose_policy_lists_it(bank_a: Member, bank_b: Member) -> None:
    tax = party_of(bank_b, org="tax")
    contract = contract_of(
        party_of(bank_a), party_of(bank_b), tax, crypto=Crypto(suite=Suite.KEYED_MATCH)
    )
    listed = {"with": ("bank_a", "bank_b", "tax")}
    for matching in ({}, {"matching": ()}, {"matching": (Matching.BLIND,)}):
        refused = refusal(Refused, contract, bank_b, policy_of(rule(**listed, **matching)))
        assert refused.what.endswith("does not allow its keyed matching")
        assert refused.rule == "policy.toml: allow[1]"
    allowed = rule(**listed, matching=(Matching.KEYED,))
    answer(contract, bank_b, policy_of(rule(**listed), allowed))
    # Whoever allows the weaker way allows the stronger one.
    blind = contract.model_copy(update={"crypto": Crypto(suite=Suite.BLIND_MATCH)})
    answer(blind, bank_b, policy_of(allowed))


def test_shared_aggregation_is_for_owners_whose_policy_lists_it(
    bank_a: Member, bank_b: Member
) -> None:
    """What a query does with columns is another matter, and left out here."""
    both = contract_of(party_of(bank_a), party_of(bank_b))
    contract = both.model_copy(update={"crypto": Crypto(suite=Suite.BLIND_SHARED)})
    for listed in ({}, {"aggregation": (Aggregation.ENCRYPTED,)}):
        refused = refusal(Refused, contract, bank_b, policy_of(rule(**listed)))
        assert refused.what.endswith("does not allow its shared aggregation")
    allowed = policy_of(rule(aggregation=(Aggregation.SHARED,)))
    answer(contract, bank_b, allowed)
    answer(contract.model_copy(update={"crypto": Crypto(suite=Suite.BLIND_JOIN)}), bank_b, allowed)
    keyed = contract.model_copy(update={"crypto": Crypto(suite=Suite.KEYED_SHARED)})
    assert refusal(Refused, keyed, bank_b, allowed).what.endswith("its keyed matching")


def test_a_receiver_that_is_not_listed_is_refused_beside_one_that_is(
    bank_a: Member, bank_b: Member
) -> None:
    both = contract_of(party_of(bank_a), party_of(bank_b), receivers=("bank_a", "bank_b"))
    assert "receivers" in refusal(Refused, both, bank_b, policy_of(rule())).what
    answer(both, bank_b, policy_of(rule(receivers=("bank_b", "bank_a"))))


def test_an_empty_policy_and_one_about_other_datasets_deny(
    contract: Contract, bank_b: Member
) -> None:
    for policy in (Policy(), policy_of(rule(dataset="loans_old"), rule(dataset="deposits"))):
        assert refusal(Refused, contract, bank_b, policy).rule == "policy.toml: unlisted"


def test_two_rules_do_not_add_up(contract: Contract, bank_b: Member) -> None:
    """Each lists what the other one lacks; no single one lists all."""
    halves = policy_of(
        rule(purposes=("CREDIT_LARGE",)),
        rule(dataset="deposits"),
        rule(jobs=(JobKind.PSI_CARDINALITY,), bases=(Basis.GOV_SHARING,)),
    )
    refused = refusal(Refused, contract, bank_b, halves)
    assert refused.rule == "policy.toml: allow[1]"  # the closest one, counted as in the file
    assert "purpose" in refused.what


def test_one_rule_among_others_is_enough(contract: Contract, bank_b: Member) -> None:
    answer(contract, bank_b, policy_of(rule(on=("tax_id",)), rule(), rule(dataset="deposits")))


def test_the_own_initiative_needs_the_own_policy_too(contract: Contract, bank_a: Member) -> None:
    refusal(Refused, contract, bank_a, Policy())
    answer(contract, bank_a, policy_of(rule(**{"with": ("bank_b",)})))


LISTS: dict[str, tuple[Any, ...]] = {
    "jobs": tuple(JobKind),
    "on": ("uscc", "tax_id"),
    "with": ("bank_a", "tax"),
    "receivers": ("bank_a", "bank_b"),
    "purposes": ("CREDIT_MICRO", "CREDIT_LARGE"),
    "bases": (Basis.SYNTHETIC_TEST, Basis.GOV_SHARING),
}
RULES = st.fixed_dictionaries(
    {name: st.sets(st.sampled_from(all_), min_size=1).map(tuple) for name, all_ in LISTS.items()}
).map(lambda lists: rule(**lists))


@given(st.lists(RULES, max_size=4))
def test_consent_is_given_exactly_if_one_rule_lists_everything(
    bank_a: Member, bank_b: Member, rules: list[Allow]
) -> None:
    contract = contract_of(party_of(bank_a), party_of(bank_b))
    lists = any(
        JobKind.PSI in one.jobs
        and "uscc" in one.on
        and "bank_a" in one.others
        and "bank_a" in one.receivers
        and "CREDIT_MICRO" in one.purposes
        and Basis.SYNTHETIC_TEST in one.bases
        for one in rules
    )
    try:
        check_policy(contract, "bank_b", policy_of(*rules), NOW.date())
        allowed = True
    except Refused:
        allowed = False
    assert allowed == lists


# ── the contract, and the own data ──────────────────────────────────────────────────────────────


def test_a_certificate_that_has_changed_is_refused(contract: Contract, bank_b: Member) -> None:
    refusal(FingerprintChanged, contract, bank_b, policy_of(rule()), fingerprint="00" * 32)


def test_an_expired_contract_is_refused(contract: Contract, bank_b: Member) -> None:
    answer(contract, bank_b, policy_of(rule()), now=contract.expires - timedelta(seconds=1))
    for now in (contract.expires, contract.expires + timedelta(days=9)):
        refusal(ContractExpired, contract, bank_b, policy_of(rule()), now=now)


def test_a_dataset_that_is_not_there_is_refused_with_the_nearest_name(
    bank_a: Member, bank_b: Member
) -> None:
    contract = contract_of(party_of(bank_a), party_of(bank_b, dataset="loan"))
    refused = refusal(UnknownDataset, contract, bank_b, policy_of(rule()))
    assert refused.what == "bank_b has no dataset 'loan'. Did you mean 'loans'?"


def test_a_dataset_without_a_snapshot_is_not_there(contract: Contract, bank_b: Member) -> None:
    refusal(UnknownDataset, contract, bank_b, policy_of(rule()), snapshot=None)


@pytest.mark.parametrize("column", ["usc", "balance"])
def test_a_column_that_holds_no_keys_is_refused(
    bank_a: Member, bank_b: Member, column: str
) -> None:
    contract = contract_of(party_of(bank_a), party_of(bank_b, key_column=column))
    refused = refusal(UnknownColumn, contract, bank_b, policy_of(rule()))
    assert ("Did you mean 'uscc'?" in refused.what) == (column == "usc")


def test_keys_of_another_kind_are_refused(contract: Contract, bank_b: Member) -> None:
    other = entry_of("bank_b", key_column(key=KeyKind.ID_NUMBER))
    refusal(KeyKindMismatch, contract, bank_b, policy_of(rule()), other)


def test_a_schema_that_has_changed_is_refused(contract: Contract, bank_b: Member) -> None:
    wider = entry_of("bank_b", key_column(), key_column("former_uscc"))
    refusal(SnapshotChanged, contract, bank_b, policy_of(rule()), wider)


def test_a_dataset_may_grow_up_to_the_size_of_the_contract(
    contract: Contract, bank_a: Member, bank_b: Member
) -> None:
    columns = entry_of("bank_b").columns
    grown = entry_of("bank_b", key_column(size=512), *columns[1:])
    refused = refusal(DatasetOutgrown, contract, bank_b, policy_of(rule()), grown)
    assert "256" in refused.what
    assert "512" not in refused.what  # how far it has grown is the owner's
    roomy = contract_of(party_of(bank_a), party_of(bank_b, size=512))
    for size in (256, 512):
        answer(
            roomy,
            bank_b,
            policy_of(rule()),
            entry_of("bank_b", key_column(size=size), *columns[1:]),
        )


@pytest.mark.parametrize(
    ("columns", "holds"),
    [
        ((), True),
        ((key_column(size=512), *entry_of("bank_b").columns[1:]), False),
        ((key_column(rows_per_key=1),), False),
        ((key_column("code"),), False),
    ],
)
def test_a_refresh_ends_the_jobs_that_the_gate_would_refuse(
    contract: Contract, bank_b: Member, columns: tuple[CatalogueColumn, ...], holds: bool
) -> None:
    entry = entry_of("bank_b", *columns)
    assert still_holds(contract.party("bank_b"), {entry.name: entry}) is holds
    if not holds:
        with pytest.raises(MiheError):
            answer(contract, bank_b, policy_of(rule()), entry)


def test_each_column_of_a_key_must_be_listed_and_counted(bank_a: Member, bank_b: Member) -> None:
    month = CatalogueColumn(name="month", type=ColumnType.PERIOD, level=1)
    together = CatalogueKey(columns=("uscc", "month"), size=512)
    columns = (key_column(rows_per_key=12), month)
    entries = [
        entry_of(one.org, *columns).model_copy(update={"keys": (together,)})
        for one in (bank_a, bank_b)
    ]
    statement = parse(
        "SELECT COUNT(*) AS n FROM bank_a.loans AS a JOIN bank_b.loans AS b USING (uscc, month)",
        by_name(entries),
    )
    contract = contract_of(
        *(
            party_of(
                member,
                beside=(KeyPart(column="month", kind=BesideKind.PERIOD),),
                schema_digest=entry.schema_digest,
                size=512,
            )
            for member, entry in zip((bank_a, bank_b), entries, strict=True)
        ),
        kind=JobKind.QUERY,
        crypto=Crypto(suite=Suite.BLIND_JOIN),
        query=Query(statement=statement.sql, min_group=10, min_join=10, entries=tuple(entries)),
    )
    assert contract.keys_per_subject == 12
    used = {"uscc": (Use.JOIN,), "month": (Use.JOIN,)}
    allowed = rule(jobs=(JobKind.QUERY,), on=("uscc", "month"), columns=used)
    answer(contract, bank_b, policy_of(allowed), entries[1])

    refused = refusal(
        Refused,
        contract,
        bank_b,
        policy_of(rule(jobs=(JobKind.QUERY,), on=("uscc",), columns=used)),
        entries[1],
    )
    assert "key column" in refused.what
    compared = allowed.model_copy(update={"min_change": 50})
    answer(contract, bank_b, policy_of(compared), entries[1])
    grown = together.model_copy(update={"size": 576})
    outgrown = entries[1].model_copy(update={"keys": (grown,)})
    refusal(DatasetOutgrown, contract, bank_b, policy_of(allowed), outgrown)
    party = contract.party("bank_b")
    assert still_holds(party, {"loans": entries[1]})
    assert not still_holds(party, {"loans": outgrown})
