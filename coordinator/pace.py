"""How often something may happen: so many at once, and then so many a second (a token bucket)."""

from collections.abc import Callable


class Pace:
    """Starts full, with `burst` to spend; gains `a_second` per second, up to `burst`."""

    def __init__(self, elapsed: Callable[[], float], burst: int, a_second: float):
        self._elapsed = elapsed
        self._burst = burst
        self._a_second = a_second
        self._left = float(burst)
        self._at = elapsed()

    def allows(self) -> bool:
        """Whether one more may happen now; if so, it counts."""
        now = self._elapsed()
        self._left = min(self._burst, self._left + (now - self._at) * self._a_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
