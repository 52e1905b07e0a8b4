"""The plan: what each owner computes, what is added up, what the result is made of.

Implements  federated/SPEC.md §3.2: what every party compiles, and compares the digest of
Learns      nobody. A plan holds names, and those literals of the statement that are no keys.
Not for     how it comes of a statement: `planning`
"""

from typing import Literal

from pydantic import Field

from contract.canonical import Compiled, Frozen, Name, OrgId
from contract.dataset import ColumnType
from contract.job import KeyPart
from contract.keys import KeyKind
from contract.policy import Use
from federated.join.parameters import JoinParameters
from federated.noise.parameters import Noise
from federated.query.table import Table

SNAPSHOT = "snapshot"
"""What an owner's SQL calls its dataset, or the first of several."""


def snapshot_name(place: int) -> str:
    """What it calls the one at this place: snapshot, snapshot_1, snapshot_2, …"""
    return f"{SNAPSHOT}_{place}" if place else SNAPSHOT


class GroupColumn(Frozen):
    """A column of an owner that the result is grouped by; its values travel as texts."""

    name: Name
    type: ColumnType
    decimals: int
    nullable: bool


class ValueColumn(Frozen):
    """An integer column of an owner, without NULL, and how it is cut into what is sent."""

    kind: Literal["value", "present", "square", "counted"] = Field(
        description="an amount; whether there is one; a limb of its square; its band, as a count"
    )
    scale: int
    least: int
    most: int
    limbs: int = Field(ge=1, description="columns that are sent for it")
    limb_bits: int = Field(ge=0, description="bits of each limb but the last; 0 for a single one")

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Smallest and largest value of each limb, the lowest limb first."""
        low = (0, (1 << self.limb_bits) - 1)
        shift = self.limb_bits * (self.limbs - 1)
        return (*[low] * (self.limbs - 1), (self.least >> shift, self.most >> shift))


class LocalDataset(Frozen):
    """A further dataset of an owner, which it joins with the first."""

    dataset: Name
    key: tuple[Name, ...] = Field(description="columns of the key, in the order of the first's")
    uses: dict[Name, tuple[Use, ...]] = Field(description="what is done with each column")


class LocalPart(Frozen):
    """What one owner computes on its own snapshot: one row per key."""

    org: OrgId
    dataset: Name
    key_column: Name = Field(description="in the dataset")
    key_kind: KeyKind
    beside: tuple[KeyPart, ...] | None = Field(
        default=None, description="the other columns of a key of several"
    )
    size: int = Field(description="keys that are sent, padding included")
    sql: str = Field(
        description="for DuckDB: canonical key, g0, …, v0, …, p0, … of `snapshot`, `snapshot_1`, …"
    )
    groups: tuple[GroupColumn, ...]
    values: tuple[ValueColumn, ...]
    picks: int = Field(description="columns p0, … of the SQL: branches taken, a bit for each")
    uses: dict[Name, tuple[Use, ...]] = Field(description="what is done with each column")
    joined: tuple[LocalDataset, ...] | None = Field(
        default=None, description="further datasets that the owner joins with it"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The datasets that it is computed of."""
        return (self.dataset, *(one.dataset for one in self.joined or ()))

    @property
    def datasets(self) -> str:
        """The same in words."""
        return " and ".join(f"{self.org}.{name}" for name in self.names)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the key."""
        return (self.key_column, *(part.column for part in self.beside or ()))

    @property
    def sent(self) -> int:
        """How many columns of integers are sent: every limb of every value."""
        return sum(value.limbs for value in self.values)

    @property
    def amounts(self) -> tuple[int, ...]:
        """The places of those values of which one key may have a large share."""
        return tuple(at for at, value in enumerate(self.values) if value.kind == "value")


class Term(Frozen):
    """A column that one owner sends: the number of the owner, and of the column."""

    owner: int
    column: int


class Summand(Frozen):
    """What is added up under encryption in each cell: one column of one or more owners."""

    terms: tuple[Term, ...]
    least: int = Field(description="of the sum over all entities there may be, noise included")
    most: int


class LeftPart(Frozen):
    """Of a LEFT JOIN, what the receiver adds up over all its own rows; nothing of it is sent."""

    owner: int
    sql: str = Field(description="for DuckDB: of each group g0, … its keys n and sums v0, …")
    sums: int


class QueryPlan(Compiled):
    """A query, ready to run; the same at every node."""

    planner: Literal[1] = 1
    sql: str
    receivers: tuple[OrgId, ...]
    k: int = Field(ge=1, description="fewest keys in a cell")
    per_subject: int = Field(
        ge=1, description="most keys of the join that may be of one subject; k rests on it"
    )
    rows: int = Field(description="most entities there may be in the join")
    largest_share: int | None = Field(
        default=None, description="percent of a sum that one entity of a cell may have"
    )
    noise: Noise | None = Field(default=None, description="absent: counts and sums are exact")
    owners: tuple[LocalPart, ...]
    summands: tuple[Summand, ...]
    table: Table
    left: LeftPart | None = None

    @property
    def fewest(self) -> int:
        """Keys that a row of the result is made of, at least."""
        return self.k

    @property
    def groups(self) -> tuple[tuple[GroupColumn, ...], ...]:
        """Every owner's group columns."""
        return tuple(part.groups for part in self.owners)

    def labeller(self, owner: int) -> str | None:
        """Whose labels those of an owner are."""
        return self.owners[owner].org

    def banded(self, owner: int) -> int:
        """How many columns of bands an owner hands in."""
        return 0 if self.largest_share is None else len(self.owners[owner].amounts)


def join_of(plan: QueryPlan, run: bytes) -> JoinParameters:
    """The parameters of the join for one run."""
    return JoinParameters(
        run_id=run,
        owners=tuple(part.org for part in plan.owners),
        sizes=tuple(part.size for part in plan.owners),
    )


def uses(plan: QueryPlan, org: str, dataset: str | None = None) -> dict[str, frozenset[Use]]:
    """What a query does with each column of a dataset of an owner: what its policy must list.

    Of the owner's first dataset, unless another one is named.
    """
    (part,) = (part for part in plan.owners if part.org == org)
    found = {one.dataset: one.uses for one in part.joined or ()} | {part.dataset: part.uses}
    used = found[dataset or part.dataset]
    return {name: frozenset(done) for name, done in used.items()}
