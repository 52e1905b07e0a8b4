"""A statement: hostile text in; who owns what, which key joins, what is asked for, out.

Implements  federated/SPEC.md §3.1, DESIGN §6: tables are checked before columns, every name
            against the schemas that come with the contract
Learns      nobody: a pure function of text and schemas, the same at every node
Not for     permission. What an owner lets be done with a column is its policy's, at its node.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from contract.dataset import CatalogueEntry
from contract.errors import UnknownDataset, UnknownOrganisation, nearest
from contract.job import Parameter
from federated.query import asked, join_key, language, outer, subquery
from federated.query.asked import Answer
from federated.query.conditions import Condition
from federated.query.expressions import Expressions
from federated.query.join_key import Joined
from federated.query.multiplicity import ManyRows
from federated.query.outer import Left
from federated.query.parameters import Given, Parameters
from federated.query.scope import Names
from federated.query.subquery import (
    Inner,
    grouped,
    parts,
    settle_alias,
)
from federated.query.text import Text
from federated.query.values import Column, column_of, whole

FEWEST_OWNERS, MOST_OWNERS = 2, 8

Entries = Mapping[str, Mapping[str, CatalogueEntry]]
"""What each organisation offers: {organisation: {dataset: entry}}."""


def by_name(entries: Iterable[CatalogueEntry]) -> Entries:
    """The datasets that a contract was planned on, as a statement names them."""
    found: dict[str, dict[str, CatalogueEntry]] = defaultdict(dict)
    for entry in entries:
        found[entry.org][entry.name] = entry
    return found


@dataclass(frozen=True, slots=True)
class Source:
    """One owner's part of what stands after FROM."""

    alias: str
    entry: CatalogueEntry
    columns: Mapping[str, Column]
    inner: Inner | None
    key: tuple[Column, ...]
    """The columns that join it, in one order for all sources, one that holds keys first."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of the language, understood."""

    sql: str
    """The one way to write it: what a contract carries."""
    sources: tuple[Source, ...]
    conditions: tuple[Condition, ...]
    groups: tuple[Column, ...]
    answer: Answer
    parameters: tuple[Parameter, ...]
    """What the parameters in it are worth, by name."""
    left: Left | None
    """If it is a LEFT JOIN."""

    @property
    def per_subject(self) -> int:
        """How many keys of the join may be of one subject."""
        most = join_key.most_per_subject((one.entry, one.key) for one in self.sources)
        assert most is not None, "the keys are of sources that declare it"
        return most


def parse(sql: str, entries: Entries, parameters: Mapping[str, Given] | None = None) -> Statement:
    """The statement that `sql` is, over the datasets in `entries`, with values for its parameters.

    Raises BadQuery, KeyInQuery, UnprovenSum, UnknownOrganisation, UnknownDataset, UnknownColumn,
    KeyKindMismatch; each says line and column, the reason, and what works.
    """
    text = Text(sql)
    tree = language.read(text)
    bound = Parameters(parameters or {})
    sources = _sources(text, tree, entries, bound)
    common = frozenset(column.name for column in sources[0].key)
    scope = Expressions(text, [_names(source) for source in sources], bound, joined=common)
    conditions = scope.conditions(tree.args.get("where"))
    groups = _groups(scope, tree)
    many = _many_rows(scope, tree, sources, conditions)
    left = outer.read(text, tree, [one.alias for one in sources], [one.entry for one in sources])
    keys, kept = [source.key for source in sources], left.kept if left else None
    answer = asked.read(scope, tree, groups, keys, many, kept)
    if left:
        outer.check(left, tree, [item.name for item in answer.items], many)
    if many:
        sources = tuple(_added_up(source, many, conditions) for source in sources)
        conditions = tuple(one for one in conditions if one.source != many.source)
    given = bound.settled(text, [tree])
    sql = language.canonical(text, tree)
    return Statement(sql, sources, conditions, groups, answer, given, left)


def _names(source: Source) -> Names:
    return Names(source.alias, source.entry.org, source.entry.name, source.columns)


# ── FROM and JOIN ───────────────────────────────────────────────────────────────────────────────


def _sources(
    text: Text, tree: exp.Select, entries: Entries, parameters: Parameters
) -> tuple[Source, ...]:
    nodes = parts(tree)
    found = [entry_of(text, _table(text, node), entries) for node in nodes]
    aliases = [settle_alias(text, node) for node in nodes]
    _check_owners(text, nodes, found, aliases)
    drafts = [
        _columns(text, node, entry, alias, parameters)
        for node, entry, alias in zip(nodes, found, aliases, strict=True)
    ]
    joined = [
        Joined(alias, entry, columns)
        for alias, entry, (columns, _) in zip(aliases, found, drafts, strict=True)
    ]
    keys = join_key.read(text, tree, joined)
    return tuple(
        Source(one.alias, one.entry, one.columns, inner, key)
        for one, (_, inner), key in zip(joined, drafts, keys, strict=True)
    )


def _table(text: Text, node: exp.Expr) -> exp.Table:
    """The dataset that a part of FROM reads, itself or in its sub-query."""
    match node:
        case exp.Table() if isinstance(node.this, exp.Identifier):
            return node
        case exp.Subquery() if isinstance(node.this, exp.Select):
            inside = parts(node.this)
            if len(inside) == 1 and isinstance(inside[0], exp.Table):
                return _table(text, inside[0])
            raise text.refuse(
                inside[1] if len(inside) > 1 else node,
                "a sub-query reads exactly one dataset",
                "Write (SELECT key, columns FROM org.dataset WHERE … GROUP BY key) AS a; join"
                " outside of it.",
            )
    raise text.refuse(
        node,
        "a dataset, or a sub-query over one, is expected here",
        "Write org.dataset AS a, or (SELECT … FROM org.dataset …) AS a.",
    )


def entry_of(text: Text, table: exp.Table, entries: Entries) -> CatalogueEntry:
    """The dataset that `table` names, in the catalogue."""
    org, dataset = table.db, table.name
    if not org:
        owners = [one for one, offers in entries.items() if dataset in offers]
        hint = f" Did you mean {owners[0]}.{dataset}?" if owners else ""
        raise text.refuse(
            table,
            f"'{dataset}' is of no organisation.{hint}",
            "Write org.dataset, as `mihe catalog` does.",
            error=UnknownDataset,
        )
    if org not in entries:
        raise text.refuse(
            table,
            f"there is no organisation '{org}'.{nearest(org, list(entries))}",
            "See `mihe catalog` for the organisations there are.",
            error=UnknownOrganisation,
            rule="datasets are those of the catalogue",
        )
    if dataset not in entries[org]:
        raise text.refuse(
            table,
            f"{org} has no dataset '{dataset}'.{nearest(dataset, list(entries[org]))}",
            "See `mihe catalog` for the datasets there are.",
            error=UnknownDataset,
            rule="datasets are those of the catalogue",
        )
    return entries[org][dataset]


def _check_owners(
    text: Text,
    nodes: Sequence[exp.Expr],
    entries: Sequence[CatalogueEntry],
    aliases: Sequence[str],
) -> None:
    if not FEWEST_OWNERS <= len(nodes) <= MOST_OWNERS:
        raise text.refuse(
            nodes[-1] if nodes else 0,
            f"a query joins the datasets of {FEWEST_OWNERS} to {MOST_OWNERS} owners, not of"
            f" {len(nodes)}",
            "Add JOIN org.dataset AS b USING (key); one's own data alone need no protocol."
            if len(nodes) < FEWEST_OWNERS
            else "Propose it in parts.",
        )
    orgs = [entry.org for entry in entries]
    for place, node in enumerate(nodes):
        if orgs[place] in orgs[:place]:
            raise text.refuse(
                node,
                f"{orgs[place]} is there twice",
                "Each owner stands there once: let it prepare one dataset out of both.",
            )
        if aliases[place] in aliases[:place]:
            raise text.refuse(
                node, f"two parts are called '{aliases[place]}'", "Write AS and another name."
            )


# ── many rows per key ───────────────────────────────────────────────────────────────────────────


def _many_rows(
    scope: Expressions,
    tree: exp.Select,
    sources: Sequence[Source],
    conditions: Sequence[Condition],
) -> ManyRows | None:
    """The source whose rows are counted and added up; None where each has one row per key.

    A condition may leave one row: such a source is taken for one of many rows only where nothing
    else is asked of the statement, and else its owner checks (SEVERAL_ROWS).
    """
    filtered = {condition.source for condition in conditions}
    nodes = {source.alias: node for source, node in zip(sources, parts(tree), strict=True)}
    repeated = [many for source in sources if (many := _repeated(scope, source)) is not None]
    if unfiltered := [many for many in repeated if many.source not in filtered]:
        many, *others = unfiltered
        node = nodes[many.source]
        if isinstance(node, exp.Subquery):
            raise many.refuse(node, "and a join takes one from each owner")
        if others:
            last = others[-1]
            raise last.refuse(nodes[last.source], "and another owner's rows are multiplied by them")
        if (at := _grouped_by(scope, tree, many)) is not None:
            raise many.refuse(at, "and a join takes one from each owner to group by")
        return many
    if len(repeated) != 1 or isinstance(nodes[repeated[0].source], exp.Subquery):
        return None
    (only,) = repeated
    alone = _grouped_by(scope, tree, only) is None and _adds_up_alone(scope, tree, only)
    return only if alone else None


def _repeated(scope: Expressions, source: Source) -> ManyRows | None:
    """A source of many rows per key that no sub-query groups or filters."""
    declared = source.entry.key_of(join_key.columns_of(source.key))
    rows = None if declared is None else declared.rows_per_key
    inner = source.inner
    if rows is None or rows == 1 or (inner and (inner.groups or inner.conditions)):
        return None
    dataset = f"{source.entry.org}.{source.entry.name}"
    return ManyRows(scope.text, source.alias, dataset, source.key, rows)


def _grouped_by(scope: Expressions, tree: exp.Select, many: ManyRows) -> exp.Expr | None:
    """Where the result is grouped by a column of many rows, if it is."""

    def varies(node: exp.Expr) -> bool:
        column = scope.expression(node)
        return column.source == many.source and not column.needed <= many.names

    return next(filter(varies, grouped(tree.args.get("group"))), None)


def _adds_up_alone(scope: Expressions, tree: exp.Select, many: ManyRows) -> bool:
    """Whether sums, means and counts are of one source's columns only."""
    clauses = [*tree.expressions, tree.args.get("having"), tree.args.get("order")]
    asked_for = [one for clause in clauses if clause for one in clause.find_all(exp.AggFunc)]
    return all(
        isinstance(one.this, exp.Distinct)
        or (
            isinstance(one, exp.Count | exp.Sum | exp.Avg)
            and all(scope.column(each).source == many.source for each in one.find_all(exp.Column))
        )
        for one in asked_for
    )


def _added_up(source: Source, many: ManyRows, conditions: Sequence[Condition]) -> Source:
    """The source, its rows added up by key, if it is the one of many rows."""
    if source.alias != many.source:
        return source
    own = tuple(one for one in conditions if one.source == source.alias)
    items = {**{column.name: column.sql() for column in source.key}, **many.items}
    return replace(source, inner=Inner(source.alias, items, own, source.key))


def _columns(
    text: Text, node: exp.Expr, entry: CatalogueEntry, alias: str, parameters: Parameters
) -> tuple[dict[str, Column], Inner | None]:
    """What a part of FROM offers, and the sub-query that it is, if it is one."""
    dataset = f"{entry.org}.{entry.name}"
    if isinstance(node, exp.Table):
        return {one.name: column_of(one, alias, dataset) for one in entry.columns}, None
    return subquery.read(text, node.this, entry, alias, parameters)


# ── GROUP BY ────────────────────────────────────────────────────────────────────────────────────


def _groups(scope: Expressions, tree: exp.Select) -> tuple[Column, ...]:
    groups: list[Column] = []
    for written in grouped(tree.args.get("group")):
        node = _behind_name(scope, tree, written)
        column = scope.expression(node)
        if column.key is not None:
            raise scope.text.refuse(
                node,
                f"'{column.name}' is a key: a row for each key would list who is in the join",
                "Group by a column that many have in common, such as an industry.",
            )
        if column.type.is_number and column.scaled and column.range is None:
            raise scope.text.refuse(
                node,
                f"'{column.name}' is computed and has no declared bounds",
                f"Have its owner declare {column.lacks}, or group by a column of the dataset.",
            )
        if column not in groups:
            groups.append(column)
    return tuple(groups)


def _behind_name(scope: Expressions, tree: exp.Select, node: exp.Expr) -> exp.Expr:
    """`node`, or the selected value whose position or other name it is."""
    meant: exp.Expr | None = None
    if isinstance(node, exp.Literal) and not node.is_string:
        place = whole(node) or 0
        if 1 <= place <= len(tree.expressions):
            meant = tree.expressions[place - 1]
        if meant is None or meant.find(exp.AggFunc):
            raise scope.text.refuse(
                node,
                "no dimension is selected at this position",
                "Write the column, or the position of one: 1 is the first.",
            )
    elif isinstance(node, exp.Column) and not node.table:
        offered = any(node.name in source.columns for source in scope.sources)
        named = [item for item in tree.expressions if item.alias == node.name]
        if named and not offered and not named[0].find(exp.AggFunc):
            meant = named[0]
    if meant is None:
        return node
    # Written out, so that there is one way to say it.
    written: exp.Expr = meant.unalias().copy()
    node.replace(written)
    return written
