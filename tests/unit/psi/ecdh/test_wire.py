"""The bytes on the wire, seen by somebody else: a peer written from psi/SPEC.md in plain Python.

It shows that the specification is complete, that lists are shuffled, and where the protocol's
limits are: what a party that deviates can do (SPEC §6) is done here.
"""

from dataclasses import replace
from hashlib import sha256

import pytest

from contract.errors import BadMessage
from psi.ecdh import receiver, sender
from psi.ecdh.messages import BlindedSet, Evaluated, Matched
from psi.ecdh.parameters import Mode, Parameters
from psi.step import Cardinality, Finished, Intersection
from tests.vectors import sm2_reference as sm2
from tests.vectors.ristretto_reference import (
    ORDER,
    Point,
    batched_32,
    decode,
    encode,
    hash_to_group,
)

SIZE = 256
RUN = sha256(b"a start record").digest()
TAG = 58  # bits: 42 + log2(256 · 256)
PLACE = 9  # bits: ⌈log2(256 + 1)⌉
DST = b"mihe-psi-ecdh-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_"
SM2_DST = b"mihe-psi-ecdh-V1-CS01-with-SM2_XMD:SM3_SSWU_RO_"

KEYS = [f"uscc:{number:018}".encode() for number in range(SIZE)]


def agreed(mode: Mode = "intersection", *, both: bool = True) -> Parameters:
    return Parameters(run_id=RUN, receiver_size=SIZE, sender_size=SIZE, mode=mode, both=both)


def hashed(key: bytes) -> Point:
    return hash_to_group(RUN + key, DST)


def tag(point: Point) -> int:
    digest = sha256(b"mihe/psi-ecdh/tag/v1" + RUN + encode(point)).digest()
    return int.from_bytes(digest, "little") & (1 << TAG) - 1


def proof(some: list[Point]) -> bytes:
    label = b"mihe/psi-ecdh/proof/v1"
    return sha256(label + RUN + b"".join(encode(point) for point in some)).digest()


def packed(numbers: list[int], width: int) -> bytes:
    whole = sum(number << at * width for at, number in enumerate(numbers))
    return whole.to_bytes(-(-len(numbers) * width // 8), "little")


def unpacked(packed: bytes, width: int) -> list[int]:
    whole = int.from_bytes(packed, "little")
    return [whole >> at * width & 2**width - 1 for at in range(SIZE)]


def points(encoded: bytes) -> list[Point]:
    decoded = [decode(one) for one in batched_32(encoded)]
    assert None not in decoded
    return [point for point in decoded if point is not None]


def multiples(point: Point, count: int) -> list[Point]:
    """1·P, 2·P, …"""
    found = [point]
    while len(found) < count:
        found.append(found[-1] + point)
    return found


def joined(some: list[Point]) -> bytes:
    return b"".join(encode(point) for point in some)


def sent_by_spec(products: list[Point], own: list[Point]) -> Evaluated:
    """The sender's message, from the receiver's points times b and its own."""
    return Evaluated(tags=packed([tag(one) for one in products], TAG), points=joined(own))


def test_a_peer_written_from_the_specification_gets_along() -> None:
    b = int.from_bytes(sha256(b"b").digest()) % ORDER
    own = KEYS[200:] + [b"padding:%d" % number for number in range(200)]
    awaiting, blinded = receiver.Fresh(agreed(), KEYS[:240]).begin()
    products = [b * point for point in points(blinded.points)]
    finished, answer = awaiting.advance(sent_by_spec(products, [b * hashed(key) for key in own]))
    assert finished == Finished(Intersection(list(range(200, 240))))
    assert answer is not None
    places = unpacked(answer.matches[:-32], PLACE)
    assert [at for at, place in enumerate(places) if place] == list(range(40))
    assert len(set(places[:40])) == 40
    assert answer.matches[-32:] == proof([products[place - 1] for place in places[:40]])


def test_a_receiver_written_from_the_specification_gets_along() -> None:
    a = int.from_bytes(sha256(b"a").digest()) % ORDER
    own = KEYS[200:] + [b"padding:%d" % number for number in range(200)]
    answering, _ = sender.Fresh(agreed(), KEYS[:240]).begin()
    after, evaluated = answering.advance(BlindedSet(joined([a * hashed(key) for key in own])))
    products = [a * point for point in points(evaluated.points)]
    place_of = {one: place for place, one in enumerate(unpacked(evaluated.tags, TAG), 1)}
    places = [place_of.get(tag(product), 0) for product in products]
    assert sorted(place for place in places if place) == list(range(1, 41))
    known = [product for product, place in zip(products, places, strict=True) if place]
    assert isinstance(after, sender.AwaitMatched)
    finished, _ = after.advance(Matched(packed(places, PLACE) + proof(known)))
    assert finished == Finished(Intersection(list(range(200, 240))))


def test_how_many_is_told_by_a_bit_for_each_tag() -> None:
    a = int.from_bytes(sha256(b"a").digest()) % ORDER
    answering, _ = sender.Fresh(agreed("cardinality"), KEYS[:15]).begin()
    after, evaluated = answering.advance(BlindedSet(joined([a * hashed(key) for key in KEYS])))
    product_of = {tag(a * point): a * point for point in points(evaluated.points)}
    tags = unpacked(evaluated.tags, TAG)
    known = [product_of[one] for one in tags if one in product_of]
    assert isinstance(after, sender.AwaitMatched)
    bits = packed([int(one in product_of) for one in tags], 1)
    assert after.advance(Matched(bits + proof(known)))[0] == Finished(Cardinality(15))


@pytest.mark.parametrize("mode", ["intersection", "cardinality"])
def test_a_peer_on_sm2_gets_along(mode: Mode) -> None:
    """A sender with b = 1, whose products are the points that it got, up to sign."""
    parameters = replace(agreed(mode), curve="sm2")
    awaiting, blinded = receiver.Fresh(parameters, KEYS[:240]).begin()
    seen = batched_32(blinded.points)
    tags = [sm2.sm3(b"mihe/psi-ecdh/tag/v1" + RUN + one)[:16] for one in seen]
    own = KEYS[200:] + [b"padding:%d" % number for number in range(200)]
    evaluated = Evaluated(
        tags=packed([int.from_bytes(one, "little") % (1 << TAG) for one in tags], TAG),
        points=b"".join(sm2.encode(sm2.hash_to_curve(RUN + key, SM2_DST)) for key in own),
    )
    finished, answer = awaiting.advance(evaluated)
    assert answer is not None
    if mode == "cardinality":
        assert finished == Finished(Cardinality(40))
        known = [seen[at] for at, bit in enumerate(unpacked(answer.matches[:-32], 1)) if bit]
    else:
        assert finished == Finished(Intersection(list(range(200, 240))))
        places = unpacked(answer.matches[:-32], PLACE)
        assert [at for at, place in enumerate(places) if place] == list(range(40))
        known = [seen[place - 1] for place in places[:40]]
    proven = sm2.sm3(b"mihe/psi-ecdh/proof/v1" + RUN + b"".join(known))
    assert answer.matches[-32:] == proven


def test_places_in_the_list_do_not_follow_the_order_of_the_items() -> None:
    """A sender with b = 1 and Y = X sees every place: a permutation far from the identity."""
    awaiting, blinded = receiver.Fresh(agreed(), KEYS).begin()
    evaluated = sent_by_spec(points(blinded.points), [hashed(key) for key in KEYS])
    _, answer = awaiting.advance(evaluated)
    assert answer is not None
    places = [place - 1 for place in unpacked(answer.matches[:-32], PLACE)]

    assert sorted(places) == list(range(SIZE))
    # By chance: 1 place kept on average, 15 or more with 10^-12.
    assert sum(place == at for at, place in enumerate(places)) < 15
    # Spearman's rank correlation has a standard deviation of 1/16; 0.45 is seven of them.
    distance = sum((place - at) ** 2 for at, place in enumerate(places))
    assert abs(1 - 6 * distance / (SIZE * (SIZE**2 - 1))) < 0.45


@pytest.mark.parametrize("mode", ["intersection", "cardinality"])
def test_tags_come_back_in_order_only_where_positions_are_the_result(mode: Mode) -> None:
    """A receiver that sends multiples of one hash finds b·H(y) and knows the order to expect."""
    sent = multiples(hashed(KEYS[0]), SIZE)
    answering, _ = sender.Fresh(agreed(mode), KEYS[:1]).begin()
    _, evaluated = answering.advance(BlindedSet(joined(sent)))
    tags = unpacked(evaluated.tags, TAG)
    (found,) = [point for point in points(evaluated.points) if tag(point) in tags]
    expected = [tag(point) for point in multiples(found, SIZE)]
    assert set(tags) == set(expected)
    assert (tags == expected) == (mode == "intersection")


@pytest.mark.parametrize(("mode", "width"), [("intersection", PLACE), ("cardinality", 1)])
def test_who_has_no_common_element_can_tell_of_no_match(mode: Mode, width: int) -> None:
    """Not even with all that it got: the tags are hashes, and the proof is of what they hash."""
    answering, _ = sender.Fresh(agreed(mode), KEYS).begin()
    _, blinded = receiver.Fresh(agreed(mode), [b"absent"]).begin()
    after, evaluated = answering.advance(blinded)
    claimed = packed([1] + [0] * (SIZE - 1), width)
    assert isinstance(after, sender.AwaitMatched)
    with pytest.raises(BadMessage, match="the proof of the matches is not theirs"):
        after.advance(Matched(claimed + proof(points(evaluated.points)[:1])))


def test_limit_a_deviating_receiver_of_a_cardinality_learns_which() -> None:
    """SPEC §6: a scalar of its own for every item marks the item in the shuffled tags."""
    guesses = [KEYS[0], KEYS[10], KEYS[20], b"absent"]
    scalars = [3, 5, 7, 11]
    marked = [scalar * hashed(key) for scalar, key in zip(scalars, guesses, strict=True)]
    sent = marked + multiples(hashed(b"padding"), SIZE - len(marked))
    answering, _ = sender.Fresh(agreed("cardinality"), KEYS[:15]).begin()
    _, evaluated = answering.advance(BlindedSet(joined(sent)))
    tags = set(unpacked(evaluated.tags, TAG))
    theirs = points(evaluated.points)
    learned = [
        key
        for key, scalar in zip(guesses, scalars, strict=True)
        if any(tag(scalar * point) in tags for point in theirs)
    ]
    assert learned == [KEYS[0], KEYS[10]]
