"""Short forms: other ways to write what the language has, written out before a tree is checked.

Implements  federated/SPEC.md §3.1: WITH, FILTER, IF, WITHIN GROUP, GROUP BY ALL
Learns      nobody
Why first   all that reads a tree knows one way to say a thing, and a contract holds that one. What
            is written out is then checked like anything else: each node of it is on the list
"""

from sqlglot import exp

from contract.errors import MiheError
from federated.query.text import Text
from federated.query.words import as_named

_RANKS = (exp.PercentileCont, exp.PercentileDisc)


def write_out(text: Text, tree: exp.Select) -> None:
    """Replace every short form in a tree by what it is short for; raises BadQuery."""
    _write_named(text, tree)
    for select in tree.find_all(exp.Select):
        _write_groups(select)
    # The inner ones of what stands inside each other first: a FILTER may follow WITHIN GROUP.
    for node in reversed(list(tree.find_all(exp.WithinGroup, exp.Filter, exp.If))):
        match node:
            case exp.WithinGroup():
                node.replace(_quantile(text, node))
            case exp.Filter():
                node.replace(_filtered(text, node))
            case exp.If() if node.arg_key != "ifs":  # a branch of a CASE is no IF
                node.replace(_where(node.this, node.args["true"], node.args.get("false")))


# ── WITH ────────────────────────────────────────────────────────────────────────────────────────


def _write_named(text: Text, tree: exp.Select) -> None:
    """Put what WITH names where the name stands: once, so that nothing grows."""
    given = tree.args.get("with_")
    if given is None:
        return
    tree.set("with_", None)
    if given.args.get("recursive"):
        raise text.refuse(
            given, "WITH RECURSIVE is not in the language", "Write WITH name AS (SELECT …)."
        )
    named: dict[str, exp.CTE] = {}
    for one in given.expressions:
        called = _called(text, one)
        if called in named:
            raise text.refuse(one, "WITH gives this name twice", "Write another name.")
        _fill(text, one.this, named)
        named[called] = one
    _fill(text, tree, named)
    for one in named.values():
        if one.this.parent is one:
            raise text.refuse(
                one,
                "what WITH names here stands nowhere",
                "Name it after FROM or JOIN, or leave it out.",
            )


def _called(text: Text, one: exp.Expr) -> str:
    """What WITH calls a SELECT; refuses everything else that it may say of it."""
    said = {key for key, value in one.args.items() if value not in (None, False, [])}
    alias = one.args.get("alias")
    plain = isinstance(alias, exp.TableAlias) and not alias.args.get("columns")
    if not plain or said != {"this", "alias"} or not isinstance(one.this, exp.Select):
        raise text.refuse(
            one, "WITH gives a SELECT a name, and nothing more", "Write WITH name AS (SELECT …)."
        )
    return as_named(one.alias)


def _fill(text: Text, tree: exp.Select, named: dict[str, exp.CTE]) -> None:
    for table in list(tree.find_all(exp.Table)):
        found = None if table.db else named.get(as_named(table.name))
        if found is None:
            continue
        if found.this.parent is not found:
            raise text.refuse(
                table,
                "what WITH names stands in a statement once",
                "A dataset stands there once, too: its owner can prepare one out of two views of"
                " it.",
            )
        given = {key: value for key, value in table.args.items() if key != "this"}
        alias = given.pop("alias", None) or exp.TableAlias(this=table.this.copy())
        table.replace(exp.Subquery(this=found.this, alias=alias, **given))


# ── GROUP BY ALL ────────────────────────────────────────────────────────────────────────────────


def _write_groups(select: exp.Select) -> None:
    """GROUP BY ALL is by all that is selected and aggregates nothing."""
    group = select.args.get("group")
    if group is None or not group.args.get("all"):
        return
    plain = [item for item in select.expressions if not item.find(exp.AggFunc)]
    group.set("all", None)
    group.set("expressions", [item.unalias().copy() for item in plain])
    if not plain:
        select.set("group", None)


# ── FILTER, IF, WITHIN GROUP ────────────────────────────────────────────────────────────────────


def _filtered(text: Text, node: exp.Filter) -> exp.Expr:
    """An aggregate of what a condition leaves: of a CASE that is NULL elsewhere."""
    aggregate, condition = node.this, node.expression
    counted = aggregate.this if isinstance(aggregate, exp.AggFunc) else None
    if not isinstance(counted, exp.Expr) or not isinstance(condition, exp.Where):
        raise _misplaced(text, node)
    if isinstance(counted, exp.Distinct):
        raise text.refuse(
            node,
            "FILTER of what is DISTINCT is not in the language",
            "Put the condition after WHERE, in a query of its own.",
        )
    if isinstance(aggregate, exp.Count) and isinstance(counted, exp.Star | exp.Literal):
        counted = exp.Literal.number(1)
    found: exp.Expr = aggregate
    found.set("this", _where(condition.this, counted))
    return found


def _misplaced(text: Text, node: exp.Filter) -> MiheError:
    return text.refuse(
        node,
        "FILTER stands behind an aggregate",
        "Write SUM(column) FILTER (WHERE condition).",
    )


def _where(condition: exp.Expr, value: exp.Expr, otherwise: exp.Expr | None = None) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=condition, true=value)], default=otherwise)


def _quantile(text: Text, node: exp.WithinGroup) -> exp.Expr:
    """PERCENTILE_CONT(share) WITHIN GROUP (ORDER BY number) as a function of both."""
    quantile, order = node.this, node.expression
    ordered = order.expressions if isinstance(order, exp.Order) else []
    if not isinstance(quantile, _RANKS) or quantile.expression or len(ordered) != 1:
        raise text.refuse(
            node,
            "WITHIN GROUP orders one number for PERCENTILE_CONT or PERCENTILE_DISC",
            "Write QUANTILE_CONT(column, 0.9) or QUANTILE_DISC(column, 0.9).",
        )
    (by,) = ordered
    if by.args.get("desc"):
        raise text.refuse(
            node,
            "a share is counted from the smallest value on",
            "Leave out DESC, and take 1 less the share.",
        )
    return type(quantile)(this=by.this, expression=quantile.this)
