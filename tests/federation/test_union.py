"""Sums over UNION ALL through real daemons: exact over those whom the result names, or no result.

The protocol itself, with many members and members that vanish or lie, is in tests/flow.
"""

# Statements are made up here, and run through the language alone.
# ruff: noqa: S608

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from decimal import ROUND_HALF_UP, Decimal
from math import isclose
from operator import itemgetter
from statistics import stdev

import pytest

from contract.errors import PartyLost, Refused
from contract.lifecycle import State
from tests.federation.federation import eventually, short_folder
from tests.federation.lenders import (
    LENDERS,
    LIMITS,
    POLICY,
    RECEIVER,
    TERMS,
    Lenders,
    Loan,
    statement,
    table,
)

FEW = 10


@pytest.fixture(scope="module")
def lenders() -> Iterator[Lenders]:
    with short_folder() as folder, Lenders(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def everybody_is_back(lenders: Lenders) -> Iterator[None]:
    yield
    for org in LENDERS:
        lenders.dismiss(org)
        if org not in lenders.running:
            lenders.start(org)
    lenders.wait_attached()


def propose(lenders: Lenders, *words: str, where: str = "", sql: str = "") -> str:
    asked = sql or statement(where=where)
    terms = (*TERMS, *LIMITS, "--detach", *words)
    proposed = lenders.run_cli(RECEIVER, "query", asked, "--to", RECEIVER, *terms)
    assert proposed.returncode == 0, proposed.stderr
    return str(json.loads(proposed.stdout)["job"])


def require_exact(lenders: Lenders, job: str, members: Collection[str]) -> None:
    """The job is done at the receiver, and the result is that of these members' rows."""
    view = lenders.view_at_end(RECEIVER, job)
    assert view.state is State.DONE, view.cause
    rows, folded = table({org: lenders.rows[org] for org in members})
    assert lenders.answer(job) == rows
    assert len(rows) > 2
    assert view.result is not None
    assert view.result.folded == folded
    assert view.result.contributors == tuple(org for org in LENDERS if org in members)


def test_the_rows_of_all_are_added_up(lenders: Lenders) -> None:
    out = lenders.folder / "sums.csv"
    asked = ("query", statement(), "--to", RECEIVER, *TERMS, *LIMITS, "--out", str(out))
    carried_out = lenders.run_cli(RECEIVER, *asked)
    assert carried_out.returncode == 0, carried_out.stderr
    job = str(json.loads(carried_out.stdout)["job"])
    require_exact(lenders, job, LENDERS)
    assert all(lenders.view_at_end(org, job).state is State.DONE for org in LENDERS)
    beside = json.loads((out.parent / f"{out.name}.json").read_text("utf-8"))
    assert beside["contributors"] == list(LENDERS)
    assert any("three" in line for one in beside["leakage"]["coalitions"] for line in one["what"])


def test_of_three_the_widest_spread_comes_first(lenders: Lenders) -> None:
    """HAVING, ORDER BY and LIMIT choose rows; a deviation comes of squares that nobody sees."""
    three = ("bank_a", "bank_b", "tax")
    rows = " UNION ALL ".join(
        f"SELECT industry, balance, overdue FROM {org}.loans" for org in three
    )
    asked = (
        "SELECT industry, COUNT(*) AS n, STDDEV(balance) AS spread,"
        " ROUND(SUM(CASE WHEN overdue THEN balance ELSE 0 END) / SUM(balance), 6) AS late"
        f" FROM ({rows}) GROUP BY industry HAVING COUNT(*) > :few ORDER BY spread DESC LIMIT 1"
    )
    job = propose(lenders, "--param", f"few={FEW}", sql=asked)
    view = lenders.view_at_end(RECEIVER, job)
    assert view.state is State.DONE, view.cause
    groups = defaultdict[str, list[Loan]](list)
    for org in three:
        for loan in lenders.rows[org]:
            groups[loan.industry].append(loan)
    rows_in_clear, folded = table({org: lenders.rows[org] for org in three})
    shown = {row[0] for row in rows_in_clear if row[0]}
    clear = [measured(name, groups[name]) for name in shown if len(groups[name]) > FEW]
    clear.sort(key=itemgetter(2), reverse=True)
    head, *found = lenders.lines(job)
    assert head == ["industry", "n", "spread", "late", "remainder"]
    (first, *rest), ((name, count, spread, late), *others) = found, clear
    assert first[:2] == [name, str(count)]
    assert isclose(float(first[2]), spread, rel_tol=1e-11)
    assert first[3:] == [f"{late:.6f}", "false"]
    assert others
    assert [line[-1] for line in rest] == ["true"] * bool(folded)
    assert view.result is not None
    assert view.result.left_out == len(shown) - 1
    assert view.result.folded == folded


def test_a_sum_from_which_few_are_left_out_is_withheld(lenders: Lenders) -> None:
    rule = "min_contributors = 3"
    lenders.allow("tax", POLICY.replace(rule, f"{rule}\nmin_change = 25"))
    for where, state in (("", State.DONE), ("WHERE NOT overdue", State.WITHHELD), ("", State.DONE)):
        view = lenders.view_at_end(RECEIVER, propose(lenders, where=where))
        assert view.state is state, view.cause
    lenders.allow("tax", POLICY)


def measured(name: str, loans: list[Loan]) -> tuple[str, int, float, Decimal]:
    """An industry's loans in the clear: how many, how far apart, which part of them is overdue."""
    known = [loan for loan in loans if loan.balance is not None]
    balances = [loan.balance for loan in known if loan.balance is not None]
    late = sum((loan.balance for loan in known if loan.overdue and loan.balance), Decimal(0))
    part = (late / sum(balances)).quantize(Decimal("1.000000"), ROUND_HALF_UP)
    return name, len(loans), stdev(map(float, balances)), part


def test_a_member_killed_before_it_has_contributed_is_left_out(lenders: Lenders) -> None:
    lenders.order("power", "contribute.masked_1", "wait")
    job = propose(lenders)
    lenders.wait_halted("power", "contribute.masked_1")
    lenders.kill("power")
    require_exact(lenders, job, set(LENDERS) - {"power"})
    assert lenders.view_at_end("tax", job).state is State.DONE


def test_a_member_killed_while_the_counts_are_opened_is_stood_in_for(lenders: Lenders) -> None:
    lenders.order("tax", "contribute.counts_1", "wait")
    job = propose(lenders)
    lenders.wait_halted("tax", "contribute.counts_1")
    lenders.kill("tax")
    require_exact(lenders, job, LENDERS)


def test_a_member_restarted_while_the_sums_are_opened_is_stood_in_for(lenders: Lenders) -> None:
    lenders.order("bank_b", "contribute.opening_1", "wait")
    job = propose(lenders)
    lenders.wait_halted("bank_b", "contribute.opening_1")
    lenders.dismiss("bank_b")
    lenders.restart("bank_b")
    require_exact(lenders, job, LENDERS)
    assert lenders.view_at_end("bank_b", job).state is State.DONE


def test_without_enough_members_nothing_is_opened(lenders: Lenders) -> None:
    lenders.order("power", "contribute.masked_1", "wait")
    job = propose(lenders, "--min-contributors", "4")
    lenders.wait_halted("power", "contribute.masked_1")
    lenders.kill("power")
    view = lenders.view_at_end(RECEIVER, job)
    assert view.state is State.FAILED
    assert view.cause is not None
    assert (view.cause.code, view.cause.party) == (PartyLost.code, "power")
    assert view.result is None


def test_an_owner_that_allows_no_sum_refuses(lenders: Lenders) -> None:
    lenders.allow("tax", POLICY.replace("min_contributors = 3", "min_contributors = 4"))
    job = propose(lenders)
    view = lenders.view_at_end(RECEIVER, job)
    assert view.cause is not None
    assert (view.cause.code, view.cause.party) == (Refused.code, "tax")
    assert "4 organisations" in view.cause.what
    lenders.allow("tax", POLICY.replace("min_contributors = 3\n", ""))
    view = lenders.view_at_end(RECEIVER, propose(lenders))
    assert view.cause is not None
    assert "UNION ALL (min_contributors)" in view.cause.what
    lenders.allow("tax", POLICY)
    view = lenders.view_at_end(RECEIVER, propose(lenders, where="WHERE overdue"))
    assert view.state is State.DONE


def test_selects_that_do_not_read_alike_are_for_owners_that_all_allow_it(lenders: Lenders) -> None:
    """By the own policy before anybody else hears of it, then by every other owner's own node."""
    nothing = statement().replace("balance FROM power", "0 * balance AS balance FROM power")
    differs = "SELECT 3, of power.loans, gives another 'balance' than SELECT 1, of bank_a.loans"
    asked = ("query", nothing, "--to", RECEIVER, *TERMS, *LIMITS)
    denied = lenders.run_cli(RECEIVER, *asked)
    assert denied.returncode != 0
    assert differs in denied.stderr
    for org in LENDERS[:-1]:
        lenders.allow(org, POLICY.replace("min_group", 'selects = "any"\nmin_group'))
    view = lenders.view_at_end(RECEIVER, propose(lenders, sql=nothing))
    assert view.cause is not None
    assert (view.cause.code, view.cause.party) == (Refused.code, LENDERS[-1])
    assert differs in view.cause.what
    assert 'ask tax to write selects = "any"' in view.cause.fix
    for org in LENDERS:
        lenders.allow(org, POLICY)


def test_under_a_paillier_key_as_well_if_every_policy_lists_it(lenders: Lenders) -> None:
    listing = POLICY.replace("min_group", 'aggregation = ["masked", "paillier"]\nmin_group')
    for org in LENDERS[:-1]:
        lenders.allow(org, listing)
    view = lenders.view_at_end(RECEIVER, propose(lenders, "--aggregation", "paillier"))
    assert view.cause is not None
    assert (view.cause.code, view.cause.party) == (Refused.code, LENDERS[-1])
    assert "paillier aggregation" in view.cause.what
    lenders.allow(LENDERS[-1], listing.replace('"masked", ', ""))
    lenders.order("power", "contribute.counts_1", "wait")
    job = propose(lenders, "--aggregation", "paillier")
    lenders.wait_halted("power", "contribute.counts_1")
    lenders.kill("power")
    require_exact(lenders, job, LENDERS)
    file = lenders.folder / "tax" / "data" / "evidence" / f"{job}.json"
    evidence = json.loads(eventually(lambda: file.read_text("utf-8") if file.exists() else None))
    said = {(one["kind"], one["org"]): one["body"] for one in evidence["statements"]}
    assert "Paillier-3072" in said["contract", RECEIVER]
    assert [org for kind, org in said if kind == "he-key"] == [RECEIVER]
    assert lenders.evidence(RECEIVER, job)["job"]["state"] == "done"
    # What a policy lists alone, it requires.
    view = lenders.view_at_end(RECEIVER, propose(lenders))
    assert view.cause is not None
    assert "masked aggregation" in view.cause.what
    for org in LENDERS:
        lenders.allow(org, POLICY)
