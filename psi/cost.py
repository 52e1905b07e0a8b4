"""What a run costs both parties, whatever the protocol."""

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
