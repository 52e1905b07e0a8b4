"""The bytes on the wire, seen by somebody else: a peer written from psi/SPEC.md in plain Python.

It shows that the specification is complete, that lists are shuffled, and where the protocol's
limits are: what a party that deviates can do (SPEC §6) is done here.
"""

from hashlib import sha256
from typing import Literal

import pytest

from psi.ecdh import receiver, sender
from psi.ecdh.messages import BlindedSet, Evaluated, PeerTags
from psi.ecdh.parameters import Mode, Parameters
from psi.step import Cardinality, Finished, Intersection
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
TAG = 7  # ⌈(40 + 8 + 8) / 8⌉
DST = b"mihe-psi-ecdh-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_"

KEYS = [f"uscc:{number:018}".encode() for number in range(SIZE)]


def agreed(mode: Mode = "intersection", *, both: bool = True) -> Parameters:
    return Parameters(run_id=RUN, receiver_size=SIZE, sender_size=SIZE, mode=mode, both=both)


def hashed(key: bytes) -> Point:
    return hash_to_group(RUN + key, DST)


def tag(reader: Literal["receiver", "sender"], point: Point) -> bytes:
    label = f"mihe/psi-ecdh/tag/v1/{reader}".encode()
    return sha256(label + RUN + encode(point)).digest()[:TAG]


def split(tags: bytes) -> list[bytes]:
    return [tags[at : at + TAG] for at in range(0, len(tags), TAG)]


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


def test_a_peer_written_from_the_specification_gets_along() -> None:
    b = int.from_bytes(sha256(b"b").digest()) % ORDER
    own = KEYS[200:] + [b"padding:%d" % number for number in range(200)]
    awaiting, blinded = receiver.Fresh(agreed(), KEYS[:240]).begin()
    products = [b * point for point in points(blinded.points)]
    evaluated = Evaluated(
        tags=b"".join(tag("receiver", point) for point in products),
        points=joined([b * hashed(key) for key in own]),
    )
    finished, answer = awaiting.advance(evaluated)
    assert finished == Finished(Intersection(list(range(200, 240))))
    assert answer is not None
    mine = {tag("sender", point) for point in products}
    assert [at for at, one in enumerate(split(answer.tags)) if one in mine] == list(range(40))


def test_places_in_the_list_do_not_follow_the_order_of_the_items() -> None:
    """A sender with b = 1 and Y = X sees every place: a permutation far from the identity."""
    awaiting, blinded = receiver.Fresh(agreed(), KEYS).begin()
    seen = points(blinded.points)
    evaluated = Evaluated(
        tags=b"".join(tag("receiver", point) for point in seen),
        points=joined([hashed(key) for key in KEYS]),
    )
    _, answer = awaiting.advance(evaluated)
    assert answer is not None
    place_of = {tag("sender", point): place for place, point in enumerate(seen)}
    places = [place_of[one] for one in split(answer.tags)]

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
    tags = split(evaluated.tags)
    (found,) = [point for point in points(evaluated.points) if tag("receiver", point) in tags]
    expected = [tag("receiver", point) for point in multiples(found, SIZE)]
    assert set(tags) == set(expected)
    assert (tags == expected) == (mode == "intersection")


def test_tags_returned_unchanged_match_nothing() -> None:
    answering, _ = sender.Fresh(agreed("cardinality"), KEYS).begin()
    _, blinded = receiver.Fresh(agreed("cardinality"), KEYS).begin()
    after, evaluated = answering.advance(blinded)
    assert isinstance(after, sender.AwaitPeerTags)
    assert after.advance(PeerTags(evaluated.tags))[0] == Finished(Cardinality(0))


def test_limit_a_deviating_receiver_of_a_cardinality_learns_which() -> None:
    """SPEC §6: a scalar of its own for every item marks the item in the shuffled tags."""
    guesses = [KEYS[0], KEYS[10], KEYS[20], b"absent"]
    scalars = [3, 5, 7, 11]
    marked = [scalar * hashed(key) for scalar, key in zip(scalars, guesses, strict=True)]
    sent = marked + multiples(hashed(b"padding"), SIZE - len(marked))
    answering, _ = sender.Fresh(agreed("cardinality"), KEYS[:15]).begin()
    _, evaluated = answering.advance(BlindedSet(joined(sent)))
    tags = set(split(evaluated.tags))
    theirs = points(evaluated.points)
    learned = [
        key
        for key, scalar in zip(guesses, scalars, strict=True)
        if any(tag("receiver", scalar * point) in tags for point in theirs)
    ]
    assert learned == [KEYS[0], KEYS[10]]
