"""Work in a process of its own: its answer, its errors without their texts, and its end."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from contract.errors import BadMessage
from daemon.apart import Broken, apart
from node.key_process import Answers, JoinKey, KeyProcess

PATIENCE = 60.0

LONE = """
import asyncio
from pathlib import Path
from {module} import {what}
from tests.unit.daemon.test_apart import wait_forever

async def main():
    {begin}
    await asyncio.sleep(1000)

if __name__ == "__main__":
    asyncio.run(main())
"""


def add(left: int, right: int) -> int:
    return left + right


def refuse() -> None:
    raise BadMessage("it is not one", party="tax", phase="match", fix="compare versions")


def fail() -> None:
    raise ValueError("91110000600037341L")


def vanish() -> None:
    os._exit(0)


def wait_forever(begun: str) -> None:
    Path(begun).write_text(str(os.getpid()), "ascii")
    time.sleep(1000)


async def test_it_gives_what_the_work_returns() -> None:
    assert await apart(add, 2, 3) == 5


async def test_a_coded_error_comes_as_it_was_raised() -> None:
    with pytest.raises(BadMessage) as caught:
        await apart(refuse)
    assert (caught.value.party, caught.value.phase) == ("tax", "match")


@pytest.mark.parametrize("work", [fail, vanish])
async def test_any_other_end_is_broken_and_quotes_nothing(
    work: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Broken) as caught:
        await apart(work)
    assert "91110000600037341L" not in f"{caught.value!r}{caught.value.__context__!r}"
    assert "91110000600037341L" not in "".join(capfd.readouterr())


async def test_who_stops_waiting_stops_the_work(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    waiting = asyncio.create_task(apart(wait_forever, str(begun)))
    process = await _process_in(begun)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not _is_alive(process)


async def test_it_ends_with_a_daemon_that_is_killed(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begin = f"asyncio.ensure_future(apart(wait_forever, {str(begun)!r}))"
    lone = _lone(tmp_path, module="daemon.apart", what="apart", begin=begin)
    process = await _process_in(begun)
    lone.kill()
    lone.wait()
    await _until(lambda: not _is_alive(process))


# ── the process of the decryption key ───────────────────────────────────────────────────────────


async def test_the_process_of_a_key_ends_with_a_daemon_that_is_killed(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    say = f"Path({str(begun)!r}).write_text(str(key._process.pid), 'ascii')"
    lone = _lone(
        tmp_path,
        module="node.key_process",
        what="JoinKey",
        begin=f"key = JoinKey(); await key.public_key(); {say}",
    )
    process = await _process_in(begun)
    assert _is_alive(process)
    lone.kill()
    lone.wait()
    await _until(lambda: not _is_alive(process))


async def test_a_key_is_the_same_until_it_is_closed_and_gone_then() -> None:
    key = JoinKey()
    try:
        first = await key.public_key()
        assert await key.public_key() == first
        with pytest.raises(BadMessage):
            await key.decrypt([b"no sum"], 1, 0)
        assert await key.public_key() == first
    finally:
        await key.close()
    assert not _is_alive(key._process.pid or 0)
    other = JoinKey()
    try:
        assert await other.public_key() != first
    finally:
        await other.close()


async def test_a_key_that_is_asked_is_closed_when_nobody_reads_from_it_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another file may get the number of a pipe that is closed, and a thread would read that."""
    key = KeyProcess(_silent)
    receive, close, reading = key._here.recv, key._here.close, threading.Event()

    def noted() -> object:
        reading.set()
        try:
            return receive()
        finally:
            reading.clear()

    def closed() -> None:
        assert not reading.is_set()
        close()

    monkeypatch.setattr(key._here, "recv", noted)
    monkeypatch.setattr(key._here, "close", closed)
    asking = asyncio.create_task(key.public_key())
    await _until(reading.is_set)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await key.close()
    assert key._here.closed


def _silent() -> Answers:
    """A key that is never made."""
    threading.Event().wait()
    return {}


def _lone(folder: Path, **words: str) -> subprocess.Popen[bytes]:
    script = folder / "lone.py"
    script.write_text(LONE.format(**words), "utf-8")
    root = str(Path(__file__).parents[3])
    return subprocess.Popen([sys.executable, str(script)], env={**os.environ, "PYTHONPATH": root})


async def _process_in(file: Path) -> int:
    def written() -> str:
        return file.read_text("ascii") if file.exists() else ""

    await _until(lambda: bool(written()))
    return int(written())


async def _until(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not happens():  # noqa: ASYNC110  # a process that ends sets no event
            await asyncio.sleep(0.02)


def _is_alive(process: int) -> bool:
    with suppress(OSError):
        stat = Path(f"/proc/{process}/stat").read_text("ascii")
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False
