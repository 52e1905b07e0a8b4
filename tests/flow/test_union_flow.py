"""Sums over UNION ALL in one process: all there, some gone at any step, late, lied about.

A result is exact over those whom the last attempt names, or there is none; and what the coordinator
holds opens nothing else (tests/attacks/test_coalitions_union.py pools what coalitions have).
"""

from collections.abc import Callable

import pytest
from phe.paillier import PaillierPublicKey

from contract.attempts import Abandoned, Absent, Attempts, Collected, Of
from contract.errors import BadMessage
from contract.lifecycle import State
from contract.signing import Kind
from contract.suites import Aggregation
from coordinator.he_keys import HE_KEY
from federated.paillier.add import shifted
from federated.paillier.parameters import CIPHERTEXT_BYTES
from federated.paillier.wire import read_ciphertexts, read_key, write_ciphertexts
from federated.query.union_result import result_of_union
from tests.flow.union_in_process import COORDINATOR, TRADES, World, altered

COUNTS = (3, 10, 30)
Moment = Callable[[World], bool]


def attempts(world: World) -> Attempts:
    """Where the run stands, to the coordinator."""
    assert world.ledger.attempts is not None
    return world.ledger.attempts


BEFORE: dict[str, Moment] = {
    "at the start": lambda _: True,
    "keys out": lambda world: bool(attempts(world).keys),
    "words masked": lambda world: world.holds(world.orgs[1], "masked_1"),
}
"""Moments before the set is complete."""
OPENING: dict[str, Moment] = {
    "all confirmed": lambda world: attempts(world).all_confirmed,
    "counts": lambda world: world.holds(world.orgs[1], "counts_1"),
    "tallied": lambda world: attempts(world).tallied is not None,
    "openings": lambda world: world.holds(world.orgs[1], "opening_1"),
}
"""Moments after everybody has confirmed it."""


@pytest.mark.parametrize("count", COUNTS)
def test_everybody_is_there(count: int) -> None:
    world = World(count)
    world.play()
    assert world.ledger.state is State.DONE
    assert world.is_exact_over(world.orgs)
    assert len(world.receiver.passing) >= 2
    assert all(one.ledger.state is State.DONE for one in world.members.values())


@pytest.mark.parametrize("moment", BEFORE)
@pytest.mark.parametrize("count", COUNTS[1:])
def test_a_third_gone_before_the_set_is_complete_is_not_in_it(count: int, moment: str) -> None:
    world = World(count)
    world.play(BEFORE[moment])
    gone = world.orgs[1 : 1 + count // 3]
    world.vanish(*gone)
    world.play()
    assert world.ledger.state is State.DONE
    assert attempts(world).number == 2
    assert set(attempts(world).members) == set(world.orgs) - set(gone)
    assert world.is_exact_over(set(world.orgs) - set(gone))


@pytest.mark.parametrize("moment", OPENING)
@pytest.mark.parametrize("count", COUNTS[1:])
def test_fewer_than_a_third_gone_after_that_are_stood_in_for(count: int, moment: str) -> None:
    world = World(count)
    world.play(OPENING[moment])
    gone = world.orgs[1 : 1 + count - attempts(world).threshold]
    world.vanish(*gone)
    world.play()
    assert world.ledger.state is State.DONE
    assert attempts(world).number == 1
    assert set(attempts(world).present) <= set(world.orgs)
    assert world.is_exact_over(world.orgs)


def test_a_hundred_members_of_whom_as_many_vanish_as_may() -> None:
    world = World(100)
    world.play(OPENING["all confirmed"])
    gone = world.orgs[1 : 1 + 100 - attempts(world).threshold]
    world.vanish(*gone)
    world.play()
    assert world.ledger.state is State.DONE
    assert len(gone) == 33
    assert world.is_exact_over(world.orgs)


def test_some_gone_while_counts_are_opened_and_more_while_sums_are() -> None:
    world = World(30)
    world.play(OPENING["all confirmed"])
    world.vanish(*world.orgs[1:5])
    world.play(OPENING["tallied"])
    world.vanish(*world.orgs[5:10])
    world.play()
    assert world.ledger.state is State.DONE
    assert attempts(world).absent == {Of.COUNTS: world.orgs[1:5], Of.SUMS: world.orgs[1:10]}
    assert world.is_exact_over(world.orgs)


@pytest.mark.parametrize("moment", OPENING)
def test_with_a_third_gone_after_that_nothing_is_opened(moment: str) -> None:
    world = World(30)
    world.play(OPENING[moment])
    world.vanish(*world.orgs[-10:])
    world.play()
    assert world.ledger.state is State.RELEASING
    assert world.cause == world.orgs[-10]
    assert world.receiver.result is None


def test_who_is_gone_between_set_and_confirmation_ends_the_run() -> None:
    # Whoever has confirmed a set may not begin again: another set could be opened beside it.
    world = World(10)
    world.play(lambda world: world.orgs[1] in attempts(world).confirmed)
    world.vanish(world.orgs[5])
    world.play()
    assert world.cause == world.orgs[5]
    assert world.ledger.state is State.RUNNING
    assert world.receiver.result is None


def test_a_lost_receiver_ends_the_run() -> None:
    for moment in (*BEFORE.values(), *OPENING.values()):
        world = World(10)
        world.play(moment)
        world.vanish(world.orgs[0])
        world.play()
        assert world.cause == world.orgs[0]


def test_fewer_than_the_contract_asks_end_the_run() -> None:
    world = World(10, fewest=8)
    world.vanish(*world.orgs[1:4])
    world.play()
    assert world.cause == world.orgs[1]
    assert attempts(world).number == 1


def test_attempt_after_attempt_ends_in_one_that_is_complete() -> None:
    world = World(10)
    for number in range(1, 5):
        masked = f"masked_{number}"
        world.play(lambda world, part=masked: world.holds(world.orgs[9], part))  # type: ignore[misc]
        world.vanish(world.orgs[number])
    world.play()
    assert attempts(world).number == 5
    assert world.ledger.state is State.DONE
    assert world.is_exact_over((world.orgs[0], *world.orgs[5:]))


# ── a coordinator that lies, and what comes late ────────────────────────────────────────────────


def test_a_late_contribution_is_of_an_attempt_that_nobody_opens() -> None:
    world = World(10)
    world.play(lambda world: world.holds(world.orgs[1], "masked_1"))
    late = world.orgs[4]
    world.noticed.add(late)  # the coordinator thinks so, or says so
    world.play()
    assert attempts(world).number == 2
    assert late not in attempts(world).members
    # It masked its words for the first attempt all the same, with keys of which none is used again.
    world.parts.pop((late, "masked_1"), None)
    world.hand_in(late, "masked_1", b"late")
    assert world.ledger.state is State.DONE
    assert world.is_exact_over(set(world.orgs) - {late})
    assert not any(part.endswith("counts_1") for _, part in world.parts)


def test_a_set_that_names_an_altered_contribution_is_confirmed_by_nobody_else() -> None:
    world = World(10)
    world.play(lambda world: world.holds(world.orgs[9], "masked_1"))
    victim = world.orgs[3]
    world.parts[victim, "masked_1"] = altered(world.parts, victim, "masked_1")
    world.play()
    fault = world.members[victim].fault
    assert isinstance(fault, BadMessage)
    assert fault.party == COORDINATOR
    assert not attempts(world).all_confirmed
    assert not any(part.startswith("counts") for _, part in world.parts)


def test_shares_that_were_altered_on_the_way_name_whose_they_are() -> None:
    world = World(10)
    world.play(lambda world: world.holds(world.orgs[9], "masked_1"))
    liar = world.orgs[9]
    content = bytearray(world.parts[liar, "masked_1"])
    content[0] ^= 1
    world.parts[liar, "masked_1"] = bytes(content)
    world.play()
    fault = world.receiver.fault
    assert isinstance(fault, BadMessage)
    assert fault.party == liar
    assert not attempts(world).all_confirmed


def test_two_stories_about_who_is_there_meet_no_common_set() -> None:
    world = World(10)
    world.play(lambda world: all(world.holds(org, "masked_1") for org in world.orgs))
    half, others = world.orgs[:5], world.orgs[5:]
    run = world.run.hex()
    for members in (half, others):
        lie = Abandoned(run=run, attempt=1, members=members)
        with pytest.raises(BadMessage, match="has no place"):
            world.say(Kind.ABANDONED, COORDINATOR, lie)


def test_nobody_is_absent_before_all_have_confirmed_nor_a_third_nor_the_receiver() -> None:
    world = World(10)
    run = world.run.hex()
    early = Absent(run=run, attempt=1, of=Of.COUNTS, members=world.orgs[1:2])
    with pytest.raises(BadMessage):
        world.say(Kind.ABSENT, COORDINATOR, early)
    world.play(OPENING["all confirmed"])
    for members in (world.orgs[1:5], world.orgs[:1], ()):
        lie = Absent(run=run, attempt=1, of=Of.COUNTS, members=members)
        with pytest.raises(BadMessage):
            world.say(Kind.ABSENT, COORDINATOR, lie)


def test_a_run_has_one_complete_set_ever() -> None:
    world = World(10)
    world.play(OPENING["all confirmed"])
    collected = attempts(world).collected
    assert collected is not None
    again = Abandoned(run=world.run.hex(), attempt=1, members=world.orgs[:9])
    with pytest.raises(BadMessage):
        world.say(Kind.ABANDONED, COORDINATOR, again)
    contributions = collected.contributions[:-1]
    other = Collected(run=world.run.hex(), attempt=1, contributions=contributions)
    with pytest.raises(BadMessage):
        world.say(Kind.COLLECTED, COORDINATOR, other)


@pytest.mark.parametrize("part", ["counts_1", "opening_1"])
def test_what_opens_something_else_is_found_out(part: str) -> None:
    world = World(10)
    liar = world.orgs[2]
    world.play(lambda world: world.holds(liar, part))
    world.parts[liar, part] = altered(world.parts, liar, part)
    if part.startswith("counts"):
        with pytest.raises(BadMessage, match="counts that were opened are none"):
            world.play()
    else:
        world.play()
        fault = world.receiver.fault
        assert isinstance(fault, BadMessage)
        assert fault.party == liar
    assert world.receiver.result is None


# ── under the receiver's key, too ───────────────────────────────────────────────────────────────


def encrypting(count: int) -> World:
    return World(count, aggregation=Aggregation.PAILLIER)


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The random number of every ciphertext is 1, so that none takes a third of a second.

    What is sent is of the same form and means the same; that it is random is tried elsewhere.
    """
    monkeypatch.setattr(PaillierPublicKey, "get_random_lt_n", lambda _: 1)


def test_encrypted_or_not_the_result_is_the_same() -> None:
    plain, world = World(3), encrypting(3)
    for one in (plain, world):
        one.play()
        assert one.ledger.state is State.DONE
    assert world.is_exact_over(world.orgs)
    assert (world.receiver.result, world.receiver.passing) == (
        plain.receiver.result,
        plain.receiver.passing,
    )


@pytest.mark.usefixtures("alike")
@pytest.mark.parametrize("moment", BEFORE | OPENING)
def test_whoever_vanishes_is_left_out_or_stood_in_for_under_a_key_as_well(moment: str) -> None:
    world = encrypting(10)
    world.play((BEFORE | OPENING)[moment])
    gone = world.orgs[1:4]
    world.vanish(*gone)
    world.play()
    assert world.ledger.state is State.DONE
    assert world.is_exact_over(set(world.orgs) - set(gone) if moment in BEFORE else world.orgs)


@pytest.mark.usefixtures("alike")
def test_of_thirty_members_the_totals_are_exact() -> None:
    world = encrypting(30)
    world.play()
    assert world.is_exact_over(world.orgs)


@pytest.mark.usefixtures("alike")
def test_where_no_cell_passes_the_receiver_is_sent_no_ciphertext() -> None:
    world = encrypting(3)
    for one in world.members.values():
        one.words[: len(TRADES)] = [0] * len(TRADES)
    world.play()
    assert world.ledger.state is State.DONE
    assert world.receiver.result == []
    # How many cells fold, and of each other member a seal around nothing.
    assert len(world.parts[world.orgs[0], "outcome_1"]) == 4 + 2 * 16


@pytest.mark.usefixtures("alike")
def test_what_is_no_ciphertext_ends_the_run_and_names_its_sender() -> None:
    world = encrypting(4)
    liar = world.orgs[2]
    world.play(lambda world: world.holds(world.orgs[3], "masked_1"))
    content = world.parts[liar, "masked_1"]
    world.parts[liar, "masked_1"] = content[:-CIPHERTEXT_BYTES] + bytes(CIPHERTEXT_BYTES)
    with pytest.raises(BadMessage) as caught:
        world.play()
    assert caught.value.party == liar


@pytest.mark.usefixtures("alike")
@pytest.mark.parametrize("key", [None, b"\xff" * 384], ids=["none", "not a modulus"])
def test_without_a_key_of_the_receiver_nothing_is_collected(key: bytes | None) -> None:
    world = encrypting(4)
    world.play(lambda world: world.holds(world.orgs[3], "masked_1"))
    del world.parts[world.orgs[0], HE_KEY]
    if key is not None:
        world.parts[world.orgs[0], HE_KEY] = key
    with pytest.raises(BadMessage) as caught:
        world.play()
    assert caught.value.party == world.orgs[0]
    assert attempts(world).collected is None


@pytest.mark.usefixtures("alike")
def test_what_the_coordinator_adds_to_a_ciphertext_shows_in_a_total_that_can_not_be() -> None:
    # Paillier's ciphertexts can be changed by anybody: what holds is the plan's bound of a total.
    world = encrypting(4)
    world.play(lambda world: attempts(world).tallied is not None)
    victim = world.orgs[1]
    content = world.parts[victim, "masked_1"]
    modulus = read_key(world.parts[world.orgs[0], HE_KEY], world.orgs[0])
    found = read_ciphertexts(content[-CIPHERTEXT_BYTES:], 1, modulus, victim)
    lie = write_ciphertexts(shifted(found, [1 << 120], modulus))
    world.parts[victim, "masked_1"] = content[:-CIPHERTEXT_BYTES] + lie
    world.play()
    assert not world.is_exact_over(world.orgs)
    shown = world.receiver.result
    assert shown is not None
    with pytest.raises(BadMessage, match="not one that the plan allows"):
        result_of_union(world.plan, world.receiver.passing, shown[:-1], shown[-1])
