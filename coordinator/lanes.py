"""Which computations wait for which: small ones only for small ones.

What is matched and added is computed in one process at a time for each lane, so that memory is
bounded by one large computation and one small one, and nobody's small question waits for the end of
somebody's large one.
"""

import asyncio

from contract.job import Contract

LARGEST_SMALL = 1 << 17
"""Places in all lists of a run together: seconds of work, some hundred megabytes."""


class Lanes:
    """One lane for each kind."""

    def __init__(self) -> None:
        self._small, self._large = asyncio.Lock(), asyncio.Lock()

    def of(self, contract: Contract) -> asyncio.Lock:
        """The lane of a run; what holds it computes."""
        places = sum(party.size for party in contract.parties)
        return self._small if places <= LARGEST_SMALL else self._large
