"""RR22 where peers may deviate: what is tampered with, and whether the other suite takes it.

A party that deviates is played by altering one message between two honest roles of the core, or by
the reference's roles, whose secrets a test may see.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from contract.errors import BadMessage, MiheError, OurError
from contract.suites import Suite
from psi import step
from psi.rr22 import receiver, sender
from psi.rr22.messages import Answer, Challenge, Common, Masked, Piece, Reply, Tags, Trees
from psi.rr22.parameters import Parameters
from tests.unit.psi.rr22.test_roles import X, Y, agreed
from tests.unit.psi.two_roles import TwoRoles, positions
from tests.vectors.checks_reference import ActiveVoleReceiver, ActiveVoleSender, Caught, points_of
from tests.vectors.gf128_reference import BLOCK, to_bytes
from tests.vectors.rr22_parameters import POINT, PROOF

COMMON = [list(range(150, 200)), list(range(50))]


def played(
    suite: Suite, message: type[Piece], alter: Callable[[bytes], bytes]
) -> MiheError | list[list[int]]:
    """What both end with, or the error of who was given the altered message."""

    def on_its_way(_: int | None, one: step.Message) -> step.Message:
        return message(alter(one.content)) if isinstance(one, message) else one

    try:
        roles = TwoRoles(agreed(both=True, suite=suite), (X, Y), on_its_way)
        return [positions(one) for one in roles.results()]
    except MiheError as error:
        return error


def flip(*places: int) -> Callable[[bytes], bytes]:
    """The lowest bit of these bytes the other way round."""

    def altered(content: bytes) -> bytes:
        changed = bytearray(content)
        for place in places:
            changed[place] ^= 1
        return bytes(changed)

    return altered


# Where two trees of the extension get their choices from (the first of 32 corrections, and the
# next), the choices' own hash, that of a plane, and that of the last one.
CORRECTIONS = POINT + 2 * BLOCK * 128
ROWS = 128 * 128 + 128 * 8
NEXT = CORRECTIONS + ROWS // 8 + 2 * BLOCK


@pytest.mark.parametrize(
    ("message", "places"),
    [
        (Reply, (CORRECTIONS, NEXT)),
        (Reply, (-PROOF,)),
        (Reply, (-PROOF + 3 * BLOCK,)),
        (Reply, (-1,)),
        (Trees, (0, BLOCK)),
        (Trees, (-1,)),
        (Challenge, (0,)),
        (Challenge, (-1,)),
        (Answer, (0,)),
        (Answer, (-1,)),
        (Common, (-1,)),
        (Common, (0,)),
    ],
)
def test_a_message_that_does_not_fit_those_before_is_refused(
    message: type[Piece], places: tuple[int, ...]
) -> None:
    found = played(Suite.PSI_RR22_ACTIVE, message, flip(*places))
    assert isinstance(found, BadMessage)
    assert found.rule == "psi/rr22/SPEC.md §10"


@pytest.mark.parametrize(
    ("message", "places"),
    [(Reply, (CORRECTIONS, CORRECTIONS + ROWS // 8)), (Trees, (0, BLOCK)), (Trees, (-1,))],
)
def test_between_parties_that_are_taken_to_follow_the_protocol_it_is_not(
    message: type[Piece], places: tuple[int, ...]
) -> None:
    found = played(Suite.PSI_RR22, message, flip(*places))
    assert isinstance(found, list)
    assert set(found[0]) <= set(COMMON[0])


@pytest.mark.parametrize("message", [Masked, Tags])
def test_what_hides_a_set_can_lose_matches_and_make_none(message: type[Piece]) -> None:
    found = played(Suite.PSI_RR22_ACTIVE, message, lambda content: bytes(len(content)))
    assert found == [[], []]


def test_a_repeated_tag_is_no_error_that_would_tell_whether_its_item_is_common() -> None:
    def repeated(content: bytes) -> bytes:
        half = len(content) // 2
        return content[:half] + content[:half]

    found = played(Suite.PSI_RR22_ACTIVE, Tags, repeated)
    assert isinstance(found, list)
    assert set(found[0]) < set(COMMON[0])
    assert len(found[0]) == len(found[1])


TREE = 5


class Guessing(ActiveVoleReceiver):
    """Alters the choices of one tree, and the proof as if Δ chose some place there."""

    def reply(self, base_points: bytes) -> bytes:
        at = CORRECTIONS + TREE * (self.pieces.transfers // 8)
        self.sent = flip(at)(super().reply(base_points)[:-PROOF])
        self.points = points_of(self.run, base_points, self.sent)
        return self.sent

    def bet(self, place: int) -> bytes:
        """What is sent."""
        proof = self.proof(self.points)
        for bit in range(4):
            if place >> bit & 1:
                # What the first choice, the other way round, adds to the hash: χ of either point.
                plane = 2 + 2 * (4 * TREE + bit)
                proof[plane] ^= self.points[0]
                proof[plane + 1] ^= self.points[1]
        return self.sent + to_bytes(proof)


def test_who_deviates_bets_on_a_part_of_delta_and_is_caught_if_it_loses() -> None:
    honest = ActiveVoleSender(bytes(32), 100, Random(1))
    deviating = Guessing(bytes(32), 100, Random(2))
    deviating.reply(honest.begin())
    chosen = honest.delta >> (4 * TREE) & 15
    honest.finish(deviating.bet(chosen))
    with pytest.raises(Caught):
        honest.finish(deviating.bet(chosen ^ 1))


def test_the_states_that_take_items_are_reached_by_the_answer_alone() -> None:
    """And those before it are spent by their use, as all are."""
    parameters = Parameters(
        run_id=bytes(32), receiver_size=256, sender_size=256, both=True, active=True
    )
    awaits_points, _ = receiver.Fresh(parameters, 0).begin()
    awaits_reply, points = sender.Fresh(parameters, 0).begin()
    awaits_trees, reply = awaits_points.advance(points)
    awaits_challenge, trees = awaits_reply.advance(reply)
    awaits_answer, challenge = awaits_trees.advance(trees)
    assert isinstance(awaits_challenge, sender.AwaitChallenge)
    assert isinstance(awaits_answer, receiver.AwaitAnswer)
    assert challenge is not None
    states: list[Any] = [awaits_points, awaits_reply, awaits_trees, awaits_challenge, awaits_answer]
    assert not any(isinstance(state, step.Ready) for state in states)
    may_tag, answer = awaits_challenge.advance(challenge)
    may_mask, _ = awaits_answer.advance(answer)
    assert isinstance(may_tag, step.Ready)
    assert isinstance(may_mask, step.Ready)
    for again in (
        lambda: awaits_challenge.advance(challenge),
        lambda: awaits_answer.advance(answer),
    ):
        with pytest.raises(OurError):
            again()
