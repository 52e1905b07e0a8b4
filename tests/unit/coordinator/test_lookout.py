"""Dialling a node back: yes where its very own certificate is met, else no; little, and slowly."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from cli.local import free_port
from contract.credentials import Credentials
from contract.errors import BadRequest
from coordinator.lookout import Lookout
from tests.unit.coordinator.consortium import Consortium

SECONDS = 0.3


@asynccontextmanager
async def listening(folder: Path, credentials: Credentials) -> AsyncIterator[str]:
    """A TLS server that shows this certificate, and what a client must show stays unasked."""
    certificate, key = folder / "c.pem", folder / "c.key"
    certificate.write_bytes(credentials.certificate_pem)
    key.write_bytes(credentials.key_pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def lookout(consortium: Consortium) -> Lookout:
    return Lookout(consortium.coordinator, lambda: 0.0, seconds=SECONDS)


async def test_a_node_is_met_under_its_own_certificate(
    consortium: Consortium, lookout: Lookout, tmp_path: Path
) -> None:
    bank = consortium.issue("bank_a")
    async with listening(tmp_path, bank) as address:
        assert await lookout.meets(bank.signer.identity, address)


@pytest.mark.parametrize("who", ["another member", "its former key", "another CA", "nobody"])
async def test_anybody_else_is_a_no_that_takes_its_time(
    consortium: Consortium, lookout: Lookout, tmp_path: Path, who: str
) -> None:
    bank = consortium.issue("bank_a")
    others = {
        "another member": lambda: consortium.issue("bank_b"),
        "its former key": lambda: consortium.issue("bank_a"),
        "another CA": lambda: Consortium("another").issue("bank_a"),
    }
    loop = asyncio.get_running_loop()
    if who == "nobody":
        begun = loop.time()
        assert not await lookout.meets(bank.signer.identity, f"127.0.0.1:{free_port()}")
    else:
        async with listening(tmp_path, others[who]()) as address:
            begun = loop.time()
            assert not await lookout.meets(bank.signer.identity, address)
    # A lower bound: how soon it fails must not tell why.
    assert loop.time() - begun >= SECONDS * 0.99


async def test_who_says_nothing_is_left(consortium: Consortium, lookout: Lookout) -> None:
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()  # the greeting, and then the end
        writer.close()
        left.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert not await lookout.meets(consortium.issue("bank_a").signer.identity, address)
        await left.wait()


async def test_a_member_may_ask_a_few_times_and_then_has_to_wait(consortium: Consortium) -> None:
    now = 0.0
    lookout = Lookout(consortium.coordinator, lambda: now, seconds=0.01)
    bank, other = (consortium.issue(org).signer.identity for org in ("bank_a", "bank_b"))
    address = f"127.0.0.1:{free_port()}"
    for _ in range(3):
        assert not await lookout.meets(bank, address)
    with pytest.raises(BadRequest, match="too often"):
        await lookout.meets(bank, address)
    assert not await lookout.meets(other, address)
    now = 10.0
    assert not await lookout.meets(bank, address)
    with pytest.raises(BadRequest):
        await lookout.meets(bank, address)
