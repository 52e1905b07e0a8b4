"""The daemon as a process: its start, its end, its log across both, what keeps it from starting."""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.credentials import Credentials
from contract.errors import BadSetting, CoordinatorAbsent
from coordinator.server import serving
from durable.postgres import Place
from mihe.serving import require_serving
from tests.states import setting
from tests.unit.coordinator.consortium import (
    PATIENCE,
    Consortium,
    HandClock,
    approval,
    attach,
    catalogue,
    configure,
    contract_of,
    gate,
    on_the_wire,
    proposal,
    say_all,
    to_running,
)

READY = re.compile(rb"mihe coordinator ready on 127\.0\.0\.1:(\d+)\n")


@dataclass
class Daemon:
    """A coordinator in a process of its own."""

    process: asyncio.subprocess.Process
    port: int
    lines: list[bytes]

    async def end(self, how: signal.Signals) -> tuple[int, bytes]:
        """Its exit code after a signal, and all that it wrote to stderr."""
        self.process.send_signal(how)
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            rest = await self.process.stderr.read()
            return await self.process.wait(), b"".join(self.lines) + rest


def settings(folder: Path, *, listen: str = "127.0.0.1:0", more: str = "") -> Path:
    path = folder / "coordinator.toml"
    path.write_text(
        f'listen = "{listen}"\nlog_level = "debug"\n{more}\n'
        '[identity]\ncertificate = "own.pem"\nkey = "own.key"\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def ready(folder: Path, consortium: Consortium) -> Path:
    """A folder from which a coordinator starts."""
    configure(folder, consortium.coordinator)
    return folder


def command(config: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "coordinator", "--config", str(config)]


@pytest.fixture
def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root)}


Launch = Callable[[Path], Awaitable[Daemon]]


@pytest.fixture
async def launch(environment: dict[str, str]) -> AsyncIterator[Launch]:
    async with AsyncExitStack() as at_the_end:

        async def one(config: Path) -> Daemon:
            process = await asyncio.create_subprocess_exec(
                *command(config), stderr=asyncio.subprocess.PIPE, env=environment
            )

            async def gone() -> None:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

            at_the_end.push_async_callback(gone)
            assert process.stderr is not None
            lines: list[bytes] = []
            async with asyncio.timeout(PATIENCE):
                while not (lines and READY.fullmatch(lines[-1])):
                    lines.append(await process.stderr.readline())
                    assert lines[-1], lines
            found = READY.fullmatch(lines[-1])
            assert found is not None
            return Daemon(process, int(found[1]), lines)

        yield one


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_when_asked_and_sends_its_nodes_away(
    launch: Launch, ready: Path, bank_a: Credentials, how: signal.Signals
) -> None:
    daemon = await launch(settings(ready))
    stream = await attach(daemon.port, bank_a)
    loop = asyncio.get_running_loop()
    asked = loop.time()
    code, _ = await daemon.end(how)
    assert code == 0
    assert loop.time() - asked < 5
    assert (await stream.status())[1].code == "COORDINATOR_ABSENT"
    await stream.leave()


async def test_whoever_has_its_files_can_ask_whether_it_serves(launch: Launch, ready: Path) -> None:
    daemon = await launch(settings(ready))
    config = settings(ready, listen=f"0.0.0.0:{daemon.port}")
    assert await asyncio.to_thread(require_serving, config) == f"0.0.0.0:{daemon.port}"
    await daemon.end(signal.SIGTERM)
    with pytest.raises(CoordinatorAbsent):
        await asyncio.to_thread(require_serving, config)
    (ready / "own.key").unlink()
    with pytest.raises(BadSetting, match="own user"):
        await asyncio.to_thread(require_serving, config)


async def test_killed_at_any_moment_it_goes_on_from_its_log(
    launch: Launch,
    ready: Path,
    bank_a: Credentials,
    bank_b: Credentials,
    either: Place | None,
) -> None:
    config = settings(ready, more=setting(either) if either else "")
    daemon = await launch(config)
    a, b = await attach(daemon.port, bank_a), await attach(daemon.port, bank_b)
    await a.must_say(catalogue(bank_a))
    await b.must_say(catalogue(bank_b))
    contract = contract_of(bank_a, bank_b)
    run, said = to_running(contract, bank_a, bank_b)
    await say_all(said, a, b)
    told = await a.told(7)
    await daemon.end(signal.SIGKILL)
    await a.leave()
    await b.leave()

    daemon = await launch(config)
    again = await attach(daemon.port, bank_b)
    assert again.welcome.log == a.welcome.log
    assert again.welcome.taken == b.said
    assert await again.told_until_caught_up() == told
    await again.must_say(gate(bank_b, run))  # the job is still running, and its run still known
    assert (await again.told(1))[0].number > told[-1].number
    await daemon.end(signal.SIGTERM)
    await again.leave()


async def test_killed_while_nodes_speak_it_has_whatever_it_answered(
    launch: Launch,
    ready: Path,
    bank_a: Credentials,
    bank_b: Credentials,
    either: Place | None,
) -> None:
    config = settings(ready, more=setting(either) if either else "")
    daemon = await launch(config)
    a, b = await attach(daemon.port, bank_a), await attach(daemon.port, bank_b)
    await a.must_say(catalogue(bank_a))
    await b.must_say(catalogue(bank_b))
    contracts = [contract_of(bank_a, bank_b, nonce=f"{n:064x}") for n in range(40)]
    said = [on_the_wire(proposal(bank_a, contract)) for contract in contracts]
    for number, one in enumerate(said, 2):
        await a.push(number, one)
    await a.other("taken")
    await daemon.end(signal.SIGKILL)
    await a.leave()
    await b.leave()

    daemon = await launch(config)
    again = await attach(daemon.port, bank_a)
    settled = again.welcome.taken
    assert 2 <= settled <= 41
    for number, one in enumerate(said, 2):
        assert await again.repeat(number, one) is None
    reader = await attach(daemon.port, bank_b)
    told = await reader.told_until_caught_up()
    assert [one.body for one in told] == [one.body for one in said]  # each once, in their order
    for stream in (again, reader):
        await stream.leave()
    await daemon.end(signal.SIGTERM)


async def test_ended_jobs_stay_ended_after_a_restart(
    ready: Path, consortium: Consortium, bank_a: Credentials, bank_b: Credentials, time: HandClock
) -> None:
    config = configure(ready, consortium.coordinator)
    contract = contract_of(bank_a, bank_b, created=time.clock.now())
    async with serving(config, ready, time.clock) as running:
        a, b = await attach(running.port, bank_a), await attach(running.port, bank_b)
        await a.must_say(catalogue(bank_a))
        await b.must_say(catalogue(bank_b))
        await a.must_say(proposal(bank_a, contract))
        time.forward(contract.expires - contract.created)
        await running.lifecycle.sweep()
        told = await b.told(2)
        await a.leave()
        await b.leave()
    async with serving(config, ready, time.clock) as running:
        await running.lifecycle.sweep()
        again = await attach(running.port, bank_b)
        again.said = b.said
        await again.must_say(approval(bank_b, contract))
        assert await again.told_until_caught_up() == told
        await again.leave()


async def test_the_journal_tells_events_and_no_contents(
    launch: Launch, ready: Path, bank_a: Credentials, bank_b: Credentials
) -> None:
    daemon = await launch(settings(ready))
    a, b = await attach(daemon.port, bank_a), await attach(daemon.port, bank_b)
    await a.must_say(catalogue(bank_a))
    await b.must_say(catalogue(bank_b))
    contract = contract_of(bank_a, bank_b)
    await a.must_say(proposal(bank_a, contract))
    await a.repeat(9, on_the_wire(catalogue(bank_a), body=b"a body that nobody signed"))
    await a.leave()
    await b.leave()
    _, written = await daemon.end(signal.SIGTERM)
    text = written.decode()
    events = [line for line in text.splitlines() if not READY.fullmatch(f"{line}\n".encode())]
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO) event=[a-z_]+( [a-z]+=[A-Za-z0-9_]+)*"
    assert [line for line in events if not re.fullmatch(form, line)] == []
    job = contract.job_id.hex()
    logged = f"event=logged number=1 org=bank_a job={job[:12]} kind=contract state=proposed"
    assert logged in text
    assert "event=rejected org=bank_a code=BAD_SIGNATURE" in text
    for secret in (job, contract.nonce, "nobody", "loans", "CREDIT_MICRO", "127.0.0.1 "):
        assert secret not in text


async def test_it_loads_nothing_that_makes_or_holds_a_secret_scalar(
    root: Path, environment: dict[str, str]
) -> None:
    script = "import sys, coordinator.__main__, coordinator.server; print(*sys.modules)"
    done = subprocess.run(  # noqa: ASYNC221  # short, and nothing else is going on
        [sys.executable, "-P", "-c", script], env=environment, capture_output=True, check=True
    )
    loaded = done.stdout.decode().split()
    assert "coordinator.lifecycle" in loaded
    # It matches and adds by federated/, which is why no name may end in `.secret`.
    assert "federated.aggregate.add" in loaded
    ours = {"native", "node", "cli", "duckdb"}
    assert [name for name in loaded if name.split(".")[0] in ours or name.endswith(".secret")] == []


# ── what keeps it from starting ─────────────────────────────────────────────────────────────────


def refusal(config: Path, environment: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        command(config), env=environment, capture_output=True, check=False, timeout=PATIENCE
    )
    last = done.stderr.decode().splitlines()[-1]
    assert "Traceback" not in done.stderr.decode()
    found = re.fullmatch(r"mihe coordinator: ([A-Z_]+): .* Fix: .+", last)
    assert found is not None, done.stderr
    return done.returncode, found[1]


def test_a_missing_configuration(ready: Path, environment: dict[str, str]) -> None:
    assert refusal(ready / "nowhere.toml", environment) == (2, "BAD_SETTING")


def test_an_unknown_setting(ready: Path, environment: dict[str, str]) -> None:
    config = settings(ready, more="node_grace = 3")
    assert refusal(config, environment) == (2, "UNKNOWN_SETTING")


@pytest.mark.parametrize("name", ["own.pem", "own.key", "ca.pem"])
def test_a_missing_file(ready: Path, environment: dict[str, str], name: str) -> None:
    (ready / name).unlink()
    assert refusal(settings(ready), environment) == (2, "BAD_SETTING")


@pytest.mark.parametrize("name", ["own.pem", "own.key", "ca.pem"])
def test_a_file_of_something_else(ready: Path, environment: dict[str, str], name: str) -> None:
    (ready / name).write_text("something else", encoding="utf-8")
    code = "FOREIGN_CERTIFICATE" if name == "own.pem" else "BAD_SETTING"
    assert refusal(settings(ready), environment)[1] == code


def test_a_key_that_others_can_read(ready: Path, environment: dict[str, str]) -> None:
    (ready / "own.key").chmod(0o640)
    assert refusal(settings(ready), environment) == (2, "BAD_SETTING")


def test_another_certificates_key(
    ready: Path, environment: dict[str, str], bank_a: Credentials
) -> None:
    (ready / "own.key").write_bytes(bank_a.key_pem)
    assert refusal(settings(ready), environment) == (2, "BAD_SETTING")


def test_a_nodes_certificate(ready: Path, environment: dict[str, str], bank_a: Credentials) -> None:
    configure(ready, bank_a)
    assert refusal(settings(ready), environment) == (5, "WRONG_ROLE")


def test_another_cas_certificate(ready: Path, environment: dict[str, str]) -> None:
    (ready / "ca.pem").write_bytes(Consortium("Another").certificate)
    assert refusal(settings(ready), environment) == (5, "FOREIGN_CERTIFICATE")


def test_a_log_that_is_none(ready: Path, environment: dict[str, str]) -> None:
    (ready / "data").mkdir()
    (ready / "data" / "log.sqlite").write_bytes(b"something else" * 1000)
    assert refusal(settings(ready), environment) == (7, "STORAGE_FULL")


async def test_an_address_and_a_folder_that_are_taken(
    launch: Launch, ready: Path, consortium: Consortium, environment: dict[str, str], tmp_path: Path
) -> None:
    daemon = await launch(settings(ready))
    same_folder = await asyncio.to_thread(refusal, settings(ready), environment)
    assert same_folder == (2, "ALREADY_THERE")
    other = tmp_path / "other"
    configure(other, consortium.coordinator)
    address = f"127.0.0.1:{daemon.port}"
    same_address = await asyncio.to_thread(refusal, settings(other, listen=address), environment)
    assert same_address == (2, "BAD_SETTING")
    await daemon.end(signal.SIGTERM)


async def test_what_is_committed_is_on_the_disk(ready: Path, consortium: Consortium) -> None:
    config = configure(ready, consortium.coordinator)
    async with serving(config, ready):
        with sqlite3.connect(ready / "data" / "log.sqlite") as reader:
            assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (ready / "data").stat().st_mode & 0o077 == 0
