"""A program at its own node: plan, agree, propose, watch, wait, stop; nothing hangs."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest

from contract.cause import cause_of
from contract.errors import BadRequest, BadSetting, NodeAbsent, OurError, Refused
from contract.leakage import leakage_of
from contract.lifecycle import State
from contract.views import JobView, NodeStatus, PlanView
from mihe.node import Node as Own
from mihe.node import job_name
from mihe.proposal import Worth
from protos import admin_pb2
from tests.unit.cli.canned import Node
from tests.unit.cli.test_commands import status

__all__ = ["status"]

TERMS: dict[str, Any] = {"purpose": "CREDIT_MICRO", "basis": "SYNTHETIC_TEST"}
REFUSED = Refused("no rule", party="bank_b", rule="policy.toml", fix="ask")


@pytest.fixture
def plan(job: JobView) -> PlanView:
    contract = job.contract
    return PlanView(
        contract=contract,
        leakage=leakage_of(contract),
        streams=(),
        bytes_on_the_wire=57_344,
        seconds="0.07",
        memory_bytes=229_376,
    )


@pytest.fixture
def own(home: Path) -> Iterator[Own]:
    with Own.open(home) as opened:
        yield opened
    assert not [one for one in threading.enumerate() if one.name.startswith("node-client")]


@pytest.fixture
def interruptible() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_node_is_found_as_the_command_line_finds_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (home, str(home), home / "node.toml", None):
        with Own.open(place) as opened:
            assert opened.org == "bank_a"
    monkeypatch.delenv("MIHE_NODE")
    monkeypatch.chdir(home)
    with Own.open() as opened:
        assert opened.org == "bank_a"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSetting):
        Own.open()


def test_what_is_proposed_is_what_was_shown(
    own: Own, node: Node, plan: PlanView, job: JobView
) -> None:
    node.answers |= {"Plan": plan, "Propose": job}
    shown = own.psi("bank_a.loans", "bank_b.loans", on="uscc", to="bank_a", **TERMS)
    for line in plan.leakage.parties[0].what:
        assert line in str(shown)
    (planned,) = node.asked
    assert shown.propose().id == job.job
    proposed = node.asked[1]
    assert isinstance(planned, admin_pb2.JobRequest)
    assert isinstance(proposed, admin_pb2.JobRequest)
    assert proposed.shown == plan.contract.substance.hex()
    proposed.shown = ""
    assert proposed == planned


@pytest.mark.parametrize(
    "changed",
    [{"basis": "BECAUSE"}, {"expires": "soon"}, {"on": "a=b=c"}, {"datasets": ("loans",)}],
)
def test_what_can_not_work_is_said_before_anybody_is_asked(
    own: Own, node: Node, changed: dict[str, object]
) -> None:
    given = {"datasets": ("bank_a.loans", "bank_b.loans"), "on": "uscc", **TERMS, **changed}
    datasets = given.pop("datasets")
    with pytest.raises(BadRequest):
        own.psi(*datasets, to="bank_a", **given)
    with pytest.raises(BadRequest):
        own.query("SELECT 1", to="bank_a", min_group=0, **TERMS)
    assert node.asked == []


def test_parameters_are_given_as_python_has_them(own: Own, node: Node, plan: PlanView) -> None:
    node.answers["Plan"] = plan
    values: dict[str, Worth] = {
        "n": 7,
        "least": Decimal("1E+2"),
        "day": date(2026, 1, 31),
        "open": True,
        "name": "7",
        "said": ("text", "8"),
    }
    own.query("SELECT 1", to="bank_a", parameters=values, **TERMS)
    (asked,) = node.asked
    assert isinstance(asked, admin_pb2.JobRequest)
    assert [(one.name, one.type, one.value) for one in asked.parameters] == [
        ("n", "", "7"),
        ("least", "", "100"),
        ("day", "date", "2026-01-31"),
        ("open", "boolean", "true"),
        ("name", "", "7"),
        ("said", "text", "8"),
    ]
    for wrong in (1.5, None, datetime(2026, 1, 31, tzinfo=UTC), Decimal("1E+99"), "\udcff"):
        with pytest.raises(BadRequest, match="a parameter is"):
            own.query("SELECT 1", to="bank_a", parameters={"x": cast("int", wrong)}, **TERMS)


def test_a_job_tells_how_it_stands_and_how_it_ended(own: Own, node: Node, job: JobView) -> None:
    ended = job.model_copy(update={"state": State.REFUSED, "cause": cause_of(REFUSED)})
    node.answers |= {"Show": job, "Watch": [job, ended]}
    found = own.job(job.job[:6])
    assert (found.state, found.error) == (State.PROPOSED, None)
    assert [view.state for view in found.watch()] == [State.PROPOSED, State.REFUSED]
    assert found.state is State.REFUSED
    with pytest.raises(Refused) as caught:
        found.result()
    assert (caught.value.party, caught.value.fix) == ("bank_b", "ask")
    assert "REFUSED: no rule" in repr(found)
    assert "nothing of the result" in found.explain()


def test_a_watch_that_breaks_off_is_no_end(own: Own, node: Node, job: JobView) -> None:
    node.answers |= {"Show": job, "Watch": [job]}
    with pytest.raises(OurError):
        own.job(job.job).wait()


def test_it_works_inside_a_running_event_loop(
    own: Own, node: Node, job: JobView, status: NodeStatus
) -> None:
    node.answers |= {"Show": job, "Watch": [job, job.model_copy(update={"state": State.EXPIRED})]}

    async def cell() -> State:
        assert own.status() == status
        return own.job(job.job).wait()

    assert asyncio.run(cell()) is State.EXPIRED


def test_one_thread_may_ask_while_another_waits(
    own: Own, node: Node, job: JobView, status: NodeStatus
) -> None:
    watched, over = Event(), Event()

    def watch() -> Iterator[JobView]:
        yield job
        watched.set()
        over.wait()
        yield job.model_copy(update={"state": State.DONE})

    node.answers |= {"Show": job, "Watch": watch()}
    found = own.job(job.job)
    ends: list[State] = []
    waiting = threading.Thread(target=lambda: ends.append(found.wait()))
    waiting.start()
    watched.wait()
    assert own.status() == status
    over.set()
    waiting.join()
    assert ends == [State.DONE]


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_leaves_nothing_hanging_and_the_line_usable(
    own: Own, node: Node, job: JobView, status: NodeStatus
) -> None:
    over = Event()

    def watch() -> Iterator[JobView]:
        yield job
        os.kill(os.getpid(), signal.SIGINT)
        over.wait()

    def work() -> NodeStatus:
        os.kill(os.getpid(), signal.SIGINT)
        over.wait()
        raise AssertionError

    node.answers |= {"Show": job, "Watch": watch()}
    found = own.job(job.job)
    try:
        with pytest.raises(KeyboardInterrupt):
            found.wait()
        node.answers["Status"] = work
        with pytest.raises(KeyboardInterrupt):
            own.status()
        node.answers["Status"] = status
        assert own.status() == status
    finally:
        over.set()


def test_a_loop_that_is_left_ends_its_watch(own: Own, node: Node, job: JobView) -> None:
    node.answers |= {"Show": job, "Watch": [job, job, job]}
    for _ in (watching := own.job(job.job).watch()):
        break
    watching.close()  # type: ignore[attr-defined]  # what leaving a cell does to the generator


def test_a_closed_line_says_so(own: Own) -> None:
    own.close()
    with pytest.raises(NodeAbsent, match="closed"):
        own.status()


@pytest.mark.parametrize("name", ["", "12345", "g" * 6, "a" * 65, "../job"])
def test_a_job_is_named_by_digits(name: str) -> None:
    with pytest.raises(BadRequest):
        job_name(name)


def test_an_error_in_a_notebook_is_short_and_harmless() -> None:
    error = Refused("no rule\x1b[2J", party="bank_b", fix="ask")
    assert error._render_traceback_() == [
        "error REFUSED: no rule�[2J",
        "  party  bank_b",
        "  fix    ask",
    ]
