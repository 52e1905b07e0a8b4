"""Coalitions in a query: a world, a pool of some members' views, and what is true of the run.

A coalition is the views of its members and nothing else: what they were sent, what they drew, what
they put in. What it learns is compared with the truth, which a test has from outside.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from contract.canonical import parse
from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.keys import KeyKind
from contract.statements import Cells
from contract.suites import Aggregation, Matching
from coordinator import wire as at_coordinator
from coordinator.wire import Share
from federated.aggregate.secret import ReceiverKey
from federated.query.agreed import sums_of
from federated.query.release import REMAINDER, Codes, Opening, names_of
from node.local import LocalRows
from node.wire import joins
from tests.flow.federation_in_process import (
    COORDINATOR,
    Own,
    Played,
    View,
    contract_of,
    opening,
    play,
)

K = 5
OWNERS = ("a", "b", "c")
REGULATOR = "regulator"
"""A receiver that is no owner."""
SOME_OWNERS = [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]
DICTIONARY = [b"uscc:%018d" % number for number in range(150)]
INDUSTRIES = {"manufacturing": 64, "trade": 34, "finance": 18, "mining": 2}
GRADES = {"sound": 80, "watched": 40}
SQL = (
    "SELECT a.industry, b.grade, COUNT(*) AS n, SUM(a.capital) AS capital,"
    " SUM(b.balance) AS balance, SUM(c.kwh) AS kwh FROM a.firms AS a JOIN b.loans AS b USING (uscc)"
    " JOIN c.meters AS c USING (uscc) GROUP BY a.industry, b.grade"
)
LARGEST = 10**9
Names = tuple[str, ...]
Labels = tuple[str | None, ...]

# ── a world ───────────────────────────────────────────────────────────────────────────────────────


def entry(org: str, name: str, number: str, group: str | None) -> CatalogueEntry:
    columns = [
        CatalogueColumn(
            name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=256, rows_per_key=1
        ),
        CatalogueColumn(
            name=number,
            type=ColumnType.INTEGER,
            level=3,
            minimum=Decimal(0),
            maximum=Decimal(LARGEST),
        ),
    ]
    if group is not None:
        columns.append(CatalogueColumn(name=group, type=ColumnType.TEXT, level=2))
    return CatalogueEntry(org=org, name=name, columns=tuple(columns), refreshed=date(2026, 11, 1))


ENTRIES = {
    "a": {"firms": entry("a", "firms", "capital", "industry")},
    "b": {"loans": entry("b", "loans", "balance", "grade")},
    "c": {"meters": entry("c", "meters", "kwh", None)},
}


@cache
def world() -> dict[str, LocalRows]:
    """What each owner's part of the query gives; every value occurs once."""
    chance = Random(20)

    def rows(sizes: Mapping[str, int] | None) -> LocalRows:
        keys = sorted(chance.sample(DICTIONARY, 120))
        groups: list[Labels] = [()] * len(keys)
        if sizes is not None:
            counted = [(one,) for one, size in sizes.items() for _ in range(size)]
            groups = [*counted, *[counted[0]] * (len(keys) - len(counted))]
            chance.shuffle(groups)
        values = np.array(chance.sample(range(1, LARGEST), len(keys)), dtype=np.int64)
        return LocalRows(keys, groups, [values])

    return {"a": rows(INDUSTRIES), "b": rows(GRADES), "c": rows(None)}


def group_of(owner: str, key: bytes) -> Labels:
    rows = world()[owner]
    label = rows.groups[rows.keys.index(key)]
    assert isinstance(label, tuple)
    return label


def value_of(owner: str, key: bytes) -> int:
    rows = world()[owner]
    return int(rows.values[0][rows.keys.index(key)])


def joined() -> set[bytes]:
    return set.intersection(*(set(rows.keys) for rows in world().values()))


def in_clear() -> dict[tuple[Labels, ...], set[bytes]]:
    """The entities of every cell of the join."""
    found: dict[tuple[Labels, ...], set[bytes]] = {}
    for key in joined():
        found.setdefault(tuple(group_of(owner, key) for owner in OWNERS), set()).add(key)
    return found


def everybodys_keys() -> set[bytes]:
    return {key for rows in world().values() for key in rows.keys}


def row_of(key: bytes) -> frozenset[tuple[str, Labels, int]]:
    return frozenset(
        (owner, group_of(owner, key), value_of(owner, key))
        for owner, rows in world().items()
        if key in rows.keys
    )


def everything_of(keys: set[bytes]) -> Counter[frozenset[tuple[str, Labels, int]]]:
    """The rows of these entities in all lists, without their keys."""
    return Counter(row_of(key) for key in keys)


@cache
def run(
    in_the_open: Names,
    receiver: str,
    *,
    matching: Matching = Matching.BLIND,
    aggregation: Aggregation = Aggregation.ENCRYPTED,
    largest_share: int | None = None,
) -> Played:
    """The query from own rows to the result; `in_the_open` are those whose scalars can be told."""
    contract = contract_of(
        SQL,
        ENTRIES,
        k=K,
        matching=matching,
        aggregation=aggregation,
        largest_share=largest_share,
    )
    with TemporaryDirectory() as folder:
        return play(
            contract, world(), Path(folder) / "run", in_the_open=in_the_open, receiver=receiver
        )


# ── what a coalition has ──────────────────────────────────────────────────────────────────────────


class Pool:
    """The views of its members; the contract and what follows from it is everybody's."""

    def __init__(self, played: Played, *members: str) -> None:
        self.plan, self.join = played.plan, played.join
        adding = played.contract.aggregation
        assert adding is not None
        self.aggregation, self.shared = adding, adding is Aggregation.SHARED
        self.views: dict[str, View] = {member: played.view(member) for member in members}
        self.owners = tuple(member for member in members if member in OWNERS)

    def own(self, owner: str) -> Own:
        own = self.views[owner].own
        assert own is not None
        return own

    def received(self, name: str) -> list[tuple[str, bytes]]:
        """By whom, and what."""
        found = [one for view in self.views.values() for one in view.received(name)]
        return [(one.sender, one.content) for one in found]

    @property
    def names(self) -> set[str]:
        """Kinds of messages that members were sent from outside."""
        return {
            one.name
            for view in self.views.values()
            for one in view.messages
            if one.sender not in self.views
        }

    @property
    def key(self) -> ReceiverKey:
        (key,) = (view.key for view in self.views.values() if view.key is not None)
        return key

    @property
    def public_key(self) -> bytes:
        sent = [one for view in self.views.values() for one in view.messages]
        return next(one.content for one in sent if one.name == "he_key")

    @property
    def cells(self) -> Cells:
        return parse(Cells, self.received("cells")[0][1])

    @property
    def result_names(self) -> tuple[Codes, ...]:
        return names_of(self.cells.passing, remainder=self.cells.remainder)

    def shares(self) -> dict[str, Share]:
        """What the coordinator was handed in."""
        return {
            one.sender: self.share_of(one.sender, one.content)
            for one in self.views[COORDINATOR].received("share")
        }

    def share_of(self, owner: str, content: bytes) -> Share:
        return at_coordinator.share_from(content, self.plan, OWNERS.index(owner), self.aggregation)

    def sums(self) -> joins.Sums:
        """What the receiver fetched."""
        ((_, content),) = self.received("sums")
        rows = len(self.result_names)
        return joins.sums_from_bytes(content, self.plan, rows, shared=self.shared)

    def decrypted(self) -> list[list[int]]:
        """The encrypted sums by row and summand, blinded."""
        rows, merges = len(self.result_names), sums_of(self.plan).merges
        of_summands = self.key.decrypt_all(self.sums().packs, rows, merges)
        return [list(row) for row in zip(*of_summands, strict=True)]

    def openings(self) -> dict[str, list[Opening]]:
        """Who released what to a receiver of this coalition, and what its members would."""
        rows = len(self.result_names)
        found = {
            sender: joins.openings_from_bytes(
                content, self.plan, OWNERS.index(sender), rows, shared=self.shared
            )
            for sender, content in self.received("release")
        }
        for owner in self.owners:
            own, at = self.own(owner), OWNERS.index(owner)
            found[owner] = [
                opening(self.plan, at, own, name, shared=self.shared) for name in self.result_names
            ]
        return found


# ── what a run was, in truth ──────────────────────────────────────────────────────────────────────


def labels_in_truth(played: Played, name: Codes) -> tuple[Labels, ...]:
    found: list[Labels] = []
    for owner, code in zip(OWNERS, name, strict=True):
        label = played.own[owner].labels[code] if owner != "c" else ()
        assert isinstance(label, tuple)
        found.append(label)
    return tuple(found)


def truly_in(played: Played, owner: str, name: Codes) -> NDArray[np.bool_]:
    """Which places of a list are in a row of the result."""
    cells = in_clear()
    shown = {labels_in_truth(played, one) for one in played.cells.passing}
    chosen = (
        [keys for labels, keys in cells.items() if labels not in shown]
        if name == REMAINDER
        else [cells[labels_in_truth(played, name)]]
    )
    keys, own = set().union(*chosen), played.own[owner]
    return np.array([at >= 0 and own.rows.keys[at] in keys for at in own.order])


def require_passing_cells(played: Played, pool: Pool) -> None:
    """Which cells passed: an owner's own group by its name, the others' by codes that say nothing.

    A cell that failed looks like one that nobody is in: it is not named.
    """
    shown = {labels_in_truth(played, one) for one in played.cells.passing}
    for owner in pool.owners:
        at = OWNERS.index(owner)
        seen = Counter(
            pool.own(owner).labels[name[at]] if owner != "c" else () for name in pool.cells.passing
        )
        assert seen == Counter(labels[at] for labels in shown)
    assert shown < in_clear().keys()
