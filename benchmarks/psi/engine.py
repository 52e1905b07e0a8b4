"""What the comparison asks of every engine: the same two files in, a file with the result out."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from benchmarks.psi.lists import Lists
from benchmarks.psi.measured import Cost
from benchmarks.psi.sites import Network


class NoFigureError(Exception):
    """A run that has no figure, and why: it failed, took too long, or its result is not right."""


class Player(Protocol):
    """An engine that is ready for runs."""

    def play(self, lists: Lists, output: Path) -> Cost:
        """Do one run from the lists' files to `output`; what it took, or NoFigureError."""


class Engine(Protocol):
    """One of those that are compared."""

    @property
    def name(self) -> str:
        """As the table calls it."""

    def absent(self) -> str | None:
        """Why it is not on this machine; None if it is."""

    def ready(self, network: Network, owners: Sequence[str]) -> AbstractContextManager[Player]:
        """Everything that is up before anybody asks for an intersection."""
