"""Sums over UNION ALL through real daemons: exact over those whom the result names, or no result.

The protocol itself, with many members and members that vanish or lie, is in tests/flow.
"""

import json
from collections.abc import Collection, Iterator

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
    statement,
    table,
)


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


def propose(lenders: Lenders, *words: str, where: str = "") -> str:
    asked = statement(where=where)
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
    # What a policy lists alone, it requires.
    view = lenders.view_at_end(RECEIVER, propose(lenders))
    assert view.cause is not None
    assert "masked aggregation" in view.cause.what
    for org in LENDERS:
        lenders.allow(org, POLICY)
