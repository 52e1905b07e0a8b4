"""What joins the sources of a statement: the columns that every USING names.

Implements  federated/SPEC.md §3.1: one key column of one kind everywhere, or the columns of a key
            that each owner declares as one, among them at least one that holds keys; ON is
            another way to write USING
Learns      nobody
Why         an owner declares which of its columns are a key together, because everybody is told how
            many such keys it has; and a key of months alone would join what has nothing in common
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from contract.dataset import CatalogueEntry, most_keys_per_subject
from contract.errors import KeyKindMismatch, UnknownColumn, nearest
from contract.keys import MOST_PARTS
from federated.query.subquery import summed
from federated.query.text import Text
from federated.query.values import Column

_DECLARED = "several columns join where each owner declares them as one key"


@dataclass(frozen=True, slots=True)
class Joined:
    """What stands after FROM or JOIN, and the columns that it offers."""

    alias: str
    entry: CatalogueEntry
    columns: Mapping[str, Column]


def read(text: Text, tree: exp.Select, sources: Sequence[Joined]) -> list[tuple[Column, ...]]:
    """The key of every source, its columns in one order: first those that hold keys."""
    joins: list[exp.Join] = tree.args.get("joins") or []
    for place, join in enumerate(joins, start=1):
        _settle_on(text, join, sources[:place], sources[place])
    using = [_using(text, join, sources[0]) for join in joins]
    places = [using[0], *using]
    for place, (join, names) in enumerate(zip(joins, using, strict=True), start=1):
        join.set("kind", None)
        _require_same(text, names, using[0], _prepared(sources, place))
    first = _parts(text, using[0], sources[0])
    order = sorted(first, key=lambda name: first[name].key is None)
    found = []
    for names, source in zip(places, sources, strict=True):
        parts = _parts(text, names, source)
        _require_kinds(text, names, (source.alias, parts), (sources[0].alias, first))
        _require_declared(text, names, source, parts)
        found.append(tuple(parts[name] for name in order))
    _require_subjects(text, using[0], sources, found)
    return found


def columns_of(key: Sequence[Column]) -> tuple[str, ...]:
    """The columns of the dataset that a key is of."""
    return tuple(origin for column in key for origin in column.origins)


def most_per_subject(joined: Iterable[tuple[CatalogueEntry, Sequence[Column]]]) -> int | None:
    """How many keys of the join may be of one subject; None where nobody declares it."""
    return most_keys_per_subject([(entry, columns_of(key)) for entry, key in joined])


def _settle_on(text: Text, join: exp.Join, before: Sequence[Joined], own: Joined) -> None:
    """`ON a.key = b.key AND …` becomes the USING that it means."""
    on = join.args.get("on")
    if on is None:
        return
    equal = on.unnest()
    parts = equal.flatten() if isinstance(equal, exp.And) else [equal]
    join.set("using", [_same_name(text, part.unnest(), before, own) for part in parts])
    join.set("on", None)


def _same_name(text: Text, node: exp.Expr, before: Sequence[Joined], own: Joined) -> exp.Identifier:
    """The name that both columns of an equation have, of which one is of what is joined there."""
    sides = [node.this, node.expression] if isinstance(node, exp.EQ) else []
    columns = [side.unnest() for side in sides]
    first = before[0].alias
    of = {side.table: side for side in columns if isinstance(side, exp.Column)}
    theirs = of.keys() & {one.alias for one in before}
    if own.alias not in of or len(theirs) != 1:
        raise text.refuse(
            node,
            "ON says which columns of both are equal, with the name of each one's dataset, and"
            " nothing more",
            f"Write USING (key), or ON {first}.key = {own.alias}.key; conditions stand after WHERE,"
            " or in a sub-query.",
        )
    mine, other = of[own.alias], of[theirs.pop()]
    if mine.name != other.name:
        raise text.refuse(
            node,
            f"'{other.name}' and '{mine.name}' are joined, which have different names",
            f"Rename one: write JOIN (SELECT {mine.name} AS {other.name}, column, … FROM"  # noqa: S608
            f" {own.entry.full_name}) AS {own.alias} USING ({other.name}).",
        )
    name: exp.Identifier = mine.this
    return name


def _using(text: Text, join: exp.Join, first: Joined) -> list[exp.Identifier]:
    given = join.args.get("using") or []
    names = [one for one in given if isinstance(one, exp.Identifier)]
    if names and len(names) == len(given):
        for place, name in enumerate(names):
            if any(name.this == before.this for before in names[:place]):
                raise text.refuse(name, f"'{name.this}' is there twice", "Name it once.")
        if len(names) > MOST_PARTS:
            raise text.refuse(
                names[MOST_PARTS],
                f"a key has at most {MOST_PARTS} columns",
                "Have its owner prepare one column out of several.",
            )
        return names
    keys = _key_names(first)
    raise text.refuse(
        given[len(names)] if given else join,
        "datasets are joined by columns of the same names in each, one of them a key column",
        f"Write USING ({keys[0] if keys else 'key'}) after what is joined.",
    )


def _require_same(
    text: Text, names: Sequence[exp.Identifier], first: Sequence[exp.Identifier], else_: str
) -> None:
    wanted = {name.this for name in first}
    given = {name.this for name in names}
    if given == wanted:
        return
    joined = ", ".join(str(name.this) for name in first)
    odd = next((name for name in names if name.this not in wanted), names[0])
    if len(wanted) == len(given) == 1:
        raise text.refuse(
            odd,
            f"'{odd.this}' is another key than '{joined}'",
            f"One key joins all the datasets; a sub-query may rename a key column{else_}.",
        )
    raise text.refuse(
        odd,
        f"({', '.join(str(name.this) for name in names)}) is another key than ({joined})",
        f"One key joins all the datasets: write USING ({joined}) everywhere, or join all by fewer"
        f" columns and add up first what has several rows for these{else_}.",
    )


def _prepared(sources: Sequence[Joined], place: int) -> str:
    """What else works for a dataset whose owner has another one before it, by whatever columns."""
    own = sources[place]
    if any(own.entry.org == other.entry.org for other in sources[:place]):
        return f"; {own.entry.org} can prepare one dataset out of both"
    return ""


def _parts(text: Text, names: Sequence[exp.Identifier], source: Joined) -> dict[str, Column]:
    """The columns that are named, by the names that they have in USING."""
    if len(names) == 1:
        return {str(names[0].this): _key(text, names[0], source)}
    parts = {str(name.this): _part(text, name, source) for name in names}
    if not any(column.key for column in parts.values()):
        keys = _key_names(source)
        raise text.refuse(
            names[0],
            f"none of {', '.join(parts)} of {source.alias} is a key column",
            f"Its key columns: {', '.join(keys)}; name one of them as well."
            if keys
            else "Select its key column in the sub-query, or join a dataset that has one.",
            error=UnknownColumn,
            rule="datasets are joined by key columns",
        )
    return parts


def _key(text: Text, at: exp.Identifier, source: Joined) -> Column:
    column = source.columns.get(str(at.this))
    if column is not None and column.key is not None:
        return column
    keys = _key_names(source)
    lacks = f"{source.alias} has no key column '{at.this}'.{nearest(str(at.this), keys)}"
    if column is not None:
        lacks = f"'{at.this}' of {source.alias} is no key column"
    raise text.refuse(
        at,
        lacks,
        f"Its key columns: {', '.join(keys)}; a sub-query may rename one."
        if keys
        else "Select its key column in the sub-query, or join a dataset that has one.",
        error=UnknownColumn,
        rule="datasets are joined by key columns",
    )


def _part(text: Text, at: exp.Identifier, source: Joined) -> Column:
    column = source.columns.get(str(at.this))
    if column is None:
        known = list(source.columns)
        raise text.refuse(
            at,
            f"'{at.this}' is no column of {source.alias}.{nearest(str(at.this), known)}",
            f"There {'is' if len(known) == 1 else 'are'} {', '.join(known)}."[:600],
            error=UnknownColumn,
            rule="datasets are joined by columns of the same names",
        )
    if column.part_kind is None:
        raise text.refuse(
            at,
            f"'{at.this}' of {source.alias} is computed, or a decimal",
            "A key is of columns of the dataset as they stand: key columns, and beside them whole"
            " numbers, texts, dates, months; prepare such a column in the dataset.",
            rule=_DECLARED,
        )
    return column


def _require_kinds(
    text: Text,
    names: Sequence[exp.Identifier],
    these: tuple[str, Mapping[str, Column]],
    first: tuple[str, Mapping[str, Column]],
) -> None:
    (alias, parts), (other, others) = these, first
    for at in names:
        kind, wanted = parts[str(at.this)].part_kind, others[str(at.this)].part_kind
        if kind is not wanted:
            raise text.refuse(
                at,
                f"'{at.this}' of {alias} holds {kind} keys, that of {other} holds {wanted} keys"
                if len(names) == 1
                else f"'{at.this}' of {alias} is of kind {kind}, that of {other} of kind {wanted}",
                "Join on columns of the same kind of key."
                if len(names) == 1
                else "Join on columns of the same kind; have an owner declare its column so.",
                error=KeyKindMismatch,
                rule="keys that are matched are of one kind",
            )


def _require_declared(
    text: Text, names: Sequence[exp.Identifier], source: Joined, parts: Mapping[str, Column]
) -> None:
    columns = columns_of(list(parts.values()))
    if source.entry.key_of(columns) is not None:
        return
    declared = [f"({', '.join(key.columns)})" for key in source.entry.keys or ()]
    known = f" It declares {', '.join(declared)}." if declared else ""
    listed = ", ".join(f'"{column}"' for column in columns)
    key = next(column.name for column in parts.values() if column.key)
    raise text.refuse(
        names[0],
        f"{source.entry.full_name} declares no key of {', '.join(columns)}.{known}",
        f"Have its owner add [[key]] columns = [{listed}] to the description; or join by {key}"
        f" alone, added up first: {summed(key, source.entry.full_name)}.",
        error=UnknownColumn,
        rule=_DECLARED,
    )


def _require_subjects(
    text: Text,
    names: Sequence[exp.Identifier],
    sources: Sequence[Joined],
    keys: Sequence[Sequence[Column]],
) -> None:
    """A row of the result is of so many subjects, however many keys each of them has."""
    joined = zip((one.entry for one in sources), keys, strict=True)
    if most_per_subject(joined) is not None:
        return
    subjects = [column.name for column in keys[0] if column.key]
    raise text.refuse(
        names[0],
        "nobody declares how many keys one subject may have, so that no row of a result could be"
        f" known to be of enough {' or '.join(subjects)}",
        f"Have an owner declare rows_per_key at its column {' and at '.join(subjects)}.",
        rule="thresholds count subjects, not their keys",
    )


def _key_names(source: Joined) -> list[str]:
    return [column.name for column in source.columns.values() if column.key is not None]
