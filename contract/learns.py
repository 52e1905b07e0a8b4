"""Who learns what, as a noun: the lines of a leakage statement."""

from contract.canonical import Frozen


class Learns(Frozen):
    """One line: who, and what they learn."""

    who: str
    what: tuple[str, ...]


class LeakageStatement(Frozen):
    """Everything that a job lets anybody learn."""

    parties: tuple[Learns, ...]
    coalitions: tuple[Learns, ...]
    not_covered: tuple[str, ...]
