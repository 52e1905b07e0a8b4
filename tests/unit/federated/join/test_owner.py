"""An owner's two chains: what they end with, what they refuse, what they never show."""

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, fields
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
from federated.join.matching import match
from federated.join.messages import Blinded, Served, Tokens
from federated.join.owner import AwaitServed, Started, TokenList, start
from federated.join.parameters import JoinParameters

RUN = bytes([1] * 32)
AGREED = JoinParameters(RUN, ("a", "b", "c"), (256, 512, 256))
SETS = {
    "a": [b"uscc:%018d" % number for number in range(200)],
    "b": [b"uscc:%018d" % number for number in range(100, 500)],
    "c": [b"uscc:%018d" % number for number in range(150, 300)],
}


def begun(parameters: JoinParameters = AGREED) -> dict[str, Started]:
    return {me: start(parameters, me, keys) for me, keys in SETS.items()}


def leg(started: dict[str, Started], me: str, state: AwaitServed, sent: Blinded) -> Served:
    return started[state.to].serving.serve(sent, me)


def home(started: dict[str, Started], me: str) -> tuple[TokenList, Tokens]:
    """The list of `me` through both others."""
    first = started[me]
    state, message = first.state.advance(leg(started, me, first.state, first.message))
    assert isinstance(state, AwaitServed)
    assert isinstance(message, Blinded)
    end, tokens = state.advance(leg(started, me, state, message))
    assert isinstance(end, TokenList)
    assert isinstance(tokens, Tokens)
    return end, tokens


class TestJourney:
    def test_a_list_visits_the_others_in_the_contracts_order(self) -> None:
        first = begun()["b"].state
        assert (first.to, first.later) == ("a", ("c",))

    def test_what_goes_to_the_next_owner_is_what_the_last_one_returned(self) -> None:
        started = begun()
        served = leg(started, "a", started["a"].state, started["a"].message)
        state, message = started["a"].state.advance(served)
        assert isinstance(state, AwaitServed)
        assert state.to == "c"
        assert message == Blinded(served.points)

    def test_the_end_is_the_coordinators_to_match(self) -> None:
        started = begun()
        ends = {me: home(started, me) for me in SETS}
        for end, message in ends.values():
            assert message == Tokens(end.tokens)
        matched = match(AGREED, [end.tokens for end, _ in ends.values()])
        common = [{SETS[me][ends[me][0].order[place]] for place in matched.of(me)} for me in SETS]
        assert common == [set(SETS["b"][50:100])] * 3

    def test_two_owners_are_enough(self) -> None:
        parameters = JoinParameters(RUN, ("a", "b"), (256, 256))
        sets = {"a": SETS["a"], "b": SETS["c"]}
        started = {me: start(parameters, me, keys) for me, keys in sets.items()}
        lists = []
        for me in sets:
            served = leg(started, me, started[me].state, started[me].message)
            end, _ = started[me].state.advance(served)
            assert isinstance(end, TokenList)
            lists.append(end.tokens)
        assert match(parameters, lists).count == 50

    def test_another_runs_products_match_nothing(self) -> None:
        started, other = begun(), begun(JoinParameters(bytes(32), *_rest(AGREED)))
        tokens = [home(started, me)[0].tokens for me in ("a", "b")] + [home(other, "c")[0].tokens]
        assert match(AGREED, tokens).count == 0
        assert match(AGREED, tokens, among=("a", "b")).count == 100


def _rest(parameters: JoinParameters) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return parameters.owners, parameters.sizes


class TestWhatTheMessagesShow:
    @pytest.mark.parametrize("keys", [[], SETS["a"][:1], SETS["a"]])
    def test_lengths_are_the_agreed_ones_whatever_the_set(self, keys: list[bytes]) -> None:
        started = {**begun(), "a": start(AGREED, "a", keys)}
        assert len(started["a"].message.points) == 32 * 256
        end, message = home(started, "a")
        assert len(message.tokens) == AGREED.token_bytes * 256 == 8 * 256
        assert sorted(end.order) == [-1] * (256 - len(keys)) + list(range(len(keys)))

    def test_nothing_prints_a_field(self) -> None:
        started = begun()
        own = started["a"]
        served = leg(started, "a", own.state, own.message)
        state, message = own.state.advance(served)
        end, tokens = home(started, "b")
        for each in (own, own.state, own.serving, served, state, message, end, tokens):
            assert repr(each) == str(each) == object.__repr__(each)


class TestServing:
    def test_each_owner_is_served_once(self) -> None:
        started = begun()
        for asking in ("b", "c"):
            started["a"].serving.serve(started[asking].message, asking)
            with pytest.raises(BadMessage, match="a second time") as caught:
                started["a"].serving.serve(started[asking].message, asking)
            assert caught.value.party == asking

    def test_a_refused_list_is_its_owners_only_one(self) -> None:
        started = begun()
        with pytest.raises(BadMessage, match="16352 bytes where 16384 are agreed"):
            started["a"].serving.serve(Blinded(started["b"].message.points[32:]), "b")
        with pytest.raises(BadMessage, match="a second time"):
            started["a"].serving.serve(started["b"].message, "b")

    @pytest.mark.parametrize("stranger", ["a", "d", ""])
    def test_strangers_are_our_defect_and_are_not_named(self, stranger: str) -> None:
        started = begun()
        with pytest.raises(OurError) as caught:
            started["a"].serving.serve(started["b"].message, stranger)
        assert caught.value.party is None

    def test_one_of_many_threads_gets_the_products(self) -> None:
        started = begun()
        serving, asked = started["a"].serving, started["b"].message

        def ask(_: int) -> bool:
            try:
                serving.serve(asked, "b")
            except BadMessage:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(ask, range(8))) == 1


# RFC 9496, appendix A.2: non-square x².
NO_SQUARE = bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371")


def changed(points: bytes, at: int, point: bytes) -> bytes:
    return points[: 32 * at] + point + points[32 * (at + 1) :]


HOSTILE: dict[str, tuple[type[MiheError], Callable[[bytes], bytes]]] = {
    "nothing": (BadMessage, lambda _: b""),
    "a-point-too-few": (BadMessage, lambda points: points[32:]),
    "a-point-too-many": (BadMessage, lambda points: points + points[:32]),
    "a-byte-too-many": (BadMessage, lambda points: points + b"\0"),
    "identity": (BadPoint, lambda points: changed(points, 7, bytes(32))),
    "repeated": (BadPoint, lambda points: changed(points, 7, points[32:64])),
    "negative": (BadPoint, lambda points: changed(points, 7, bytes([1]) + bytes(31))),
    "not-reduced": (BadPoint, lambda points: changed(points, 7, b"\xff" * 31 + b"\x7f")),
    "not-on-the-curve": (BadPoint, lambda points: changed(points, 7, NO_SQUARE)),
}


class TestHostilePoints:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_in_a_list_to_be_served(self, name: str) -> None:
        error, spoil = HOSTILE[name]
        started = begun()
        with pytest.raises(error) as caught:
            started["a"].serving.serve(Blinded(spoil(started["b"].message.points)), "b")
        assert caught.value.party == "b"

    @pytest.mark.parametrize("name", HOSTILE)
    def test_in_the_own_list_half_way(self, name: str) -> None:
        error, spoil = HOSTILE[name]
        started = begun()
        served = leg(started, "b", started["b"].state, started["b"].message)
        with pytest.raises(error) as caught:
            started["b"].state.advance(Served(spoil(served.points)))
        assert caught.value.party == "a"

    @pytest.mark.parametrize("name", HOSTILE)
    def test_in_the_own_list_at_its_end(self, name: str) -> None:
        error, spoil = HOSTILE[name]
        started = begun()
        served = leg(started, "b", started["b"].state, started["b"].message)
        state, message = started["b"].state.advance(served)
        assert isinstance(state, AwaitServed)
        assert isinstance(message, Blinded)
        last = leg(started, "b", state, message)
        with pytest.raises(error) as caught:
            state.advance(Served(spoil(last.points)))
        assert caught.value.party == "c"

    def test_no_error_repeats_a_point(self) -> None:
        started = begun()
        points = changed(started["b"].message.points, 7, b"\xff" * 32)
        with pytest.raises(BadPoint) as caught:
            started["a"].serving.serve(Blinded(points), "b")
        assert "ff" * 4 not in str(caught.value)
        assert "\\xff" not in str(caught.value)
        assert caught.value.__cause__ is None


class TestStates:
    def test_each_is_spent_by_its_use(self) -> None:
        started = begun()
        own = started["a"]
        served = leg(started, "a", own.state, own.message)
        state, message = own.state.advance(served)
        assert isinstance(state, AwaitServed)
        assert isinstance(message, Blinded)
        last = leg(started, "a", state, message)
        state.advance(last)
        for spent, again in ((own.state, served), (state, last)):
            with pytest.raises(OurError, match="has been used"):
                spent.advance(again)

    def test_a_refused_message_spends_it_too(self) -> None:
        started = begun()
        own = started["a"]
        served = leg(started, "a", own.state, own.message)
        with pytest.raises(BadMessage):
            own.state.advance(Served(b""))
        with pytest.raises(OurError, match="has been used"):
            own.state.advance(served)

    @pytest.mark.parametrize("leak", [pickle.dumps, copy.deepcopy])
    def test_none_can_be_copied_or_written_down(self, leak: Callable[[Any], Any]) -> None:
        own = begun()["a"]
        for held in (own, own.state, own.serving):
            with pytest.raises(TypeError):
                leak(held)

    def test_all_are_frozen_and_slotted(self) -> None:
        own = begun()["a"]
        for held in (own, own.state, own.serving, own.message):
            assert not hasattr(held, "__dict__")
            with pytest.raises(FrozenInstanceError):
                setattr(held, fields(held)[0].name, None)

    def test_the_state_awaits_the_message_that_it_takes(self) -> None:
        assert get_type_hints(AwaitServed.advance)["message"] is AwaitServed.awaits


class TestInput:
    def test_more_keys_than_agreed_are_the_owners_matter(self) -> None:
        keys = [b"key:%d" % number for number in range(257)]
        with pytest.raises(DatasetOutgrown) as caught:
            start(AGREED, "a", keys)
        assert caught.value.party == "a"
        assert len(start(AGREED, "a", keys[:256]).message.points) == 32 * 256

    def test_a_key_twice_is_our_defect(self) -> None:
        with pytest.raises(OurError, match="two keys are equal") as caught:
            start(AGREED, "a", [b"secret-key", b"x", b"secret-key"])
        assert "secret-key" not in str(caught.value)


class TestParameters:
    @pytest.mark.parametrize(
        ("sizes", "expected"),
        [
            ((256, 256), 8),  # 40 + 18 bits
            ((256, 512), 8),  # 59.2
            ((2**14,) * 4, 9),  # 72 exactly
            ((2**15,) * 4, 10),  # 74
            ((2**20,) * 3, 11),  # 83.2
            ((2**24,) * 3, 12),  # 91.2
            ((2**24,) * 5, 12),  # 92.6
        ],
    )
    def test_a_token_is_as_long_as_all_pairs_of_all_lists_need(
        self, sizes: tuple[int, ...], expected: int
    ) -> None:
        parameters = JoinParameters(RUN, tuple("abcde"[: len(sizes)]), sizes)
        bits = 8 * parameters.token_bytes
        assert parameters.token_bytes == expected
        assert 2 ** (bits - 40) >= sum(sizes) ** 2 > 2 ** (bits - 48)

    @pytest.mark.parametrize(
        ("run", "owners", "sizes"),
        [
            (bytes(31), ("a", "b"), (256, 256)),
            (RUN, ("a",), (256,)),
            (RUN, (), ()),
            (RUN, ("a", "a"), (256, 256)),
            (RUN, ("a", "b"), (256,)),
            (RUN, ("a", "b"), (256, 0)),
            (RUN, ("a", "b"), (256, 128)),
            (RUN, ("a", "b"), (256, 300)),
            (RUN, ("a", "b"), (256, 9 * 2**21)),
            (RUN, ("a", "b"), (256, -256)),
        ],
    )
    def test_what_makes_no_join_is_refused(
        self, run: bytes, owners: tuple[str, ...], sizes: tuple[int, ...]
    ) -> None:
        with pytest.raises(BadRequest, match="make no blind join"):
            JoinParameters(run, owners, sizes)
