"""Who sees a store of the star, against whoever made it (psi/star/SPEC.md §6).

The honest parties are those of the product. Attackers follow the protocol and pool everything that
they saw and drew. What they try, each with a dictionary in which a quarter are the honest owner's:

* `by_weight`: a column that no key determines is zero, if nobody has filled it. So over many jobs
  the columns of a key that is there are heavier than those of one that isn't;
* `by_value`: a key is there if the store has for it the value that the keys one knows make.

Each attack is also run, unchanged, where it must succeed: on stores that are filled with zeros, and
with every key that the honest owner has. An attack that finds nothing there would say nothing here.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random
from secrets import randbits, token_bytes

import pytest

from psi.star.messages import Key, Store
from tests.unit.psi.star.stars import Star, agreed
from tests.vectors.okvs_reference import Row, Shape, item, value

SIZE = 256
JOBS = 12
DICTIONARY = [b"uscc:%018d" % number for number in range(4 * SIZE)]
BITS = {1: 44, 2: 45}
"""Of a store's failure, by the number of contributors."""


@dataclass(frozen=True)
class Seen:
    """A store before somebody's eyes, and the run that it is of."""

    run: bytes
    shape: Shape
    seed: int
    columns: Sequence[int]

    def row(self, key: bytes) -> Row:
        return self.shape.row(self.seed, item(self.run, key))

    def decode(self, key: bytes) -> int:
        return self.shape.decode(self.columns, self.row(key))


def seen(star: Star, place: int) -> Seen:
    """What the pivot gets of the contributor with that place."""
    parameters = star.parameters
    store = star.messages(Store, parameters.pivot)[place]
    assert isinstance(store, Store)
    words = [store.content[at : at + 16] for at in range(0, len(store.content), 16)]
    seed, *columns = (int.from_bytes(word, "little") for word in words)
    shape = Shape.of(SIZE, BITS[len(parameters.contributors)])
    return Seen(parameters.run_id, shape, seed, columns)


def ours(held: Sequence[bytes]) -> Seen:
    """One job of the product with a contributor that has these keys."""
    sets = {"r": DICTIONARY[:SIZE], "p": DICTIONARY[:SIZE], "c": held}
    return seen(Star(agreed(sets, run=token_bytes(32)), sets).play(), 0)


def filled_with_zeros(held: Sequence[bytes]) -> Seen:
    """The same store of somebody who fills nothing."""
    run, shape, key = token_bytes(32), Shape.of(SIZE, BITS[1]), token_bytes(16)
    blocks = [item(run, one) for one in held]
    while True:
        seed = randbits(128)
        rows = {shape.row(seed, block): value([key], block) for block in blocks}
        try:
            store = shape.encode(rows, [0] * (shape.sparse + shape.dense))
        except LookupError:
            continue
        return Seen(run, shape, seed, store)


def by_weight(stores: Sequence[Seen]) -> list[bytes]:
    """The dictionary, the likeliest first."""

    def weight(key: bytes) -> tuple[int, int]:
        """First how light it ever was: a key that is there has determined a column of its own."""
        rows = [(store, store.row(key)) for store in stores]
        weights = [sum(store.columns[at].bit_count() for at in row.columns) for store, row in rows]
        return min(bool(each) for each in weights), sum(weights)

    return sorted(DICTIONARY, key=weight, reverse=True)


def found(ranked: Sequence[bytes], held: Collection[bytes]) -> int:
    """How many of the first as many are right."""
    return len(set(ranked[: len(held)]) & set(held))


def is_by_chance(right: int, held: Collection[bytes]) -> bool:
    """Within five standard deviations of drawing so many from the dictionary."""
    share = len(held) / len(DICTIONARY)
    # Of a hypergeometric variable: below that of the binomial one.
    return abs(right - share * len(held)) < 5 * sqrt(len(held) * share * (1 - share))


@pytest.mark.parametrize("count", [SIZE * 7 // 8, SIZE // 4])
@pytest.mark.parametrize(("job", "leaks"), [(ours, False), (filled_with_zeros, True)])
def test_a_pivot_with_a_dictionary(
    job: Callable[[Sequence[bytes]], Seen], leaks: bool, count: int
) -> None:
    held = Random(count).sample(DICTIONARY, count)
    right = found(by_weight([job(held) for _ in range(JOBS)]), held)
    if leaks:  # names more than twice as many as chance would
        assert right > 2 * count * count / len(DICTIONARY)
    else:
        assert is_by_chance(right, held)


# ── coalitions ──────────────────────────────────────────────────────────────────────────────────


HELD = {org: Random(org).sample(DICTIONARY, SIZE) for org in ("r", "p", "a", "b")}


@pytest.fixture(scope="module")
def four() -> Star:
    return Star(agreed(HELD), HELD).play()


def keys_known_to(star: Star, *orgs: str) -> dict[frozenset[str], bytes]:
    """The keys that a coalition has drawn or was sent, by whose they are."""
    return {
        frozenset((one, other)): message.content
        for one, other, message in star.sent
        if isinstance(message, Key) and {one, other} & set(orgs)
    }


def by_value(stores: Sequence[Seen], keys: Sequence[bytes]) -> set[bytes]:
    """The keys of the dictionary for which the stores add up to the values of these keys."""
    hits = set()
    for key in DICTIONARY:
        total = value(keys, item(stores[0].run, key))
        for store in stores:
            total ^= store.decode(key)
        if total == 0:
            hits.add(key)
    return hits


def test_receiver_and_pivot_find_out_what_all_others_have(four: Star) -> None:
    """As the leakage statement says; and not which of the others has the rest."""
    stores = [seen(four, place) for place in range(2)]
    keys = keys_known_to(four, "r", "p")
    assert set(keys) == {frozenset("ra"), frozenset("rb")}
    both = set(HELD["a"]) & set(HELD["b"])
    assert len(both) > 10
    assert by_value(stores, list(keys.values())) == both
    for org, store in zip("ab", stores, strict=True):
        assert by_value([store], [keys[frozenset("r" + org)]]) == set()


def test_all_but_one_of_the_others_help_them_to_that_one(four: Star) -> None:
    keys = keys_known_to(four, "r", "p", "b")
    of_a = [content for pair, content in keys.items() if "a" in pair]
    assert by_value([seen(four, 0)], of_a) == set(HELD["a"])


def test_the_pivot_and_contributors_without_the_receiver_find_nothing(four: Star) -> None:
    keys = keys_known_to(four, "p", "b")
    assert set(keys) == {frozenset("rb"), frozenset("ab")}
    store = seen(four, 0)
    for known in ([keys[frozenset("ab")]], list(keys.values()), [keys[frozenset("rb")]]):
        assert by_value([store], known) == set()
        # Nor does what is left of a value, without the one key that they lack, look like anything.
        left = {key: store.decode(key) ^ value(known, item(store.run, key)) for key in DICTIONARY}
        ranked = sorted(DICTIONARY, key=lambda key: left[key].bit_count())
        assert is_by_chance(found(ranked, HELD["a"]), HELD["a"])


def test_the_receiver_and_contributors_are_sent_no_store(four: Star) -> None:
    for org in ("r", "a", "b"):
        assert four.messages(Store, org) == []
