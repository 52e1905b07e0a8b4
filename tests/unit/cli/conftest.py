"""A node's folder, a server on its socket, and a job for it to tell of."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest

from cli.init import init_node
from contract.job import Basis, Contract, JobKind, Party
from contract.keys import KeyKind
from contract.leakage import leakage_of
from contract.lifecycle import State
from contract.views import JobView
from protos import admin_pb2_grpc
from tests.unit.cli.canned import USCC, Node


@pytest.fixture
def folder() -> Iterator[Path]:
    # pytest's own folders are named after the test, and a Unix socket's path is short.
    with TemporaryDirectory(prefix="mihe-") as name:
        yield Path(name)


@pytest.fixture
def home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of bank_a's node, in MIHE_NODE; nothing listens on its socket yet."""
    init_node(folder / "bank_a", "bank_a", USCC, "127.0.0.1:7450")
    monkeypatch.setenv("MIHE_NODE", str(folder / "bank_a"))
    monkeypatch.delenv("MIHE_DEBUG", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    return folder / "bank_a"


@pytest.fixture
def node(home: Path) -> Iterator[Node]:
    """bank_a's node, answering what the test puts into `answers`."""
    canned = Node(home)
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    admin_pb2_grpc.add_AdminServicer_to_server(canned, server)
    server.add_insecure_port(f"unix:{home / 'admin.sock'}")
    server.start()
    yield canned
    server.stop(grace=None).wait()


@pytest.fixture
def contract() -> Contract:
    def party(org: str, size: int) -> Party:
        return Party(
            org=org,
            fingerprint="ab" * 32,
            dataset="loans",
            key_column="uscc",
            key_kind=KeyKind.USCC,
            schema_digest="cd" * 32,
            size=size,
        )

    return Contract(
        kind=JobKind.PSI,
        initiator="bank_a",
        parties=(party("bank_a", 1024), party("bank_b", 512)),
        receivers=("bank_a",),
        purpose="CREDIT_MICRO",
        basis=Basis.SYNTHETIC_TEST,
        created=datetime(2026, 3, 1, 8, tzinfo=UTC),
        expires=datetime(2026, 3, 2, 8, tzinfo=UTC),
        nonce="ef" * 32,
    )


@pytest.fixture
def job(contract: Contract) -> JobView:
    """A job that has just been proposed."""
    return JobView(
        job=contract.job_id.hex(),
        state=State.PROPOSED,
        contract=contract,
        leakage=leakage_of(contract),
        history=(),
    )
