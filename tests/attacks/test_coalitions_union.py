"""What coalitions learn of a sum over UNION ALL: the table of federated/SPEC.md §5.7, tried.

The coordinator's parts and members' secrets are pooled out of a whole run with all of its
cryptography, and the best use is made of them: every mask that the coalition knows is taken off.
The same attack succeeds once what two honest members share is added: that shows it is one.
"""

from collections.abc import Collection
from contextlib import suppress
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from contract.errors import BadMessage
from contract.suites import UNION_SUITES, Aggregation
from federated import words as word
from federated.stream import stream
from federated.union.masks import counts_of, sums_of
from federated.union.member import AwaitSet, Open
from federated.union.messages import read_contribution, read_outcome
from federated.union.parameters import Attempt
from federated.union.secret import MemberSecret
from federated.union.shamir import joined
from federated.words import Words
from tests.flow.union_in_process import World

MEMBERS = 7
"""T is 5 of them."""


def secret_of(world: World, org: str) -> MemberSecret:
    state = world.members[org].state
    assert isinstance(state, Open | AwaitSet)
    return state.secret


def attempt_of(world: World, number: int = 1) -> Attempt:
    return world.plan.attempt(world.run, number, world.orgs)


@cache
def masked(world: World, org: str) -> Words:
    raw = world.parts[org, "masked_1"]
    attempt = attempt_of(world)
    contribution = read_contribution(raw, attempt, org)
    # Encrypted sums are laid open by the receiver's key: whoever attacks here is in league with it.
    opened = world.decrypted(contribution.sums, attempt.sums)
    sums = word.of_bytes(contribution.sums if opened is None else opened)
    return np.concatenate([contribution.counts, sums])


def shared(world: World, org: str, peer: str) -> Words:
    """The mask of a pair, with the sign that `org` gives it; either of them can make it."""
    attempt = attempt_of(world)
    mask = stream(secret_of(world, peer)._purpose(org, b"mask"), attempt.words)
    after = attempt.members.index(peer) > attempt.members.index(org)
    return mask if after else word.subtracted(word.zeros(attempt.words), mask)


def self_mask(world: World, org: str) -> Words:
    """What a member's self-mask is: more than any coalition is told of the sums."""
    secret, attempt = secret_of(world, org), attempt_of(world)
    counts, sums = counts_of(secret._counts, attempt), sums_of(secret._sums, attempt)
    both = word.zeros(attempt.words)
    both[: attempt.cells], both[attempt.cells :] = counts, sums
    return both


def laid_bare(world: World, target: str, coalition: Collection[str]) -> list[int]:
    """A member's words, less every mask that the coalition knows or could be told."""
    left = word.subtracted(masked(world, target), self_mask(world, target))
    for peer in coalition:
        left = word.subtracted(left, shared(world, target, peer))
    return word.to_integers(left)


@pytest.fixture(scope="module", params=UNION_SUITES)
def played(request: pytest.FixtureRequest) -> World:
    world = World(MEMBERS, aggregation=request.param)
    world.play()
    assert world.is_exact_over(world.orgs)
    return world


@pytest.mark.parametrize("size", range(1, 5))
def test_coordinator_receiver_and_fewer_than_t_see_the_total_of_the_others(
    played: World, size: int
) -> None:
    for others in combinations(played.orgs[1:], size - 1):
        coalition = (played.orgs[0], *others)
        honest = [org for org in played.orgs if org not in coalition]
        bare = {org: laid_bare(played, org, coalition) for org in honest}
        total = [sum(values) for values in zip(*bare.values(), strict=True)]
        true = [sum(v) for v in zip(*(played.members[o].words for o in honest), strict=True)]
        assert [one % 2**128 for one in total] == [one % 2**128 for one in true]
        for part in range(1, len(honest)):
            for some in combinations(honest, part):
                seen = [sum(v) for v in zip(*(bare[org] for org in some), strict=True)]
                # Every word is off by a mask of 128 bits that nobody in the coalition has.
                close = [abs((one + 2**127) % 2**128 - 2**127) < 2**100 for one in seen]
                assert not any(close)


def test_with_what_two_honest_members_share_it_would_be_open(played: World) -> None:
    target, *others = played.orgs
    assert laid_bare(played, target, others) == played.members[target].words


def test_one_share_less_than_t_opens_no_seed(played: World) -> None:
    attempt, victim = attempt_of(played), played.orgs[3]
    shares = {}
    for place, org in enumerate(attempt.members):
        state = played.members[org].state
        if org != victim:
            assert isinstance(state, Open)
            shares[place + 1] = state.held[victim][0]
    enough = dict(list(shares.items())[: attempt.threshold])
    assert joined(enough) == secret_of(played, victim)._counts
    few = dict(list(shares.items())[: attempt.threshold - 1])
    with suppress(BadMessage):  # what comes out is no seed at all, but with a chance of 2^-265
        assert joined(few) != secret_of(played, victim)._counts


def test_what_the_coordinator_holds_of_an_abandoned_attempt_opens_nothing() -> None:
    world = World(MEMBERS)
    world.play(lambda world: all(world.holds(org, "masked_1") for org in world.orgs[:-1]))
    late = world.orgs[-1]
    first = {org: secret_of(world, org) for org in world.orgs[:-1]}
    attempt = attempt_of(world)
    world.noticed.add(late)
    world.play()
    assert world.is_exact_over(set(world.orgs) - {late})
    assert {part for _, part in world.parts if part.startswith("counts")} == {"counts_2"}
    # The contribution that comes late makes the first attempt whole, and nobody's self-mask is out.
    state = world.members[late].state
    assert not isinstance(state, Open)
    second = {org: secret_of(world, org) for org in world.orgs[:-1]}
    for org in second:
        assert first[org]._counts != second[org]._counts
        assert first[org]._sums != second[org]._sums
        known = counts_of(second[org]._counts, attempt)
        bare = word.subtracted(masked(world, org)[: attempt.cells], known)
        assert not any(abs(one) < 2**100 for one in word.to_integers(bare))


def test_coordinator_and_t_members_see_totals_of_the_rest_and_need_the_key_if_there_is_one(
    played: World,
) -> None:
    attempt = attempt_of(played)
    coalition = played.orgs[1 : 1 + attempt.threshold]
    honest = [org for org in played.orgs if org not in coalition]
    assert played.orgs[0] in honest
    total = word.zeros(attempt.sums)
    for org in honest:
        raw = played.parts[org, "masked_1"]
        sums = read_contribution(raw, attempt, org).sums
        if attempt.encrypted:
            # This is what the coalition lacks: with the receiver's key all goes on as without one.
            sums = played.decrypted(sums, attempt.sums) or b""
        shares = {}
        for helper in coalition:
            state = played.members[helper].state
            assert isinstance(state, Open)
            shares[attempt.members.index(helper) + 1] = state.held[org][1]
        left = word.subtracted(word.of_bytes(sums), sums_of(joined(shares), attempt))
        for peer in coalition:
            left = word.subtracted(left, shared(played, org, peer)[attempt.cells :])
        total = word.added(total, left)
    true = [sum(v) for v in zip(*(played.members[o].words for o in honest), strict=True)]
    assert word.to_integers(total) == true[attempt.cells :]


def test_of_what_is_not_opened_the_receiver_decrypts_random_numbers() -> None:
    world = World(3, aggregation=Aggregation.PAILLIER)
    world.play()
    attempt, state = attempt_of(world), world.receiver.state
    assert isinstance(state, Open)
    outcome = read_outcome(world.parts[world.orgs[0], "outcome_1"], attempt, state.rows, ())
    raw = world.decrypted(outcome.totals, attempt.sums)
    assert raw is not None
    # Even less all members' self-masks, of which it is told those of opened rows alone.
    bare = word.of_bytes(raw)
    for org in world.orgs:
        bare = word.subtracted(bare, self_mask(world, org)[attempt.cells :])
    true = [sum(v) for v in zip(*(world.members[o].words for o in world.orgs), strict=True)]
    found, sums = word.to_integers(bare), true[attempt.cells :]
    hidden = [cell for cell in range(attempt.cells) if cell not in world.receiver.passing]
    assert len(hidden) >= 2
    for column in range(attempt.columns):
        places = [column * attempt.cells + cell for cell in range(attempt.cells)]
        for cell, place in enumerate(places):
            assert (abs(found[place]) < 2**100) == (cell not in hidden)
            assert (found[place] == sums[place]) == (cell not in hidden)
        rest = sum(found[places[cell]] for cell in hidden) % 2**128
        assert rest == sum(sums[places[cell]] for cell in hidden) % 2**128
