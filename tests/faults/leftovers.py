"""What nothing may leave behind, whatever happened: processes, half files, provisional results."""

from pathlib import Path

from cli.authority import COORDINATOR_ORG
from tests.federation.directed import Directed
from tests.federation.federation import eventually
from tests.federation.offspring import offspring_of

_HALVES = ("**/*.partial", "**/*.filed", "**/*.arriving", "**/.scratch-*")


def nothing_is_left(federation: Directed) -> None:
    """Return once nothing is left of any run; all daemons are there and no job is under way."""
    for name in (COORDINATOR_ORG, *federation.orgs):
        eventually(lambda name=name: not halves_in(federation.folder / name))  # type: ignore[misc]
        eventually(lambda name=name: not offspring_of(federation.process_id(name)))  # type: ignore[misc]
    eventually(lambda: not any((federation.folder / COORDINATOR_ORG / "data" / "runs").iterdir()))


def halves_in(folder: Path) -> list[Path]:
    """Files and folders below `folder` that only something under way may have."""
    return [found for pattern in _HALVES for found in folder.glob(pattern)]
