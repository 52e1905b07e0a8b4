"""From the file to a server: everything comes along, once, whatever happens on the way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from contract.errors import AlreadyThere, BadSetting, StorageFull
from contract.signing import Kind, Statement
from coordinator import tables
from coordinator.store import Store as Log
from durable import moving, opening
from durable.history import History
from durable.opening import open_state
from durable.postgres import Place
from node.schema import HISTORY
from node.store import Store
from tests.unit.durable.test_history import HISTORIES, by_daemon, opened, rows, write_old

JOB = bytes([1] * 32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def said(kind: Kind) -> Statement:
    return Statement(kind, "bank_a", JOB, b"{}", b"signature", b"certificate")


@pytest.mark.parametrize("history", HISTORIES, ids=by_daemon)
def test_all_rows_come_along(history: History, file: Path, place: Place) -> None:
    write_old(history, file)
    with opened(file, None, history) as database:
        before = rows(database, history)
    for _ in range(2):  # the second time it lies there already
        with opened(file, place, history) as database:
            after = rows(database, history)
        after["meta"] = [row for row in after["meta"] if row[0] != "holder"]
        assert after == before
        assert not file.exists()
        assert moving.moved(file).exists()


def test_a_number_that_was_given_is_not_given_again(tmp_path: Path, place: Place) -> None:
    write_old(HISTORY, tmp_path / "state.sqlite")  # number 4 was said, and is void
    store = Store(tmp_path, place)
    store.say(said(Kind.EVIDENCE))
    assert [number for number, _ in store.unsaid(0)] == [3, 5]
    store.close()


async def test_a_log_goes_on_counting(tmp_path: Path, place: Place) -> None:
    write_old(tables.HISTORY, tmp_path / "log.sqlite")
    log = await Log.open(tmp_path, place)
    assert (log.log_id, await log.head()) == (bytes(range(16)), 4)
    log.close()


def test_without_the_server_nothing_begins_anew(tmp_path: Path, place: Place) -> None:
    Store(tmp_path).close()
    Store(tmp_path, place).close()
    with pytest.raises(BadSetting, match="has moved"):
        Store(tmp_path)
    moving.moved(tmp_path / "state.sqlite").unlink()
    Store(tmp_path).close()


def test_two_states_are_not_mixed(tmp_path: Path, place: Place) -> None:
    Store(tmp_path / "other", place).close()
    Store(tmp_path).close()
    with pytest.raises(AlreadyThere, match="and another in"):
        Store(tmp_path, place)
    Store(tmp_path).close()
    Store(tmp_path / "other", place).close()


def _fail(*_: object, **__: object) -> None:
    raise StorageFull("as if killed here", fix="none")


@pytest.mark.parametrize(("room", "name"), [(moving, "_copy"), (opening, "put_away")])
def test_a_move_that_breaks_off_is_made_by_the_next_start(
    room: object, name: str, file: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_old(HISTORY, file)
    with opened(file, None, HISTORY) as database:
        before = rows(database, HISTORY)
    copied: Callable[..., None] = moving._copy
    done: list[object] = []

    def breaks_off(*arguments: object) -> None:
        if len(done) == 3:
            _fail()
        done.append(arguments)
        copied(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr(room, name, breaks_off if name == "_copy" else _fail)
        with pytest.raises(StorageFull, match="as if killed"):
            open_state(file, place, HISTORY)
        assert file.exists()
    with opened(file, place, HISTORY) as database:
        after = rows(database, HISTORY)
    after["meta"] = [row for row in after["meta"] if row[0] != "holder"]
    assert after == before
    assert not file.exists()
