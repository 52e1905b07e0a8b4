"""Who learns what: each line of the statement follows from the contract, and none is missing."""

from itertools import product

import pytest

from contract.job import Contract, JobKind
from contract.leakage import LeakageStatement, Learns, leakage_of
from tests.unit.contract.test_job import A, contract, party

KINDS = (JobKind.PSI, JobKind.PSI_CARDINALITY)
RECEIVERS = (("bank_a",), ("bank_b",), ("bank_a", "bank_b"), ("bank_b", "bank_a"))


def statement(kind: JobKind, receivers: tuple[str, ...]) -> tuple[Contract, LeakageStatement]:
    made = contract(kind=kind, receivers=receivers, parties=(A, party("bank_b", size=1024)))
    return made, leakage_of(made)


def of(who: str, lines: tuple[Learns, ...]) -> tuple[str, ...]:
    (line,) = (line for line in lines if line.who == who)
    return line.what


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
