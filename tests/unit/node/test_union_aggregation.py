"""How a sum over UNION ALL is added up: what is asked, what is allowed, what people are told."""

# Statements are made up here, and only ever parsed.
# ruff: noqa: S608

from datetime import UTC, date, datetime

import pytest

from contract.errors import BadQuery, BadRequest, Refused
from contract.job import Basis, Contract, JobKind
from contract.leakage import leakage_of
from contract.policy import Policy, Use
from contract.suites import UNION_SUITES, Aggregation
from federated.paillier import encrypt
from federated.paillier.parameters import MOST_CIPHERTEXTS
from node.gate import check_policy, decide
from node.outlook import digest_of, outlook
from tests.flow.union_in_process import TRADES, contract_of, entry_of, orgs_of, proposed

ORGS = orgs_of(3)
TODAY = date(2026, 3, 1)
MASKED, PAILLIER = (contract_of(ORGS, aggregation=way) for way in UNION_SUITES)


def policy(*ways: Aggregation) -> Policy:
    rule = {
        "dataset": "loans",
        "jobs": (JobKind.QUERY,),
        "on": ("uscc",),
        "with": ORGS,
        "receivers": ORGS[:1],
        "purposes": ("CREDIT_MICRO",),
        "bases": (Basis.SYNTHETIC_TEST,),
        "columns": {"trade": (Use.GROUP,), "balance": (Use.SUM,)},
        "min_contributors": 3,
        "approve": "auto",
    }
    return Policy.model_validate({"allow": (rule | ({"aggregation": ways} if ways else {}),)})


@pytest.mark.parametrize(
    ("listed", "allowed"),
    [
        ((), {Aggregation.MASKED}),
        ((Aggregation.ENCRYPTED,), {Aggregation.MASKED}),
        ((Aggregation.ENCRYPTED, Aggregation.SHARED), {Aggregation.MASKED}),
        ((Aggregation.PAILLIER,), {Aggregation.PAILLIER}),
        ((Aggregation.ENCRYPTED, Aggregation.PAILLIER), {Aggregation.PAILLIER}),
        ((Aggregation.MASKED,), {Aggregation.MASKED}),
        ((Aggregation.MASKED, Aggregation.PAILLIER), {Aggregation.MASKED, Aggregation.PAILLIER}),
    ],
)
def test_a_policy_allows_what_it_lists_and_may_require_it(
    listed: tuple[Aggregation, ...], allowed: set[Aggregation]
) -> None:
    for way, contract in zip(UNION_SUITES, (MASKED, PAILLIER), strict=True):
        if way in allowed:
            check_policy(contract, ORGS[1], policy(*listed), TODAY)
            continue
        with pytest.raises(Refused) as caught:
            check_policy(contract, ORGS[1], policy(*listed), TODAY)
        assert caught.value.what.endswith(f"does not allow its {way.value} aggregation")


def test_a_node_without_the_library_refuses_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def decided(contract: Contract) -> None:
        decide(
            contract,
            org=ORGS[1],
            fingerprint=contract.party(ORGS[1]).fingerprint,
            policy=policy(Aggregation.MASKED, Aggregation.PAILLIER),
            entries={"loans": entry_of(ORGS[1])},
            snapshots=("07" * 32,),
            now=datetime(2026, 3, 1, 1, tzinfo=UTC),
        )

    decided(PAILLIER)
    monkeypatch.setattr(encrypt, "is_installed", lambda: False)
    decided(MASKED)
    with pytest.raises(Refused) as caught:
        decided(PAILLIER)
    assert caught.value.party == ORGS[1]
    assert "pip install 'mihe[paillier]'" in caught.value.fix


# ── what is asked ───────────────────────────────────────────────────────────────────────────────


def statement(columns: int) -> str:
    """Of each trade, balances and so many multiples of them."""
    values = ", ".join(f"balance * {n + 1} AS v{n}" for n in range(columns))
    each = (f"SELECT trade, {values} FROM {org}.loans" for org in ORGS)
    sums = ", ".join(f"SUM(v{n}) AS s{n}" for n in range(columns))
    return f"SELECT trade, {sums} FROM ({' UNION ALL '.join(each)}) GROUP BY trade"


def asked(
    aggregation: str,
    *,
    matching: str = "",
    trades: tuple[str, ...] = TRADES,
    columns: int = 1,
) -> Contract:
    entries = [entry_of(org, trades) for org in ORGS]
    terms = {"aggregation": aggregation, "matching": matching}
    return proposed(statement(columns), entries, me=ORGS[0], **terms)


def test_masks_are_the_usual_way_and_paillier_is_asked_for() -> None:
    for word, way in (("", Aggregation.MASKED), ("masked", Aggregation.MASKED)):
        assert asked(word).aggregation is way
    contract = asked("paillier")
    assert contract.aggregation is Aggregation.PAILLIER
    assert contract.crypto.suite == "union/X25519-ChaCha20-SHAMIR521/Paillier-3072"
    assert digest_of(contract) != digest_of(
        contract.model_copy(update={"crypto": asked("").crypto})
    )


@pytest.mark.parametrize("word", ["encrypted", "shared"])
def test_what_joins_do_is_no_way_to_add_up_over_union_all(word: str) -> None:
    with pytest.raises(BadRequest, match=f"no sum over UNION ALL is {word}") as caught:
        asked(word)
    assert caught.value.fix.endswith("masked, paillier")
    with pytest.raises(BadRequest, match="no matching is keyed"):
        asked("paillier", matching="keyed")


def test_more_sums_than_can_be_encrypted_are_refused_with_the_numbers() -> None:
    trades = tuple(f"trade {number}" for number in range(500))
    totals = 15 * MOST_CIPHERTEXTS // len(trades)
    fits = outlook(asked("paillier", trades=trades, columns=totals - 1))  # rows are counted, too
    assert f"{len(trades) * totals // 15} ciphertexts" in " ".join(fits.streams)
    assert outlook(asked("", trades=trades, columns=totals)).bytes_on_the_wire
    with pytest.raises(BadQuery) as caught:
        outlook(asked("paillier", trades=trades, columns=totals))
    assert "at most 1024 are made, of 15360 sums" in caught.value.what
    # At the dimensions, in the statement as it is typed.
    length = len(statement(totals)) - len("trade")
    assert caught.value.what.startswith(f"line 1, column {length + 1}: ")


# ── what people are told ────────────────────────────────────────────────────────────────────────


def test_the_plan_names_scheme_key_and_ciphertexts() -> None:
    plain, view = outlook(asked("")), outlook(asked("paillier"))
    said = " ".join(view.streams)
    assert "1 ciphertexts by Paillier, 3072 bit, 15 sums in each" in said
    assert f"{ORGS[0]} → coordinator → each other: one-time key, 384 bytes" in said
    assert not any("Paillier" in line for line in plain.streams)
    assert float(view.seconds) > float(plain.seconds)


def test_the_statement_says_what_the_key_adds_and_what_it_does_not() -> None:
    masked, encrypted = leakage_of(MASKED), leakage_of(PAILLIER)
    assert any("ISO/IEC 18033-6" in line for line in encrypted.not_covered)
    assert not any("ISO/IEC 18033-6" in line for line in masked.not_covered)
    (of_masked,), (of_encrypted,) = masked.coalitions[-1].what, encrypted.coalitions[-1].what
    assert of_masked.startswith("the counts and the sums of the rest together in every cell")
    assert of_encrypted.endswith("with the receiver their sums, too")
    assert masked.coalitions[:-1] == encrypted.coalitions[:-1]
    assert masked.parties == encrypted.parties
