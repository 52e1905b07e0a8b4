"""A trial of an attack: what it was tried on, how far it got, and how far it may get."""

from dataclasses import dataclass
from enum import StrEnum


class Guard(StrEnum):
    """What stands against the attack in a trial."""

    THERE = "there"
    """the guard: the attacker must stay within the bound"""
    TAKEN_AWAY = "taken away"
    """the same script without it: it must win, or the trial would show nothing"""
    NONE_YET = "none yet"
    """nothing stands against it here; the documents say so, and the attacker wins"""


@dataclass(frozen=True)
class Trial:
    """One line of the table; an advantage is from 0, no better than a guess, to 1, every time."""

    attack: str
    setting: str
    guard: Guard
    advantage: float
    bound: float

    @property
    def holds(self) -> bool:
        """Whether it came out as it must."""
        return (self.advantage <= self.bound) == (self.guard is Guard.THERE)


def over_a_guess(right: int, tried: int) -> float:
    """Of answers to yes-or-no questions, how much better than a coin."""
    return max(0.0, 2 * right / tried - 1)
