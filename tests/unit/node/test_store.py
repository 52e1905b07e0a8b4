"""The node's durable state: committed before anybody acts on it, and the same after any death."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from contract.errors import StorageFull
from contract.signing import Kind, Statement
from durable.database import Database
from durable.postgres import Place
from node.store import Store
from tests.unit.node.stations import TOO_MUCH, limited

Reopen = Callable[[], Store]

JOB, RUN, LOG = bytes([1] * 32), bytes([2] * 32), bytes([3] * 16)


def statement(kind: Kind = Kind.APPROVAL, subject: bytes = JOB, body: bytes = b"{}") -> Statement:
    return Statement(kind, "bank_a", subject, body, b"signature", b"certificate")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(folder: Path, either: Place | None) -> Iterator[Store]:
    store = Store(folder, either)
    yield store
    store.close()


@pytest.fixture
def reopen(store: Store, folder: Path, either: Place | None) -> Iterator[Reopen]:
    """The state as another process finds it after this one."""
    opened = [store]

    def again() -> Store:
        opened[-1].close()
        opened.append(Store(folder, either))
        return opened[-1]

    yield again
    opened[-1].close()


# ── what this node says ─────────────────────────────────────────────────────────────────────────


def test_what_is_said_waits_in_order_until_it_is_taken(store: Store, reopen: Reopen) -> None:
    said = [statement(kind) for kind in (Kind.CONTRACT, Kind.APPROVAL, Kind.PREPARE)]
    for one in said:
        assert store.say(one)
    assert store.unsaid(0) == list(enumerate(said, 1))
    assert store.unsaid(2) == [(3, said[2])]
    assert store.taken(1, None) == said[0]
    assert store.taken(3, '{"code":"REFUSED"}') == said[2]
    store = reopen()
    assert store.unsaid(0) == [(2, said[1])]


def test_one_thing_is_said_once(store: Store, reopen: Reopen) -> None:
    assert store.say(statement(body=b"one"))
    assert not store.say(statement(body=b"another"))
    assert store.say(statement(Kind.PREPARE))
    assert store.say(statement(subject=RUN))
    store.taken(1, None)
    store = reopen()
    assert not store.say(statement(body=b"after a restart"))
    assert store.has_said(Kind.APPROVAL, JOB)
    assert not store.has_said(Kind.GATE, JOB)
    assert not store.has_said(Kind.PREPARE, RUN)


def test_what_was_taken_before_is_not_taken_again(store: Store) -> None:
    store.say(statement())
    assert store.taken(1, None) is not None
    assert store.taken(1, "again") is None
    assert store.taken(99, None) is None


def test_another_log_voids_what_the_old_one_did_not_take(store: Store, reopen: Reopen) -> None:
    for kind in (Kind.CONTRACT, Kind.APPROVAL, Kind.PREPARE):
        store.say(statement(kind))
    store.taken(1, None)
    store.hear(7, JOB, statement(Kind.CONTRACT), "proposed")
    store.begin_log(LOG, 0)
    assert (store.log, store.cursor, store.unsaid(0)) == (LOG, 0, [])
    store = reopen()
    assert (store.log, store.cursor, store.unsaid(0)) == (LOG, 0, [])
    # The new coordinator may still count the old numbers, so none is used for something else.
    store.say(statement(Kind.GATE))
    assert [number for number, _ in store.unsaid(0)] == [4]
    assert store.has_said(Kind.CONTRACT, JOB)


# ── what this node has heard ────────────────────────────────────────────────────────────────────


def test_hearing_keeps_statement_cursor_and_state_together(store: Store, reopen: Reopen) -> None:
    store.hear(3, JOB, statement(Kind.CONTRACT), "proposed")
    store.hear(8, RUN, statement(Kind.CONTRACT, RUN), "proposed")
    store.hear(9, JOB, statement(), "approved")
    store.skip(11)
    store = reopen()
    assert store.cursor == 11
    assert [number for number, _ in store.heard(JOB)] == [3, 9]
    assert [one.kind for _, one in store.heard(JOB)] == [Kind.CONTRACT, Kind.APPROVAL]
    rows = {row.job: row.state for row in store.jobs()}
    assert rows == {RUN: "proposed", JOB: "approved"}
    assert [row.job for row in store.jobs()] == [RUN, JOB]  # newest first


def test_hearing_that_cannot_be_written_changes_nothing(store: Store, reopen: Reopen) -> None:
    store.hear(1, JOB, statement(Kind.CONTRACT), "proposed")
    with limited(store), pytest.raises(StorageFull) as full:
        store.hear(2, JOB, statement(body=TOO_MUCH), "approved")
    assert full.value.exit_code == 7
    assert (store.cursor, len(store.heard(JOB))) == (1, 1)
    row = store.job(JOB)
    assert row is not None
    assert row.state == "proposed"
    store.hear(2, JOB, statement(), "approved")  # once there is room again
    store = reopen()
    assert store.cursor == 2


def test_what_cannot_be_written_is_not_said(store: Store) -> None:
    with limited(store), pytest.raises(StorageFull):
        store.say(statement(body=TOO_MUCH))
    assert store.unsaid(0) == []
    assert store.say(statement())


@contextmanager
def failing(database: Database) -> Iterator[Connection]:
    """A transaction that is refused when it is to be committed."""
    with database.engine.begin() as connection:
        yield connection
        raise StorageFull("no room", fix="make some")


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.say(statement(Kind.GATE)),
        lambda store: store.taken(1, None),
        lambda store: store.hear(2, JOB, statement(), "approved"),
        lambda store: store.skip(2),
        lambda store: store.begin_log(LOG, 0),
        lambda store: store.pin(JOB, ("aa" * 32,)),
        lambda store: store.begin(JOB),
        lambda store: store.set_result(JOB, "{}"),
        lambda store: store.end(JOB, "failed", "{}"),
    ],
    ids=["say", "taken", "hear", "skip", "begin_log", "pin", "begin", "set_result", "end"],
)
def test_what_is_in_memory_is_what_was_committed(
    store: Store, reopen: Reopen, monkeypatch: pytest.MonkeyPatch, change: Callable[[Store], object]
) -> None:
    def known(store: Store) -> object:
        return store.log, store.cursor, store.unsaid(0), store.job(JOB)

    store.say(statement(Kind.CONTRACT))
    store.hear(1, JOB, statement(Kind.CONTRACT), "proposed")
    before = known(store)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", failing)
        with pytest.raises(StorageFull):
            change(store)
    assert known(store) == before
    store = reopen()
    assert known(store) == before
    change(store)
    after = known(store)
    assert after != before
    assert known(reopen()) == after


# ── jobs, receipts, and the rest ────────────────────────────────────────────────────────────────


def test_what_the_node_notes_of_a_job_survives(store: Store, reopen: Reopen) -> None:
    store.hear(1, JOB, statement(Kind.CONTRACT), "running")
    store.pin(JOB, ("aa" * 32, "bb" * 32))
    store.begin(JOB)
    store.set_result(JOB, '{"count":3}')
    store = reopen()
    row = store.job(JOB)
    assert row is not None
    assert (row.snapshots, row.begun, row.result) == (("aa" * 32, "bb" * 32), True, '{"count":3}')
    store.set_result(JOB, None)
    store.end(JOB, "failed", '{"code":"PARTY_LOST"}')
    row = store.job(JOB)
    assert row is not None
    assert (row.state, row.cause, row.result) == ("failed", '{"code":"PARTY_LOST"}', None)
    assert store.job(RUN) is None


def test_receipts_are_kept_once(store: Store, reopen: Reopen) -> None:
    salt = bytes(32)
    store.keep_receipt(RUN, salt, statement(Kind.RECEIPT, RUN, b"e"))
    store.keep_receipt(RUN, salt, statement(Kind.RECEIPT, RUN, b"b"))
    store.keep_receipt(RUN, salt, statement(Kind.RECEIPT, RUN, b"b"))
    store.keep_receipt(JOB, salt, statement(Kind.RECEIPT, JOB, b"j"))
    store = reopen()
    assert sorted(one.body for one in store.receipts(RUN)) == [b"b", b"e"]
    assert {one.kind for one in store.receipts(RUN)} == {Kind.RECEIPT}


def test_a_store_has_a_name_for_life_and_no_two_have_the_same(
    store: Store, reopen: Reopen, tmp_path: Path
) -> None:
    name = store.id
    assert len(name) == 16
    assert reopen().id == name
    other = Store(tmp_path / "other")
    assert other.id != name
    other.close()


def test_revisions_only_grow(store: Store, reopen: Reopen) -> None:
    assert [store.next_revision(), store.next_revision()] == [1, 2]
    assert reopen().next_revision() == 3


def test_only_the_owner_may_enter_the_folder(store: Store, folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


WRITER = """
import sys
from pathlib import Path
from contract.signing import Kind, Statement
from node.store import Store

store = Store(Path(sys.argv[1]))
for n in range(1, 10_000):
    about = n.to_bytes(32, "big")
    store.say(Statement(Kind.APPROVAL, "bank_a", about, b"{}", b"s", b"c"))
    store.hear(n, about, Statement(Kind.CONTRACT, "bank_a", about, b"{}", b"s", b"c"), "proposed")
    print(n, flush=True)
"""


def test_a_node_that_is_killed_has_everything_that_it_acted_on(folder: Path, root: Path) -> None:
    """It prints a number when both statements of that number are durable."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    acted = 0
    while acted < 20:
        acted = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    acted = max([acted, *map(int, writer.stdout.read().split())])
    writer.wait()
    writer.stdout.close()
    store = Store(folder)
    try:
        said = [number for number, _ in store.unsaid(0)]
        # What was not yet acted on may be there or not, and then whole.
        assert said in ([*range(1, acted + 1)], [*range(1, acted + 2)])
        assert store.cursor in (acted, acted + 1)
        assert len(store.jobs()) == store.cursor
        assert store.heard(store.cursor.to_bytes(32, "big"))
    finally:
        store.close()
