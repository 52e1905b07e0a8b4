"""One SELECT of the bracket of a sum over UNION ALL: whose rows, which of them, what of each.

Implements  federated/SPEC.md §5.5: read by `language` as a statement of its own, in its old place
Learns      nobody: a pure function of text and schemas, the same at every node
"""

from re import sub

from sqlglot import exp

from contract.dataset import CatalogueColumn
from contract.errors import MiheError, UnknownColumn
from contract.keys import KeyKind
from federated.query import language
from federated.query.expressions import Expressions
from federated.query.parameters import Parameters
from federated.query.scope import Names
from federated.query.statement import Entries, entry_of
from federated.query.subquery import named_twice, parts, set_alias, settle_alias
from federated.query.text import Text
from federated.query.values import Column, offered_by

SHAPE = (
    "SELECT dimensions, COUNT(*), SUM(…), AVG(…) FROM (SELECT columns FROM org.dataset WHERE …"
    " UNION ALL SELECT columns FROM other.dataset …) WHERE … GROUP BY dimensions HAVING …"
    " ORDER BY … LIMIT …"
)
RULE = "the language of sums over UNION ALL"

_CLAUSES = frozenset({"expressions", "from_", "where"})


def blank(sql: str) -> str:
    """As many places, in as many lines, with nothing in them."""
    return sub(r"[^\n]", " ", sql)


def refuse_more(text: Text, tree: exp.Select, allowed: frozenset[str], where: str) -> None:
    """Refuse clauses that do not stand here."""
    for name, value in tree.args.items():
        if name not in allowed and value not in (None, False, [], ""):
            at = value[0] if isinstance(value, list) else value
            raise text.refuse(
                at if isinstance(at, exp.Expr) else tree,
                f"this does not stand in {where}",
                f"Write {SHAPE}.",
                rule=RULE,
            )


class InBracket:
    """One SELECT, between two places of the text."""

    def __init__(
        self, text: Text, start: int, end: int, entries: Entries, parameters: Parameters
    ) -> None:
        self.start = start
        self.text = Text(blank(text.sql[:start]) + text.sql[start:end])
        self.tree = language.read(self.text)
        refuse_more(self.text, self.tree, _CLAUSES, "a SELECT that UNION ALL holds together")
        table = self._table()
        self.entry = entry_of(self.text, table, entries)
        self.alias = settle_alias(self.text, table)
        entry = self.entry
        names = Names(self.alias, entry.org, entry.name, offered_by(entry, self.alias))
        self.scope = Expressions(self.text, [names], parameters)
        self.names = self._names()
        self.nodes = [node.this for node in self.tree.expressions]
        self.fields = [self._field(node) for node in self.nodes]
        self.conditions = self.scope.conditions(self.tree.args.get("where"))

    def _table(self) -> exp.Table:
        nodes = parts(self.tree)
        match nodes:
            case [exp.Table() as table] if isinstance(table.this, exp.Identifier):
                return table
        raise self.text.refuse(
            nodes[-1] if nodes else self.tree,
            "each SELECT of the bracket reads exactly one dataset",
            f"Write {SHAPE}.",
            rule=RULE,
        )

    def _names(self) -> tuple[str, ...]:
        names: list[str] = []
        for node in list(self.tree.expressions):
            value = node.unalias()
            name = node.alias or (value.name if isinstance(value, exp.Column) else "")
            if not name:
                raise self.text.refuse(
                    node, "what is computed here has no name", "Write AS name.", rule=RULE
                )
            if name in names:
                raise named_twice(self.text, node, name)
            set_alias(node, name)
            names.append(name)
        return tuple(names)

    def _field(self, node: exp.Expr) -> Column:
        if isinstance(node, exp.Column):
            return self.scope.value(node)
        return self.scope.expression(node)

    def require_columns(self, names: tuple[str, ...]) -> None:
        """Refuse columns that are not called as in the first SELECT."""
        if self.names != names:
            raise self.text.refuse(
                self.tree.expressions[0],
                f"this SELECT gives {', '.join(self.names)}; the first one gives"
                f" {', '.join(names)}",
                "Give every SELECT the same columns in the same order; AS renames one.",
                rule=RULE,
            )

    @property
    def keys(self) -> tuple[CatalogueColumn, ...]:
        """Columns whose values are subjects; there is one."""
        keys = tuple(one for one in self.entry.columns if one.key is not None)
        if not keys:
            raise self.text.refuse(
                self.tree,
                f"{self.entry.full_name} has no key column, so nobody can tell how many subjects a"
                " group has",
                "Have its owner declare the column that names its subjects as a key.",
                error=UnknownColumn,
                rule="groups have a smallest number of subjects",
            )
        return keys

    def key_of(self, kind: KeyKind) -> CatalogueColumn:
        """The first column that holds keys of a kind, of which there is one."""
        return next(one for one in self.keys if one.key is kind)

    def refuse(self, place: int, what: str, fix: str) -> MiheError:
        """The refusal of one of its columns."""
        return self.text.refuse(self.nodes[place], what, fix, rule=RULE)
