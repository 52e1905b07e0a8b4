"""How long a list may be: by what is done with it, the same for whoever compiles the contract."""

import pytest

from contract.errors import BadRequest
from contract.job import Contract, Crypto
from contract.suites import Suite
from federated.join.parameters import JoinParameters
from federated.query.agreed import plan_of
from tests.unit.coordinator import consortium as made
from tests.unit.coordinator.consortium import Consortium

HEAVY = (Suite.BLIND_JOIN, Suite.KEYED_JOIN, Suite.BLIND_SHARED)


def contract(suite: Suite, size: int) -> Contract:
    members = Consortium("Agreed")
    asked = made.query_of(members.member("bank_a"), members.member("bank_b"), size=size)
    return asked.model_copy(update={"crypto": Crypto(suite=suite)})


@pytest.mark.parametrize("suite", HEAVY)
def test_lists_of_points_or_with_ciphertexts_have_a_million_places(suite: Suite) -> None:
    assert plan_of(contract(suite, 2**20)).owners[0].size == 2**20
    with pytest.raises(BadRequest, match=r"bank_a would send 1179648 keys.*1048576 at most") as no:
        plan_of(contract(suite, 9 * 2**17))
    assert "--matching keyed --aggregation shared, for 16777216" in no.value.fix


def test_keyed_lists_of_shares_have_sixteen_million() -> None:
    assert plan_of(contract(Suite.KEYED_SHARED, 2**24)).owners[1].size == 2**24
    with pytest.raises(BadRequest, match="16777216 at most") as no:
        plan_of(contract(Suite.KEYED_SHARED, 9 * 2**21))
    assert "--matching" not in no.value.fix


def lists(suite: Suite, size: int) -> tuple[int, ...]:
    """Those of an intersection."""
    asked = contract(suite, size).model_copy(update={"query": None})
    return JoinParameters.of(asked, bytes(32)).sizes


def test_an_intersection_of_points_has_a_million_places() -> None:
    assert lists(Suite.BLIND_MATCH, 2**20) == (2**20,) * 2
    with pytest.raises(BadRequest, match=r"bank_a would send 1179648 keys.*1048576 at most") as no:
        lists(Suite.BLIND_MATCH, 9 * 2**17)
    assert "--matching keyed, for 16777216" in no.value.fix


def test_an_intersection_of_keyed_lists_has_sixteen_million() -> None:
    assert lists(Suite.KEYED_MATCH, 2**24) == (2**24,) * 2
    with pytest.raises(BadRequest, match="16777216 at most") as no:
        lists(Suite.KEYED_MATCH, 9 * 2**21)
    assert "--matching" not in no.value.fix
