"""The contract: what can be agreed to at all, and which job each of its words makes it."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.canonical import canonical_bytes, parse
from contract.errors import ContractAltered
from contract.job import Basis, Contract, JobKind, KeyedDataset, KeyPart, Party
from contract.keys import BesideKind, KeyKind
from contract.sizes import LARGEST_SIZE, SMALLEST_SIZE, padded_size

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def party(org: str, **differing: Any) -> Party:
    fields: dict[str, Any] = {
        "org": org,
        "fingerprint": sha256(org.encode()).hexdigest(),
        "dataset": "loans",
        "key_column": "uscc",
        "key_kind": KeyKind.USCC,
        "schema_digest": "cd" * 32,
        "size": 256,
    }
    return Party(**{**fields, **differing})


A, B, C = party("bank_a"), party("bank_b"), party("tax")
MONTH = (KeyPart(column="month", kind=BesideKind.PERIOD),)
MORE = KeyedDataset(dataset="more", key=("uscc",), schema_digest="ef" * 32)


def contract(**differing: Any) -> Contract:
    fields: dict[str, Any] = {
        "kind": JobKind.PSI,
        "initiator": "bank_a",
        "parties": (A, B),
        "receivers": ("bank_a",),
        "purpose": "CREDIT_MICRO",
        "basis": Basis.SYNTHETIC_TEST,
        "created": NOW,
        "expires": NOW + timedelta(days=1),
        "nonce": "ab" * 32,
    }
    return Contract(**{**fields, **differing})


def test_an_intersection_may_be_by_a_key_of_several_columns() -> None:
    both = tuple(party(org, beside=MONTH) for org in ("bank_a", "bank_b"))
    job = contract(parties=both)
    assert parse(Contract, canonical_bytes(job)) == job
    assert job.job_id != contract().job_id


def test_the_job_id_is_the_digest_of_the_canonical_json() -> None:
    job = contract()
    assert job.job_id == sha256(canonical_bytes(job)).digest()
    assert parse(Contract, canonical_bytes(job)).job_id == job.job_id


OTHERWISE: list[dict[str, Any]] = [
    {"kind": JobKind.PSI_CARDINALITY},
    {"initiator": "bank_b"},
    {"parties": (B, A)},
    {"parties": (A, C), "receivers": ("bank_a",)},
    {"parties": (A, party("bank_b", size=512))},
    {"parties": (A, party("bank_b", fingerprint="00" * 32))},
    {"parties": (A, party("bank_b", dataset="deposits"))},
    {"parties": (A, party("bank_b", key_column="uscc_old"))},
    {"parties": (A, party("bank_b", schema_digest="00" * 32))},
    {"receivers": ("bank_b",)},
    {"receivers": ("bank_a", "bank_b")},
    {"receivers": ("bank_b", "bank_a")},
    {"purpose": "CREDIT_LARGE"},
    {"basis": Basis.GOV_SHARING},
    {"created": NOW - timedelta(seconds=1)},
    {"expires": NOW + timedelta(days=2)},
    {"nonce": "00" * 32},
]


def test_every_word_of_a_contract_makes_it_another_job() -> None:
    jobs = {contract(**differing).job_id for differing in ({}, *OTHERWISE)}
    assert len(jobs) == len(OTHERWISE) + 1


def test_the_substance_is_all_but_when_it_was_drafted() -> None:
    later = NOW + timedelta(hours=1)
    drafted_later = {"created": later, "expires": later + timedelta(days=1), "nonce": "00" * 32}
    assert contract(**drafted_later).substance == contract().substance
    undated = [differing for differing in OTHERWISE if "nonce" not in differing]
    substances = {contract(**differing).substance for differing in ({}, *undated)}
    assert len(substances) == len(undated) + 1


@pytest.mark.parametrize(
    "differing",
    [
        {"parties": (A,)},
        {"parties": (A, B, C)},
        {"parties": (A, A)},
        {"parties": (A, party("bank_a", dataset="deposits"))},
        {"parties": (A, party("bank_b", key_kind=KeyKind.ID_NUMBER))},
        {"parties": (A, party("bank_b", beside=MONTH))},
        {"parties": (A, party("bank_b", joined=(MORE,)))},
        {"receivers": ()},
        {"receivers": ("bank_a", "bank_a")},
        {"receivers": ("tax",)},
        {"receivers": ("bank_a", "tax")},
        {"initiator": "tax"},
        {"initiator": "coordinator"},
        {"expires": NOW},
        {"expires": NOW - timedelta(days=1)},
        {"created": NOW.replace(tzinfo=None)},
        {"purpose": "credit"},
        {"purpose": "AB"},
        {"purpose": "A" * 41},
        {"purpose": "CREDIT 2026"},
        {"purpose": "91110000600037341L"},
        {"purpose": "_CREDIT"},
        {"basis": "CONSENT"},
        {"kind": "train"},
        {"nonce": "AB" * 32},
        {"nonce": "ab" * 31},
        {"version": 2},
        {"planner": 2},
        {"runs": 2},
        {"note": "hello"},
    ],
    ids=str,
)
def test_what_is_no_contract(differing: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        contract(**differing)


@pytest.mark.parametrize("size", [0, 1, 128, 255, 257, 300, -256, 2**32, 256.0, "256", True])
def test_what_is_no_size(size: object) -> None:
    with pytest.raises(ValidationError):
        party("bank_a", size=size)


@pytest.mark.parametrize(
    "differing",
    [
        {"org": "Bank"},
        {"org": "b" * 33},
        {"dataset": "loans; DROP TABLE loans"},
        {"dataset": "l" * 64},
        {"key_column": "贷 款"},
        {"fingerprint": "0" * 63},
        {"schema_digest": "G" * 64},
        {"key_kind": "phone"},
    ],
    ids=str,
)
def test_what_is_no_party(differing: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        party("bank_a", **differing) if "org" not in differing else party(**differing)


def test_crypto_is_stated_and_not_negotiated() -> None:
    raw = canonical_bytes(contract())
    for stated, other in (
        (b'"computational_bits":128', b'"computational_bits":112'),
        (b'"statistical_bits":40', b'"statistical_bits":20'),
        (b"psi-ecdh/ristretto255-SHA512", b"psi-ecdh/curve25519-SHA512"),
        (b'"protocol":1', b'"protocol":2'),
    ):
        assert stated in raw
        with pytest.raises(ContractAltered):
            parse(Contract, raw.replace(stated, other), error=ContractAltered)


def test_who_is_who() -> None:
    job = contract()
    assert job.orgs == ("bank_a", "bank_b")
    assert (job.party("bank_b"), job.others("bank_b")) == (B, ("bank_a",))
    with pytest.raises(KeyError):
        job.party("tax")


def test_nothing_of_a_contract_can_be_changed() -> None:
    job = contract()
    with pytest.raises(ValidationError):
        job.purpose = "CREDIT_LARGE"
    with pytest.raises(ValidationError):
        job.parties[0].size = 512


@given(st.integers(0, LARGEST_SIZE))
@example(0)
@example(256)
@example(257)
@example(LARGEST_SIZE)
def test_a_size_is_an_eighth_of_an_octave_above_at_most_and_fits_a_contract(keys: int) -> None:
    size = padded_size(keys)
    assert size >= max(keys, SMALLEST_SIZE)
    assert size >> (size.bit_length() - 4) << (size.bit_length() - 4) == size
    assert size == SMALLEST_SIZE or 8 * size < 9 * keys
    assert party("bank_a", size=size).size == size
