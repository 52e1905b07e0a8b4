"""Four owners who can be asked for a job of every kind, and what is right of each.

One federation for all kinds, so that what a fault has left of one is met by the next of another.
A kind says where its parties can be held (tests/federation/staged.py), how it is asked, and how its
answer is checked: against `set &`, or SQL in the clear over every owner's files.
"""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Self

from cli.authority import COORDINATOR_ORG
from scenarios.world import World
from tests.federation import lenders
from tests.federation.owners import BY_REGION, PLAIN, RECEIVER, TERMS, Extra, Owners
from tests.federation.queried import ORGS, balances
from tests.federation.test_query import BY_ZONE, LEFT_JOINED, must_be_left_joined
from tests.unit.node.stations import uscc

EPSILON = Decimal("0.5")
_DIALS = 'matching = ["keyed"]\naggregation = ["shared", "masked", "paillier"]'
_SURE = 240
"""Off by more than this is no count of PLAIN with noise of EPSILON: a tail of 40 scales."""

CODES = [uscc(number) for number in range(400)]
HELD = {
    "registry": CODES[150:350],
    "tax": CODES[100:400],
    "power": CODES[50:380],
    RECEIVER: CODES[0:300],
}
_FIRMS = """
name = "firms"
source = "firms.csv"
[[column]]
name = "uscc"
type = "key"
key = "uscc"
level = 2
"""
_FIRMS_POLICY = f"""
[[allow]]
dataset = "firms"
jobs = ["psi"]
on = ["uscc"]
with = {json.dumps(ORGS)}
receivers = ["{RECEIVER}"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
approve = "auto"
"""
_LENT = "lent"


class EveryKind(Owners):
    """The federation; in a `with` everything can be asked, with every dial."""

    def __init__(
        self, folder: Path, *, node: Mapping[str, object], coordinator: Mapping[str, object]
    ) -> None:
        super().__init__(folder, *ORGS, extra=_extra, node=node, coordinator=coordinator)
        self.lent = {org: lenders.loans(1, org) for org in ORGS}

    def __enter__(self) -> Self:
        super().__enter__()
        for org in ORGS:
            policy = self.home(org).policy.read_text("utf-8")
            self.allow(org, policy.replace("approve =", f"{_DIALS}\napprove ="))
        return self

    def spent(self, org: str) -> Mapping[str, Decimal]:
        """What answers with noise have cost each dataset of an owner."""
        with self.client(org) as node:
            datasets = node.datasets().datasets
        return {
            one.entry.name: sum((each.epsilon for each in one.spent), Decimal(0))
            for one in datasets
        }


def _extra(world: World) -> Mapping[str, Extra]:
    lent = lenders.DESCRIPTION.replace("loans", _LENT)
    lent_policy = lenders.POLICY.replace("loans", _LENT).replace(
        json.dumps(lenders.LENDERS), json.dumps(ORGS)
    )
    found = dict(balances(world))
    for org in ORGS:
        firms = "".join(f"{code}\n" for code in HELD[org])
        found[f"{org}.firms"] = Extra(_FIRMS, f"uscc\n{firms}", _FIRMS_POLICY)
        rows = lenders.csv_of(lenders.loans(1, org))
        found[f"{org}.{_LENT}"] = Extra(lent, rows, lent_policy)
    return found


@dataclass(frozen=True)
class Kind:
    """A job to propose, and a check of its answer."""

    name: str
    propose: Callable[[EveryKind], str]
    check: Callable[[EveryKind, str], None]
    orgs: tuple[str, ...]
    points: Mapping[str, tuple[str, ...]]
    """Where a party, the receiver or the coordinator can be held, on its way or off it."""
    epsilon: Decimal = Decimal(0)


_ASKED = ("say.approval", "say.prepare", "say.start")
"""Not of the receiver: whoever proposes would wait there for its own node."""
_EVERYWHERE = ("say.gate", "said.gate", "said.evidence")
_OF_A_JOIN = ("contribute.share", "fetch.he_key", "frame.open.release", "fetch.rows")


def _points(
    *others: str, receiver: tuple[str, ...] = (), coordinator: tuple[str, ...] = ()
) -> dict[str, tuple[str, ...]]:
    of_parties = dict.fromkeys(ORGS, (*_ASKED, *_EVERYWHERE, *others))
    of_parties[RECEIVER] = (*_EVERYWHERE, *others, *receiver)
    return {**of_parties, COORDINATOR_ORG: coordinator}


# ── intersections ───────────────────────────────────────────────────────────────────────────────


def _intersection(name: str, engine: str, *orgs: str, held: Mapping[str, tuple[str, ...]]) -> Kind:
    common = set(CODES).intersection(*(HELD[org] for org in orgs))

    def propose(world: EveryKind) -> str:
        datasets = [f"{org}.firms" for org in orgs]
        words = ("--on", "uscc", "--to", RECEIVER, *TERMS, "--engine", engine, "--detach")
        asked = world.run_cli(RECEIVER, "psi", *datasets, *words)
        assert asked.returncode == 0, asked.stderr
        return str(json.loads(asked.stdout)["job"])

    def check(world: EveryKind, job: str) -> None:
        result = world.folder / RECEIVER / "data" / "results" / f"{job}.csv"
        with result.open(encoding="utf-8", newline="") as file:
            assert {row["uscc"] for row in csv.DictReader(file)} == common

    return Kind(name, propose, check, orgs, held)


# ── queries ─────────────────────────────────────────────────────────────────────────────────────


def _query(
    name: str,
    sql: str,
    *words: str,
    orgs: tuple[str, ...],
    check: Callable[[EveryKind, str], None] | None = None,
    epsilon: Decimal = Decimal(0),
) -> Kind:
    def is_clear(world: EveryKind, job: str) -> None:
        assert world.table(job) == world.clear(sql)

    return Kind(
        name,
        lambda world: world.propose(sql, *words),
        check or is_clear,
        orgs,
        _points(
            *_OF_A_JOIN,
            *("frame.chunk.blinded.0", "frame.chunk.served.0", "frame.open.contribution"),
            receiver=("say.he-key", "contribute.he_key", "fetch.sums", "frame.open.seed"),
            coordinator=("say.cells",),
        ),
        epsilon=epsilon,
    )


def _is_left_joined(world: EveryKind, job: str) -> None:
    must_be_left_joined(world, world.table(job), LEFT_JOINED)


def _is_noisy(world: EveryKind, job: str) -> None:
    clear = {row[0]: row for row in world.clear(PLAIN).rows}
    noisy = {row[0]: row for row in world.table(job).rows}
    assert noisy.keys() == clear.keys()
    for region, row in noisy.items():
        assert abs(int(row[1]) - int(clear[region][1])) < _SURE
        assert row[2:] != clear[region][2:]


# ── sums over UNION ALL ─────────────────────────────────────────────────────────────────────────


def _union(name: str, *words: str) -> Kind:
    asked = lenders.statement(ORGS).replace(".loans", f".{_LENT}")

    def check(world: EveryKind, job: str) -> None:
        result = world.view(RECEIVER, job).result
        assert result is not None
        assert result.contributors is not None
        members = set(result.contributors)
        assert RECEIVER in members
        assert len(members) >= 3
        rows, folded = lenders.table({org: world.lent[org] for org in members})
        table = world.table(job)
        shown = set(table.rows) | ({table.remainder} if table.remainder else set())
        assert shown == rows
        assert table.folded == folded

    return Kind(
        name,
        lambda world: world.propose(asked, *lenders.LIMITS, *words),
        check,
        ORGS,
        _points(
            "say.mask-key", "contribute.masked_1", "fetch.shares_1", "say.confirmed",
            "contribute.counts_1", "contribute.opening_1", "fetch.he_key",
            receiver=("contribute.he_key", "say.he-key", "fetch.outcome_1"),
            coordinator=("say.collected", "say.tallied", "say.opened"),
        ),
    )  # fmt: skip


_TWO, _THREE = ("registry", RECEIVER), ("registry", "tax", RECEIVER)
_PAIRED = ("frame.chunk.blinded.0", "frame.chunk.evaluated.0")

KINDS = [
    _intersection("two", "auto", *_TWO, held=_points(*_PAIRED, receiver=("rows",))),
    _intersection(
        "three, matched",
        "auto",
        *_THREE,
        held=_points(
            "contribute.share",
            "frame.chunk.served.0",
            receiver=("fetch.match", "rows"),
            coordinator=("say.matched",),
        ),
    ),
    _intersection(
        "star",
        "star",
        *_THREE,
        held=_points(
            "frame.open.shared_key", "frame.open.store", "frame.open.item_tags", receiver=("rows",)
        ),
    ),
    _query("blind, encrypted", BY_REGION, orgs=_TWO),
    _query("blind, shared", BY_REGION, "--aggregation", "shared", orgs=_TWO),
    _query("keyed, encrypted", BY_REGION, "--matching", "keyed", orgs=_TWO),
    _query(
        "keyed, shared", PLAIN, "--matching", "keyed", "--aggregation", "shared", orgs=_TWO
    ),
    _query("left join", LEFT_JOINED, orgs=("power", RECEIVER), check=_is_left_joined),
    _query("several datasets of one owner", BY_ZONE, orgs=("power", RECEIVER)),
    _query(
        "noise", PLAIN, "--noise", str(EPSILON), orgs=_TWO, check=_is_noisy, epsilon=EPSILON
    ),
    _union("union all"),
    _union("union all, paillier", "--aggregation", "paillier"),
]  # fmt: skip
