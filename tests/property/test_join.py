"""The join is Python's set intersection, whatever the sets, the groups and the order of events."""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from random import Random

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.sizes import padded_size
from federated.join.cells import cells
from federated.join.codes import Encoded, encode
from federated.join.matching import match
from federated.join.messages import Blinded
from federated.join.owner import AwaitServed, Started, TokenList, start
from federated.join.parameters import JoinParameters

K = 3
Sets = list[frozenset[bytes]]

ONE = frozenset({b"uscc:91110000600037341L"})
SOME = frozenset(b"uscc:%018d" % number for number in range(60))
FULL = frozenset(b"declaration:%018d" % number for number in range(256))

# Few letters and short keys, so that sets meet and keys are prefixes of one another.
SETS = st.lists(
    st.frozensets(st.text("ab", max_size=5).map(str.encode), max_size=50), min_size=2, max_size=5
)


@dataclass
class Joined:
    """A whole join in one process."""

    parameters: JoinParameters
    keys: dict[str, list[bytes]]
    ended: dict[str, TokenList]

    @property
    def tokens(self) -> list[bytes]:
        return [self.ended[owner].tokens for owner in self.parameters.owners]


def joined(sets: Sets, random: Random) -> Joined:
    """Every leg of every list as one event; which owner's is next is drawn."""
    owners = tuple("abcde"[: len(sets)])
    sizes = tuple(padded_size(len(own)) * random.choice([1, 2]) for own in sets)
    parameters = JoinParameters(bytes([7] * 32), owners, sizes)
    keys = {owner: sorted(own) for owner, own in zip(owners, sets, strict=True)}
    for own in keys.values():
        random.shuffle(own)
    started = {owner: start(parameters, owner, own) for owner, own in keys.items()}
    under_way = {owner: (one.state, one.message) for owner, one in started.items()}
    ended: dict[str, TokenList] = {}
    while under_way:
        owner = random.choice(sorted(under_way))
        after = next_leg(started, owner, *under_way.pop(owner))
        if isinstance(after, TokenList):
            ended[owner] = after
        else:
            under_way[owner] = after
    return Joined(parameters, keys, ended)


def next_leg(
    started: dict[str, Started], owner: str, state: AwaitServed, message: Blinded
) -> TokenList | tuple[AwaitServed, Blinded]:
    after, sent = state.advance(started[state.to].serving.serve(message, owner))
    if isinstance(after, AwaitServed):
        assert isinstance(sent, Blinded)
        return after, sent
    return after


def keys_at(join: Joined, owner: str, places: list[int]) -> list[bytes]:
    order = join.ended[owner].order
    assert all(order[place] >= 0 for place in places)
    return [join.keys[owner][order[place]] for place in places]


@given(SETS, st.randoms())
@example([frozenset(), frozenset()], Random(1))
@example([frozenset(), SOME, SOME], Random(2))
@example([SOME, FULL, SOME], Random(3))
@example([ONE, ONE, ONE], Random(4))
@example([ONE, SOME | ONE, FULL | ONE], Random(5))
@example([FULL, FULL, FULL, FULL, FULL], Random(6))
@settings(max_examples=20)
def test_who_is_in_every_list_is_found_at_its_places(sets: Sets, random: Random) -> None:
    join = joined(sets, random)
    matched = match(join.parameters, join.tokens)
    rows = [
        keys_at(join, owner, matched.positions[:, column].tolist())
        for column, owner in enumerate(join.parameters.owners)
    ]
    assert all(row == rows[0] for row in rows)
    assert sorted(rows[0]) == sorted(frozenset.intersection(*sets))
    for owner in join.parameters.owners:
        places = matched.of(owner).tolist()
        assert places == sorted(places)
        assert set(keys_at(join, owner, places)) == frozenset.intersection(*sets)


@given(SETS, st.randoms())
@settings(max_examples=10)
def test_every_overlap_of_lists_is_that_of_the_sets(sets: Sets, random: Random) -> None:
    join = joined(sets, random)
    for number in range(2, len(sets) + 1):
        for some in combinations(join.parameters.owners, number):
            matched = match(join.parameters, join.tokens, among=some)
            expected = frozenset.intersection(*(frozenset(join.keys[owner]) for owner in some))
            assert set(keys_at(join, some[0], matched.of(some[0]).tolist())) == expected


@given(SETS, st.randoms(), st.integers(1, 3))
@example([SOME, SOME | FULL, SOME], Random(1), 2)
@settings(max_examples=20)
def test_counts_by_group_are_those_of_the_sets(sets: Sets, random: Random, number: int) -> None:
    """Cell by cell what a GROUP BY over the clear join gives, all others in the remainder."""
    join = joined(sets, random)
    groups = {
        owner: {key: random.randrange(number) for key in own} for owner, own in join.keys.items()
    }
    encoded: list[Encoded] = []
    for owner in join.parameters.owners:
        of_keys = [groups[owner][key] for key in join.keys[owner]]
        encoded.append(encode(of_keys, join.ended[owner].order, K, random.randbytes(32)))
    found = cells(
        match(join.parameters, join.tokens),
        [np.frombuffer(one.message.codes, dtype="<u4") for one in encoded],
        [{one.message.other} for one in encoded],
        [one.message.sizes for one in encoded],
        K,
        1,
        [True] * len(sets),
    )

    common = frozenset.intersection(*sets)
    clear = Counter(tuple(groups[owner][key] for owner in groups) for key in common)
    opened = {
        tuple(one.labels[code] for one, code in zip(encoded, cell.codes, strict=True)): cell.count
        for cell in found.passing
    }
    assert opened.items() <= clear.items()
    assert all(count >= K for count in opened.values())
    rest = len(common) - sum(opened.values())
    if found.remainder is not None:
        assert found.remainder.count == rest >= K
        assert found.folded >= 2
    else:
        # What is left is dropped only if nothing can be put with it.
        assert rest == 0 or not opened
