"""Coalitions against the tokens of a blind join (federated/SPEC.md §1.9, one test a row and more).

The colluders follow the protocol, written in the open, and pool everything that they saw and drew;
the honest owners are those of the product. What they try:

* `identities`: take their own scalars out of every list of points, and compare what is left with
  their own lists and with a dictionary of all keys there are;
* `overlaps`: the same among other owners' lists, which needs no name;
* `opened`: with the coordinator's tokens, hash every key of the dictionary with every point.

Each attack is also run, unchanged, where it must succeed: on lists that travel in a ring, on keyed
tokens. An attack that finds nothing there would say nothing here.
"""

import hmac
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import combinations
from random import Random

import numpy as np
import pytest

from federated.join.matching import match
from federated.join.messages import Blinded, Served
from federated.join.owner import AwaitServed, Started, TokenList, start
from federated.join.parameters import JoinParameters
from tests.vectors.blind_join_reference import (
    KEY_DST,
    Fast,
    OpenOwner,
    inverse,
    points,
    token,
)
from tests.vectors.ristretto_reference import ORDER

RUN = sha256(b"a start record").digest()
DICTIONARY = [f"uscc:{number:018}".encode() for number in range(80)]
GROUP = Fast()
SIZE = 256

Names = tuple[str, ...]


def key_sets(owners: Names) -> dict[str, list[bytes]]:
    random = Random(len(owners))
    return {owner: random.sample(DICTIONARY, 40) for owner in owners}


@dataclass(frozen=True)
class Seen:
    """A list of points before somebody's eyes, and the scalars that everybody knows to be in it."""

    by: str
    owner: str
    scalars: tuple[str, ...]
    points: list[bytes]


@dataclass
class View:
    """What a coalition has: every list seen, its own scalars, and its own lists in the clear."""

    members: Names
    seen: list[Seen] = field(default_factory=list)
    scalars: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, list[bytes]] = field(default_factory=dict)

    def see(self, by: str, owner: str, scalars: Sequence[str], encoded: bytes) -> None:
        if by in self.members:
            self.seen.append(Seen(by, owner, tuple(scalars), points(encoded)))

    def stripped(self, seen: Seen) -> list[bytes]:
        """The points without the factors that the coalition knows."""
        known = 1
        for name in seen.scalars:
            known = known * self.scalars.get(name, 1) % ORDER
        return [GROUP.times(inverse(known), point) for point in seen.points]


# ── the attacks ─────────────────────────────────────────────────────────────────────────────────


def identities(view: View) -> set[tuple[str, bytes]]:
    """Keys of others that the points give away: whose list, which key."""
    named = {GROUP.hashed(RUN + key, KEY_DST): key for key in DICTIONARY}
    for seen in view.seen:
        if seen.owner in view.members:
            pairs = zip(view.stripped(seen), view.inputs[seen.owner], strict=True)
            named |= {point: key for point, key in pairs if key in DICTIONARY}
    return {
        (seen.owner, named[point])
        for seen in view.seen
        if seen.owner not in view.members
        for point in view.stripped(seen)
        if point in named
    }


def overlaps(view: View) -> dict[tuple[str, str], int]:
    """How many keys pairs of other owners have in common, as far as the points show it."""
    stripped = [
        (seen.owner, set(view.stripped(seen)))
        for seen in view.seen
        if seen.owner not in view.members
    ]
    found: dict[tuple[str, str], int] = {}
    for (one, its), (other, others) in combinations(stripped, 2):
        pair = (min(one, other), max(one, other))
        if one != other and its & others:
            found[pair] = max(found.get(pair, 0), len(its & others))
    return found


def opened(
    lists: dict[str, list[bytes]],
    members: Names,
    candidates: Callable[[bytes], Iterable[bytes]],
) -> dict[tuple[str, bytes], int]:
    """Keys of others whose token the coalition can make: whose, which key, at which place."""
    keys = {made: key for key in DICTIONARY for made in candidates(key)}
    return {
        (owner, keys[one]): place
        for owner, tokens in lists.items()
        if owner not in members
        for place, one in enumerate(tokens)
        if one in keys
    }


# ── the protocol, and what becomes of it in a ring ──────────────────────────────────────────────


class Colluder:
    """A party of the product's protocol, in the open."""

    def __init__(self, parameters: JoinParameters, me: str, keys: Sequence[bytes]) -> None:
        size = parameters.size_of(me)
        self.open = OpenOwner.of(GROUP, RUN, size, keys, sha256(me.encode()).digest())

    def tell(self, view: View, me: str) -> None:
        view.scalars |= {f"k_{me}": self.open.k, f"s_{me}": self.open.s}
        view.inputs[me] = self.open.inputs


@dataclass
class Run:
    """A whole run: the colluders' view, every list of tokens, and whose key stands where."""

    view: View
    tokens: dict[str, list[bytes]]
    keys: dict[str, list[bytes | None]]
    finished: list[bytes]  # the colluders' own points times every scalar


def blind_join(owners: Names, members: Names) -> Run:
    """The product's join, with `members` in the open."""
    parameters = JoinParameters(RUN, owners, (SIZE,) * len(owners))
    sets, view = key_sets(owners), View(members)
    colluders = {me: Colluder(parameters, me, sets[me]) for me in members}
    honest = {me: start(parameters, me, sets[me]) for me in owners if me not in members}
    for me, colluder in colluders.items():
        colluder.tell(view, me)

    def served(by: str, owner: str, scalars: Sequence[str], encoded: bytes) -> bytes:
        view.see(by, owner, scalars, encoded)
        if by in colluders:
            return colluders[by].open.serve(encoded)
        return honest[by].serving.serve(Blinded(encoded), owner).points

    run = Run(view, {}, {}, [])
    for me in owners:
        scalars = [f"s_{me}"]
        if me in honest:
            end = _honest_list(honest[me], me, scalars, served)
            tokens = end.tokens
            run.keys[me] = [sets[me][at] if at >= 0 else None for at in end.order]
        else:
            own = colluders[me].open
            encoded = own.blinded()
            for other in parameters.others(me):
                encoded = served(other, me, scalars, encoded)
                scalars.append(f"k_{other}")
                view.see(me, me, scalars, encoded)
            run.finished += own.finished(encoded)
            tokens = own.tokens(encoded, parameters.token_bytes)
            run.keys[me] = [sets[me][at] if at >= 0 else None for at in own.order]
        run.tokens[me] = _pieces(tokens, parameters.token_bytes)
    return run


def _honest_list(
    started: Started,
    me: str,
    scalars: list[str],
    served: Callable[[str, str, Sequence[str], bytes], bytes],
) -> TokenList:
    state: AwaitServed | TokenList = started.state
    message: object = started.message
    while isinstance(state, AwaitServed):
        assert isinstance(message, Blinded)
        returned = served(state.to, me, scalars, message.points)
        scalars.append(f"k_{state.to}")
        state, message = state.advance(Served(returned))
    return state


def _pieces(tokens: bytes, length: int) -> list[bytes]:
    return [tokens[at : at + length] for at in range(0, len(tokens), length)]


def ring(owners: Names, members: Names, way: Callable[[Names, str], Names]) -> View:
    """What the product does not do: a list under its owner's k goes from hand to hand."""
    parameters = JoinParameters(RUN, owners, (SIZE,) * len(owners))
    sets, view = key_sets(owners), View(members)
    everybody = {me: Colluder(parameters, me, sets[me]) for me in owners}
    for me in members:
        everybody[me].tell(view, me)
    for me, owner in everybody.items():
        own = owner.open
        encoded = b"".join(GROUP.times(own.k, own.hashed(place)) for place in range(SIZE))
        scalars = [f"k_{me}"]
        for other in way(owners, me):
            view.see(other, me, scalars, encoded)
            encoded = everybody[other].open.serve(encoded)
            scalars.append(f"k_{other}")
    return view


def successors(owners: Names, me: str) -> Names:
    """Each owner passes on to the next: everybody finishes one list that is not its own."""
    at = owners.index(me)
    return owners[at + 1 :] + owners[:at]


def contract_order(owners: Names, me: str) -> Names:
    """Every list goes through the others in one order: the last owner finishes nearly all."""
    return tuple(owner for owner in owners if owner != me)


# ── owners without the coordinator ──────────────────────────────────────────────────────────────

THREE, FOUR = ("a", "b", "c"), ("a", "b", "c", "d")
SINGLES = [(owners, (one,)) for owners in (THREE, FOUR) for one in owners]
PAIRS = [(owners, pair) for owners in (THREE, FOUR) for pair in combinations(owners, 2)]
TRIPLES = [(FOUR, three) for three in combinations(FOUR, 3)]
ALL = SINGLES + PAIRS + TRIPLES


def shared(run_keys: Collection[bytes], owners: Names, members: Names) -> set[tuple[str, bytes]]:
    """Which of `run_keys` the other owners hold."""
    sets = key_sets(owners)
    others = [owner for owner in owners if owner not in members]
    return {(owner, key) for owner in others for key in sets[owner] if key in run_keys}


def own_keys(owners: Names, members: Names) -> set[bytes]:
    return {key for member in members for key in key_sets(owners)[member]}


@pytest.mark.parametrize(("owners", "members"), ALL)
def test_owners_without_the_coordinator_learn_nothing(owners: Names, members: Names) -> None:
    assert shared(own_keys(owners, members), owners, members)  # there is something to learn
    view = blind_join(owners, members).view
    # Every other owner's list came by each of them, and their own came back from everybody.
    others = len(owners) - len(members)
    assert len({(seen.by, seen.owner) for seen in view.seen}) >= len(members) * (1 + others)
    assert identities(view) == set()
    assert overlaps(view) == {}


@pytest.mark.parametrize("leaked", ["s_c", "k_c"])
def test_with_a_secret_of_the_third_the_same_view_gives_it_away(leaked: str) -> None:
    """What the blinding s hides, and that k alone opens nothing without the coordinator."""
    whole = blind_join(THREE, THREE).view
    members = ("a", "b")
    view = View(members, [seen for seen in whole.seen if seen.by in members])
    names = [leaked, *(f"{kind}_{member}" for kind in "ks" for member in members)]
    view.scalars = {name: whole.scalars[name] for name in names}
    view.inputs = {member: whole.inputs[member] for member in members}
    everything = {("c", key) for key in key_sets(THREE)["c"]}
    assert identities(view) == (everything if leaked == "s_c" else set())


@pytest.mark.parametrize(("owners", "members"), PAIRS)
def test_in_a_ring_every_two_owners_learn_identities(owners: Names, members: Names) -> None:
    view = ring(owners, members, successors)
    found = identities(view)
    assert found
    assert found <= shared(own_keys(owners, members), owners, members)


@pytest.mark.parametrize("members", list(combinations(THREE, 2)))
def test_in_a_ring_of_three_two_owners_read_one_list_against_the_third(members: Names) -> None:
    """Whoever sends to the honest owner has every match of its list with that owner's."""
    (honest,) = set(THREE) - set(members)
    before = THREE[THREE.index(honest) - 1]
    expected = shared(own_keys(THREE, (before,)), THREE, members)
    assert identities(ring(THREE, members, successors)) == expected
    assert len(expected) > 10


@pytest.mark.parametrize("owners", [THREE, FOUR])
def test_in_a_ring_of_fixed_order_the_last_owner_alone_counts_overlaps(owners: Names) -> None:
    sets = {owner: set(keys) for owner, keys in key_sets(owners).items()}
    expected = {pair: len(sets[pair[0]] & sets[pair[1]]) for pair in combinations(owners[:-1], 2)}
    assert overlaps(ring(owners, owners[-1:], contract_order)) == expected


# ── the coordinator, alone and with owners ──────────────────────────────────────────────────────


def test_the_coordinator_alone_counts_every_overlap_and_names_nobody() -> None:
    run = blind_join(FOUR, ())
    held = Counter(one for tokens in run.tokens.values() for one in tokens)
    holders = Counter(key for keys in key_sets(FOUR).values() for key in keys)
    assert Counter(held.values()) == Counter(holders.values()) + Counter({1: 4 * (SIZE - 40)})

    def candidates(key: bytes) -> Iterable[bytes]:
        hashed = GROUP.hashed(RUN + key, KEY_DST)
        return (token(RUN, key, point, 8) for point in (hashed, b"", bytes(32)))

    assert {len(one) for tokens in run.tokens.values() for one in tokens} == {8}
    assert opened(run.tokens, (), candidates) == {}


@pytest.mark.parametrize(("owners", "members"), ALL)
def test_the_coordinator_and_owners_learn_where_the_owners_keys_are_and_no_others(
    owners: Names, members: Names
) -> None:
    """Their keys in other lists, inside the join or not, and the codes there; no other key."""
    run = blind_join(owners, members)
    length = len(run.tokens["a"][0])
    # Everything in their hands: points as they came, stripped, and finished.
    everything = set(run.finished)
    for seen in run.view.seen:
        everything |= {*seen.points, *run.view.stripped(seen)}

    def candidates(key: bytes) -> Iterable[bytes]:
        known = everything | {GROUP.hashed(RUN + key, KEY_DST)}
        return (token(RUN, key, point, length) for point in known)

    found = opened(run.tokens, members, candidates)
    expected = shared(own_keys(owners, members), owners, members)
    assert found.keys() == expected
    assert len(expected) < len(shared(DICTIONARY, owners, members))
    for (owner, key), place in found.items():
        assert run.keys[owner][place] == key

    codes = _codes(run)
    clear = {
        (owner, key): codes[owner][place]
        for owner, keys in run.keys.items()
        for place, key in enumerate(keys)
        if key is not None
    }
    learned = {at: codes[at[0]][place] for at, place in found.items()}
    assert learned == {at: code for at, code in clear.items() if at in expected}


def _codes(run: Run) -> dict[str, list[int]]:
    random = Random(1)
    return {owner: random.choices(range(8), k=len(keys)) for owner, keys in run.keys.items()}


def test_with_keyed_tokens_the_coordinator_and_an_owner_learn_every_identifier() -> None:
    """The fast dial, where one key makes all tokens: the same attack opens every list."""
    sets = key_sets(THREE)

    def keyed(key: bytes) -> bytes:
        return hmac.digest(RUN, key, "sha256")[:8]

    lists = {owner: [keyed(key) for key in keys] for owner, keys in sets.items()}
    found = opened(lists, ("a",), lambda key: [keyed(key)])
    assert found.keys() == shared(DICTIONARY, THREE, ("a",))


def test_the_join_of_colluders_and_owners_of_the_product_is_right() -> None:
    """A colluder that followed another protocol would prove nothing."""
    run = blind_join(FOUR, ("a", "c"))
    parameters = JoinParameters(RUN, FOUR, (SIZE,) * 4)
    matched = match(parameters, [b"".join(run.tokens[owner]) for owner in FOUR])
    rows = {
        tuple(run.keys[owner][place] for owner, place in zip(FOUR, row, strict=True))
        for row in np.asarray(matched.positions).tolist()
    }
    common = set.intersection(*(set(keys) for keys in key_sets(FOUR).values()))
    assert common
    assert rows == {(key,) * 4 for key in common}
