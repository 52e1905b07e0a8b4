"""Owners of the small synthetic world, their nodes under direction, and what one asks in SQL.

The right answer comes from scenarios/sql_oracle.py, which reads every owner's files. One rule holds
for every job, whatever was done to it: all parties tell the same end with the same cause; a result
is there if and only if the job is done; and nothing of the run is left anywhere.
"""

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Self

from cli.authority import COORDINATOR_ORG
from contract.errors import InvalidKey
from contract.keys import KeyKind, Strictness, canonical
from contract.lifecycle import State
from mihe.proposal import question
from scenarios.sql_oracle import Answer, Clear
from scenarios.world import World, write_world
from tests.federation.banks import SYNTHETIC, End, end_of
from tests.federation.directed import Directed
from tests.federation.federation import eventually

RECEIVER = "bank_a"
BY_REGION = """
SELECT r.region, COUNT(*) AS n, SUM(b.loan_balance) AS loans
FROM bank_a.loans AS b JOIN registry.enterprises AS r USING (uscc)
GROUP BY r.region
"""
"""A question to registry and the receiver."""
TERMS = ("--purpose", "CREDIT_MICRO", "--basis", "SYNTHETIC_TEST", "--yes", "--json")

PLAIN = """
SELECT r.region, COUNT(*) AS n, SUM(b.loan_balance) AS loans, SUM(r.reg_capital) AS capital
FROM bank_a.loans AS b JOIN registry.enterprises AS r USING (uscc)
WHERE r.reg_capital > 2000000
GROUP BY r.region
"""
"""A question to the bank and the registry, whose answer has rows."""

Row = tuple[str, ...]


@dataclass(frozen=True)
class Extra:
    """A dataset that the world does not have: its description, its CSV, its owner's policy."""

    description: str
    rows: str
    policy: str


@dataclass(frozen=True)
class Table:
    """A result as its receiver's file has it: shown rows, the remainder, and cells folded."""

    columns: tuple[str, ...]
    rows: frozenset[Row]
    remainder: Row | None
    folded: int


class Owners(Directed):
    """The federation; in a `with` every owner's datasets are imported, and queries allowed."""

    def __init__(
        self,
        folder: Path,
        *orgs: str,
        extra: Callable[[World], Mapping[str, Extra]] = lambda _: {},
        node: Mapping[str, object] | None = None,
        coordinator: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(folder, *orgs, node=node, coordinator=coordinator)
        self.world = folder / "world"
        self._extra = extra

    def __enter__(self) -> Self:
        world = write_world(self.world, size="mini", organisations=self.orgs, formats=("csv",))
        descriptions = [(one.organisation, one.description) for one in world.datasets]
        for reference, one in self._extra(world).items():
            org = reference.partition(".")[0]
            world.path(reference, "csv").write_text(one.rows, "utf-8")
            world.path(reference, "toml").write_text(one.description, "utf-8")
            with (world.folder / org / "policy.toml").open("a", encoding="utf-8") as policy:
                policy.write(one.policy)
            descriptions.append((org, world.path(reference, "toml")))
        super().__enter__()
        try:
            for org in self.orgs:
                shutil.copy(self.world / org / "policy.toml", self.home(org).policy)
            for org, description in descriptions:
                with self.client(org) as node:
                    node.add_dataset(description)
            # What is offered must have reached the one who asks.
            eventually(lambda: self._offered() == len(descriptions))
        except BaseException:
            self.stop_all()
            raise
        return self

    def rows(self, reference: str) -> list[dict[str, str]]:
        """The rows of a dataset's file."""
        org, _, name = reference.partition(".")
        with (self.world / org / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def _offered(self) -> int:
        with self.client(RECEIVER) as node:
            return sum(len(one.entries) for one in node.catalogue().organisations)

    # ── asking ──────────────────────────────────────────────────────────────────────────────────

    def ask(
        self, sql: str, *words: str, by: str = RECEIVER, to: str = RECEIVER
    ) -> CompletedProcess[str]:
        """`mihe query`, typed by a person of `by`."""
        return self.run_cli(by, "query", sql, "--to", to, *TERMS, *words)

    def propose(self, sql: str, *words: str, by: str = RECEIVER) -> str:
        """A query that nobody waits for; its job."""
        proposed = self.ask(sql, "--detach", *words, by=by)
        assert proposed.returncode == 0, proposed.stderr
        return str(json.loads(proposed.stdout)["job"])

    def answer(self, sql: str, *words: str) -> Table:
        """The result of a query that is carried out."""
        asked = self.ask(sql, *words)
        assert asked.returncode == 0, asked.stderr
        job = str(json.loads(asked.stdout)["job"])
        self.end_of(job)
        return self.table(job)

    def table(self, job: str) -> Table:
        """The result of a job that is done, as it lies at the receiver's node."""
        result = self.view(RECEIVER, job).result
        assert result is not None
        with self._result(job).open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        assert head[-1] == "remainder"
        shown = [tuple(row[:-1]) for row in rows if row[-1] == "false"]
        rest = [tuple(row[:-1]) for row in rows if row[-1] == "true"]
        assert len(rest) <= 1
        assert len(set(shown)) == len(shown)
        assert result.rows == len(rows)
        return Table(
            tuple(head[:-1]), frozenset(shown), rest[0] if rest else None, result.folded or 0
        )

    def clear(self, sql: str, *, k: int = 10, min_join: int = 10) -> Table:
        """The same, computed in the clear."""
        answer: Answer = Clear(self.world).answer(sql, k=k, min_join=min_join)
        rest = None if answer.remainder is None else _texts(answer.remainder)
        return Table(answer.columns, frozenset(map(_texts, answer.rows)), rest, answer.folded)

    def must_work(self) -> None:
        """Whatever happened before: the next query gives the right answer."""
        with self.client(RECEIVER) as node:
            asked = question(PLAIN, to=RECEIVER, purpose="CREDIT_MICRO", basis=SYNTHETIC)
            job = node.propose(asked).job
        assert self.end_of(job) == End(State.DONE)
        table = self.table(job)
        assert table.rows
        assert table == self.clear(PLAIN)

    # ── how it ends ─────────────────────────────────────────────────────────────────────────────

    def end_of(self, job: str) -> End:
        """Wait for the job's end at every party, and check that it is a clean one."""
        contract = self.view_at_end(RECEIVER, job).contract
        views = {org: self.view_at_end(org, job) for org in contract.orgs}
        ends = {org: end_of(view) for org, view in views.items()}
        end = ends[RECEIVER]
        assert ends == dict.fromkeys(contract.orgs, end)
        done = end.state is State.DONE
        eventually(lambda: self._result(job).exists() == done)
        for org in contract.orgs:
            expected = {f"{job}.csv"} if done and org == RECEIVER else set()
            eventually(partial(self._has_files, org, job, expected))
        eventually(lambda: not any(self.runs.iterdir()))
        return end

    @property
    def runs(self) -> Path:
        """Where the coordinator keeps what is handed in."""
        return self.folder / COORDINATOR_ORG / "data" / "runs"

    def _result(self, job: str) -> Path:
        return self.folder / RECEIVER / "data" / "results" / f"{job}.csv"

    def _has_files(self, org: str, job: str, expected: set[str]) -> bool:
        results = self.folder / org / "data" / "results"
        return {path.name for path in results.glob(f"*{job}*")} == expected


def valid_keys(world: World, reference: str) -> list[str]:
    """The codes of a dataset that stand there as they should, each once."""
    return list(
        dict.fromkeys(row["uscc"] for row in world.rows(reference) if _is_valid(row["uscc"]))
    )


def _is_valid(key: str) -> bool:
    try:
        return canonical(KeyKind.USCC, key, Strictness.STRICT) == f"uscc:{key}".encode()
    except InvalidKey:
        return False


def _texts(row: tuple[Any, ...]) -> Row:
    return tuple(map(_text, row))


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case _:
            return str(value)
