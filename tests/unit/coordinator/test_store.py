"""The log and what stands beside it, in a file and on a PostgreSQL server alike."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.signing import Kind, Statement
from coordinator import store as store_module
from coordinator.store import NodeRecord, Saying, Standing, Store
from durable.postgres import Place

NOW = datetime(2026, 11, 1, tzinfo=UTC)
JOB, OTHER, RUN = bytes([1] * 32), bytes([2] * 32), bytes([255] * 32)
A, B = bytes([3] * 16), bytes([4] * 16)
BOTH = ("bank_a", "bank_b")

Reopen = Callable[[], Awaitable[Store]]


def said(kind: Kind = Kind.CONTRACT, subject: bytes = JOB, org: str = "bank_a") -> Statement:
    return Statement(kind, org, subject, bytes(range(256)), b"signature", b"\0certificate")


@pytest.fixture
async def reopen(tmp_path: Path, either: Place | None) -> AsyncIterator[Reopen]:
    """The log as the next process finds it."""
    opened: list[Store] = []

    async def again() -> Store:
        for earlier in opened:
            earlier.close()
        opened[:] = [await Store.open(tmp_path, either)]
        return opened[0]

    yield again
    for last in opened:
        last.close()


@pytest.fixture
async def store(reopen: Reopen) -> Store:
    return await reopen()


async def test_the_log_keeps_its_order_and_its_name(store: Store, reopen: Reopen) -> None:
    assert await store.head() == 0
    name = store.log_id
    first = await store.append(said(), Standing(JOB, None, False, BOTH), None, NOW)
    answer = said(Kind.APPROVAL, org="bank_b")
    second = await store.append(answer, Standing(JOB, RUN, False), None, NOW)
    store = await reopen()
    assert store.log_id == name
    assert await store.head() == second > first
    third = await store.append(said(Kind.PREPARE), Standing(JOB, RUN, False), None, NOW)
    assert third > second
    for org in BOTH:
        told = await store.concerning(org, 0, 2)
        assert [(one.number, one.statement) for one in told] == [(first, said()), (second, answer)]
        assert [one.number for one in await store.concerning(org, second, 9)] == [third]
    assert await store.concerning("bank_c", 0, 9) == []


async def test_who_found_nothing_finds_what_is_logged_afterwards(store: Store) -> None:
    for _ in range(2):
        assert await store.concerning("bank_a", 0, 9) == []
    first = await store.append(said(), Standing(JOB, None, False, BOTH), None, NOW)
    for _ in range(2):
        assert await store.concerning("bank_a", first, 9) == []
        assert [one.number for one in await store.concerning("bank_a", 0, 9)] == [first]
    second = await store.append(said(Kind.DEAD), Standing(JOB, None, True), None, NOW)
    assert [one.number for one in await store.concerning("bank_a", first, 9)] == [second]


async def test_ended_jobs_are_known_and_not_open(store: Store, reopen: Reopen) -> None:
    await store.append(said(), Standing(JOB, None, False, BOTH), None, NOW)
    await store.append(said(subject=OTHER), Standing(OTHER, None, False, BOTH), None, NOW)
    await store.append(said(Kind.DEAD), Standing(JOB, RUN, True), None, NOW)
    store = await reopen()
    opened = await store.open_jobs()
    assert {job: [one.statement.kind for one in told] for job, told in opened.items()} == {
        OTHER: [Kind.CONTRACT]
    }
    assert [await store.knows(one) for one in (JOB, OTHER, RUN, bytes(32))] == [True] * 3 + [False]


async def test_a_saying_is_settled_with_what_it_says(store: Store, reopen: Reopen) -> None:
    assert await store.node("bank_a") is None
    await store.begin("bank_a", A)
    await store.append(said(), Standing(JOB, None, False, BOTH), Saying("bank_a", A, 1 << 40), NOW)
    await store.settle(Saying("bank_a", B, 7))  # another store's: it counts for nothing
    store = await reopen()
    assert await store.node("bank_a") == NodeRecord(A, 1 << 40)
    await store.begin("bank_a", B)
    assert await store.node("bank_a") == NodeRecord(B, 0)


async def test_only_the_newest_rejections_are_kept(
    store: Store, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_KEPT_REJECTIONS", 3)
    await store.begin("bank_a", A)
    await store.begin("bank_b", B)
    await store.settle(Saying("bank_b", B, 1), "{}")
    for number in range(1, 6):
        await store.settle(Saying("bank_a", A, number), f'{{"what":"数 {number}"}}')
    store = await reopen()
    assert await store.rejections("bank_a") == {n: f'{{"what":"数 {n}"}}' for n in (3, 4, 5)}
    assert await store.rejections("bank_b") == {1: "{}"}
    await store.begin("bank_a", B)
    assert await store.rejections("bank_a") == {}


async def test_a_catalogue_takes_the_place_of_the_one_before(store: Store, reopen: Reopen) -> None:
    for org, name in (("bank_b", B), ("bank_a", A)):
        await store.begin(org, name)
        for number, subject in enumerate((JOB, OTHER), 1):
            offer = said(Kind.CATALOGUE, subject, org)
            await store.offer(offer, Saying(org, name, number))
    store = await reopen()
    assert await store.catalogues() == [said(Kind.CATALOGUE, OTHER, org) for org in BOTH]
    assert await store.node("bank_b") == NodeRecord(B, 2)
