"""How much noise a query's numbers get: one ε for all that a row tells, and what no draw exceeds.

Implements  federated/SPEC.md §7.2: the discrete Laplace distribution (Ghosh, Roughgarden,
            Sundararajan, STOC 2009), P(x) proportional to exp(−|x| / scale)
Learns      nobody anything: every number here follows from the contract
Not safe    for what is told beside counts and sums: which rows there are rests on exact counts
"""

from decimal import Decimal
from fractions import Fraction
from math import ceil, sqrt
from typing import Annotated, Final

from pydantic import Field

from contract.canonical import Frozen
from contract.statements import MOST_CELLS

_DISTANCE_BITS: Final = 41
_LN_2: Final = Fraction(6932, 10_000)
"""Not less than it."""


class Noise(Frozen):
    """Agreed by all, in the plan."""

    epsilon: Annotated[Decimal, Field(gt=0)] = Field(description="of all that a subject adds to")
    draws: Annotated[int, Field(ge=1)] = Field(description="for each row of the result")
    keys: Annotated[int, Field(ge=1)] = Field(description="of the join, that one subject may have")

    def scale(self, bound: int) -> Fraction:
        """Of a draw for what one key changes by at most `bound`; each draw has ε / draws."""
        return bound * self.keys * self.draws / Fraction(self.epsilon)

    def deviation(self, bound: int) -> float:
        """The standard deviation of such a draw, at most."""
        return sqrt(2) * float(self.scale(bound))

    @property
    def spread(self) -> int:
        """No draw is larger than so many times its bound, of all draws of a run together.

        P(|x| ≥ a) ≤ 2·exp(−a / scale); that of a run with its draws in every cell is below 2^-41.
        """
        bits = 1 + _DISTANCE_BITS + (MOST_CELLS * self.draws - 1).bit_length()
        return ceil(self.scale(1) * bits * _LN_2)
