"""An owner's part: a column of its list as shares, which without the pads say nothing.

Implements  federated/SPEC.md §6.2
Learns      nobody anything but the coordinator, whose words are uniform without the pads
Not safe    if the coordinator and whoever has been given the pads pool what they have: SPEC §6.5
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from federated.aggregate.bounded import require_bounded
from federated.shares.secret import Pads
from federated.words import added, of_column, to_bytes


def split(
    columns: Sequence[NDArray[np.int64]],
    largest: Sequence[int],
    pads: Pads,
    which: range | None = None,
) -> list[bytes]:
    """v + pad mod 2^128 of each place, for those of the columns or all; BadValue beyond `largest`.

    A column is asked for when its turn comes, so that `columns` may make it then.
    """
    found = []
    for number in range(len(columns)) if which is None else which:
        column = columns[number]
        require_bounded(column, largest[number])
        found.append(to_bytes(added(of_column(column), pads.column(number))))
    return found
