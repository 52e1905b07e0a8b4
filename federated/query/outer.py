"""LEFT JOIN: every row of the receiver counts, whether it matches or not.

Implements  federated/SPEC.md §3.8: an inner join's answer, and what the receiver adds up over its
            own rows alone, put together at the receiver; what would need more is refused here
Learns      nobody more than by the inner join: coordinator and other owner do what they do for it,
            and less of the receiver's own numbers is added up there
Not for     a third owner: what matches two of three is in no cell of the join of all
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from contract.errors import MiheError
from federated.query.figures import Asked, Count, Quantile, Squares, Sum
from federated.query.multiplicity import ManyRows
from federated.query.source import Source
from federated.query.subquery import grouped, parts
from federated.query.text import Text

MARK = "withheld"
"""The column of a result that names the values of a row which are not told."""

_RULE = "LEFT JOIN keeps the receiver's rows, and needs no more than JOIN would tell"
_STRICT = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Placeholder, exp.Paren, exp.Star, exp.Distinct),
    *(exp.Add, exp.Sub, exp.Mul, exp.Neg),
)
"""What is NULL where the columns in it are."""


@dataclass(frozen=True, slots=True, repr=False)
class Left:
    """The two sides of a LEFT JOIN."""

    text: Text
    at: exp.Expr
    kept: str
    """The alias of the side of which every row counts."""
    matched: str
    """That of the other one."""
    org: str
    """Whose rows are kept."""

    def __eq__(self, other: object) -> bool:
        # Two readings of one statement are alike, wherever its words stood.
        sides = (self.kept, self.matched, self.org)
        return isinstance(other, Left) and sides == (other.kept, other.matched, other.org)

    def __hash__(self) -> int:
        return hash((self.kept, self.matched, self.org))

    def counts_all(self, asked: Asked) -> bool:
        """Whether a figure is of all the rows that are kept: of their own columns alone."""
        match asked:
            case Count():
                return asked.everywhere
            case Sum() | Squares() | Quantile():
                return asked.of.sources == {self.kept}
        return False

    def refuse(self, at: exp.Expr, what: str, fix: str) -> MiheError:
        """The refusal of what LEFT JOIN can't do here, with what works."""
        return self.text.refuse(at, what, fix, rule=_RULE)

    def require_receiver(self, receivers: Sequence[str]) -> None:
        """Refuse a receiver who would have to be told of another's rows without a match."""
        if tuple(receivers) != (self.org,):
            raise self.refuse(
                self.at,
                f"LEFT JOIN keeps the rows of {self.org} that match nobody, and only {self.org}"
                " knows these",
                f"Write --to {self.org}; or write JOIN; or begin FROM with the receiver's dataset.",
            )


def read(text: Text, tree: exp.Select, sources: Sequence[Source]) -> Left | None:
    """The LEFT JOIN of a statement, if it has one; refused where there is more than that."""
    joins: list[exp.Join] = tree.args.get("joins") or []
    outer = [join for join in joins if join.args.get("side")]
    if not outer:
        return None
    left = Left(text, outer[0].this, sources[0].alias, sources[-1].alias, sources[0].org)
    if len(sources) > 2:
        raise left.refuse(
            outer[0].this if outer[0] is not joins[0] else joins[1].this,
            "LEFT JOIN stands between two owners: which rows match one of two others and not both"
            " is in no join of all three",
            f"Ask for each LEFT JOIN in a query of its own, from {left.kept}, with the same GROUP"
            " BY; or write JOIN.",
        )
    if outer != joins[-1:] or left.at.alias != left.matched or len(sources[-1].relations) > 1:
        raise left.refuse(
            left.at,
            f"LEFT JOIN stands once, behind all datasets of {left.org}, and joins one dataset of"
            " the other owner",
            f"Write FROM and JOIN with what is {left.org}'s, then LEFT JOIN; let an owner prepare"
            " one dataset out of what is joined otherwise.",
        )
    return left


def check(left: Left, tree: exp.Select, names: Sequence[str], many: ManyRows | None) -> None:
    """Refuse what would count rows without a match otherwise than SQL does, or tell more of them.

    After everything was read: every column has its source's alias.
    """
    where, group = tree.args.get("where"), tree.args.get("group")
    for column in _columns([where] if where else [], left.matched):
        raise left.refuse(
            column,
            f"a condition on {left.matched} after WHERE leaves out the rows without a match, or"
            " all others",
            f"Write JOIN; or put it into {left.matched}'s sub-query: LEFT JOIN (SELECT … WHERE …)"
            f" AS {left.matched}; COUNT(*) - COUNT({left.matched}.column) counts rows without a"
            " match, or without a value.",
        )
    for column in _columns(grouped(group), left.matched):
        raise left.refuse(
            column,
            f"rows without a match have no {column.name}, and how many those are would follow from"
            " groups that are too small to be shown",
            f"Group by columns of {left.kept}; or write JOIN.",
        )
    if many and many.source == left.matched:
        raise many.refuse(parts(tree)[-1], "and LEFT JOIN takes one for each row that it keeps")
    for node in _computed(tree, left.matched):
        raise left.refuse(
            node,
            f"what is computed here of {left.matched} may not be NULL for rows without a match",
            f"Compute it in a sub-query, as a column of {left.matched}; then it is NULL for them.",
        )
    if MARK in names:
        raise left.refuse(
            tree.expressions[names.index(MARK)],
            f"'{MARK}' is the column that says which values of a row are not told",
            "Write AS and another name.",
        )


def _columns(within: Sequence[exp.Expr], alias: str) -> Iterator[exp.Column]:
    for node in within:
        yield from (one for one in node.find_all(exp.Column) if one.table == alias)


def _computed(tree: exp.Select, alias: str) -> Iterator[exp.Expr]:
    """What stands in an aggregate, holds a column of this source, and need not be NULL with it."""
    clauses = [*tree.expressions, tree.args.get("having"), tree.args.get("order")]
    for clause in clauses:
        for aggregate in clause.find_all(exp.AggFunc) if clause else ():
            for node in aggregate.this.walk():
                if not isinstance(node, _STRICT) and any(_columns([node], alias)):
                    yield node
