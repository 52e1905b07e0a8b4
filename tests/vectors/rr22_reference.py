"""An RR22 intersection in plain Python: the store, and both roles of one bucket.

Implements  psi/rr22/SPEC.md §2 to §6, §9 and §10 from their text, independent of the core: a role
            here plays against the core's other role, through the bytes of real messages
Learns      the receiver which of its blocks are common, the sender what the receiver says
Not for     use: slow, in variable time, randomness from a repeatable generator; refuses
            only what the checks of §10 catch
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256, sha512
from random import Random

from tests.vectors.checks_reference import ActiveVoleReceiver, ActiveVoleSender, Caught
from tests.vectors.gf128_reference import (
    FixedKeyAes,
    Multiples,
    digest_block,
    multiply,
    to_blocks,
    to_bytes,
)
from tests.vectors.rr22_parameters import Run, Store
from tests.vectors.vole_reference import BITS, VoleReceiver, VoleSender, public_key, total

# Items.


def item_key(run_id: bytes, receivers: bytes, senders: bytes) -> bytes:
    """The key that only the two owners have."""
    return sha512(b"mihe/psi-rr22/item/v1" + run_id + receivers + senders).digest()


def item_block(key: bytes, item: bytes) -> int:
    return digest_block(key + item)


def fraction(word: int, base: int) -> tuple[int, int]:
    """The next digit of a fraction of 64 bits, and the rest of it."""
    product = word * base
    return product >> 64, product % 2**64


def bucket_of(block: int, buckets: int) -> int:
    return fraction(block >> 64, buckets)[0]


def bucket_id(run_id: bytes, number: int) -> bytes:
    return sha256(b"mihe/psi-rr22/bucket/v1" + run_id + number.to_bytes(8, "little")).digest()


# The store.


@dataclass(frozen=True)
class Place:
    """Where a key is: three sparse columns, and the factor of the first dense one."""

    sparse: tuple[int, int, int]
    dense: tuple[int, ...]
    factor: int


def placed(store: Store, seed: int, keys: Sequence[int]) -> list[Place]:
    columns, dense = map(FixedKeyAes, to_blocks(FixedKeyAes(seed).stream(2)))
    pairs = zip(columns.hashes(keys), dense.hashes(keys), strict=True)
    return [_place(store, where, factor) for where, factor in pairs]


def _place(store: Store, where: int, factor: int) -> Place:
    cluster, _ = fraction(where % 2**64, store.clusters)
    first, word = fraction(where >> 64, store.sparse)
    second, word = fraction(word, store.sparse - 1)
    third, _ = fraction(word, store.sparse - 2)
    second += second >= first
    for other in sorted((first, second)):
        third += third >= other
    start = cluster * (store.sparse + store.dense)
    end = start + store.sparse
    return Place(
        (start + first, start + second, start + third),
        tuple(range(end, end + store.dense)),
        factor,
    )


def decode(columns: Sequence[int], place: Place) -> int:
    value, power = total([columns[at] for at in place.sparse]), 1
    for at in place.dense:
        power = multiply(power, place.factor)
        value ^= multiply(power, columns[at])
    return value


def encode(store: Store, places: Sequence[Place], values: Sequence[int]) -> list[int] | None:
    """Columns in which every key decodes to its value; None where another seed must be drawn.

    Dense columns stay zero, so a key that cannot be peeled asks for another seed, too; with some
    hundred keys that is rare.
    """
    users: list[set[int]] = [set() for _ in range(store.columns)]
    for key, place in enumerate(places):
        for at in place.sparse:
            users[at].add(key)
    order, lonely = [], [at for at, keys in enumerate(users) if len(keys) == 1]
    while lonely:
        at = lonely.pop()
        if len(users[at]) != 1:
            continue
        (key,) = users[at]
        order.append((key, at))
        for other in places[key].sparse:
            users[other].discard(key)
            if len(users[other]) == 1:
                lonely.append(other)
    if len(order) < len(places):
        return None
    columns = [0] * store.columns
    for key, at in reversed(order):
        columns[at] = values[key] ^ total([columns[other] for other in places[key].sparse])
    return columns


# Tags.


def cut(blocks: Sequence[int], bits: int) -> bytes:
    """The first bits of each block: their whole bytes, then what is left over of all."""
    whole, left = divmod(bits, 8)
    rest: int = sum(
        (block >> (8 * whole) & (2**left - 1)) << (left * at) for at, block in enumerate(blocks)
    )
    size = -(-left * len(blocks) // 8)
    return b"".join(to_bytes([block])[:whole] for block in blocks) + rest.to_bytes(size, "little")


def uncut(tags: bytes, count: int, bits: int) -> list[int]:
    whole, left = divmod(bits, 8)
    rest = int.from_bytes(tags[whole * count :], "little")
    return [
        int.from_bytes(tags[whole * at : whole * (at + 1)], "little")
        | (rest >> (left * at) & (2**left - 1)) << (8 * whole)
        for at in range(count)
    ]


# The two roles of one bucket.


@dataclass
class Bucket:
    """What both know."""

    run: Run
    run_id: bytes
    number: int
    random: Random

    @cached_property
    def id(self) -> bytes:
        return bucket_id(self.run_id, self.number)

    def hashes(self, use: str, blocks: Sequence[int]) -> list[int]:
        return FixedKeyAes(public_key(self.id, use)).hashes(blocks)

    def tags_of(self, blocks: Sequence[int], outputs: Sequence[int]) -> list[tuple[int, int]]:
        """Of each item its tag and, where peers may deviate, what proves a match; else 0."""
        if not self.run.active:
            return [(tag, 0) for tag in self.hashes("tag", outputs)]
        key = sha512(b"mihe/psi-rr22/output/v1" + self.id).digest()
        pairs = zip(outputs, blocks, strict=True)
        digests = (to_blocks(sha256(key + to_bytes(pair)).digest()) for pair in pairs)
        return [(tag, proof) for tag, proof in digests]

    def proof_of(self, proofs: Sequence[int]) -> bytes:
        """Of all matches, in the order of their tags; empty where nothing is proved."""
        if not self.run.active:
            return b""
        return sha256(b"mihe/psi-rr22/common/v1" + self.id + to_bytes(proofs)).digest()


class ReferenceReceiver(Bucket):
    """In the order of its messages."""

    def reply(self, base_points: bytes) -> bytes:
        vole = ActiveVoleReceiver if self.run.active else VoleReceiver
        self.vole = vole(self.id, self.run.store.columns, self.random)
        return self.vole.reply(base_points)

    def challenge(self, trees: bytes) -> bytes:
        assert isinstance(self.vole, ActiveVoleReceiver)
        return self.vole.challenge(trees)

    def masked(self, trees_or_answer: bytes, blocks: Sequence[int]) -> bytes:
        if isinstance(self.vole, ActiveVoleReceiver):
            self.vole.check(trees_or_answer)
        else:
            self.vole.finish(trees_or_answer)
        self.blocks, values = blocks, self.hashes("value", blocks)
        columns = None
        while columns is None:
            seed = self.random.getrandbits(BITS)
            self.places = placed(self.run.store, seed, blocks)
            columns = encode(self.run.store, self.places, values)
        masked = (one ^ mask for one, mask in zip(columns, self.vole.a, strict=True))
        return to_bytes([seed, *masked])

    def common(self, tags: bytes) -> tuple[set[int], bytes]:
        """The common blocks, and a bit for each tag."""
        own = self.tags_of(self.blocks, [decode(self.vole.c, place) for place in self.places])
        bits = self.run.tag_bits
        found = {
            tag % 2**bits: (block, proof)
            for (tag, proof), block in zip(own, self.blocks, strict=True)
        }
        theirs = uncut(tags, self.run.sender_bucket, bits)
        marks = sum(1 << at for at, tag in enumerate(theirs) if tag in found)
        matched = [found[tag] for tag in theirs if tag in found]
        proof = self.proof_of([proof for _, proof in matched])
        told = marks.to_bytes(-(-len(theirs) // 8), "little") + proof
        return {block for block, _ in matched}, told


class ReferenceSender(Bucket):
    """In the order of its messages."""

    def base_points(self) -> bytes:
        vole = ActiveVoleSender if self.run.active else VoleSender
        self.vole = vole(self.id, self.run.store.columns, self.random)
        return self.vole.begin()

    def trees(self, reply: bytes) -> bytes:
        return self.vole.finish(reply)

    def answer(self, challenge: bytes) -> bytes:
        assert isinstance(self.vole, ActiveVoleSender)
        return self.vole.answer(challenge)

    def tags(self, masked: bytes, blocks: Sequence[int]) -> bytes:
        seed, *columns = to_blocks(masked)
        times_delta = Multiples(self.vole.delta)
        store = [b ^ times_delta(one) for b, one in zip(self.vole.b, columns, strict=True)]
        places = placed(self.run.store, seed, blocks)
        values = self.hashes("value", blocks)
        outputs = [
            decode(store, place) ^ times_delta(value)
            for place, value in zip(places, values, strict=True)
        ]
        fill = self.run.sender_bucket - len(blocks)
        fillers = [(self.random.getrandbits(BITS), 0) for _ in range(fill)]
        behind: list[int | None] = [*blocks, *([None] * fill)]
        self.behind = list(zip(self.tags_of(blocks, outputs) + fillers, behind, strict=True))
        self.random.shuffle(self.behind)
        return cut([tag for (tag, _), _ in self.behind], self.run.tag_bits)

    def common(self, told: bytes) -> set[int]:
        size = -(-len(self.behind) // 8)
        marks, proof = int.from_bytes(told[:size], "little"), told[size:]
        marked = [one for at, one in enumerate(self.behind) if marks >> at & 1]
        if proof != self.proof_of([proof for (_, proof), _ in marked]):
            raise Caught
        return {block for _, block in marked if block is not None}
