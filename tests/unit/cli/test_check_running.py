"""`mihe check`, the real command, beside daemons that serve in this process, and their troubles."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.authority import COORDINATOR_ORG
from cli.demo import USCCS
from cli.init import Home
from cli.local import LocalFederation, free_port
from contract.checks import Check, Outcome
from contract.errors import (
    BadSetting,
    CoordinatorAbsent,
    ForeignCertificate,
    MiheError,
    NodeAbsent,
    UnknownSetting,
)
from coordinator.__main__ import read_configuration
from coordinator.clock import Clock
from coordinator.server import serving
from mihe.client import NodeClient
from node.daemon import Home as NodeHome
from node.daemon import serve
from tests.checked import Checked, change, checked
from tests.federation.test_many import DESCRIPTION, POLICY
from tests.unit.node.lines import PATIENCE
from tests.unit.node.stations import uscc

ROWS = "uscc,amount\n" + "".join(f"{uscc(number)},1\n" for number in range(30))
COORDINATOR_CHECK = ("coordinator", "check", "--config")


@pytest.fixture
def built(folder: Path) -> LocalFederation:
    """A consortium's files: nodes that peers may dial, and a policy at bank_a."""
    names = (COORDINATOR_ORG, "bank_a", "bank_b")
    federation = LocalFederation(folder, {name: USCCS[name] for name in names}, direct=True)
    federation.build()
    others = POLICY.replace(', "tax", "power"', "")
    federation.home("bank_a").policy.write_text(others, "utf-8")
    return federation


@asynccontextmanager
async def coordinator(built: LocalFederation, clock: Clock | None = None) -> AsyncIterator[None]:
    home = built.home(COORDINATOR_ORG)
    async with serving(read_configuration(home.config), home.folder, clock):
        yield


@asynccontextmanager
async def node(built: LocalFederation, org: str) -> AsyncIterator[None]:
    """A node that is attached, until the block is left."""
    home = NodeHome.read(built.home(org).config)
    ready, stop = asyncio.Event(), asyncio.Event()
    daemon = asyncio.create_task(serve(home, stop, lambda _: ready.set()))
    try:
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
            while not await asyncio.to_thread(is_attached, built, org):  # noqa: ASYNC110  # asked
                await asyncio.sleep(0.05)
        yield
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await daemon


def is_attached(built: LocalFederation, org: str) -> bool:
    with built.client(org) as line:
        return line.status().attached


@asynccontextmanager
async def all_running(built: LocalFederation) -> AsyncIterator[None]:
    """Everybody, with a dataset at bank_a."""
    (built.folder / "firms.csv").write_text(ROWS, "utf-8")
    described = built.folder / "firms.toml"
    described.write_text(DESCRIPTION, "utf-8")

    def add() -> None:
        with built.client("bank_a") as line:
            NodeClient.add_dataset(line, described)

    async with AsyncExitStack() as stack:
        for daemon in (coordinator(built), node(built, "bank_a"), node(built, "bank_b")):
            await stack.enter_async_context(daemon)
        await asyncio.to_thread(add)
        yield


async def check(home: Home, *words: str) -> Checked:
    of = COORDINATOR_CHECK if home.name == "coordinator" else ("check", "--node")
    return await asyncio.to_thread(lambda: checked(home.folder, *words, of=of))


def address_of(built: LocalFederation, org: str) -> str:
    direct = NodeHome.read(built.home(org).config).config.direct
    assert direct is not None
    return direct.address


async def test_nothing_wrong(built: LocalFederation) -> None:
    async with all_running(built):
        found = await check(built.home("bank_a"), "--running")
        of_coordinator = await check(built.home(COORDINATOR_ORG), "--running")
    assert (found.code, found.outcomes()) == (0, {Outcome.OK}), found.shown
    assert {one["check"] for one in found.report["findings"]} == set(Check) - {
        Check.LISTEN,
        Check.STATE,
    }
    assert found.report["running"]
    assert (of_coordinator.code, of_coordinator.outcomes()) == (0, {Outcome.OK})
    assert of_coordinator.report["running"]


@pytest.mark.parametrize("whose", ["nobody's", "another node's"])
async def test_an_address_at_which_the_node_is_not_met(built: LocalFederation, whose: str) -> None:
    home = built.home("bank_a")
    place = address_of(built, "bank_b") if whose != "nobody's" else f"127.0.0.1:{free_port()}"
    change(home, f'address = "{place}"', "address = .*")
    async with all_running(built):
        found = await check(home)
    (told,) = found.of(Check.REACHED)
    assert (found.code, told["code"]) == (NodeAbsent.exit_code, NodeAbsent.code)
    assert place in told["what"]
    assert "relay" in told["fix"]


async def test_a_policy_about_organisations_that_are_not_there(built: LocalFederation) -> None:
    home = built.home("bank_a")
    home.policy.write_text(home.policy.read_text("utf-8").replace('"bank_b"', '"bank_bb"'))
    async with all_running(built):
        found = await check(home)
    (told,) = found.of(Check.MEMBERS)
    assert (found.code, told["outcome"]) == (0, Outcome.WARNING)
    assert "bank_bb. Did you mean 'bank_b'?" in told["what"]


async def test_a_coordinator_that_is_gone(built: LocalFederation) -> None:
    async with AsyncExitStack() as nodes:
        async with coordinator(built):
            await nodes.enter_async_context(node(built, "bank_b"))
        while await asyncio.to_thread(is_attached, built, "bank_b"):  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.05)
        found = await check(built.home("bank_b"), "--running")
        of_coordinator = await check(built.home(COORDINATOR_ORG), "--running")
    assert found.code == CoordinatorAbsent.exit_code
    for told in (Check.COORDINATOR, Check.ATTACHED):
        assert [one["code"] for one in found.of(told)] == [CoordinatorAbsent.code]
    assert [one["outcome"] for one in found.of(Check.RUNNING)] == [Outcome.OK]
    assert of_coordinator.code == CoordinatorAbsent.exit_code
    assert not of_coordinator.report["running"]


async def test_a_clock_and_a_version_that_differ(
    built: LocalFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coordinator.service.version", lambda _: "9.9.9")
    ahead = Clock(now=lambda: datetime.now(UTC) + timedelta(hours=1))
    async with coordinator(built, ahead):
        found = await check(built.home("bank_a"))
    (clock,) = found.of(Check.CLOCK)
    assert (found.code, clock["code"]) == (BadSetting.exit_code, BadSetting.code)
    assert "behind the coordinator's" in clock["what"]
    (version,) = found.of(Check.VERSION)
    assert version["outcome"] == Outcome.WARNING
    assert "9.9.9" in version["what"]


async def test_another_protocol(built: LocalFederation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coordinator.wire.PROTOCOL_VERSION", 99)
    async with coordinator(built):
        found = await check(built.home("bank_a"))
    (version,) = found.of(Check.VERSION)
    assert version["code"] == "VERSION_MISMATCH"
    assert "protocol 99" in version["what"]


ELSEWHERE: dict[str, tuple[Callable[[LocalFederation], str], str, type[MiheError]]] = {
    "a node": (lambda built: address_of(built, "bank_b"), "not this cons", ForeignCertificate),
    "no host": (lambda _: "no-host.invalid:7450", "not reachable", CoordinatorAbsent),
}


@pytest.mark.parametrize(("place", "mentions", "error"), ELSEWHERE.values(), ids=ELSEWHERE)
async def test_who_is_there_is_not_the_coordinator(
    built: LocalFederation,
    place: Callable[[LocalFederation], str],
    mentions: str,
    error: type[MiheError],
) -> None:
    home = built.home("bank_a")
    change(home, f'coordinator = "{place(built)}"', "coordinator = .*")
    async with coordinator(built), node(built, "bank_b"):
        found = await check(home)
    (told,) = found.of(Check.COORDINATOR)
    assert (found.code, told["code"]) == (error.exit_code, error.code)
    assert mentions in told["what"]


async def test_a_node_of_another_consortium(built: LocalFederation, tmp_path: Path) -> None:
    """Key, certificate and CA fit, and are not those of this coordinator's consortium."""
    names = (COORDINATOR_ORG, "bank_a")
    other = LocalFederation(tmp_path / "o", {name: USCCS[name] for name in names})
    other.folder.mkdir()
    other.build()
    home = built.home("bank_a")
    for file in (home.key, home.certificate, home.authority):
        shutil.copy(other.folder / "bank_a" / file.name, file)
    async with coordinator(built):
        found = await check(home)
    (told,) = found.of(Check.COORDINATOR)
    assert (found.code, told["code"]) == (ForeignCertificate.exit_code, ForeignCertificate.code)


async def test_a_coordinator_that_is_broken(built: LocalFederation) -> None:
    home = built.home(COORDINATOR_ORG)
    async with coordinator(built), node(built, "bank_b"):
        change(home, f'listen = "{address_of(built, "bank_b")}"', "listen = .*")
        found = await check(home)
    (taken,) = found.of(Check.LISTEN)
    assert (found.code, taken["code"]) == (BadSetting.exit_code, BadSetting.code)
    home.key.chmod(0o644)
    (told,) = (await check(home)).of(Check.CERTIFICATE)
    assert told["code"] == BadSetting.code
    change(home, "lisen = 'x:1'", "listen = .*")
    assert (await check(home)).code == UnknownSetting.exit_code
