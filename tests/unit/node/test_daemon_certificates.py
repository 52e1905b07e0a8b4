"""Whole nodes and a coordinator that watches its files: a certificate renewed, and one revoked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cli.revocation import next_list
from contract.errors import CertificateRevoked
from contract.lifecycle import State
from coordinator.server import serving
from mihe.client import NodeClient
from tests.unit.coordinator.consortium import Consortium, configure
from tests.unit.node.lines import enrol
from tests.unit.node.stations import write_dataset
from tests.unit.node.test_daemon import WISH, Folder, offered, running


@pytest.fixture
async def federation() -> AsyncIterator[tuple[Consortium, Path, Folder, Folder]]:
    """A coordinator and two nodes with their loans, of a consortium that no other test knows."""
    with TemporaryDirectory(prefix="mihe-", dir="/tmp") as short:
        async with started(Path(short)) as federation:
            yield federation


@asynccontextmanager
async def started(short: Path) -> AsyncIterator[tuple[Consortium, Path, Folder, Folder]]:
    consortium, place = Consortium("A consortium of its own"), short / "coordinator"
    config = configure(place, consortium.coordinator, listen="127.0.0.1:0")
    members = [enrol(consortium.member(org), short / "m" / org) for org in ("bank_a", "bank_b")]
    async with AsyncExitStack() as stack:
        coordinator = await stack.enter_async_context(serving(config, place))
        watching = asyncio.create_task(coordinator.watch())
        stack.callback(watching.cancel)
        address = f"127.0.0.1:{coordinator.port}"
        a, b = (Folder(member, short, coordinator=address) for member in members)
        for folder, numbers in zip((a, b), (range(20), range(15, 60)), strict=True):
            await stack.enter_async_context(running(folder))
            await folder.until(lambda node: node.status().attached)
            described = write_dataset(folder.path / "sources", numbers)
            await folder.ask(partial(NodeClient.add_dataset, description=described))
        await a.until(lambda node: len(offered(node)) == 2)
        yield consortium, place, a, b


async def test_renewed_and_then_revoked(
    federation: tuple[Consortium, Path, Folder, Folder],
) -> None:
    consortium, place, a, b = federation
    new = consortium.issue("bank_b")
    for name, content in (("key.pem", new.key_pem), ("cert.pem", new.certificate_pem)):
        (b.path / name).write_bytes(content)
    fingerprint = new.signer.identity.fingerprint
    await b.until(lambda node: node.status().fingerprint == fingerprint and node.status().attached)
    await a.until(lambda node: _named(node) == fingerprint)
    job = (await a.ask(lambda node: node.propose(WISH))).job
    views = await a.ask(lambda node: list(node.watch(job)))
    assert views[-1].state is State.DONE
    pem = next_list(consortium.key, consortium.certificate, None, new.certificate_pem)
    (place / "ca.crl").write_bytes(pem)
    await b.until(lambda node: not node.status().attached)
    assert "revoked" in (await b.ask(NodeClient.status)).notices[0].what
    await a.until(lambda node: any("revoked" in one.what for one in node.status().notices))
    with pytest.raises(CertificateRevoked):
        await a.ask(lambda node: node.propose(WISH))


def _named(node: NodeClient) -> str:
    return node.plan(WISH).contract.party("bank_b").fingerprint
