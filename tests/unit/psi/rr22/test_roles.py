"""The two roles' chains of states: what they end with, what they refuse, what they never show."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from contract.errors import BadMessage, BadPoint, BadRequest, DatasetOutgrown, MiheError, OurError
from native._core import rr22_message_bytes
from psi import step
from psi.rr22 import receiver, sender
from psi.rr22.messages import BasePoints, Common, Masked, Reply, Tags, Trees
from psi.rr22.parameters import LARGEST_SIZE, Parameters
from psi.step import Finished, Intersection, Nothing

X = [f"uscc:{number:018}".encode() for number in range(200)]
Y = [f"uscc:{number:018}".encode() for number in range(150, 350)]


def agreed(*, both: bool = False) -> Parameters:
    return Parameters(run_id=bytes([1] * 32), receiver_size=256, sender_size=512, both=both)


class Played:
    """A whole run, with every state and message of it."""

    def __init__(self, parameters: Parameters, x: list[bytes], y: list[bytes]) -> None:
        self.receives, nothing = receiver.Fresh(parameters, x).begin()
        assert nothing is None
        self.sends, self.base_points = sender.Fresh(parameters, y).begin()
        self.masks, self.reply = self.receives.advance(self.base_points)
        self.tags_it, self.trees = self.sends.advance(self.reply)
        self.matches, self.masked = self.masks.advance(self.trees)
        self.after, self.tags = self.tags_it.advance(self.masked)
        self.finished, self.common = self.matches.advance(self.tags)

    @property
    def states(self) -> list[Any]:
        return [self.receives, self.sends, self.masks, self.tags_it, self.matches, self.after]

    @property
    def messages(self) -> list[Any]:
        sent = [self.base_points, self.reply, self.trees, self.masked, self.tags]
        return sent if self.common is None else [*sent, self.common]


class TestResults:
    def test_one_receiver_learns_positions_and_the_sender_nothing(self) -> None:
        played = Played(agreed(), X, Y)
        assert played.finished == Finished(Intersection(list(range(150, 200))))
        assert played.common is None
        assert played.after == Finished(Nothing())

    def test_both_learn_positions_in_their_own_list(self) -> None:
        played = Played(agreed(both=True), X, Y)
        assert played.finished == Finished(Intersection(list(range(150, 200))))
        assert isinstance(played.after, sender.AwaitCommon)
        assert played.common is not None
        ended = played.after.advance(played.common)
        assert ended == (Finished(Intersection(list(range(50)))), None)

    def test_another_runs_messages_match_nothing(self) -> None:
        other = replace(agreed(), run_id=bytes([2] * 32))
        awaiting, _ = receiver.Fresh(agreed(), X).begin()
        sends, points = sender.Fresh(other, X).begin()
        masks, reply = awaiting.advance(points)
        tags_it, trees = sends.advance(reply)
        matches, masked = masks.advance(trees)
        _, tags = tags_it.advance(masked)
        assert matches.advance(tags)[0] == Finished(Intersection([]))


class TestWhatTheMessagesShow:
    @pytest.mark.parametrize(("x", "y"), [([], []), (X[:1], Y), (X, Y)])
    def test_lengths_follow_from_the_agreed_sizes(self, x: list[bytes], y: list[bytes]) -> None:
        lengths = [len(message.content) for message in Played(agreed(both=True), x, y).messages]
        assert lengths == list(rr22_message_bytes(256, 512, True))

    def test_two_runs_of_the_same_sets_share_no_bytes(self) -> None:
        one, two = (Played(agreed(both=False), X, Y).messages for _ in range(2))
        for first, second in zip(one, two, strict=True):
            blocks = {first.content[at : at + 8] for at in range(0, len(first.content), 8)}
            others = {second.content[at : at + 8] for at in range(0, len(second.content), 8)}
            assert not blocks & others

    def test_nothing_prints_a_field(self) -> None:
        played = Played(agreed(both=True), X, Y)
        shown = [*played.states, *played.messages, played.finished, played.finished.result]
        shown += [receiver.Fresh(agreed(), X), sender.Fresh(agreed(), Y)]
        for each in shown:
            assert repr(each) == str(each) == object.__repr__(each)


class TestStates:
    def test_each_is_spent_by_its_use(self) -> None:
        played = Played(agreed(both=True), X, Y)
        for state, message in zip(
            (played.receives, played.sends, played.masks, played.tags_it, played.matches),
            played.messages,
            strict=False,
        ):
            again: Any = state
            with pytest.raises(OurError):
                again.advance(message)

    def test_no_secret_is_copied_or_pickled(self) -> None:
        for state in Played(agreed(both=True), X, Y).states:
            secrets = [getattr(state, one.name) for one in fields(state)[1:]]
            assert secrets
            for secret in secrets:
                for take in (copy.copy, copy.deepcopy, pickle.dumps):
                    with pytest.raises(TypeError):
                        take(secret)

    def test_the_wrong_type_of_message_is_the_peers_fault(self) -> None:
        awaiting, _ = receiver.Fresh(agreed(), X).begin()
        with pytest.raises(BadMessage):
            step.advance(awaiting, Tags(b""))


CUT: Callable[[bytes], bytes] = lambda content: content[:-1]  # noqa: E731  # named for the table
LONG: Callable[[bytes], bytes] = lambda content: content + b"\0"  # noqa: E731  # the same
ZERO_POINT: Callable[[bytes], bytes] = lambda content: bytes(32) + content[32:]  # noqa: E731
NO_POINT: Callable[[bytes], bytes] = lambda content: b"\xff" * 32 + content[32:]  # noqa: E731
ALL_ONES: Callable[[bytes], bytes] = lambda content: b"\xff" * len(content)  # noqa: E731


MESSAGES = (BasePoints, Reply, Trees, Masked, Tags, Common)


class Refusing:
    """A run in which one message is altered on its way; `refused` is what its reader says."""

    def __init__(self, awaits: type[Any], alter: Callable[[bytes], bytes]) -> None:
        self.awaits, self.alter = awaits, alter
        self.refused: MiheError | None = None
        parameters = agreed(both=True)
        state: Any = receiver.Fresh(parameters, X).begin()[0]
        other, message = sender.Fresh(parameters, Y).begin()
        ends: list[Any] = [state, other]
        turn = 0
        while message is not None:
            if type(message) is awaits:
                message = awaits(alter(message.content))
            try:
                ends[turn], message = ends[turn].advance(message)
            except MiheError as refused:
                self.refused = refused
                return
            turn = 1 - turn


@pytest.mark.parametrize(
    ("awaits", "alter", "error"),
    [
        *((message, alter, BadMessage) for message in MESSAGES for alter in (CUT, LONG)),
        (BasePoints, ZERO_POINT, BadPoint),
        (BasePoints, NO_POINT, BadPoint),
        (Reply, ZERO_POINT, BadPoint),
        (Reply, NO_POINT, BadPoint),
        (Common, ALL_ONES, BadMessage),
    ],
)
def test_what_no_honest_peer_sends_is_refused(
    awaits: type[Any], alter: Callable[[bytes], bytes], error: type[MiheError]
) -> None:
    refused = Refusing(awaits, alter).refused
    assert isinstance(refused, error)
    assert refused.rule == "psi/rr22/SPEC.md §5"


def test_a_tag_for_an_item_that_has_one_is_refused() -> None:
    def repeat(content: bytes) -> bytes:
        tags = [content[at : at + 8] for at in range(0, len(content), 8)]
        return b"".join(tag + tag for tag in tags[: len(tags) // 2])

    # That none of 50 common tags stands in the first half has probability 2^-50.
    assert isinstance(Refusing(Tags, repeat).refused, BadMessage)


class TestWhatIsTheCallersFault:
    def test_more_items_than_agreed(self) -> None:
        many = [str(number).encode() for number in range(600)]
        with pytest.raises(DatasetOutgrown):
            receiver.Fresh(agreed(), many).begin()
        with pytest.raises(DatasetOutgrown):
            sender.Fresh(agreed(), many).begin()

    def test_an_item_twice_is_never_a_wrong_set(self) -> None:
        awaiting, _ = receiver.Fresh(agreed(), [*X, X[0]]).begin()
        sends, points = sender.Fresh(agreed(), Y).begin()
        masks, reply = awaiting.advance(points)
        _, trees = sends.advance(reply)
        with pytest.raises(OurError):
            masks.advance(trees)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"run_id": bytes(31)},
            {"receiver_size": 128},
            {"sender_size": 300},
            {"sender_size": 2 * LARGEST_SIZE},
        ],
    )
    def test_parameters_out_of_range(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(BadRequest):
            replace(agreed(), **wrong)
