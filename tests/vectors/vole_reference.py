"""Silent vector OLE with its base transfers, in plain Python: c = a·Δ + b.

Implements  psi/rr22/SPEC.md §5 and §9 from their text: Masny–Rindal transfers, SoftSpoken
            extension, trees, ExConv code, pieces. Independent of the core
Learns      the sender Δ and b, the receiver a and c
Not for     use: slow, in variable time, randomness from a repeatable generator
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import xor
from random import Random

from tests.vectors import ristretto_reference as ristretto
from tests.vectors.gf128_reference import (
    BLOCK,
    FixedKeyAes,
    digest_block,
    multiply,
    to_blocks,
    to_bytes,
    words,
)
from tests.vectors.ristretto_reference import Point
from tests.vectors.rr22_parameters import BASE_TRANSFERS, NOISE, POINT, SOFTSPOKEN, Pieces

BASE_DST = b"mihe-base-ot-V1-with-ristretto255_XMD:SHA-512_R255MAP_RO_"
BITS = 128
SUBTREES = BASE_TRANSFERS // SOFTSPOKEN


def generator() -> Point:
    """RFC 9496 §4: of edwards25519, the point with y = 4/5 and x not negative."""
    y = 4 * pow(5, -1, ristretto.P) % ristretto.P
    _, x = ristretto.sqrt_ratio_m1(y * y - 1, ristretto.D * y * y + 1)
    return Point(x, y, 1, x * y % ristretto.P)


def public_key(run: bytes, use: str) -> int:
    """A key of the run that everybody has."""
    return digest_block(b"mihe/psi-rr22/key/v1/" + use.encode() + run)


def total(blocks: Sequence[int]) -> int:
    return reduce(xor, blocks, 0)


# Base transfers.


def _mask(run: bytes, number: int, index: int, other: bytes) -> Point:
    message = run + number.to_bytes(4, "little") + bytes([index]) + other
    return ristretto.hash_to_group(message, BASE_DST)


def _base_key(run: bytes, number: int, pair: bytes, offered: bytes, shared: Point) -> int:
    parts = (number.to_bytes(4, "little"), pair, offered, ristretto.encode(shared))
    return digest_block(b"mihe/base-ot/key/v1" + run + b"".join(parts))


def _point(encoded: bytes) -> Point:
    point = ristretto.decode(encoded)
    assert point is not None
    return point


class BaseChoice:
    """Who chooses: one of two keys of each transfer."""

    def __init__(self, run: bytes, choices: Sequence[int], random: Random) -> None:
        self.run = run
        self.scalars = [random.randrange(1, ristretto.ORDER) for _ in choices]
        base, self.pairs = generator(), []
        for number, (choice, scalar) in enumerate(zip(choices, self.scalars, strict=True)):
            other = ristretto.encode(ristretto.one_way_map(random.randbytes(64)))
            mask = _mask(run, number, choice, other)
            minus = Point(-mask.x % ristretto.P, mask.y, mask.z, -mask.t % ristretto.P)
            chosen = ristretto.encode(scalar * base + minus)
            self.pairs.append(other + chosen if choice else chosen + other)

    def keys(self, offered: bytes) -> list[int]:
        point = _point(offered)
        return [
            _base_key(self.run, number, pair, offered, scalar * point)
            for number, (pair, scalar) in enumerate(zip(self.pairs, self.scalars, strict=True))
        ]


def base_offer(run: bytes, pairs: bytes, random: Random) -> tuple[bytes, list[tuple[int, int]]]:
    """Who offers: its point, and both keys of each transfer."""
    scalar = random.randrange(1, ristretto.ORDER)
    offered = ristretto.encode(scalar * generator())
    keys = []
    for number in range(len(pairs) // (2 * POINT)):
        pair = pairs[2 * POINT * number :][: 2 * POINT]
        encoded = pair[:POINT], pair[POINT:]
        first, second = (
            _base_key(
                run,
                number,
                pair,
                offered,
                scalar * (_point(encoded[index]) + _mask(run, number, index, encoded[1 - index])),
            )
            for index in (0, 1)
        )
        keys.append((first, second))
    return offered, keys


# Trees.


def depth_of(leaves: int) -> int:
    return (leaves - 1).bit_length()


def sides(point: int, depth: int) -> Iterator[int]:
    """From the root down, the side that the path to the leaf does not take: 1 is right."""
    return (1 - (point >> (depth - level) & 1) for level in range(1, depth + 1))


class Trees:
    """Trees of one number of leaves, under the run's two keys."""

    def __init__(self, run: bytes, leaves: int) -> None:
        self.left = FixedKeyAes(public_key(run, "left"))
        self.right = FixedKeyAes(public_key(run, "right"))
        self.leaves, self.depth = leaves, depth_of(leaves)

    def _children(self, nodes: Sequence[int], level: int) -> list[int]:
        pairs = zip(self.left.hashes(nodes), self.right.hashes(nodes), strict=True)
        width = -(-self.leaves // 2 ** (self.depth - level))
        return [child for pair in pairs for child in pair][:width]

    def grow(self, root: int) -> tuple[list[int], list[tuple[int, int]]]:
        """All leaves, and the sums of the left and the right nodes of every level."""
        nodes, sums = [root], []
        for level in range(1, self.depth + 1):
            nodes = self._children(nodes, level)
            sums.append((total(nodes[::2]), total(nodes[1::2])))
        return nodes, sums

    def regrow(self, point: int, known: Sequence[int]) -> list[int]:
        """All leaves but that at `point`, which is zero, from a sum of each level."""
        nodes = [0]
        for level, (side, known_sum) in enumerate(
            zip(sides(point, self.depth), known, strict=True), 1
        ):
            nodes = self._children(nodes, level)
            on_path = point >> (self.depth - level)
            nodes[on_path] = 0
            if on_path ^ 1 < len(nodes):
                nodes[on_path ^ 1] = 0
                nodes[on_path ^ 1] = known_sum ^ total(nodes[side::2])
        return nodes


# Extension. A plane is an integer, bit j for row j.


def base_choices(delta: int) -> list[int]:
    points = (delta >> (SOFTSPOKEN * tree) & 15 for tree in range(SUBTREES))
    return [side for point in points for side in sides(point, SOFTSPOKEN)]


def _stream(leaf: int, rows: int) -> int:
    return int.from_bytes(FixedKeyAes(leaf).stream(-(-rows // BITS)), "little")


def rows_of(planes: Sequence[int], count: int) -> list[int]:
    """Row j has bit j of plane p as its bit p."""
    columns = [f"{plane:0{count}b}"[::-1][:count] for plane in reversed(planes)]
    return [int("".join(bits), 2) for bits in zip(*columns, strict=True)]


def extension_key(run: bytes, number: int, row: int) -> int:
    where = run + number.to_bytes(4, "little")
    return digest_block(b"mihe/ot-extension/key/v1" + where + row.to_bytes(BLOCK, "little"))


def extend_choices(
    run: bytes, base: Sequence[tuple[int, int]], choices: Sequence[int], random: Random
) -> tuple[list[int], bytes]:
    """Who has both keys of each base transfer: its planes and message."""
    forest = Trees(run, 2**SOFTSPOKEN)
    chosen = int("".join(map(str, reversed(choices))), 2)
    masked: list[int] = []
    corrections, planes = [], []
    for tree in range(SUBTREES):
        leaves, sums = forest.grow(random.getrandbits(BITS))
        keys = base[SOFTSPOKEN * tree :][:SOFTSPOKEN]
        masked += [
            one ^ key
            for pair in zip(sums, keys, strict=True)
            for one, key in zip(*pair, strict=True)
        ]
        streams = [_stream(leaf, len(choices)) for leaf in leaves]
        corrections.append(chosen ^ total(streams))
        planes += [
            total([one for place, one in enumerate(streams) if place >> bit & 1])
            for bit in range(SOFTSPOKEN)
        ]
    size = BLOCK * -(-len(choices) // BITS)
    message = to_bytes(masked) + b"".join(one.to_bytes(size, "little") for one in corrections)
    return planes, message


def extend_delta(
    run: bytes, base: Sequence[int], delta: int, count: int, message: bytes
) -> list[int]:
    """Who chose by Δ: its planes. Rows differ from the other's by Δ where the other chose 1."""
    forest = Trees(run, 2**SOFTSPOKEN)
    size = BLOCK * -(-count // BITS)
    masked, rest = (
        to_blocks(message[: 2 * BLOCK * BASE_TRANSFERS]),
        message[2 * BLOCK * BASE_TRANSFERS :],
    )
    assert len(rest) == SUBTREES * size
    known = [
        masked[2 * number + choice] ^ key
        for number, (choice, key) in enumerate(zip(base_choices(delta), base, strict=True))
    ]
    planes = []
    for tree in range(SUBTREES):
        point = delta >> (SOFTSPOKEN * tree) & 15
        leaves = forest.regrow(point, known[SOFTSPOKEN * tree :][:SOFTSPOKEN])
        correction = int.from_bytes(rest[size * tree :][:size], "little")
        streams = {
            place ^ point: _stream(leaf, count)
            for place, leaf in enumerate(leaves)
            if place != point
        }
        for bit in range(SOFTSPOKEN):
            plane = total([one for place, one in streams.items() if place >> bit & 1])
            planes.append(plane ^ (correction if point >> bit & 1 else 0))
    return planes


# The code.

WINDOW = 24
QUARTERS = 4
WEIGHT = 7


class Code:
    """ExConv7x24. Elements may be several blocks side by side: only sums are made."""

    def __init__(self, run: bytes, length: int) -> None:
        self.length = length
        seed = FixedKeyAes(public_key(run, "code"))
        first, second, expander = map(FixedKeyAes, to_blocks(seed.stream(3)))
        blocks = -(-length // 4)
        self.bits = [words(one.stream(blocks))[:length] for one in (first, second)]
        drawn = words(expander.stream(-(-length * WEIGHT // 4)))
        quarter = length // QUARTERS
        self.places = [
            [
                number * quarter + (word * quarter >> 32)
                if number < QUARTERS
                else word * length >> 32
                for number, word in enumerate(drawn[WEIGHT * at : WEIGHT * (at + 1)])
            ]
            for at in range(length)
        ]

    def encode(self, systematic: Sequence[int], noise: Sequence[int]) -> list[int]:
        mixed = list(noise)
        for bits in self.bits:
            self._convolve(mixed, bits)
        return [
            total([one, *(mixed[place] for place in places)])
            for one, places in zip(systematic, self.places, strict=True)
        ]

    def _convolve(self, elements: list[int], bits: Sequence[int]) -> None:
        def taps(word: int) -> Iterator[int]:
            word = word & (2**WINDOW - 1) | 2**WINDOW
            while word:
                yield (word & -word).bit_length()
                word &= word - 1

        for place, word in enumerate(bits):
            for back in taps(word):
                if back <= place:
                    elements[place] ^= elements[place - back]
        for place, word in enumerate(bits[: WINDOW + 1]):
            for back in taps(word):
                if back > place:
                    elements[place] ^= elements[place - back]  # from the end


# The two roles.


def weighed(rows: Sequence[int]) -> list[int]:
    """Of every 128 rows the sum of row k times x^k, by Horner's rule."""
    return [
        reduce(lambda high, row: multiply(high, 2) ^ row, reversed(rows[at : at + BITS]), 0)
        for at in range(0, len(rows), BITS)
    ]


class Vole:
    """What both know."""

    def __init__(self, run: bytes, elements: int, random: Random) -> None:
        self.run, self.elements, self.random = run, elements, random
        self.pieces = self.cut(elements)
        self.code = Code(run, self.pieces.length)
        self.trees = Trees(run, self.pieces.leaves)

    def cut(self, elements: int) -> Pieces:
        return Pieces(elements)

    def _key(self, level: int, row: int) -> int:
        return extension_key(self.run, NOISE * BITS + level, row)

    def _of_piece(self, number: int) -> slice:
        return slice(NOISE * number, NOISE * (number + 1))

    def _encode(self, trees: Sequence[Sequence[int]]) -> list[int]:
        """The code's word of a piece: half of the trees go past the convolutions."""
        leaves = [leaf for tree in trees for leaf in tree]
        return self.code.encode(leaves[: self.code.length], leaves[self.code.length :])

    def _reserved(self, last: Sequence[int], number: int) -> Sequence[int]:
        """Of the last piece, what is noise of piece `number`."""
        start = len(last) - NOISE * (self.pieces.count - 1 - number)
        return last[start : start + NOISE]


class VoleSender(Vole):
    """Has Δ and b in the end."""

    def begin(self) -> bytes:
        self.delta = self.random.getrandbits(BITS) or 1
        self.base = BaseChoice(self.run, base_choices(self.delta), self.random)
        return b"".join(self.base.pairs)

    def finish(self, reply: bytes) -> bytes:
        base = self.base.keys(reply[:POINT])
        count = self.pieces.transfers
        self.planes = extend_delta(self.run, base, self.delta, count, reply[POINT:])
        rows = rows_of(self.planes, self.pieces.rows)
        grown = [self.trees.grow(self.random.getrandbits(BITS)) for _ in range(self.pieces.trees)]
        sums = [pair for _, levels in grown for pair in levels]
        message = [
            one ^ self._key(level, row ^ factor)
            for level, (pair, row) in enumerate(zip(sums, rows[NOISE * BITS :], strict=True))
            for one, factor in zip(pair, (0, self.delta), strict=True)
        ]
        leaves = [leaves for leaves, _ in grown]
        last = self._encode(leaves[-NOISE:])
        shares: list[int] = []
        self.b: list[int] = []
        for number in range(self.pieces.count - 1):
            shares += self._reserved(last, number)
            self.b += self._encode(leaves[self._of_piece(number)])
        shares += weighed(rows[: NOISE * BITS])
        self.b = (self.b + last)[: self.elements]
        message += [total(tree) ^ share for tree, share in zip(leaves, shares, strict=True)]
        return to_bytes(message)


class VoleReceiver(Vole):
    """Has a and c in the end."""

    def reply(self, base_points: bytes) -> bytes:
        offered, base = base_offer(self.run, base_points, self.random)
        leaves, depth = self.pieces.leaves, self.pieces.depth
        self.points = [self.random.randrange(leaves) for _ in range(self.pieces.trees)]
        self.noise = [self.random.getrandbits(BITS) or 1 for _ in range(NOISE)]
        choices = [one >> bit & 1 for one in self.noise for bit in range(BITS)]
        choices += [side for point in self.points for side in sides(point, depth)]
        self.choices = choices + self.hiding()
        self.planes, message = extend_choices(self.run, base, self.choices, self.random)
        rows = rows_of(self.planes, self.pieces.rows)
        self.shares = weighed(rows[: NOISE * BITS])
        self.keys = [self._key(level, row) for level, row in enumerate(rows[NOISE * BITS :])]
        return offered + message

    def hiding(self) -> list[int]:
        """Choices that serve for a check alone."""
        return []

    def finish(self, message: bytes) -> None:
        blocks = to_blocks(message)
        levels, self.corrections = blocks[: 2 * len(self.keys)], blocks[2 * len(self.keys) :]
        depth = self.pieces.depth
        taken = (side for point in self.points for side in sides(point, depth))
        self.known = [
            levels[2 * level + side] ^ key
            for level, (side, key) in enumerate(zip(taken, self.keys, strict=True))
        ]
        last = self._piece(self.pieces.count - 1, self.noise, self.shares)
        self.a: list[int] = []
        self.c: list[int] = []
        for number in range(self.pieces.count - 1):
            noise, shares = (self._reserved(one, number) for one in last)
            a, c = self._piece(number, noise, shares)
            self.a += a
            self.c += c
        self.a, self.c = (
            (before + one)[: self.elements]
            for before, one in zip((self.a, self.c), last, strict=True)
        )

    def _piece(
        self, number: int, noise: Sequence[int], shares: Sequence[int]
    ) -> tuple[list[int], list[int]]:
        """a and c of one piece, side by side in one integer while they are encoded."""
        depth, trees = self.pieces.depth, []
        for tree, (element, share) in enumerate(zip(noise, shares, strict=True), NOISE * number):
            point = self.points[tree]
            leaves = self.trees.regrow(point, self.known[depth * tree :][:depth])
            leaves[point] = element << BITS | self.corrections[tree] ^ total(leaves) ^ share
            trees.append(leaves)
        pairs = self._encode(trees)
        return [pair >> BITS for pair in pairs], [pair & (2**BITS - 1) for pair in pairs]
