"""Where attacks are tried: two owners with files of their own, asked by statements, guards as set.

The bank is the receiver, and the attacker; the bureau is the owner whom it wants to know more of.
What they do is what nodes do: files are imported, each owner's part runs on its snapshot, an
owner's guard compares it with what it answered before, its gate reads its policy, and the
in-process federation plays the query. What a result says does not depend on the dials, so the fast
ones are taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

from contract import toml
from contract.dataset import CatalogueEntry
from contract.errors import PolicyError
from contract.policy import Policy
from contract.suites import Aggregation, Matching
from federated.query.agreed import plan_of
from federated.query.result import Row as Shown
from node import snapshot
from node.answered import Answer, Answered
from node.gate import check_policy, min_changes
from node.local import run_local
from tests.flow.federation_in_process import contract_of, play
from tests.property.query_worlds import key

TODAY = date(2026, 11, 1)
BANK, BUREAU = "bank", "bureau"
JOIN = "FROM bank.loans AS b JOIN bureau.firms AS f USING (uscc)"

_KEY = '[[column]]\nname = "uscc"\ntype = "key"\nkey = "uscc"\nlevel = 2\nrows_per_key = {}\n'
MONTHS = 6
_MONTH = '[[column]]\nname = "month"\ntype = "period"\nlevel = 1\n'
_TOGETHER = '[[key]]\ncolumns = ["uscc", "month"]\nrows_per_key = 1\n'
_COLUMNS = {
    f"{BANK}.loans": '[[column]]\nname = "balance"\ntype = "integer"\nlevel = 3\n'
    f"minimum = 0\nmaximum = {2**60}\n"
    '[[column]]\nname = "days"\ntype = "integer"\nlevel = 3\nminimum = 0\nmaximum = 1000\n',
    f"{BUREAU}.firms": '[[column]]\nname = "sales"\ntype = "integer"\nlevel = 3\n'
    f"minimum = 0\nmaximum = {2**60}\n"
    '[[column]]\nname = "industry"\ntype = "text"\nlevel = 2\n'
    '[[column]]\nname = "staff"\ntype = "integer"\nlevel = 2\nminimum = 0\nmaximum = 100000\n',
}
Row = tuple[str, Sequence[object]]
"""A key, and the values of the other columns."""


def keys(count: int) -> list[str]:
    """Valid credit codes, always the same."""
    chance = Random(count)
    return [key(chance) for _ in range(count)]


@dataclass
class Bench:
    """The two owners, their rows as they are now, and what each has answered."""

    folder: Path
    rules: Mapping[str, str] = field(default_factory=dict)
    """Of an owner, more lines for its rule in policy.toml: its guards."""
    monthly: bool = False
    """Whether rows are of a firm and a month, which are a key together."""
    entries: dict[str, dict[str, CatalogueEntry]] = field(default_factory=dict)
    parquet: dict[str, Path] = field(default_factory=dict)
    _asked: int = 0

    def give(self, org: str, rows: Iterable[Row]) -> None:
        """Import an owner's rows, in the place of those it had."""
        (reference,) = (one for one in _COLUMNS if one.startswith(f"{org}."))
        name = reference.split(".")[1]
        place = self.folder / org
        place.mkdir(parents=True, exist_ok=True)
        columns = (_MONTH if self.monthly else "") + _COLUMNS[reference]
        lines = [",".join(map(str, (key, *values))) for key, values in rows]
        header = ",".join(line[8:-1] for line in ('name = "uscc"', *_named(columns)))
        (place / f"{name}.csv").write_text("\n".join([header, *lines, ""]), "utf-8")
        description = place / f"{name}.toml"
        head = f'name = "{name}"\nsource = "{name}.csv"\n'
        key = _KEY.format(MONTHS if self.monthly else 1)
        together = _TOGETHER if self.monthly else ""
        description.write_text(head + key + columns + together, "utf-8")
        added = snapshot.add(description, place / "data" / "snapshots", org=org, today=TODAY)
        self.entries.setdefault(org, {})[name] = added.entry
        files = snapshot.files(place / "data" / "snapshots", name, added.root)
        self.parquet[org] = files.parquet

    def ask(
        self,
        sql: str,
        k: int,
        aggregation: Aggregation = Aggregation.SHARED,
        epsilon: Decimal | None = None,
    ) -> tuple[Shown, ...]:
        """The rows that the bank gets; raises what an owner refuses."""
        contract = contract_of(
            sql,
            self.entries,
            k=k,
            min_join=2,
            matching=Matching.KEYED,
            aggregation=aggregation,
            epsilon=epsilon,
        )
        plan = plan_of(contract)
        rows = {}
        for part in plan.owners:
            policy = self._policy(part.org, part.dataset)
            rules = check_policy(contract, part.org, policy, TODAY)
            rows[part.org] = run_local(part, self.parquet[part.org], k=plan.k)
            for dataset, fewest in min_changes(rules).items():
                answered = Answered(self.folder / part.org / "data" / "answered")
                party, own = contract.party(part.org), rows[part.org]
                columns = dict(zip(party.key, party.kinds, strict=True))
                brought = answered.brought_keys(own.keys, own.groups, plan.k, columns, own.taken)
                answers = [Answer(BANK, dataset, of, one, fewest) for of, one in brought]
                answered.keep(answers, part.org)
        self._asked += 1
        return play(contract, rows, self.folder / f"run_{self._asked}").result.rows

    def told(self, sql: str, k: int) -> tuple[Shown, ...]:
        """What the bank gets; nothing where an owner refuses."""
        with suppress(PolicyError):
            return self.ask(sql, k)
        return ()

    def _policy(self, org: str, dataset: str) -> Policy:
        other = BUREAU if org == BANK else BANK
        uses = '["join", "filter", "group", "count", "sum", "avg", "variance", "quantile"]'
        columns = ", ".join(
            f"{column.name} = {uses}" for column in self.entries[org][dataset].columns
        )
        rule = (
            f'[[allow]]\ndataset = "{dataset}"\njobs = ["query"]\non = ["uscc", "month"]\n'
            f'with = ["{other}"]\nreceivers = ["{BANK}"]\npurposes = ["JOINT_STATISTICS"]\n'
            f'bases = ["SYNTHETIC_TEST"]\ncolumns = {{ {columns} }}\n'
            'matching = ["keyed"]\naggregation = ["shared"]\nmin_group = 2\nmin_join = 2\n'
            f'approve = "auto"\n{self.rules.get(org, "")}\n'
        )
        return toml.parse(Policy, rule, f"{org}/policy.toml")


def _named(columns: str) -> list[str]:
    return [line for line in columns.splitlines() if line.startswith("name = ")]
