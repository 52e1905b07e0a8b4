"""Random numbers and an exponential that are the same on every machine.

Each purpose draws from a stream of its own, so that one more organisation or column changes no
number anywhere else, and the number of threads plays no part. PCG64 is named because numpy's
default generator may change.

Not safe for: secrets. Everything here follows from a published seed.
"""

from hashlib import sha256

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

# ln 2 in two parts: the first has so few bits that its product with any exponent is exact.
LN2_HIGH = 0.6931471803691238
LN2_LOW = 1.9082149292705877e-10
TAYLOR_DEGREE = 14


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The random stream of one purpose, named like `tax.vat_paid`."""
    word = int.from_bytes(sha256(purpose.encode()).digest()[:8], "big")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, word])))


def exp(x: Reals) -> Reals:
    """e^x from additions and multiplications alone.

    numpy's own `exp` differs in the last bit between instruction sets, and a world must not.
    """
    power = np.rint(x * (1 / (LN2_HIGH + LN2_LOW)))
    rest = x - power * LN2_HIGH - power * LN2_LOW
    total = np.ones_like(rest)
    for k in range(TAYLOR_DEGREE, 0, -1):
        total *= rest
        total /= k
        total += 1
    value: Reals = np.ldexp(total, power.astype(np.int64))
    return value


def scaled(values: Reals, decimals: int) -> Ints:
    """The integers that stand for `values` with that many decimals; all later sums are exact."""
    whole: Ints = np.rint(values * 10**decimals).astype(np.int64)
    return whole
