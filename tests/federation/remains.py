"""What must not remain when something was refused: processes, locks, half files, personal data.

`before = Remains(federation)`, then whatever ends badly, then `before.check(…)`.
"""

import csv
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cli.authority import COORDINATOR_ORG
from tests.federation.directed import Directed
from tests.federation.federation import eventually
from tests.federation.traces import Search, add_key, files_in

_HALF = (".scratch-*", "*.partial", "*.arriving", "*.misserved", ".*.part", "*.spill")
_NAMES = ("borrower_name", "name", "former_name")


def search_of(world: Path) -> Search:
    """A search for every key and name of a synthetic world."""
    search, keys, names = Search(), set[str](), set[str]()
    for file in world.glob("*/*.csv"):
        with file.open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                keys.add(row.get("uscc", ""))
                names.update(row.get(column, "") for column in _NAMES)
    for key in keys - {""}:
        add_key(search, key)
    for name in names - {""}:
        search.add(name, "name", name.encode())
    return search


class Remains:
    """A federation as it was at one moment, to compare with what it is later."""

    def __init__(self, federation: Directed, search: Search) -> None:
        self._federation = federation
        self._search = search
        self._logged = {log: log.stat().st_size for log in self._logs()}
        self._kept = self._datasets(), self._results()
        self._jobs = {org: federation.jobs(org) for org in federation.orgs}

    def new_jobs(self) -> set[str]:
        """The jobs that any node has heard of since."""
        return {job for org in self._federation.orgs for job in self._federation.jobs(org)} - {
            job for jobs in self._jobs.values() for job in jobs
        }

    def check(self, *shown: str, secrets: Iterable[str] = ()) -> None:
        """Nothing has remained, and what was shown, logged or sent on holds nothing personal."""
        federation = self._federation
        for name in (COORDINATOR_ORG, *federation.orgs):
            eventually(lambda name=name: not federation.offspring(name))  # type: ignore[misc]
            eventually(lambda name=name: self._locks(name) == {self._data(name) / "lock"})  # type: ignore[misc]
            assert not federation.has_orders(name)
        eventually(lambda: not self._half_files())
        eventually(lambda: (self._datasets(), self._results()) == self._kept)
        eventually(lambda: not any((self._data(COORDINATOR_ORG) / "runs").iterdir()))
        self._check_nothing_personal(shown, secrets)

    def _check_nothing_personal(self, shown: Iterable[str], secrets: Iterable[str]) -> None:
        logged = [log.read_bytes()[self._logged.get(log, 0) :] for log in self._logs()]
        texts = [*logged, *(text.encode() for text in shown)]
        for secret in secrets:
            assert all(secret.encode() not in text for text in texts)
        for content in (*texts, *(file.read_bytes() for file in self._sent_on())):
            assert not self._search.find(content)

    def _sent_on(self) -> Iterable[Path]:
        """What the coordinator has, and what a node has of others or for them."""
        yield from files_in(self._data(COORDINATOR_ORG))
        for org in self._federation.orgs:
            yield from files_in(self._data(org) / "evidence")
            yield from self._data(org).glob("state.sqlite*")

    def _half_files(self) -> list[Path]:
        names = (COORDINATOR_ORG, *self._federation.orgs)
        return [path for name in names for half in _HALF for path in self._data(name).rglob(half)]

    def _results(self) -> set[Path]:
        orgs = self._federation.orgs
        return {file for org in orgs for file in files_in(self._data(org) / "results")}

    def _datasets(self) -> set[Path]:
        orgs = self._federation.orgs
        return {file.parent for org in orgs for file in files_in(self._data(org) / "snapshots")}

    def _locks(self, name: str) -> set[Path]:
        """The files that a daemon, whose data folder's lock is one, holds a lock (flock) on."""
        process, held = Path(f"/proc/{self._federation.process_id(name)}"), set()
        for info in (process / "fdinfo").iterdir():
            with suppress(FileNotFoundError):  # closed in between
                if " FLOCK " in info.read_text("ascii"):
                    held.add((process / "fd" / info.name).readlink())
        return held

    def _logs(self) -> list[Path]:
        return [self._federation.log(name) for name in (COORDINATOR_ORG, *self._federation.orgs)]

    def _data(self, name: str) -> Path:
        return self._federation.folder / name / "data"
