"""A statement: hostile text in; who owns what, which key joins, what is asked for, out.

Implements  federated/SPEC.md §3.1, DESIGN §6: tables are checked before columns, every name
            against the schemas that come with the contract
Learns      nobody: a pure function of text and schemas, the same at every node
Not for     permission. What an owner lets be done with a column is its policy's, at its node.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from contract.dataset import CatalogueEntry
from contract.errors import UnknownDataset, UnknownOrganisation, nearest
from contract.job import MOST_JOINED, Parameter
from federated.query import asked, join_key, language, outer, subquery
from federated.query.asked import Answer
from federated.query.conditions import Condition
from federated.query.expressions import Expressions
from federated.query.join_key import Joined
from federated.query.multiplicity import added_up, many_rows
from federated.query.outer import Left
from federated.query.parameters import Given, Parameters
from federated.query.scope import Names
from federated.query.source import Relation, Source, by_owner
from federated.query.subquery import Inner, grouped, parts, settle_alias
from federated.query.text import Text
from federated.query.values import Column, offered_by, whole

FEWEST_OWNERS, MOST_OWNERS = 2, 8
MOST_DATASETS = MOST_JOINED + 1

Entries = Mapping[str, Mapping[str, CatalogueEntry]]
"""What each organisation offers: {organisation: {dataset: entry}}."""


def by_name(entries: Iterable[CatalogueEntry]) -> Entries:
    """The datasets that a contract was planned on, as a statement names them."""
    found: dict[str, dict[str, CatalogueEntry]] = defaultdict(dict)
    for entry in entries:
        found[entry.org][entry.name] = entry
    return found


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
        lists = [one for source in self.sources for one in source.relations]
        most = join_key.most_per_subject((one.entry, one.key) for one in lists)
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
    offered = [one for source in sources for one in source.offered]
    scope = Expressions(text, list(map(_names, offered)), bound, joined=common)
    conditions = scope.conditions(tree.args.get("where"))
    groups = groups_of(scope, tree)
    many = many_rows(scope, tree, sources, conditions)
    left = outer.read(text, tree, sources)
    keys, kept = [source.common_key for source in sources], left.kept if left else None
    answer = asked.read(scope, tree, groups, keys, many, kept)
    if left:
        outer.check(left, tree, [item.name for item in answer.items], many)
    if many:
        sources = tuple(added_up(source, many, conditions, groups) for source in sources)
        conditions = tuple(one for one in conditions if one.source != many.source)
    given = bound.settled(text, [tree])
    sql = language.canonical(text, tree)
    return Statement(sql, sources, conditions, groups, answer, given, left)


def _names(one: Relation) -> Names:
    return Names(one.alias, one.entry.org, one.entry.name, one.columns)


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
    return by_owner(
        [
            Relation(one.alias, one.entry, one.columns, inner, key)
            for one, (_, inner), key in zip(joined, drafts, keys, strict=True)
        ]
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
    owners = len({entry.org for entry in entries})
    if not FEWEST_OWNERS <= owners <= MOST_OWNERS:
        raise text.refuse(
            nodes[-1] if nodes else 0,
            f"a query joins the datasets of {FEWEST_OWNERS} to {MOST_OWNERS} owners, not of"
            f" {owners}",
            "Add JOIN org.dataset AS b USING (key); one's own data alone need no protocol."
            if owners < FEWEST_OWNERS
            else "Propose it in parts.",
        )
    if len(nodes) > MOST_DATASETS:
        raise text.refuse(
            nodes[MOST_DATASETS],
            f"a query joins at most {MOST_DATASETS} datasets",
            "Let an owner prepare one dataset out of several.",
        )
    names = [(entry.org, entry.name) for entry in entries]
    for place, node in enumerate(nodes):
        if names[place] in names[:place]:
            raise text.refuse(
                node,
                f"{'.'.join(names[place])} is there twice",
                "A dataset stands there once; its owner can prepare one dataset out of two views"
                " of it.",
            )
        if aliases[place] in aliases[:place]:
            raise text.refuse(
                node, f"two parts are called '{aliases[place]}'", "Write AS and another name."
            )


def _columns(
    text: Text, node: exp.Expr, entry: CatalogueEntry, alias: str, parameters: Parameters
) -> tuple[dict[str, Column], Inner | None]:
    """What a part of FROM offers, and the sub-query that it is, if it is one."""
    if isinstance(node, exp.Table):
        return offered_by(entry, alias), None
    return subquery.read(text, node.this, entry, alias, parameters)


# ── GROUP BY ────────────────────────────────────────────────────────────────────────────────────


def groups_of(scope: Expressions, tree: exp.Select) -> tuple[Column, ...]:
    """What the result is grouped by, each once."""
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
