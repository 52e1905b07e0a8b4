"""An owner's own noise: drawn once for a number of a run, and told to nobody.

Implements  federated/SPEC.md §7.2, by OpenDP's sampler of the discrete Laplace distribution, which
            is exact: it computes with integers and rationals (Canonne, Kamath, Steinke, NeurIPS
            2020)
Secrets     who knows a draw knows the exact number; it is made here, and lives in what is released
Needs       opendp, the extra `mihe[noise]`; loaded when the first noise is drawn
"""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from math import inf, nextafter

from federated.noise.parameters import Noise


def is_installed() -> bool:
    """Whether noise can be drawn here."""
    return find_spec("opendp") is not None


def draw(noise: Noise, bound: int, number: int) -> list[int]:
    """Noise for so many numbers, each of which one key changes by at most `bound`."""
    zeros = [0] * number
    return _sampler(noise.scale(bound))(zeros) if bound else zeros


@lru_cache(maxsize=256)
def _sampler(scale: Fraction) -> Callable[[list[int]], list[int]]:
    # 0.2 s and 50 MB, which only who draws noise has to spend.
    from opendp.domains import atom_domain, vector_domain
    from opendp.measurements import make_laplace
    from opendp.metrics import l1_distance
    from opendp.mod import enable_features

    enable_features("contrib")
    # A scale rounded down would be a little more than ε. OpenDP ends at ±2^63, far beyond what
    # the planner leaves room for (`Noise.spread`).
    rounded = float(scale)
    above = rounded if Fraction(rounded) >= scale else nextafter(rounded, inf)
    measured: Callable[[list[int]], list[int]] = make_laplace(
        vector_domain(atom_domain(T="i64")), l1_distance(T="i64"), scale=above
    )
    return measured
