"""What nothing may leave behind, whatever happened: processes, half files, provisional results.

All that a daemon has on its disk for good is named here, so a file that is none of it is left over:
half a message, a scratch file, or a key of a run, which is never on a disk.
"""

import json
from collections.abc import Collection
from pathlib import Path
from re import compile as compiled

from cli.authority import COORDINATOR_ORG
from tests.federation.directed import Directed
from tests.federation.federation import eventually
from tests.federation.offspring import offspring_of

_ID, _NAME = "[0-9a-f]{64}", "[a-z0-9_]+"
_FOR_GOOD = compiled(
    "|".join(
        [
            r"lock|(state|log)\.sqlite(-wal|-shm)?",
            rf"snapshots/{_NAME}/(current|{_ID}\.(json|parquet|salt))",
            rf"results/{_ID}\.csv|evidence/{_ID}\.json",
            rf"answered/(seed|{_NAME}/{_NAME}/[a-z0-9_.]+/{_ID})",
        ]
    )
)


def nothing_is_left(federation: Directed) -> None:
    """Return once nothing is left of any run; all daemons are there and no job is under way."""
    for name in (COORDINATOR_ORG, *federation.orgs):
        eventually(lambda name=name: not halves_in(federation.folder / name))  # type: ignore[misc]
        eventually(lambda name=name: not offspring_of(federation.process_id(name)))  # type: ignore[misc]
    eventually(lambda: not any((federation.folder / COORDINATOR_ORG / "data" / "runs").iterdir()))


def halves_in(home: Path) -> list[Path]:
    """What is in a daemon's data folder that only something under way may have there."""
    data = home / "data"
    return [found for found in data.rglob("*") if not _is_for_good(found, data)]


def _is_for_good(found: Path, data: Path) -> bool:
    if found.is_dir():
        return not found.name.startswith(".") and not found.suffix
    return _FOR_GOOD.fullmatch(found.relative_to(data).as_posix()) is not None


def must_agree(federation: Directed, job: str, orgs: Collection[str]) -> None:
    """Every side has heard the same statements about a job, and filed them as evidence."""
    assert len({federation.view(org, job).history for org in orgs}) == 1
    files = [federation.folder / org / "data" / "evidence" / f"{job}.json" for org in orgs]
    eventually(lambda: all(file.exists() for file in files))
    first, *others = (json.loads(file.read_text("utf-8"))["statements"] for file in files)
    assert all(heard == first for heard in others)
