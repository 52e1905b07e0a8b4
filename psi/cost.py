"""What a run costs both parties, whatever the protocol."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from psi.step import Message


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
