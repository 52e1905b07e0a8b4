"""From a wish to a contract: what does not fit is named, with the nearest name that does."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contract.canonical import canonical_bytes, digest, parse
from contract.cause import cause_of
from contract.dataset import CatalogueEntry
from contract.errors import (
    BadMessage,
    BadQuery,
    BadRequest,
    BadSignature,
    ForeignCertificate,
    KeyKindMismatch,
    MiheError,
    UnknownColumn,
    UnknownDataset,
    UnknownOrganisation,
    WrongRole,
)
from contract.job import Contract, JobKind
from contract.keys import KeyKind
from contract.signing import Kind, Statement
from contract.statements import Catalogue
from contract.suites import Suite
from node.parties import Offer
from node.propose import Wish, draft, read_offers
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.contracts import entry_of, key_column
from tests.unit.node.lines import Member

WISH = Wish(
    kind="psi",
    datasets=("bank_a.loans", "bank_b.loans"),
    on=("uscc",),
    receivers=("bank_a",),
    purpose="CREDIT_MICRO",
    basis="SYNTHETIC_TEST",
    lasts_seconds=3600,
)


def catalogue_of(member: Member, *entries: CatalogueEntry, **differing: Any) -> Statement:
    catalogue = Catalogue(org=member.org, revision=1, entries=entries)
    body = canonical_bytes(catalogue.model_copy(update=differing))
    return member.credentials.signer.sign(Kind.CATALOGUE, digest(body), body)


@pytest.fixture
def offers(bank_a: Member, bank_b: Member) -> dict[str, Offer]:
    people = key_column("id_no", key=KeyKind.ID_NUMBER)
    b = entry_of("bank_b", key_column(size=512), key_column("former_uscc"), people)
    statements = [
        catalogue_of(bank_a, entry_of("bank_a"), entry_of("bank_a", name="deposits")),
        catalogue_of(bank_b, b),
    ]
    return read_offers(statements, bank_a.credentials.authority)


def refusal(error: type[MiheError], offers: dict[str, Offer], **differing: Any) -> MiheError:
    with pytest.raises(error) as refused:
        draft(replace(WISH, **differing), offers, me="bank_a")
    assert type(refused.value) is error
    assert refused.value.exit_code == (5 if error is BadMessage else 2)
    cause_of(refused.value)
    return refused.value


# ── a wish that fits ────────────────────────────────────────────────────────────────────────────


def test_a_wish_becomes_a_contract_on_what_the_owners_signed(
    offers: dict[str, Offer], bank_a: Member, bank_b: Member
) -> None:
    contract = draft(WISH, offers, me="bank_a")
    assert contract.kind is JobKind.PSI
    assert (contract.initiator, contract.receivers) == ("bank_a", ("bank_a",))
    assert contract.expires - contract.created == timedelta(hours=1)
    for member, size in ((bank_a, 256), (bank_b, 512)):
        party = contract.party(member.org)
        assert party.fingerprint == member.fingerprint
        assert party.schema_digest == offers[member.org].entries["loans"].schema_digest
        assert (party.dataset, party.key_column, party.size) == ("loans", "uscc", size)
    assert parse(Contract, canonical_bytes(contract)) == contract


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ([("x", "", "1"), ("x", "", "2")], "each with a name of its own"),
        ([("X", "", "1")], "each with a name of its own"),
        ([(f"x{i}", "", "1") for i in range(33)], "at most 32 parameters"),
        ([("x", "", "1" * 257)], "longer than 256 characters"),
        ([("x", "dates", "1")], "Did you mean 'date'"),
        ([("x", "key", "1")], "no parameter has such a type"),
    ],
)
def test_the_parameters_of_a_query_are_bounded(
    offers: dict[str, Offer], parameters: list[tuple[str, str, str]], words: str
) -> None:
    asked = {"kind": "query", "statement": "SELECT 1", "parameters": tuple(parameters)}
    assert words in refusal(BadRequest, offers, **asked).what


def test_no_two_contracts_are_the_same_job(offers: dict[str, Offer]) -> None:
    assert draft(WISH, offers, me="bank_a").job_id != draft(WISH, offers, me="bank_a").job_id


def test_a_column_for_each_dataset_may_be_named(offers: dict[str, Offer]) -> None:
    contract = draft(replace(WISH, on=("uscc", "former_uscc")), offers, me="bank_b")
    assert [party.key_column for party in contract.parties] == ["uscc", "former_uscc"]


# ── a wish that does not ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("differing", "error", "says"),
    [
        ({"datasets": ("bank_a.loans", "bank_c.loans")}, UnknownOrganisation, "'bank_"),
        ({"datasets": ("bank_a.loans", "bnk_b.loans")}, UnknownOrganisation, "'bank_b'?"),
        ({"datasets": ("bank_a.loans", "bank_b.loan")}, UnknownDataset, "'loans'?"),
        ({"datasets": ("bank_a.deposit", "bank_b.loans")}, UnknownDataset, "'deposits'?"),
        ({"datasets": ("bank_a.loans", "bank_b")}, UnknownDataset, "''."),
        ({"datasets": ("loans", "bank_b.loans")}, UnknownOrganisation, "'loans'"),
        ({"on": ("usc",)}, UnknownColumn, "does not exist. Did you mean 'uscc'?"),
        ({"on": ("balance", "uscc")}, UnknownColumn, "is not a key column"),
        ({"on": ("uscc", "former_usc")}, UnknownColumn, "'former_uscc'?"),
        ({"on": ("uscc", "id_no")}, KeyKindMismatch, "bank_b.loans.id_no id_number keys"),
        ({"receivers": ("bank_c",)}, UnknownOrganisation, "Did you mean 'bank_"),
        ({"receivers": ("bank_a", "tax")}, UnknownOrganisation, "'tax'"),
        ({"receivers": ()}, BadRequest, "receivers"),
        ({"receivers": ("bank_a", "bank_a")}, BadRequest, "receivers"),
        ({"datasets": ("bank_a.loans",)}, BadRequest, "two to 8 datasets"),
        ({"datasets": ("bank_a.loans",) * 9}, BadRequest, "two to 8 datasets"),
        ({"datasets": ("bank_a.loans", "bank_b.loans") * 2}, BadRequest, "one organisation"),
        ({"datasets": ("bank_a.loans", "bank_a.deposits")}, BadRequest, "one organisation"),
        ({"on": ()}, BadRequest, "one key"),
        ({"on": ("uscc",) * 3}, BadRequest, "one key"),
        ({"kind": "query"}, BadQuery, "SELECT"),
        ({"kind": ""}, BadRequest, "kind"),
        ({"purpose": "micro credit"}, BadRequest, "purpose"),
        ({"purpose": "AB"}, BadRequest, "purpose"),
        ({"purpose": "A" * 41}, BadRequest, "purpose"),
        ({"purpose": "91110000600037341L"}, BadRequest, "purpose"),
        ({"basis": "GOV_SHARE"}, BadRequest, "Did you mean 'GOV_SHARING'?"),
        ({"basis": ""}, BadRequest, "legal basis"),
        ({"lasts_seconds": 59}, BadRequest, "one minute"),
        ({"lasts_seconds": 90 * 86400 + 1}, BadRequest, "90 days"),
        ({"lasts_seconds": 2**63}, BadRequest, "90 days"),
    ],
)
def test_what_does_not_fit_is_named(
    offers: dict[str, Offer], differing: dict[str, Any], error: type[MiheError], says: str
) -> None:
    refused = refusal(error, offers, **differing)
    assert says in refused.what
    assert "91110000600037341L" not in str(refused)


def test_a_third_organisation_proposes_nothing(offers: dict[str, Offer]) -> None:
    with pytest.raises(BadRequest) as refused:
        draft(WISH, offers, me="tax")
    assert "none of the datasets belongs to tax" in refused.value.what


@pytest.mark.parametrize("lasts", [60, 90 * 86400])
def test_a_contract_may_last_from_a_minute_to_90_days(offers: dict[str, Offer], lasts: int) -> None:
    contract = draft(replace(WISH, lasts_seconds=lasts), offers, me="bank_a")
    assert contract.expires - contract.created == timedelta(seconds=lasts)


def test_a_key_column_without_a_size_takes_part_in_nothing(
    offers: dict[str, Offer], bank_b: Member, bank_a: Member
) -> None:
    sizeless = catalogue_of(bank_b, entry_of("bank_b", key_column(size=None)))
    forged = offers | read_offers([sizeless], bank_a.credentials.authority)
    assert refusal(UnknownColumn, forged).party == "bank_b"


@pytest.mark.parametrize("size", [0, 255, 300, 2**32])
def test_a_size_that_no_contract_allows_is_not_believed(
    offers: dict[str, Offer], bank_b: Member, bank_a: Member, size: int
) -> None:
    odd = catalogue_of(bank_b, entry_of("bank_b", key_column(size=size)))
    refused = refusal(BadMessage, offers | read_offers([odd], bank_a.credentials.authority))
    assert refused.party == "bank_b"


# ── catalogues ──────────────────────────────────────────────────────────────────────────────────


def unbelieved(error: type[MiheError], statement: Statement, reader: Member) -> MiheError:
    with pytest.raises(error) as refused:
        read_offers([statement], reader.credentials.authority)
    assert type(refused.value) is error
    assert refused.value.party in ("bank_b", "coordinator")
    return refused.value


def test_a_catalogue_that_its_owner_did_not_sign_is_not_believed(
    bank_a: Member, bank_b: Member, stranger: Member, consortium: Consortium
) -> None:
    genuine = catalogue_of(bank_b, entry_of("bank_b"))
    larger = catalogue_of(bank_b, entry_of("bank_b", key_column(size=1024)))
    unbelieved(BadSignature, replace(genuine, body=larger.body), bank_a)
    unbelieved(BadSignature, replace(genuine, subject=larger.subject), bank_a)
    unbelieved(BadSignature, replace(genuine, signature=larger.signature), bank_a)
    unbelieved(ForeignCertificate, catalogue_of(stranger, entry_of("bank_b")), bank_a)
    body = genuine.body
    posing = consortium.coordinator.signer.sign(Kind.CATALOGUE, digest(body), body)
    unbelieved(WrongRole, posing, bank_a)


def test_a_catalogue_of_another_or_of_anothers_data_is_not_believed(
    bank_a: Member, bank_b: Member
) -> None:
    unbelieved(BadSignature, catalogue_of(bank_b, entry_of("bank_a")), bank_a)
    unbelieved(BadSignature, catalogue_of(bank_b, org="bank_a"), bank_a)
    body = canonical_bytes(Catalogue(org="bank_b", revision=1, entries=(entry_of("bank_b"),)))
    sign = bank_b.credentials.signer.sign
    unbelieved(BadSignature, sign(Kind.CATALOGUE, bytes(32), body), bank_a)
    unbelieved(BadSignature, sign(Kind.APPROVAL, digest(body), body), bank_a)
    unbelieved(BadMessage, sign(Kind.CATALOGUE, digest(b"{}"), b"{}"), bank_a)


# ── engines ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("engine", "suite"),
    [
        ("", Suite.PSI_ECDH),
        ("auto", Suite.PSI_ECDH),
        ("rr22", Suite.PSI_RR22),
        ("rr22-active", Suite.PSI_RR22_ACTIVE),
        ("ecdh", Suite.PSI_ECDH),
        ("ecdh-sm2", Suite.PSI_ECDH_SM2),
    ],
)
def test_an_engine_is_chosen_or_asked_for(
    offers: dict[str, Offer], engine: str, suite: Suite
) -> None:
    assert draft(replace(WISH, engine=engine), offers, me="bank_a").crypto.suite is suite


def test_an_engine_that_there_is_not_or_that_cannot_is_refused(offers: dict[str, Offer]) -> None:
    assert "Did you mean 'rr22'?" in refusal(BadRequest, offers, engine="rr2").what
    asked = {"kind": "psi_cardinality", "engine": "rr22"}
    assert "does not compute this job" in refusal(BadRequest, offers, **asked).what


# ── matching ────────────────────────────────────────────────────────────────────────────────────


def test_only_what_the_coordinator_matches_can_be_keyed(
    offers: dict[str, Offer],
) -> None:
    third = replace(offers["bank_b"], entries={"loans": entry_of("tax")})
    of_three = replace(WISH, datasets=(*WISH.datasets, "tax.loans"))
    all_three = {**offers, "tax": third}
    for matching, suite in (
        ("", Suite.BLIND_MATCH),
        ("blind", Suite.BLIND_MATCH),
        ("keyed", Suite.KEYED_MATCH),
    ):
        wish = replace(of_three, matching=matching)
        assert draft(wish, all_three, me="bank_a").crypto.suite is suite
    assert "no matching is keyed" in refusal(BadRequest, offers, matching="keyed").what
    with pytest.raises(BadRequest, match="no matching is keyed"):
        draft(replace(of_three, matching="keyed", engine="star"), all_three, me="bank_a")
    assert draft(replace(WISH, matching="blind"), offers, me="bank_a").matching is None
    assert "Did you mean 'keyed'?" in refusal(BadRequest, offers, matching="keyd").what
    assert "Did you mean 'shared'?" in refusal(BadRequest, offers, aggregation="share").what
    assert "nothing is added up" in refusal(BadRequest, offers, aggregation="shared").what


@pytest.mark.parametrize(
    "epsilon", ["0", "0.0005", "0.1234", "10.001", "11", "1e-1", "-1", "½", "nan", " 1", "1" * 99]
)
def test_the_epsilon_of_noise_is_a_short_number_within_its_bounds(epsilon: str) -> None:
    wish = replace(WISH, kind="query", statement="SELECT 1", epsilon=epsilon)
    with pytest.raises(BadRequest) as refused:
        draft(wish, {}, me="bank_a")
    assert "0.001 to 10" in refused.value.what


@pytest.mark.parametrize(
    ("statement", "aggregation", "what"),
    [
        (
            "SELECT SUM(a) FROM (SELECT a FROM x.y UNION ALL SELECT a FROM z.y)",
            "",
            "UNION ALL",
        ),
        ("SELECT 1", "shared", "exact counts"),
    ],
)
def test_where_nobody_can_add_noise_none_is_promised(
    statement: str, aggregation: str, what: str
) -> None:
    wish = replace(WISH, kind="query", statement=statement, aggregation=aggregation, epsilon="0.5")
    with pytest.raises(BadRequest) as refused:
        draft(wish, {}, me="bank_a")
    assert what in refused.value.what
