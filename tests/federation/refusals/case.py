"""A line of the table of refusals: how an error is provoked, and all that must follow from it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from re import MULTILINE
from re import compile as pattern
from subprocess import CompletedProcess
from typing import Any

from contract.cause import Cause
from contract.errors import MiheError

_COMMANDS = pattern(r"^error ([A-Z_]+): (.*)$", MULTILINE)
_DAEMONS = pattern(
    r"^mihe (?:node|coordinator): ([A-Z_]+): (.*?)(?: \[(.*)\])? Fix: (.*)$", MULTILINE
)
_WHERE = pattern(r"(party|phase|rule)=(.*?)(?= (?:party|phase|rule)=|$)")


@dataclass(frozen=True)
class Told:
    """What the last command told, and the job that ended with it, if there was one."""

    by: CompletedProcess[str]
    job: str | None = None
    secrets: tuple[str, ...] = ()
    """What of the case's own data must not be seen by anybody, beside what the world has."""


@dataclass(frozen=True)
class Case:
    """One way to an error through real daemons."""

    error: type[MiheError]
    how: str
    provoke: Callable[[Any], Told]
    at: str = "banks"
    """The federation: `banks` (tests/federation/banks.py) or `owners` (owners.py)."""
    party: str | None = None
    phase: str | None = None
    rule: str | None = None
    mentions: tuple[str, ...] = ()
    """Words that the error must have: the name that was meant, the command that helps."""
    only_logged: tuple[str, ...] = ()
    """Words that stand in the log of `party` and nowhere else."""

    @property
    def name(self) -> str:
        """What the test is called."""
        return f"{self.error.code}: {self.how}"


def typed(*words: str, by: str = "bank_a") -> Callable[[Any], Told]:
    """A command of a person of `by`, which ends without a job."""
    return lambda federation: Told(federation.run_cli(by, *words))


def with_job(asked: CompletedProcess[str]) -> Told:
    """A command that followed the job that it says on stdout."""
    assert asked.stdout, asked.stderr
    return Told(asked, str(json.loads(asked.stdout)["job"]))


def cause_told(stderr: str) -> Cause:
    """The one error that a command or a daemon told, in the layout that it has for people."""
    if (found := _DAEMONS.search(stderr)) is not None:
        code, what, where, fix = found.groups()
        return Cause(code=code, what=what, fix=fix, **dict(_WHERE.findall(where or "")))
    ((code, what),) = _COMMANDS.findall(stderr)
    return Cause(code=code, what=what, **_lines_below(stderr))


def _lines_below(stderr: str) -> dict[str, str]:
    lines = [line for line in stderr.splitlines() if line.startswith("  ")]
    pairs = [(line[2:8].strip(), line[9:]) for line in lines]
    return {name: value for name, value in pairs if name in {"party", "phase", "rule", "fix"}}
