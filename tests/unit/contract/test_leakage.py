"""Who learns what: each line of the statement follows from the contract, and none is missing."""

from datetime import date
from decimal import Decimal
from itertools import product

import pytest
from pydantic import ValidationError

from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.job import Contract, Crypto, JobKind, KeyPart, Query
from contract.keys import BesideKind, KeyKind
from contract.leakage import leakage_of
from contract.learns import LeakageStatement, Learns
from contract.suites import (
    JOIN_AGGREGATIONS,
    MATCH_SUITES,
    QUERY_SUITES,
    RR22_SUITES,
    Aggregation,
    Matching,
    Suite,
)
from tests.unit.contract.test_job import A, contract, party

KINDS = (JobKind.PSI, JobKind.PSI_CARDINALITY)
RECEIVERS = (("bank_a",), ("bank_b",), ("bank_a", "bank_b"), ("bank_b", "bank_a"))


def statement(kind: JobKind, receivers: tuple[str, ...]) -> tuple[Contract, LeakageStatement]:
    made = contract(kind=kind, receivers=receivers, parties=(A, party("bank_b", size=1024)))
    return made, leakage_of(made)


def of(who: str, lines: tuple[Learns, ...]) -> tuple[str, ...]:
    (line,) = (line for line in lines if line.who == who)
    return line.what


def test_a_key_of_several_columns_is_named_as_one() -> None:
    month = (KeyPart(column="month", kind=BesideKind.PERIOD),)
    both = [party(org, beside=month) for org in ("bank_a", "bank_b", "tax")]
    of_two = leakage_of(contract(parties=tuple(both[:2])))
    assert of("bank_a", of_two.parties)[0].startswith("which of its own (uscc, month) values")
    of_three = leakage_of(
        contract(parties=tuple(both), crypto=Crypto(suite=MATCH_SUITES[Matching.BLIND]))
    )
    assert of("bank_a", of_three.parties)[0].startswith("which of its own (uscc, month) values")


def test_everybody_is_in_it_once() -> None:
    for kind, receivers in product(KINDS, RECEIVERS):
        _, learnt = statement(kind, receivers)
        assert [line.who for line in learnt.parties] == ["bank_a", "bank_b", "coordinator"]
        assert [line.who for line in learnt.coalitions] == [
            "coordinator and bank_a",
            "coordinator and bank_b",
            "bank_a and bank_b",
        ]
        assert all(line.what for line in (*learnt.parties, *learnt.coalitions))
        assert learnt.not_covered


@pytest.mark.parametrize("receivers", RECEIVERS)
def test_a_receiver_learns_which_and_the_others_nothing_of_the_result(
    receivers: tuple[str, ...],
) -> None:
    _, learnt = statement(JobKind.PSI, receivers)
    for org, other in (("bank_a", "bank_b"), ("bank_b", "bank_a")):
        lines = of(org, learnt.parties)
        which = f"which of its own uscc values {other} also has, and so how many"
        assert (which in lines) == (org in receivers)
        assert ("nothing of the result" in lines) == (org not in receivers)


@pytest.mark.parametrize("suite", RR22_SUITES)
@pytest.mark.parametrize("receivers", RECEIVERS)
def test_what_the_fast_suite_does_not_hold_is_said(
    receivers: tuple[str, ...], suite: Suite
) -> None:
    made = contract(receivers=receivers, crypto=Crypto(suite=suite))
    said = leakage_of(made).not_covered
    first, *others = receivers
    assert any(line.startswith(f"The size does not bind {first}") for line in said)
    for org in others:
        assert any(line.startswith(f"{org} learns its result from {first}") for line in said)
    _, slow = statement(JobKind.PSI, receivers)
    assert not any("does not bind" in line for line in slow.not_covered)


@pytest.mark.parametrize("receivers", RECEIVERS)
def test_the_suite_with_checks_is_said_to_be_experimental_and_why(
    receivers: tuple[str, ...],
) -> None:
    made = contract(receivers=receivers, crypto=Crypto(suite=Suite.PSI_RR22_ACTIVE))
    said = leakage_of(made).not_covered
    (experimental,) = [line for line in said if line.startswith("Experimental")]
    assert f"do not hold {receivers[0]} to its size" in experimental
    assert not any("semi-honest" in line for line in said)


@pytest.mark.parametrize("receivers", RECEIVERS)
def test_a_count_is_said_to_be_a_count(receivers: tuple[str, ...]) -> None:
    _, learnt = statement(JobKind.PSI_CARDINALITY, receivers)
    for org, other in (("bank_a", "bank_b"), ("bank_b", "bank_a")):
        lines = of(org, learnt.parties)
        how_many = f"how many uscc values it has in common with {other}, not which"
        assert (how_many in lines) == (org in receivers)
        assert not [line for line in lines if line.startswith("which of")]


def test_everybody_learns_the_others_padded_size() -> None:
    for kind, receivers in product(KINDS, RECEIVERS):
        _, learnt = statement(kind, receivers)
        assert "that bank_b brings between 0 and 1024 keys (the padded size)" in of(
            "bank_a", learnt.parties
        )
        assert "that bank_a brings between 0 and 256 keys (the padded size)" in of(
            "bank_b", learnt.parties
        )


def test_the_cap_on_guesses_is_that_of_the_receivers() -> None:
    for receivers, says in (
        (("bank_a",), "256 (bank_a)"),
        (("bank_b",), "1024 (bank_b)"),
        (("bank_a", "bank_b"), "256 (bank_a) and 1024 (bank_b)"),
    ):
        _, learnt = statement(JobKind.PSI, receivers)
        (guesses,) = [line for line in learnt.not_covered if "guessed keys" in line]
        assert f"up to the {says} that the contract fixes" in guesses


def test_the_coordinator_learns_no_data() -> None:
    for kind, receivers in product(KINDS, RECEIVERS):
        _, learnt = statement(kind, receivers)
        assert "no identifier, no value, no point, no result" in of("coordinator", learnt.parties)


def test_the_columns_named_are_the_partys_own() -> None:
    made = contract(
        parties=(A, party("bank_b", key_column="old_uscc")), receivers=("bank_a", "bank_b")
    )
    learnt = leakage_of(made)
    assert "its own uscc values" in of("bank_a", learnt.parties)[0]
    assert "its own old_uscc values" in of("bank_b", learnt.parties)[0]


# ── queries: the table of federated/SPEC.md §4.4 ────────────────────────────────────────────────

ORGS = ("bank_a", "bank_b", "tax")


def query(
    receiver: str,
    k: int = 10,
    matching: Matching = Matching.BLIND,
    aggregation: Aggregation = Aggregation.ENCRYPTED,
    largest_share: int | None = None,
    epsilon: Decimal | None = None,
) -> LeakageStatement:
    key = CatalogueColumn(name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=512)
    entries = tuple(
        CatalogueEntry(org=org, name="loans", columns=(key,), refreshed=date(2026, 1, 1))
        for org in ORGS
    )
    asked = Query(
        statement="SELECT COUNT(*) AS n FROM bank_a.loans",
        min_group=k,
        min_join=k,
        entries=entries,
        largest_share=largest_share,
        epsilon=epsilon,
    )
    parties = tuple(
        party(entry.org, size=256 << at, schema_digest=entry.schema_digest)
        for at, entry in enumerate(entries)
    )
    return leakage_of(
        contract(
            kind=JobKind.QUERY,
            receivers=(receiver,),
            parties=parties,
            query=asked,
            crypto=Crypto(suite=QUERY_SUITES[matching, aggregation]),
        )
    )


@pytest.mark.parametrize("receiver", ORGS)
def test_a_query_has_every_row_of_the_table_that_can_apply(receiver: str) -> None:
    learnt = query(receiver)
    assert [line.who for line in learnt.parties] == [*ORGS, "coordinator"]
    assert [line.who for line in learnt.coalitions] == [
        f"owners, without the coordinator and without {receiver}",
        f"{receiver} and owners",
        "coordinator and owners",
        f"coordinator and {receiver}",
        f"coordinator, {receiver} and owners",
    ]


@pytest.mark.parametrize("receiver", ORGS)
def test_only_the_receiver_of_a_query_sees_a_result(receiver: str) -> None:
    learnt = query(receiver, k=17)
    for org in ORGS:
        lines = of(org, learnt.parties)
        results = [line for line in lines if line.startswith("the result")]
        assert len(results) == (org == receiver)
        assert all("at least 17 entities" in line for line in results)
        assert "which cells pass: its own groups by name, the others' by opaque codes" in lines


@pytest.mark.parametrize("receiver", ORGS)
def test_coordinator_and_receiver_are_said_to_read_every_row(receiver: str) -> None:
    learnt = query(receiver)
    every, whose = of(f"coordinator and {receiver}", learnt.coalitions)
    assert every.startswith("every row of every owner, in the join or not, linked per entity")
    assert whose == f"for {receiver}'s own keys, whose"
    for others in ("coordinator", *ORGS):
        assert not [line for line in of(others, learnt.parties) if "every row" in line]


def test_the_coordinator_is_said_to_know_real_numbers_and_withheld_cells() -> None:
    lines = " ".join(of("coordinator", query("tax").parties))
    assert "how many keys each owner really has, in all and in each group" in lines
    assert "withheld cells too" in lines
    assert "public statistics name most of them" in lines


def test_the_cap_on_guesses_of_coordinator_and_owners_is_the_padded_sizes() -> None:
    lines = of("coordinator and owners", query("tax").coalitions)
    assert any("256 (bank_a), 512 (bank_b), 1024 (tax)" in line for line in lines)


def test_what_a_small_cell_itself_says_is_said() -> None:
    lines = " ".join(query("bank_b").not_covered)
    assert "bank_b for its own keys" in lines
    assert "the threshold is of entities, not of values" in lines.lower()


# ── keyed matching ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("receiver", ORGS)
def test_a_keyed_query_says_who_has_every_identifier(receiver: str) -> None:
    learnt, blind = query(receiver, matching=Matching.KEYED), query(receiver)
    assert learnt.parties == blind.parties
    assert learnt.coalitions[:2] == blind.coalitions[:2]
    (with_owner, no_value) = of("coordinator and any owner", learnt.coalitions)
    assert with_owner.startswith("every identifier of every list")
    assert no_value == "no value of another owner"
    (whole,) = of(f"coordinator and {receiver}", learnt.coalitions)
    assert whole.startswith("every row of every owner")
    assert whole.endswith("with its identifier")
    # No cap on guesses is promised, nor that only own keys are found.
    said = " ".join(one for line in learnt.coalitions for one in line.what)
    assert "at most as many guesses" not in said
    assert [one for one in learnt.not_covered if one.startswith("Matching is keyed")]
    assert not [one for one in blind.not_covered if "keyed" in one]


@pytest.mark.parametrize("matching", Matching)
@pytest.mark.parametrize("receiver", ORGS)
def test_a_query_by_shares_says_what_receiver_and_helper_see(
    receiver: str, matching: Matching
) -> None:
    learnt = query(receiver, matching=matching, aggregation=Aggregation.SHARED)
    encrypted = query(receiver, matching=matching)
    helper = next(org for org in ORGS if org != receiver)
    for org in ORGS:
        counts = [line for line in of(org, learnt.parties) if "helper" in line]
        assert len(counts) == (org == helper)
    (which,) = of(f"{receiver} and owners", learnt.coalitions)
    assert which.startswith("which of those owners' keys are in each passing cell")
    assert f"with {helper}, {receiver}'s helper, which of {receiver}'s" in which
    (read,) = of(f"coordinator and {helper}", learnt.coalitions)
    assert read.startswith(f"every value that {receiver} hands in, in the join or not")
    values = [one for line in learnt.coalitions for one in line.what if "no value of" in one]
    assert values == [f"no value of another owner, unless {helper} is among them"]
    assert not [line for line in encrypted.coalitions if "helper" in " ".join(line.what)]
    assert of("coordinator", learnt.parties) == of("coordinator", encrypted.parties)


@pytest.mark.parametrize("matching", Matching)
@pytest.mark.parametrize("aggregation", JOIN_AGGREGATIONS)
def test_bands_are_said_to_show_how_large_values_are_and_their_absence_too(
    matching: Matching, aggregation: Aggregation
) -> None:
    off = query("bank_a", matching=matching, aggregation=aggregation)
    bands = query("bank_a", matching=matching, aggregation=aggregation, largest_share=60)
    (unchecked,) = set(off.not_covered) - set(bands.not_covered)
    assert unchecked.startswith("Whether one entity has nearly all of a sum is not checked")
    (checked,) = set(bands.not_covered) - set(off.not_covered)
    assert checked.startswith("No entity has more than 60 %")
    new = set(of("coordinator", bands.parties)) - set(of("coordinator", off.parties))
    assert any("of every line, in the join or not, how large each number is" in one for one in new)
    # With owners: a band where nothing was said to be seen. No owner sees one by itself.
    said = [one for line in bands.coalitions for one in line.what if "their bands" in one]
    assert len(said) == 1
    assert off.parties[:-1] == bands.parties[:-1]


@pytest.mark.parametrize(("receiver", "counter"), [("bank_a", "bank_b"), ("tax", "bank_a")])
def test_noise_is_said_with_who_could_take_it_off_and_what_it_does_not_cover(
    receiver: str, counter: str
) -> None:
    exact, noisy = query(receiver), query(receiver, epsilon=Decimal("0.5"))
    new = [line for line in noisy.not_covered if line not in exact.not_covered]
    assert len(new) == 4
    whole = " ".join(new)
    for said in ("e^0.5 times", f"{receiver} with {counter} has counts", "Which rows", "add up"):
        assert said in whole
    (result,) = [one for one in of(receiver, noisy.parties) if one.startswith("the result")]
    assert "each with noise" in result
    assert noisy.coalitions == exact.coalitions
    with pytest.raises(ValidationError, match="exact counts"):
        query(receiver, aggregation=Aggregation.SHARED, epsilon=Decimal("0.5"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_keyed_intersection_says_it_too(kind: JobKind) -> None:
    parties = tuple(party(org) for org in ORGS)

    def said(matching: Matching) -> LeakageStatement:
        crypto = Crypto(suite=MATCH_SUITES[matching])
        return leakage_of(contract(kind=kind, parties=parties, receivers=ORGS[:1], crypto=crypto))

    keyed, blind = said(Matching.KEYED), said(Matching.BLIND)
    (every,) = of("coordinator and any owner", keyed.coalitions)
    assert every.startswith("every identifier of every list")
    assert len(keyed.not_covered) == len(blind.not_covered) + 1
    assert keyed.parties == blind.parties


# ── stars ───────────────────────────────────────────────────────────────────────────────────────


def star(*orgs: str, receiver: str) -> LeakageStatement:
    parties = tuple(party(org) for org in orgs)
    made = contract(
        parties=parties,
        initiator=orgs[0],
        receivers=(receiver,),
        crypto=Crypto(suite=Suite.PSI_STAR),
    )
    return leakage_of(made)


@pytest.mark.parametrize(
    ("orgs", "receiver", "pivot"),
    [
        (("bank_a", "bank_b", "tax"), "bank_a", "bank_b"),
        (("bank_a", "bank_b", "tax"), "bank_b", "bank_a"),
        (("bank_a", "bank_b", "tax"), "tax", "bank_a"),
        (("tax", "bank_b", "bank_a", "power"), "bank_b", "tax"),
    ],
)
def test_a_star_names_the_two_that_must_not_collude(
    orgs: tuple[str, ...], receiver: str, pivot: str
) -> None:
    said = star(*orgs, receiver=receiver)
    found = of(f"{receiver} and {pivot} together", said.coalitions)
    assert said.not_covered[0].startswith(f"{receiver} and {pivot} must not be one")
    for org in set(orgs) - {receiver, pivot}:
        assert org in found[0]
    assert ("not which of them" in found[0]) == (len(orgs) > 3)
    for org in orgs:
        assert ("nothing of the result" in of(org, said.parties)) == (org != receiver)
    assert any(line.startswith(f"The size does not bind {receiver}") for line in said.not_covered)
