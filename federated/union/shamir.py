"""Secret sharing over a prime field: what any T shares give back, and T − 1 say nothing about.

Implements  A. Shamir, How to Share a Secret, CACM 22(11), 1979; federated/SPEC.md §5.2
Field       the integers mod 2^521 − 1, the first Mersenne prime with room for a seed of 32 bytes
Time        integers of Python are not constant-time. A seed is shared where it was made, and put
            together by who may know it, so a clock would have to stand inside that process.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from contract.errors import BadMessage, MiheError

PRIME: Final = (1 << 521) - 1
SECRET_BYTES: Final = 32
SHARE_BYTES: Final = 66


def split(secret: bytes, shares: int, coefficients: Sequence[int]) -> list[bytes]:
    """Shares 1, 2, … of a secret of 32 bytes; one more than there are coefficients give it back.

    Those are drawn for this secret alone, uniform mod the prime: who draws them is `secret.py`.
    """
    polynomial = [int.from_bytes(secret, "big"), *coefficients]
    return [_value(polynomial, x).to_bytes(SHARE_BYTES, "big") for x in range(1, shares + 1)]


def joined(shares: Mapping[int, bytes]) -> bytes:
    """The secret, of exactly as many shares as it takes, by their numbers from 1 on.

    Raises BadMessage for shares that are of no secret; whose is wrong does not show.
    """
    points = {x: int.from_bytes(share, "big") for x, share in shares.items()}
    if any(not 0 < x < PRIME for x in points) or any(y >= PRIME for y in points.values()):
        raise _no_secret()
    secret = sum(y * _weight(x, points) for x, y in points.items()) % PRIME
    if secret >> (8 * SECRET_BYTES):
        raise _no_secret()
    return secret.to_bytes(SECRET_BYTES, "big")


def _value(polynomial: Sequence[int], x: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = (value * x + coefficient) % PRIME
    return value


def _weight(x: int, points: Mapping[int, int]) -> int:
    """Lagrange's coefficient of the point at x, for the value at 0."""
    above, below = 1, 1
    for other in points:
        if other != x:
            above = above * other % PRIME
            below = below * (other - x) % PRIME
    return above * pow(below, -1, PRIME) % PRIME


def _no_secret() -> MiheError:
    return BadMessage(
        "the shares of a seed do not belong together",
        fix="Run the job again; if it recurs, compare the versions of all parties.",
        phase="open",
        rule="federated/SPEC.md §5.2",
    )
