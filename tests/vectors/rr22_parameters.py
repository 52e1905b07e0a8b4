"""The numbers of an RR22 intersection, recomputed from the formulas that psi/rr22/SPEC.md cites.

Implements  psi/rr22/SPEC.md §2 to §6: buckets, capacities, store, vector OLE, bytes of messages,
            and the probability of every way to go wrong. Binomial tails are exact fractions where
            the integers stay small, else 40 digits of Stirling's series (NIST DLMF 5.11.1)
Not for     agreeing on a shape: the core's own numbers are what both parties use

Independent of the Rust core, which is compared with it.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from math import ceil, comb, floor, log2, sqrt

STATISTICAL_BITS = 42
COMPUTATIONAL_BITS = 128
BLOCK = 16
POINT = 32

DIGITS = 40
PI = Decimal("3.14159265358979323846264338327950288419716939937510")


def ceil_log2(number: int) -> int:
    """⌈log2 number⌉."""
    return (number - 1).bit_length()


# Binomial tails.


def exact_tail(keys: int, bins: int, most: int) -> Fraction:
    """P[Bin(keys, 1/bins) > most], from the definition."""
    ways = sum(comb(keys, n) * (bins - 1) ** (keys - n) for n in range(most + 1, keys + 1))
    return Fraction(ways, bins**keys)


def _log_factorial(n: int) -> Decimal:
    if n < 100:
        product = Decimal(1)
        for factor in range(2, n + 1):
            product *= factor
        return product.ln()
    x = Decimal(n)
    series = 1 / (12 * x) - 1 / (360 * x**3) + 1 / (1260 * x**5) - 1 / (1680 * x**7)
    return x * x.ln() - x + (2 * PI * x).ln() / 2 + series


def _probability(keys: int, bins: int, count: int) -> Decimal:
    """P[Bin(keys, 1/bins) = count]."""
    ways = _log_factorial(keys) - _log_factorial(count) - _log_factorial(keys - count)
    inside, outside = count * (1 / Decimal(bins)).ln(), (1 - 1 / Decimal(bins)).ln()
    return (ways + inside + (keys - count) * outside).exp()


def tail(keys: int, bins: int, most: int) -> Decimal:
    """P[Bin(keys, 1/bins) > most], for `most` beyond the mean and more than one bin."""
    if most >= keys:
        return Decimal(0)
    with localcontext(prec=DIGITS):
        first = _probability(keys, bins, most + 1)
        # What follows the first term, as multiples of it: each smaller than the one before.
        total, term, count = 1.0, 1.0, most + 1
        while count < keys and term > 1e-20 * total:
            term *= (keys - count) / ((count + 1) * (bins - 1))
            total += term
            count += 1
        return first * Decimal(total)


@cache
def capacity(keys: int, bins: int, bits: float) -> int:
    """The least k with bins · P[Bin(keys, 1/bins) > k] ≤ 2^-bits; at least 1."""
    if bins == 1:
        return keys
    with localcontext(prec=DIGITS):
        bound = (-(Decimal(bits) * Decimal(2).ln())).exp() / bins
        mean = keys / bins
        most = min(keys, ceil(mean + (sqrt(2 * 0.7 * (bits + log2(bins)) * mean)) + bits))
        # From far out inwards, a term at a time.
        beyond, term = tail(keys, bins, most), Decimal(0)
        while most >= 1:
            if most == keys or not term:
                term = _probability(keys, bins, most)
            else:
                term = term * (most + 1) * (bins - 1) / (keys - most)
            if beyond + term > bound:
                break
            beyond += term
            most -= 1
        return max(most, 1)


# The run and its buckets (SPEC §2 and §4).


@dataclass(frozen=True)
class Store:
    """A store for `keys` keys whose failures of either kind have probability 2^-bits in all."""

    keys: int
    bits: int

    @property
    def clusters(self) -> int:
        return max(1, -(-self.keys // 2**15))

    @property
    def capacity(self) -> int:
        return max(1, capacity(self.keys, self.clusters, self.bits))

    @property
    def cluster_bits(self) -> float:
        """λ: bits for one cluster, so that all together keep `bits`."""
        return self.bits + log2(self.clusters)

    def _bits_per_column(self) -> float:
        """ePrint 2022/320 §5.1, weight 3: bits of failure that one more column a key buys."""
        weight = log2(3)
        exponent = 0.555 * log2(self.capacity) + 0.093 * weight**3 - 1.01 * weight**2
        return float(2 ** (exponent + 2.925 * weight - 0.133))

    @property
    def sparse(self) -> int:
        expansion = 1.223 + (self.cluster_bits + 9.2) / self._bits_per_column()
        return max(8, ceil(expansion * self.capacity))

    @property
    def dense(self) -> int:
        return max(1, floor(self.cluster_bits / log2(self.sparse)))

    @property
    def columns(self) -> int:
        return self.clusters * (self.sparse + self.dense)

    def unsolvable_bits(self) -> float:
        """By the same fit, bits of the probability that some cluster is not solved."""
        slope = self._bits_per_column()
        of_one = (self.sparse / self.capacity - 1.223) * slope - 9.2
        return of_one - log2(self.clusters)

    def overflow(self) -> Decimal:
        """Probability that some cluster gets more than it takes, by the union bound."""
        if self.clusters == 1:
            return Decimal(0)
        return self.clusters * tail(self.keys, self.clusters, self.capacity)


NOISE = floor(COMPUTATIONAL_BITS / -log2(1 - 2 * 0.25))
"""Regular noise of a code with pseudo-distance δ = 1/4: ⌊128 / -log2(1 - 2δ)⌋."""

BASE_TRANSFERS = COMPUTATIONAL_BITS
PIECE = 196_608
SHORTEST_PIECE = 2**14
WHOLE_TREE = 2**11
"""The most leaves of a tree where peers may deviate (SPEC §10)."""
SOFTSPOKEN = 4
"""Dimension of the subspace, and levels of its trees."""
HASHES = 2
"""Points at which planes of extended transfers are hashed, and words that hide them (SPEC §10)."""
PROOF = BLOCK * HASHES * (1 + BASE_TRANSFERS)
"""Bytes of what shows that extended transfers agree: hashes of the choices and of each plane."""


@dataclass(frozen=True)
class Pieces:
    """The pieces of a vector of `elements`."""

    elements: int

    @property
    def count(self) -> int:
        return max(1, -(-self.elements // PIECE))

    @property
    def leaves(self) -> int:
        """Leaves of a tree: the code halves, so 128 trees have twice a piece's elements."""
        with_noise = self.elements + NOISE * (self.count - 1)
        length = max(SHORTEST_PIECE, -(-with_noise // self.count))
        leaves = -(-2 * length // NOISE)
        return leaves + leaves % 2

    @property
    def length(self) -> int:
        """Elements that a piece makes."""
        return NOISE // 2 * self.leaves

    @property
    def depth(self) -> int:
        return ceil_log2(self.leaves)

    @property
    def trees(self) -> int:
        return NOISE * self.count

    @property
    def levels(self) -> int:
        return self.trees * self.depth

    @property
    def rows(self) -> int:
        """Extended transfers: 128 for each element of noise of one piece, one for each level."""
        return NOISE * COMPUTATIONAL_BITS + self.levels

    @property
    def transfers(self) -> int:
        """With those that serve for nothing else than a check."""
        return self.rows


class WholePieces(Pieces):
    """Those of trees that are not cut off, with an element more than is asked for (SPEC §10)."""

    @property
    def count(self) -> int:
        return max(1, -(-(self.elements + 1 - NOISE) // (self.length - NOISE)))

    @property
    def leaves(self) -> int:
        least = -(-2 * (self.elements + 1) // NOISE)
        shortest = 2 * SHORTEST_PIECE // NOISE
        return min(max(1 << ceil_log2(least), shortest), WHOLE_TREE)

    @property
    def transfers(self) -> int:
        whole_words = -(-self.rows // COMPUTATIONAL_BITS)
        return COMPUTATIONAL_BITS * (whole_words + HASHES)


@dataclass(frozen=True)
class Run:
    """A run as its contract has it."""

    receiver_size: int
    sender_size: int
    bucket_size: int = 2**20
    active: bool = False

    @property
    def buckets(self) -> int:
        return max(1, -(-max(self.receiver_size, self.sender_size) // self.bucket_size))

    @property
    def receiver_bucket(self) -> int:
        """Items of the receiver in one bucket, at most."""
        return capacity(self.receiver_size, self.buckets, STATISTICAL_BITS + 1)

    @property
    def sender_bucket(self) -> int:
        return capacity(self.sender_size, self.buckets, STATISTICAL_BITS + 1)

    @property
    def pairs(self) -> int:
        """Pairs of items that are compared, those that fill up included."""
        return self.buckets * self.receiver_bucket * self.sender_bucket

    @property
    def tag_bits(self) -> int:
        if self.active:
            return COMPUTATIONAL_BITS
        return STATISTICAL_BITS + ceil_log2(self.pairs)

    @property
    def store(self) -> Store:
        return Store(self.receiver_bucket, STATISTICAL_BITS + ceil_log2(self.buckets))

    @property
    def pieces(self) -> Pieces:
        pieces = WholePieces if self.active else Pieces
        return pieces(self.store.columns)

    def message_bytes(self, *, both: bool) -> list[int]:
        """Those of BasePoints, Reply, Trees, Challenge, Answer, Masked, Tags, Common of one bucket.

        0 where there is no such message (SPEC §4, §10).
        """
        pieces = self.pieces
        blocks_of_rows = -(-pieces.transfers // 128)
        proof = PROOF if self.active else 0
        digest = 32 if self.active else 0
        extension = 2 * BASE_TRANSFERS + BASE_TRANSFERS // SOFTSPOKEN * blocks_of_rows
        whole, left = divmod(self.tag_bits, 8)
        return [
            2 * POINT * BASE_TRANSFERS,
            POINT + BLOCK * extension + proof,
            BLOCK * (2 * pieces.levels + pieces.trees),
            2 * BLOCK if self.active else 0,
            digest,
            BLOCK * (1 + self.store.columns),
            self.sender_bucket * whole + -(-self.sender_bucket * left // 8),
            -(-self.sender_bucket // 8) + digest if both else 0,
        ]

    # Ways to go wrong. Each is a bound on a probability over the whole run.

    def false_match(self) -> Decimal:
        """Two different items with one tag, or with one block of 128 bits."""
        items = self.receiver_size + self.sender_size
        same_block = Decimal(items) ** 2 / 2 / Decimal(2) ** 128
        # A store may give an item that is not in it the value that belongs there.
        same_value = Decimal(self.pairs) / Decimal(2) ** 128
        return Decimal(self.pairs) / Decimal(2) ** self.tag_bits + same_block + same_value

    def bucket_overflow(self) -> Decimal:
        if self.buckets == 1:
            return Decimal(0)
        of_receiver = tail(self.receiver_size, self.buckets, self.receiver_bucket)
        of_sender = tail(self.sender_size, self.buckets, self.sender_bucket)
        return self.buckets * (of_receiver + of_sender)

    def cluster_overflow(self) -> Decimal:
        return self.buckets * self.store.overflow()

    def unsolvable(self) -> Decimal:
        return self.buckets * Decimal(2) ** Decimal(-self.store.unsolvable_bits())
