"""What a run costs both parties, whatever the protocol."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes without the link's frames and seal; seconds on a machine like this one."""

    receiver_sends: int
    sender_sends: int
    seconds: float
