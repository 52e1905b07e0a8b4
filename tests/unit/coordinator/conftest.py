"""A consortium, and a coordinator that serves on localhost for as long as a test lasts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from contract.credentials import Credentials
from coordinator.server import Running, serving
from tests.unit.coordinator.consortium import Consortium, HandClock, Stream, attach, configure

GRACE_SECONDS = 5


@pytest.fixture(scope="session")
def consortium() -> Consortium:
    return Consortium("Test consortium")


@pytest.fixture(scope="session")
def bank_a(consortium: Consortium) -> Credentials:
    return consortium.member("bank_a")


@pytest.fixture(scope="session")
def bank_b(consortium: Consortium) -> Credentials:
    return consortium.member("bank_b")


@pytest.fixture
def time() -> HandClock:
    return HandClock()


@pytest.fixture
def folder(consortium: Consortium, tmp_path: Path) -> Path:
    return tmp_path / "coordinator"


@pytest.fixture
async def coordinator(
    consortium: Consortium, folder: Path, time: HandClock
) -> AsyncIterator[Running]:
    config = configure(folder, consortium.coordinator, grace=GRACE_SECONDS)
    async with serving(config, folder, time.clock) as running:
        yield running


@pytest.fixture
async def attached(
    coordinator: Running,
) -> AsyncIterator[Callable[..., Awaitable[Stream]]]:
    """Attaches an organisation's node; its stream is broken at the end of the test."""
    streams: list[Stream] = []

    async def one(credentials: Credentials, **greeting: Any) -> Stream:
        streams.append(await attach(coordinator.port, credentials, **greeting))
        return streams[-1]

    yield one
    for stream in streams:
        await stream.leave()
