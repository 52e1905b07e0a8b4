"""The two roles' chains of states: what they end with, what they refuse, what they never show."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any, get_type_hints

import pytest

from contract.errors import (
    BadMessage,
    BadPoint,
    BadRequest,
    DatasetOutgrown,
    MiheError,
    OurError,
)
from psi import step
from psi.ecdh import receiver, sender
from psi.ecdh.messages import BlindedSet, Evaluated, Matched
from psi.ecdh.parameters import Mode, Parameters
from psi.step import Cardinality, Finished, Intersection, Nothing

SIZE = 256
MODES: list[Mode] = ["intersection", "cardinality"]

X = [f"uscc:{number:018}".encode() for number in range(200)]
Y = [f"uscc:{number:018}".encode() for number in range(150, 350)]


def agreed(mode: Mode = "intersection", *, both: bool = False) -> Parameters:
    return Parameters(
        run_id=bytes([1] * 32), receiver_size=SIZE, sender_size=SIZE, mode=mode, both=both
    )


def begun(
    parameters: Parameters,
) -> tuple[receiver.AwaitEvaluated, BlindedSet, sender.AwaitBlinded]:
    awaiting, blinded = receiver.Fresh(parameters, X).begin()
    answering, nothing = sender.Fresh(parameters, Y).begin()
    assert nothing is None
    return awaiting, blinded, answering


def exchanged(
    parameters: Parameters,
) -> tuple[Finished, Matched | None, sender.AwaitMatched | Finished]:
    awaiting, blinded, answering = begun(parameters)
    after, evaluated = answering.advance(blinded)
    finished, tags = awaiting.advance(evaluated)
    return finished, tags, after


class TestResults:
    def test_one_receiver_learns_positions_and_the_sender_nothing(self) -> None:
        finished, tags, after = exchanged(agreed())
        assert finished == Finished(Intersection(list(range(150, 200))))
        assert tags is None
        assert after == Finished(Nothing())

    def test_both_learn_positions_in_their_own_list(self) -> None:
        finished, tags, after = exchanged(agreed(both=True))
        assert finished == Finished(Intersection(list(range(150, 200))))
        assert isinstance(after, sender.AwaitMatched)
        assert tags is not None
        assert after.advance(tags) == (Finished(Intersection(list(range(50)))), None)

    def test_both_learn_how_many(self) -> None:
        finished, tags, after = exchanged(agreed("cardinality", both=True))
        assert finished == Finished(Cardinality(50))
        assert isinstance(after, sender.AwaitMatched)
        assert tags is not None
        assert after.advance(tags) == (Finished(Cardinality(50)), None)

    def test_another_runs_messages_match_nothing(self) -> None:
        awaiting, _ = receiver.Fresh(agreed(), X).begin()
        other = replace(agreed(), run_id=bytes([2] * 32))
        _, blinded = receiver.Fresh(other, X).begin()
        _, evaluated = sender.Fresh(other, X).begin()[0].advance(blinded)
        assert awaiting.advance(evaluated)[0] == Finished(Intersection([]))


class TestWhatTheMessagesShow:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("x", [[], X[:1], X])
    def test_lengths_are_the_agreed_ones_whatever_the_sets(
        self, mode: Mode, x: list[bytes]
    ) -> None:
        parameters = replace(agreed(mode, both=True), receiver_size=512)
        awaiting, blinded = receiver.Fresh(parameters, x).begin()
        _, evaluated = sender.Fresh(parameters, Y).begin()[0].advance(blinded)
        _, matched = awaiting.advance(evaluated)
        assert matched is not None
        assert len(blinded.points) == 512 * 32
        assert (len(evaluated.tags), len(evaluated.points)) == (512 * 59 // 8, 256 * 32)
        told = 512 if mode == "cardinality" else 256 * 10
        assert len(matched.matches) == told // 8 + 32

    def test_a_set_blinded_twice_has_no_point_in_common(self) -> None:
        lists = [begun(agreed())[1].points for _ in range(2)]
        seen = {one[at : at + 32] for one in lists for at in range(0, len(one), 32)}
        assert len(seen) == 2 * SIZE

    @pytest.mark.parametrize("mode", MODES)
    def test_nothing_prints_a_field(self, mode: Mode) -> None:
        parameters = agreed(mode, both=True)
        awaiting, blinded, answering = begun(parameters)
        after, evaluated = answering.advance(blinded)
        finished, tags = awaiting.advance(evaluated)
        shown = [awaiting, blinded, answering, after, evaluated, finished, finished.result, tags]
        shown += [receiver.Fresh(parameters, X), sender.Fresh(parameters, Y), Nothing()]
        for each in shown:
            assert repr(each) == str(each) == object.__repr__(each)


class TestStates:
    def test_each_is_spent_by_its_use(self) -> None:
        awaiting, blinded, answering = begun(agreed(both=True))
        after, evaluated = answering.advance(blinded)
        _, tags = awaiting.advance(evaluated)
        assert isinstance(after, sender.AwaitMatched)
        assert tags is not None
        after.advance(tags)
        uses: list[Callable[[], object]] = [
            lambda: answering.advance(blinded),
            lambda: awaiting.advance(evaluated),
            lambda: after.advance(tags),
        ]
        for use in uses:
            with pytest.raises(OurError, match="has been used"):
                use()

    def test_a_refused_message_spends_it_too(self) -> None:
        _, blinded, answering = begun(agreed())
        with pytest.raises(BadMessage):
            answering.advance(BlindedSet(b""))
        with pytest.raises(OurError):
            answering.advance(blinded)

    @pytest.mark.parametrize("leak", [pickle.dumps, copy.deepcopy])
    def test_none_can_be_copied_or_written_down(self, leak: Callable[[Any], Any]) -> None:
        awaiting, blinded, answering = begun(agreed(both=True))
        after, _ = answering.advance(blinded)
        for state in (awaiting, answering, after):
            with pytest.raises(TypeError):
                leak(state)

    def test_all_are_frozen_and_slotted(self) -> None:
        awaiting, blinded, answering = begun(agreed(both=True))
        after, _ = answering.advance(blinded)
        for state in (awaiting, answering, after, blinded):
            assert not hasattr(state, "__dict__")
            with pytest.raises(FrozenInstanceError):
                setattr(state, fields(state)[0].name, None)

    def test_a_message_of_another_round_is_the_peers_fault(self) -> None:
        awaiting, blinded, answering = begun(agreed())
        with pytest.raises(BadMessage, match="BlindedSet came where Evaluated is awaited"):
            step.advance(awaiting, blinded)
        after, evaluated = step.advance(answering, blinded)
        assert after == Finished(Nothing())
        assert isinstance(evaluated, Evaluated)
        assert step.advance(awaiting, evaluated)[0] == Finished(Intersection(list(range(150, 200))))

    @pytest.mark.parametrize(
        "state", [receiver.AwaitEvaluated, sender.AwaitBlinded, sender.AwaitMatched]
    )
    def test_each_awaits_the_message_that_it_takes(self, state: type[Any]) -> None:
        assert get_type_hints(state.advance)["message"] is state.awaits


def replaced(encoded: bytes, at: int, point: bytes) -> bytes:
    return encoded[: at * 32] + point + encoded[(at + 1) * 32 :]


BAD_LISTS: dict[str, tuple[Callable[[bytes], bytes], type[MiheError], str]] = {
    "not canonical": (lambda p: replaced(p, 7, b"\xff" * 32), BadPoint, "point 7 is not a canon"),
    "negative": (lambda p: bytes([p[0] ^ 1]) + p[1:], BadPoint, "point 0 is not a canonical"),
    "identity": (lambda p: replaced(p, 255, bytes(32)), BadPoint, "point 255 is the identity"),
    "repeated": (lambda p: replaced(p, 200, p[:32]), BadPoint, "point 200 repeats an earlier"),
    "truncated": (lambda p: p[:-1], BadMessage, "8191 bytes where 8192 are agreed"),
    "one missing": (lambda p: p[:-32], BadMessage, "8160 bytes where 8192 are agreed"),
    "one too many": (lambda p: p + p[:32], BadMessage, "8224 bytes where 8192 are agreed"),
    "empty": (lambda p: b"", BadMessage, "0 bytes where 8192 are agreed"),
}


def repeated_tag(tags: bytes) -> bytes:
    return tags[: 4 * TAG] + tags[:TAG] + tags[5 * TAG :]


TAG = 29
"""Bytes of four tags of 58 bits."""

BAD_TAGS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda t: t[:-1], "1855 bytes where 1856 are agreed"),
    "one too many": (lambda t: t + bytes(8), "1864 bytes where 1856 are agreed"),
    "empty": (lambda t: b"", "0 bytes where 1856 are agreed"),
    "repeated": (repeated_tag, "tag 16 repeats an earlier"),
}


def with_place(matches: bytes, at: int, place: int) -> bytes:
    """The message with another of its 9-bit places."""
    whole = int.from_bytes(matches[:-32], "little")
    whole ^= ((whole >> 9 * at & 511) ^ place) << 9 * at
    return whole.to_bytes(len(matches) - 32, "little") + matches[-32:]


def two_matches(matches: bytes) -> list[tuple[int, int]]:
    """The first two: which of the sender's places, and the place that it matched."""
    whole = int.from_bytes(matches[:-32], "little")
    places = [(at, whole >> 9 * at & 511) for at in range(SIZE)]
    return [(at, place) for at, place in places if place][:2]


def fewer_places(matches: bytes) -> bytes:
    (one, _), _ = two_matches(matches)
    return with_place(matches, one, 0)


def repeated_place(matches: bytes) -> bytes:
    (_, place), (other, _) = two_matches(matches)
    return with_place(matches, other, place)


def exchanged_places(matches: bytes) -> bytes:
    (one, first), (other, second) = two_matches(matches)
    return with_place(with_place(matches, one, second), other, first)


BAD_MATCHES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda m: m[:-1], "319 bytes where 320 are agreed"),
    "one too many": (lambda m: m + b"\0", "321 bytes where 320 are agreed"),
    "empty": (lambda m: b"", "0 bytes where 320 are agreed"),
    "of no place": (lambda m: with_place(m, 7, 257), "match 7 is with no place"),
    "repeated": (repeated_place, "repeats an earlier one's place"),
    "fewer": (fewer_places, "the proof of the matches"),
    "exchanged": (exchanged_places, "the proof of the matches"),
    "unproven": (lambda m: m[:-1] + bytes([m[-1] ^ 1]), "the proof of the matches"),
}


class TestBadInput:
    @pytest.mark.parametrize(("change", "error", "text"), BAD_LISTS.values(), ids=BAD_LISTS)
    def test_points_for_the_sender(
        self, change: Callable[[bytes], bytes], error: type[MiheError], text: str
    ) -> None:
        _, blinded, answering = begun(agreed())
        with pytest.raises(error, match=text):
            answering.advance(BlindedSet(change(blinded.points)))

    @pytest.mark.parametrize(("change", "error", "text"), BAD_LISTS.values(), ids=BAD_LISTS)
    def test_points_for_the_receiver(
        self, change: Callable[[bytes], bytes], error: type[MiheError], text: str
    ) -> None:
        awaiting, blinded, answering = begun(agreed(both=True))
        _, evaluated = answering.advance(blinded)
        with pytest.raises(error, match=text):
            awaiting.advance(replace(evaluated, points=change(evaluated.points)))

    @pytest.mark.parametrize("case", ["not canonical", "repeated", "one too many", "empty"])
    def test_points_of_sm2(self, case: str) -> None:
        change, error, text = BAD_LISTS[case]
        _, blinded, answering = begun(replace(agreed(), curve="sm2"))
        with pytest.raises(error, match=text):
            answering.advance(BlindedSet(change(blinded.points)))

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize(("change", "text"), BAD_TAGS.values(), ids=BAD_TAGS)
    def test_tags(self, mode: Mode, change: Callable[[bytes], bytes], text: str) -> None:
        awaiting, blinded, answering = begun(agreed(mode, both=True))
        _, evaluated = answering.advance(blinded)
        with pytest.raises(BadMessage, match=text):
            awaiting.advance(replace(evaluated, tags=change(evaluated.tags)))

    @pytest.mark.parametrize(("change", "text"), BAD_MATCHES.values(), ids=BAD_MATCHES)
    def test_matches(self, change: Callable[[bytes], bytes], text: str) -> None:
        _, matched, after = exchanged(agreed(both=True))
        assert isinstance(after, sender.AwaitMatched)
        assert matched is not None
        with pytest.raises(BadMessage, match=text):
            after.advance(Matched(change(matched.matches)))

    def test_errors_hold_no_byte_of_a_point(self) -> None:
        _, blinded, answering = begun(agreed())
        point = b"\xff" * 32
        with pytest.raises(BadPoint) as caught:
            answering.advance(BlindedSet(replaced(blinded.points, 7, point)))
        text = str(caught.value) + repr(vars(caught.value))
        assert point.hex()[:8] not in text
        assert "\\xff" not in text
        assert caught.value.__cause__ is None

    @pytest.mark.parametrize("role", [receiver, sender])
    def test_a_set_larger_than_agreed_is_an_outgrown_dataset(self, role: Any) -> None:
        items = [str(number).encode() for number in range(SIZE + 1)]
        with pytest.raises(DatasetOutgrown, match="more keys than the 256"):
            role.Fresh(agreed(), items).begin()
        role.Fresh(agreed(), items[:-1]).begin()

    @pytest.mark.parametrize("role", [receiver, sender])
    def test_a_repeated_item_is_our_defect(self, role: Any) -> None:
        with pytest.raises(OurError, match="two items are equal"):
            role.Fresh(agreed(), [b"a", b"b", b"a"]).begin()

    @pytest.mark.parametrize(
        "change",
        [
            {"run_id": bytes(31)},
            {"receiver_size": 128},
            {"receiver_size": 257},
            {"sender_size": 2**21},
            {"sender_size": 0},
            {"mode": "union"},
        ],
        ids=str,
    )
    def test_parameters_that_make_no_protocol(self, change: dict[str, Any]) -> None:
        with pytest.raises(BadRequest):
            replace(agreed(), **change)
