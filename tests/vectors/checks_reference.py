"""The checks of RR22 where peers may deviate, in plain Python: both roles of the VOLE with them.

Implements  psi/rr22/SPEC.md §10 from its text: whole trees, the proof of the extended transfers,
            challenge and answer. Independent of the core, which it plays against
Learns      what vole_reference's roles do, or that the other one deviates: then `Caught`
Not for     use: slow, in variable time, randomness from a repeatable generator
"""

from collections.abc import Sequence
from hashlib import sha256

from tests.vectors.gf128_reference import Multiples, to_blocks, to_bytes
from tests.vectors.rr22_parameters import HASHES, PROOF, Pieces, WholePieces
from tests.vectors.vole_reference import BITS, Vole, VoleReceiver, VoleSender


class Caught(Exception):
    """The other role deviates."""


def points_of(run: bytes, base_points: bytes, reply: bytes) -> list[int]:
    """Where planes are hashed, from all that was sent before the proof."""
    digest = sha256(b"mihe/ot-extension/check/v1" + run + base_points + reply).digest()
    return to_blocks(digest)


class PlaneHash:
    """The hash of planes at the points."""

    def __init__(self, points: Sequence[int]) -> None:
        self.multiply = [Multiples(point) for point in points]

    def __call__(self, plane: int, transfers: int) -> list[int]:
        words = to_blocks(plane.to_bytes(transfers // 8, "little"))
        plain, hiding = words[:-HASHES], words[-HASHES:]
        hashes = []
        for times, hide in zip(self.multiply, hiding, strict=True):
            total = 0
            for word in reversed(plain):
                total = times(total ^ word)
            hashes.append(total ^ hide)
        return hashes


def folded(vector: Sequence[int], point: int) -> int:
    """Element i times the point to the i-th power, from 1 on, and the last element once."""
    times, total = Multiples(point), 0
    for element in reversed(vector[:-1]):
        total = times(total ^ element)
    return total ^ vector[-1]


def answer_of(run: bytes, challenge: bytes, value: int) -> bytes:
    return sha256(b"mihe/vole/answer/v1" + run + challenge + to_bytes([value])).digest()


class ActiveVole(Vole):
    """In whole trees, with an element more than is asked for."""

    def cut(self, elements: int) -> Pieces:
        self.elements = elements + 1
        return WholePieces(elements)


class ActiveVoleSender(ActiveVole, VoleSender):
    """Checks the reply; has Δ and b in the end."""

    def begin(self) -> bytes:
        self.points = super().begin()
        return self.points

    def finish(self, reply: bytes) -> bytes:
        sent, proof = reply[:-PROOF], to_blocks(reply[-PROOF:])
        trees = super().finish(sent)
        hashed = PlaneHash(points_of(self.run, self.points, sent))
        choices = proof[:HASHES]
        for bit, plane in enumerate(self.planes):
            own = hashed(plane, self.pieces.transfers)
            shown = proof[HASHES * (1 + bit) :][:HASHES]
            if self.delta >> bit & 1:
                shown = [one ^ other for one, other in zip(shown, choices, strict=True)]
            if own != shown:
                raise Caught
        return trees

    def answer(self, challenge: bytes) -> bytes:
        point, other = to_blocks(challenge)
        value = folded(self.b, point) ^ Multiples(self.delta)(other)
        self.b.pop()
        return answer_of(self.run, challenge, value)


class ActiveVoleReceiver(ActiveVole, VoleReceiver):
    """Checks the trees; has a and c in the end."""

    def hiding(self) -> list[int]:
        rows, transfers = self.pieces.rows, self.pieces.transfers
        unused = transfers - BITS * HASHES - rows
        return [0] * unused + [self.random.getrandbits(1) for _ in range(BITS * HASHES)]

    def reply(self, base_points: bytes) -> bytes:
        sent = super().reply(base_points)
        return sent + to_bytes(self.proof(points_of(self.run, base_points, sent)))

    def proof(self, points: Sequence[int]) -> list[int]:
        hashed = PlaneHash(points)
        choices = sum(choice << at for at, choice in enumerate(self.choices))
        planes = [choices, *self.planes]
        return [one for plane in planes for one in hashed(plane, self.pieces.transfers)]

    def challenge(self, trees: bytes) -> bytes:
        self.finish(trees)
        point = self.random.getrandbits(BITS)
        challenge = to_bytes([point, folded(self.a, point)])
        self.expected = answer_of(self.run, challenge, folded(self.c, point))
        self.a.pop()
        self.c.pop()
        return challenge

    def check(self, answer: bytes) -> None:
        if answer != self.expected:
            raise Caught
