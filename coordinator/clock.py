"""What time it is, as one value that can be handed in: contracts expire by the calendar, absences
by a clock that nobody sets back."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _calendar() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """`now` is UTC; `elapsed` is in seconds from some moment and never goes back."""

    now: Callable[[], datetime] = _calendar
    elapsed: Callable[[], float] = time.monotonic
