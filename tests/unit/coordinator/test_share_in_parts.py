"""A share by shares that one message has no room for: its further parts, and what none may be.

A real coordinator that takes parts, and its computation, which reads them. Messages hold a column
each here, as they do of 2^24 places.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contract.credentials import Credentials
from contract.errors import BadMessage
from contract.job import Contract
from contract.suites import Suite
from coordinator.compute import Order, Told, match_and_add
from coordinator.server import Running
from federated.join.parameters import JoinParameters
from federated.query import sizes
from federated.query.agreed import plan_of
from federated.query.plan import QueryPlan
from federated.query.shared import lists_of
from federated.query.sizes import cut, further_part, most_further_bytes
from federated.words import WORD_BYTES
from node.wire import joins
from protos import coordinator_pb2 as wire
from protos.join_pb2 import JoinFurther
from tests.unit.coordinator import consortium as made
from tests.unit.coordinator.consortium import Consortium, Stream, say_all
from tests.unit.coordinator.test_queries import SALT, Run, blamed, contribute, part_of

NUMBERS = 3
SIZE = 256
COLUMN = WORD_BYTES * SIZE


@pytest.fixture(autouse=True)
def _a_column_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "CUT_BYTES", COLUMN)


def asked(bank_a: Credentials, bank_b: Credentials) -> Contract:
    return made.query_of(bank_a, bank_b, numbers=NUMBERS, suite=Suite.KEYED_SHARED)


def share_of(plan: QueryPlan, tokens: bytes) -> bytes:
    """A share of 256 keys, all of whose columns are in further parts."""
    assert [len(which) for which in cut(plan, 0)] == [0, 1, 1, 1]
    return joins.share_to_bytes(
        tokens=tokens, codes=None, keys=SIZE, columns=[], blinding=os.urandom(32)
    )


# ── what is taken ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def run(
    coordinator: Running,
    folder: Path,
    bank_a: Credentials,
    bank_b: Credentials,
    attached: Callable[..., Awaitable[Stream]],
) -> Run:
    contract = asked(bank_a, bank_b)
    streams = [await attached(bank_a), await attached(bank_b)]
    run, said = made.to_running(contract, bank_a, bank_b)
    for one in (bank_a, bank_b):
        await streams[one is bank_b].must_say(made.catalogue(one))
    await say_all(said, *streams)
    return Run(coordinator.port, contract, run, folder / "data" / "runs" / run.hex())


async def test_parts_come_in_any_order_and_as_many_as_the_plan_has(
    run: Run, bank_b: Credentials
) -> None:
    names = [further_part(3), "share", further_part(1)]
    for name in names:
        assert await contribute(run.port, bank_b, part_of(bank_b, run.id, name, b"some")) is None
    assert run.files() == {f"bank_b.{name}{end}" for name in names for end in ("", ".receipt")}
    more = part_of(bank_b, run.id, further_part(4), b"some")
    assert blamed(await contribute(run.port, bank_b, more)) == ("FOREIGN_FRAME", "bank_b")
    for name in ("further_0", "further_", "further_01", "further_100", "further_1 "):
        opening = wire.PartOpen(run=run.id, part=name, size=4, salt=SALT)
        none = replace(part_of(bank_b, run.id, "share", b"some"), opening=opening)
        assert blamed(await contribute(run.port, bank_b, none)) == ("BAD_MESSAGE", "bank_b")


async def test_a_further_part_is_no_larger_than_its_columns(run: Run, bank_b: Credentials) -> None:
    most = most_further_bytes(plan_of(run.contract), 1, 1)
    assert COLUMN < most < 2 * COLUMN
    long = part_of(bank_b, run.id, further_part(1), bytes(most + 1))
    assert blamed(await contribute(run.port, bank_b, long)) == ("FRAME_TOO_LARGE", "bank_b")
    assert not run.files()


async def test_no_part_of_another_kind_of_job_is_taken(run: Run, bank_b: Credentials) -> None:
    for name in ("masked_1", "counts_2", "opening_1", "merging"):
        foreign = part_of(bank_b, run.id, name, b"some")
        assert blamed(await contribute(run.port, bank_b, foreign)) == ("FOREIGN_FRAME", "bank_b")
    assert not run.files()


# ── what is computed ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Two owners, half of whose 256 tokens are the same, and every part of both."""
    members = Consortium("Parts")
    contract = asked(members.member("bank_a"), members.member("bank_b"))
    plan, receiver = plan_of(contract), contract.receivers[0]
    half = SIZE // 2 * JoinParameters.of(contract, bytes(32)).token_bytes
    common = os.urandom(half)
    files = []
    for owner, part in enumerate(plan.owners):
        names = ["share", *(further_part(number) for number in range(1, len(cut(plan, owner))))]
        own = [tmp_path / f"{part.org}.{name}" for name in names]
        own[0].write_bytes(share_of(plan, common + os.urandom(half)))
        for file in own[1:]:
            file.write_bytes(joins.further_to_bytes([os.urandom(COLUMN)]))
        files.append(tuple(own))
    return Order(
        run=bytes(32),
        contract=contract,
        key_file=tmp_path / "none",
        share_files=tuple(files),
        sums_file=tmp_path / "sums",
        told=tuple(
            Told(org, lists_of(plan, receiver, org), tmp_path / f"{org}.rows")
            for org in (receiver, contract.helper)
        ),
    )


def test_whole_parts_are_added_up(order: Order) -> None:
    outcome = match_and_add(order)
    assert len(outcome.passing) == 1
    sums = joins.sums_from_bytes(
        order.sums_file.read_bytes(), plan_of(order.contract), 1, shared=True
    )
    assert len(sums.cells[0].sums) == 2 * NUMBERS


LIES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda raw: raw[:-1],
    "nothing": lambda _: b"",
    "a column too many": lambda raw: raw + JoinFurther(shares=[bytes(COLUMN)]).SerializeToString(),
    "a place missing": lambda _: JoinFurther(shares=[bytes(COLUMN - 16)]).SerializeToString(),
    "half a word more": lambda _: JoinFurther(shares=[bytes(COLUMN + 8)]).SerializeToString(),
    "an empty column": lambda _: JoinFurther(shares=[b""]).SerializeToString(),
    "no message": lambda _: b"\xff" * COLUMN,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
@pytest.mark.parametrize("number", [1, NUMBERS])
def test_a_part_that_is_not_its_columns_is_its_owners_fault(
    order: Order, lie: Callable[[bytes], bytes], number: int
) -> None:
    file = order.share_files[1][number]
    file.write_bytes(lie(file.read_bytes()))
    with pytest.raises(BadMessage) as refused:
        match_and_add(order)
    assert refused.value.party == "bank_b"


def test_a_share_with_columns_that_belong_elsewhere_is_its_owners_fault(order: Order) -> None:
    plan = plan_of(order.contract)
    tokens = bytes(SIZE * JoinParameters.of(order.contract, bytes(32)).token_bytes)
    order.share_files[0][0].write_bytes(
        joins.share_to_bytes(
            tokens=tokens,
            codes=None,
            keys=SIZE,
            columns=[],
            shares=[bytes(COLUMN)] * plan.owners[0].sent,
            blinding=bytes(32),
        )
    )
    with pytest.raises(BadMessage, match="columns missing") as refused:
        match_and_add(order)
    assert refused.value.party == "bank_a"
