"""The node's preflight beside a coordinator in this process; tests/unit/cli breaks more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.canonical import canonical_bytes, parse
from contract.checks import Check, Outcome, Report
from coordinator.clock import Clock
from coordinator.server import serving
from node import check
from tests.unit.coordinator.consortium import Consortium, configure
from tests.unit.node.lines import Member
from tests.unit.node.stations import write_dataset
from tests.unit.node.test_daemon import Folder, running, short

__all__ = ["short"]


@pytest.fixture
async def node(consortium: Consortium, bank_a: Member, short: Path) -> AsyncIterator[Folder]:
    place = short / "coordinator"
    config = configure(place, consortium.coordinator, listen="127.0.0.1:0")
    async with AsyncExitStack() as stack:
        coordinator = await stack.enter_async_context(serving(config, place))
        yield Folder(bank_a, short, coordinator=f"127.0.0.1:{coordinator.port}")


async def report(folder: Folder) -> Report:
    found = await asyncio.to_thread(check.report, folder.path / "node.toml")
    assert parse(Report, canonical_bytes(found)) == found
    return found


def outcomes(found: Report) -> dict[Check, Outcome]:
    """The worst of each check."""
    order = list(Outcome)
    worst: dict[Check, Outcome] = {}
    for one in found.findings:
        known = worst.get(one.check, Outcome.OK)
        worst[one.check] = max(known, one.outcome, key=order.index)
    return worst


async def test_before_the_node_was_ever_started(node: Folder) -> None:
    found = await report(node)
    assert not found.running
    assert outcomes(found) == {
        Check.CONFIGURATION: Outcome.OK,
        Check.CERTIFICATE: Outcome.OK,
        Check.LIFETIME: Outcome.OK,
        Check.POLICY: Outcome.WARNING,
        Check.EXTRAS: Outcome.OK,
        Check.DATASETS: Outcome.WARNING,
        Check.SOCKET: Outcome.OK,
        Check.DATA: Outcome.OK,
        Check.SPACE: Outcome.OK,
        Check.COORDINATOR: Outcome.OK,
        Check.CLOCK: Outcome.OK,
        Check.VERSION: Outcome.OK,
    }
    assert not (node.path / "data").exists()


async def test_beside_the_running_node(node: Folder) -> None:
    async with running(node):
        await node.until(lambda line: line.status().attached)
        described = write_dataset(node.path / "sources", range(5))
        await node.ask(lambda line: line.add_dataset(described))
        found = await report(node)
        await node.ask(lambda line: line.status())
    assert found.running
    assert outcomes(found)[Check.DATASETS] is Outcome.OK
    assert found.exit_code == 0


async def test_a_clock_that_differs(consortium: Consortium, bank_a: Member, short: Path) -> None:
    place = short / "coordinator"
    config = configure(place, consortium.coordinator, listen="127.0.0.1:0")
    ahead = Clock(now=lambda: datetime.now(UTC) + timedelta(minutes=1))
    async with serving(config, place, ahead) as coordinator:
        found = await report(Folder(bank_a, short, coordinator=f"127.0.0.1:{coordinator.port}"))
    assert outcomes(found)[Check.CLOCK] is Outcome.WARNING
    assert found.exit_code == 0
