"""Keyed tokens: the same at every owner, as specified, in an order that says nothing."""

from dataclasses import replace

import numpy as np
import pytest

from contract.errors import BadMessage, DatasetOutgrown, OurError
from federated.join.keyed import AwaitContributions, Keyed, start_keyed
from federated.join.matching import match
from federated.join.messages import Contribution
from federated.join.owner import TokenList
from federated.join.parameters import JoinParameters
from tests.vectors.keyed_join_reference import TokenKey

RUN = bytes([1] * 32)
AGREED = JoinParameters(RUN, ("a", "b", "c"), (256, 512, 256))
SETS = {
    "a": [b"uscc:%018d" % number for number in range(200)],
    "b": [b"uscc:%018d" % number for number in range(100, 500)],
    "c": [b"uscc:%018d" % number for number in range(150, 300)],
}


def keyed(parameters: JoinParameters = AGREED) -> tuple[dict[str, Keyed], dict[str, bytes]]:
    """Every owner with every contribution, and those."""
    begun = {me: start_keyed(parameters, me) for me in parameters.owners}
    ready = {}
    for me, (state, _) in begun.items():
        now: AwaitContributions | Keyed = state
        for other in reversed(parameters.others(me)):
            assert isinstance(now, AwaitContributions)
            now = now.advance(other, begun[other][1])
        assert isinstance(now, Keyed)
        ready[me] = now
    return ready, {me: message.content for me, (_, message) in begun.items()}


def pieces(listed: TokenList) -> list[bytes]:
    length = AGREED.token_bytes
    return [listed.tokens[at : at + length] for at in range(0, len(listed.tokens), length)]


def test_lists_meet_where_keys_are_equal() -> None:
    ready, _ = keyed()
    listed = {me: ready[me].list(keys) for me, keys in SETS.items()}
    matched = match(AGREED, [listed[me].tokens for me in AGREED.owners])
    rows = {
        tuple(SETS[me][listed[me].order[place]] for me, place in zip(SETS, row, strict=True))
        for row in matched.positions.tolist()
    }
    assert rows == {(key,) * 3 for key in SETS["a"][150:]}


def test_tokens_are_those_of_the_specification() -> None:
    ready, contributions = keyed()
    key = TokenKey.of(RUN, [contributions[me] for me in AGREED.owners])
    for me, keys in SETS.items():
        listed = ready[me].list(keys)
        assert len(listed.tokens) == AGREED.token_bytes * AGREED.size_of(me)
        found = dict(zip(listed.order.tolist(), pieces(listed), strict=False))
        found.pop(-1, None)
        expected = {at: key.token(one, AGREED.token_bytes) for at, one in enumerate(keys)}
        assert found == expected


def test_a_frozen_token() -> None:
    key = TokenKey.of(bytes(range(32)), [bytes([1] * 32), bytes([2] * 32)])
    made = key.token(b"uscc:91110000600037341L", 12)
    assert made.hex() == "44f1c33b859f3b9875d560dc"
    parameters = JoinParameters(bytes(range(32)), ("a", "b"), (256, 256))
    state = AwaitContributions(parameters, "a", {"a": bytes([1] * 32)})
    ready = state.advance("b", Contribution(bytes([2] * 32)))
    assert isinstance(ready, Keyed)
    tokens = ready.list([b"uscc:91110000600037341L"])
    place = int(np.flatnonzero(tokens.order == 0)[0])
    length = parameters.token_bytes
    assert made.startswith(tokens.tokens[place * length : (place + 1) * length])


def test_another_contribution_or_run_makes_other_tokens() -> None:
    _, contributions = keyed()
    ordered = [contributions[me] for me in AGREED.owners]
    key = TokenKey.of(RUN, ordered)
    for at in range(len(ordered)):
        other = [*ordered[:at], bytes(32), *ordered[at + 1 :]]
        assert TokenKey.of(RUN, other) != key
    assert TokenKey.of(bytes(32), ordered) != key


def test_a_list_is_in_a_fresh_order_with_fresh_dummies() -> None:
    ready, _ = keyed()
    one, other = (ready["a"].list(SETS["a"]) for _ in range(2))
    assert one.order.tolist() != other.order.tolist()
    assert len(set(pieces(one)) & set(pieces(other))) == len(SETS["a"])
    for listed in (one, other):
        assert sorted(listed.order.tolist()) == [-1] * 56 + list(range(200))


def test_what_is_no_contribution_is_refused() -> None:
    state, _ = start_keyed(AGREED, "a")
    for content in (b"", bytes(31), bytes(33)):
        with pytest.raises(BadMessage):
            state.advance("b", Contribution(content))
    once = state.advance("b", Contribution(bytes(32)))
    assert isinstance(once, AwaitContributions)
    for owner in ("a", "b", "nobody"):
        with pytest.raises(OurError):
            once.advance(owner, Contribution(bytes(32)))


def test_more_keys_than_the_contract_has_are_refused() -> None:
    ready, _ = keyed(replace(AGREED, sizes=(256, 256, 256)))
    with pytest.raises(DatasetOutgrown):
        ready["b"].list(SETS["b"])


def test_nothing_of_it_is_printed() -> None:
    state, message = start_keyed(AGREED, "a")
    for one in (state, message):
        assert message.content.hex() not in repr(one)
        assert repr(message.content) not in repr(one)
