"""The three roles' chains of states: what they send, what they refuse, what they never show."""

import copy
import pickle
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from contract.errors import BadMessage, BadRequest, DatasetOutgrown, OurError
from psi.keys import Keys
from psi.star import contributor, pivot, receiver
from psi.star.cost import messages, seconds
from psi.star.messages import Key, Store
from psi.star.parameters import LARGEST_SIZE, Parameters
from tests.unit.psi.star.stars import Star, agreed

ITEMS = [b"uscc:%018d" % number for number in range(40)]
SETS = {org: ITEMS[place : 30 + place] for place, org in enumerate(("r", "p", "a", "b", "c"))}
AGREED = agreed(SETS)


def ready(me: str = "b") -> contributor.Contributed:
    state: Any = contributor.Fresh(AGREED, me, ITEMS).begin()[0]
    for sender in state.senders:
        state = state.advance(sender, Key(bytes(16)))
    assert isinstance(state, contributor.Contributed)
    return state


class TestWhatIsSent:
    def test_messages_and_their_bytes_are_those_that_were_foretold(self) -> None:
        for sizes in ((256,) * 5, (320, 256, 4096, 256, 512)):
            parameters = replace(AGREED, sizes=dict(zip(SETS, sizes, strict=True)))
            sent = Star(parameters, SETS).play().sent
            before = [
                (type(message), one, other, len(message.content))
                for one, other, message in sent
                if isinstance(message, Key | Store)
            ]
            foretold = [
                (one.message, one.sender, one.receiver, one.size) for one in messages(parameters)
            ]
            assert sorted(map(str, before)) == sorted(map(str, foretold))

    def test_lengths_tell_nothing_of_the_sets(self) -> None:
        lengths = {
            tuple(len(message.content) for _, _, message in Star(AGREED, sets).play().sent)  # type: ignore[attr-defined]
            for sets in (SETS, dict.fromkeys(SETS, ITEMS[:1]), dict.fromkeys(SETS, ITEMS[:0]))
        }
        assert len(lengths) == 1

    def test_every_pair_but_pivot_and_receiver_has_one_message_before_they_compare(self) -> None:
        pairs = [frozenset((one.sender, one.receiver)) for one in messages(AGREED)]
        every = {frozenset(pair) for pair in product(SETS, SETS) if len(set(pair)) == 2}
        assert len(pairs) == len(set(pairs))
        assert set(pairs) == every - {frozenset("rp")}

    def test_many_keys_are_some_21_bytes_each_to_a_contributor(self) -> None:
        parameters = replace(AGREED, sizes=dict.fromkeys(SETS, LARGEST_SIZE))
        for one in messages(parameters):
            assert one.size == 16 or 20 * LARGEST_SIZE < one.size < 22 * LARGEST_SIZE

    def test_the_estimate_grows_with_the_sets(self) -> None:
        parameters = replace(AGREED, sizes=dict.fromkeys(SETS, LARGEST_SIZE))
        assert 0 < seconds(AGREED, 1) < seconds(parameters, 1)


class TestStates:
    def test_each_is_spent_by_its_use(self) -> None:
        state = ready()
        state.store()
        with pytest.raises(OurError):
            state.store()
        awaits = pivot.Fresh(AGREED, ITEMS).begin()
        store = ready("a").store()[1]
        awaits.advance("a", store)
        with pytest.raises(OurError):
            awaits.advance("b", store)

    def test_nothing_prints_a_field(self) -> None:
        blocks, keys = receiver.Fresh(AGREED, ITEMS).begin()
        shown: list[Any] = [blocks, *keys.values(), ready(), ready().store()[1]]
        shown += [
            contributor.Fresh(AGREED, "a", ITEMS),
            contributor.Fresh(AGREED, "a", []).begin()[0],
        ]
        shown += [pivot.Fresh(AGREED, ITEMS), pivot.Fresh(AGREED, ITEMS).begin()]
        for each in (*shown, receiver.Fresh(AGREED, ITEMS)):
            assert repr(each) == str(each) == object.__repr__(each)

    def test_no_set_is_copied_or_pickled(self) -> None:
        for held in (ready().items, pivot.Fresh(AGREED, ITEMS).begin().gathering):
            for take in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(TypeError):
                    take(held)

    def test_blocks_are_as_many_as_items(self) -> None:
        for items in ([], ITEMS):
            assert len(receiver.Fresh(AGREED, items).begin()[0]) == len(items)

    def test_another_runs_stores_match_nothing(self) -> None:
        own, keys = receiver.Fresh(agreed({"r": [], "p": [], "a": []}), ITEMS).begin()
        other = agreed({"r": [], "p": [], "a": []}, run=bytes(32))
        begun = contributor.Fresh(other, "a", ITEMS).begin()[0]
        state = begun.advance("r", keys["a"])
        assert isinstance(state, contributor.Contributed)
        blocks = pivot.Fresh(other, ITEMS).begin().advance("a", state.store()[1])
        assert isinstance(blocks, Keys)
        assert not set(own) & set(blocks)


class TestWhatIsThePeersFault:
    @pytest.mark.parametrize("length", [0, 15, 17, 1 << 20])
    def test_a_key_of_another_length(self, length: int) -> None:
        state = contributor.Fresh(AGREED, "a", ITEMS).begin()[0]
        with pytest.raises(BadMessage) as refused:
            state.advance("r", Key(bytes(length)))
        assert refused.value.rule == "psi/star/SPEC.md §3"

    @pytest.mark.parametrize("change", [-1, 1, 16])
    def test_a_store_of_another_length(self, change: int) -> None:
        size = len(ready().store()[1].content)
        with pytest.raises(BadMessage) as refused:
            pivot.Fresh(AGREED, ITEMS).begin().advance("a", Store(bytes(size + change)))
        assert refused.value.rule == "psi/star/SPEC.md §3"

    @pytest.mark.parametrize("byte", [0, 255])
    def test_a_store_of_anything_is_read_and_matches_nothing(self, byte: int) -> None:
        own, _ = receiver.Fresh(AGREED, ITEMS).begin()
        state: Any = pivot.Fresh(AGREED, ITEMS).begin()
        size = len(ready().store()[1].content)
        for org in AGREED.contributors:
            state = state.advance(org, Store(bytes([byte]) * size))
        assert not set(own) & set(state)


class TestWhatIsTheCallersFault:
    @pytest.mark.parametrize("role", ["r", "p", "a"])
    def test_more_items_than_agreed(self, role: str) -> None:
        many = [str(number).encode() for number in range(257)]
        fresh: Any = {
            "r": receiver.Fresh(AGREED, many),
            "p": pivot.Fresh(AGREED, many),
            "a": contributor.Fresh(AGREED, "a", many),
        }[role]
        with pytest.raises(DatasetOutgrown):
            fresh.begin()

    def test_an_item_twice_is_never_a_wrong_set(self) -> None:
        state: Any = contributor.Fresh(AGREED, "a", [*ITEMS, ITEMS[0]]).begin()[0]
        with pytest.raises(OurError):
            state.advance("r", Key(bytes(16))).store()

    def test_nobody_else_is_heard_and_nobody_twice(self) -> None:
        awaits: Any = contributor.Fresh(AGREED, "c", ITEMS).begin()[0]
        once = awaits.advance("a", Key(bytes(16)))
        for state, sender in ((awaits, "p"), (awaits, "c"), (once, "a")):
            with pytest.raises(OurError):
                state.advance(sender, Key(bytes(16)))
        gathers = pivot.Fresh(AGREED, ITEMS).begin()
        for sender in ("r", "p"):
            with pytest.raises(OurError):
                gathers.advance(sender, ready().store()[1])

    @pytest.mark.parametrize(
        "differing",
        [
            {"run_id": bytes(31)},
            {"receiver": "nobody"},
            {"pivot": "nobody"},
            {"pivot": "r"},
            {"sizes": {"r": 256, "p": 256}},
            {"sizes": {"r": 256, "p": 256, "a": 255}},
            {"sizes": {"r": 256, "p": 256, "a": 257}},
            {"sizes": {"r": 256, "p": 256, "a": 2 * LARGEST_SIZE}},
        ],
    )
    def test_parameters_that_make_no_star(self, differing: dict[str, Any]) -> None:
        with pytest.raises(BadRequest):
            replace(AGREED, **differing)

    def test_who_is_what(self) -> None:
        assert [AGREED.role_of(org) for org in SETS] == ["receiver", "pivot", *["contributor"] * 3]
        assert AGREED.later_than("a") == ("b", "c")
        assert Parameters.later_than(AGREED, "c") == ()
