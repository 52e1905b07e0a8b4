"""Whether the SELECTs of a sum over UNION ALL read alike: which one does not, where, and in what.

Implements  federated/SPEC.md §5.5, docs/decisions/0045: alike are texts that differ in nothing but
            the organisation, in the one way to write them, without what a dataset is called inside
            of its SELECT
Learns      nobody: a pure function of the text, the same at every node
Not for     meaning. What a column holds is its owner's; a condition that reads alike may be true of
            the rows of one organisation only. Nor is 1.0 alike to 1, or a parameter to its value:
            who wants them alike writes them alike
"""

from collections.abc import Sequence

from sqlglot import exp

from federated.query.language import in_words
from federated.query.union_select import InBracket

_CONDITIONS = "has other conditions"


def first_unlike(selects: Sequence[InBracket]) -> str | None:
    """Where, and in what, the first SELECT differs that does not read as SELECT 1; None if none."""
    first = selects[0]
    for number, one in enumerate(selects[1:], 2):
        found = _unlike(one, first)
        if found is not None:
            at, what = found
            return (
                f"{one.text.place(one.text.start(at))}: SELECT {number}, of"
                f" {one.entry.full_name}, {what} than SELECT 1, of {first.entry.full_name}"
            )
    return None


def _unlike(one: InBracket, first: InBracket) -> tuple[exp.Expr, str] | None:
    """Where a SELECT begins to differ from the first one, and what of it does."""
    if one.entry.name != first.entry.name:
        return one.tree.args["from_"], "reads a dataset of another name"
    for name, own, other in zip(one.names, one.nodes, first.nodes, strict=True):
        if (at := _difference(_bare(own), _bare(other))) is not None:
            return at, f"gives another '{name}'"
    own_where, other_where = one.tree.args.get("where"), first.tree.args.get("where")
    if own_where is None or other_where is None:
        return None if own_where is other_where else (own_where or one.tree, _CONDITIONS)
    at = _difference(_bare(own_where), _bare(other_where))
    return None if at is None else (at, _CONDITIONS)


def _bare(node: exp.Expr) -> exp.Expr:
    """A copy in which columns are named without their dataset, of which there is only one."""
    bare = node.copy()
    for column in bare.find_all(exp.Column):
        column.set("table", None)
    return bare


def _difference(one: exp.Expr, other: exp.Expr) -> exp.Expr | None:
    """The innermost node that holds the first difference of the two; None if they read alike."""
    if in_words(one) == in_words(other):
        return None
    inside, beside = list(one.iter_expressions()), list(other.iter_expressions())
    if type(one) is type(other) and len(inside) == len(beside):
        for pair in zip(inside, beside, strict=True):
            if (found := _difference(*pair)) is not None:
                return found
    return one
