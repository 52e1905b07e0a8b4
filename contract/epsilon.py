"""ε: what a query's answer may tell of one subject, as contracts, policies and ledgers write it.

Implements  federated/SPEC.md §7: the less it is, the more noise; what several answers tell adds up
Not safe    as a measure of what noise does not cover: which rows a result has
"""

from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

LEAST_EPSILON: Final = Decimal("0.001")
MOST_EPSILON: Final = Decimal(10)
"""Beyond it an answer may be e^10 times as likely with a subject as without: no protection."""
EPSILON_DECIMALS: Final = 3

DEFAULT_EPSILON_DAYS: Final = 90
"""Over which a budget is counted: a quarter of a year."""

Epsilon = Annotated[
    Decimal, Field(ge=LEAST_EPSILON, le=MOST_EPSILON, decimal_places=EPSILON_DECIMALS)
]
"""Of one query."""
