"""What a run costs both parties, whatever the protocol."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from time import perf_counter, process_time

from psi.step import Message


class Timer:
    """How long a sample takes, whatever else the machine does: never more than on one processor."""

    def __init__(self) -> None:
        self._began = perf_counter(), process_time()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        wall, worked = self._began
        return min(perf_counter() - wall, process_time() - worked)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message: its bytes, and of how many buckets it is; 0 if there is one in the run."""

    message: type[Message]
    size: int
    buckets: int = 0

    @property
    def total(self) -> int:
        """Bytes of all of them."""
        return self.size * max(self.buckets, 1)


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes without the link's frames and seal; seconds on a machine like this one."""

    receiver_sends: int
    sender_sends: int
    seconds: float

    @staticmethod
    def of(
        sent: Iterable[Sent], from_receiver: Collection[type[Message]], seconds: float
    ) -> "Cost":
        """Of all messages of a run, and which kinds of them are the receiver's."""
        each = {True: 0, False: 0}
        for one in sent:
            each[one.message in from_receiver] += one.total
        return Cost(receiver_sends=each[True], sender_sends=each[False], seconds=seconds)
