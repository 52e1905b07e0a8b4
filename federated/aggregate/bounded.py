"""What an owner checks before a column leaves it, however it is hidden.

Implements  federated/SPEC.md §2.2, §6.2: the bounds on which the plan's proof of every sum rests
"""

import numpy as np
from numpy.typing import NDArray

from contract.errors import BadValue


def require_bounded(values: NDArray[np.int64], largest: int) -> None:
    """Raise BadValue if one is beyond `largest` in absolute value."""
    # Not abs(): that of the least int64 is negative.
    if values.size and (int(values.min()) < -largest or int(values.max()) > largest):
        raise BadValue(
            "a value lies outside the bounds that its column declares",
            fix="Correct the data, or declare the bounds that hold and propose the job again.",
            rule="federated/SPEC.md §2.3",
        )
