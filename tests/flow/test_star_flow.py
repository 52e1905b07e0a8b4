"""Stars from the owners' files to the result, whole jobs in one process.

Everything is real but the coordinator, which is a log in memory: import, policies, contract, start
record, the sealed links, the protocol, release and evidence.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from functools import reduce
from pathlib import Path
from random import Random

import pytest

from contract.errors import BadRequest
from contract.job import JobKind
from contract.lifecycle import State
from contract.signing import Kind
from contract.statements import Receipt
from contract.views import ResultView
from psi.engine import Engine
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import Member, enrol
from tests.unit.node.stations import POLICY, Log, Station, many_stations, uscc

ORGS = ("bank_a", "bank_b", "power", "tax")
EVERYBODY = '["bank_a", "bank_b", "power", "tax"]'
ALLOWS = POLICY.replace('["bank_a", "bank_b"]', EVERYBODY)
SEVERAL = tuple[Log, dict[str, Station]]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[Member]:
    consortium, folder = Consortium("Test consortium"), tmp_path_factory.mktemp("members")
    return [enrol(consortium.issue(org), folder / org) for org in ORGS]


@pytest.fixture
async def nodes(members: list[Member], tmp_path: Path) -> AsyncIterator[SEVERAL]:
    async with many_stations(members, tmp_path) as (log, stations):
        for station in stations:
            station.allow(ALLOWS)
        yield log, {station.org: station for station in stations}


def hold(nodes: SEVERAL, held: Mapping[str, Collection[int]]) -> None:
    log, stations = nodes
    for org, numbers in held.items():
        stations[org].add(list(numbers))
        stations[org].conductor.offer_catalogue()
    log.settle()


async def run(nodes: SEVERAL, receiver: str, owners: Collection[str]) -> bytes:
    log, stations = nodes
    job = log.propose(stations["bank_a"], receiver, engine=Engine.STAR, owners=tuple(owners))
    await log.until_over(job)
    return job


def sent(log: Log, job: bytes, station: Station) -> set[tuple[str, str]]:
    """Who sent this station, or was sent by it, which stream."""
    started = log.ledgers[job].run
    assert started is not None
    receipts = (Receipt.model_validate_json(one.body) for one in station.store.receipts(started))
    return {(receipt.sender, receipt.stream) for receipt in receipts}


CASES: dict[str, dict[str, Collection[int]]] = {
    "some": {"bank_a": range(300), "bank_b": range(200, 500), "tax": range(250, 290)},
    "nothing at one": {"bank_a": range(9), "bank_b": range(9), "tax": []},
    "four": dict.fromkeys(ORGS, range(100, 357)),
}


@pytest.mark.parametrize("case", CASES)
async def test_the_receiver_gets_its_own_rows_of_what_all_have(nodes: SEVERAL, case: str) -> None:
    held = CASES[case]
    hold(nodes, held)
    log, stations = nodes
    receiver = Random(case).choice(sorted(held))
    job = await run(nodes, receiver, held)
    common = reduce(set.__and__, (set(numbers) for numbers in held.values()))
    for org in held:
        station = stations[org]
        assert station.state(job) == (State.DONE, None)
        if org != receiver:
            assert station.docket.row(job).result is None
            assert station.result(job) is None
            continue
        assert station.result(job) == [uscc(number) for number in held[org] if number in common]
        view = ResultView.model_validate_json(station.docket.row(job).result or "")
        assert (view.count, view.rows) == (len(common), len(common))
    assert not log.rejected


@pytest.mark.parametrize(
    ("withdraws", "before"),
    [
        # A contributor's store, the pivot's tags, the receiver's own result.
        ("tax", {("bank_a", "shared_key")}),
        ("bank_b", {("tax", "store"), ("bank_b", "base_points_0"), ("bank_b", "trees_0")}),
        ("bank_a", {("bank_b", "item_tags_0")}),
    ],
)
async def test_a_permission_withdrawn_in_the_run_keeps_back_what_it_is_about(
    nodes: SEVERAL,
    monkeypatch: pytest.MonkeyPatch,
    withdraws: str,
    before: set[tuple[str, str]],
) -> None:
    hold(nodes, dict.fromkeys(("bank_a", "bank_b", "tax"), range(50)))
    log, stations = nodes
    station = stations[withdraws]
    load = station.datasets.files

    def load_and_withdraw(name: str, root: str) -> object:
        station.allow("")
        return load(name, root)

    monkeypatch.setattr(station.datasets, "files", load_and_withdraw)
    job = await run(nodes, "bank_a", ("bank_a", "bank_b", "tax"))
    for org in ("bank_a", "bank_b", "tax"):
        assert stations[org].state(job) == (State.WITHHELD, "WITHHELD")
        assert stations[org].docket.row(job).result is None
        assert not list(stations[org].results.folder.glob("*"))
    said = sent(log, job, station)
    assert before <= said
    kept_back = {"tax": "store", "bank_b": "item_tags_0", "bank_a": ""}[withdraws]
    assert (withdraws, kept_back) not in said
    gates = [one.org for _, _, one in log.entries if one.kind is Kind.GATE]
    assert gates[-1] == withdraws
    through = [one.org for _, _, one in log.entries if one.kind is Kind.EVIDENCE]
    assert not {"bank_a", withdraws} & set(through)


async def test_every_line_carries_what_it_is_for(nodes: SEVERAL) -> None:
    hold(nodes, dict.fromkeys(ORGS, range(20)))
    log, stations = nodes
    job = await run(nodes, "power", ("tax", "power", "bank_b", "bank_a"))
    compared = {("tax", each) for each in ("base_points_0", "trees_0", "item_tags_0")}
    compared |= {("power", each) for each in ("reply_0", "masked_0")}
    compared |= {("tax", "sender_share"), ("power", "receiver_share")}
    key, store = "shared_key", "store"
    assert sent(log, job, stations["power"]) == compared | {("power", key)}
    assert sent(log, job, stations["tax"]) == compared | {("bank_b", store), ("bank_a", store)}
    for org in ("bank_a", "bank_b"):
        theirs = {("power", key), ("bank_b", key), (org, store)}
        assert sent(log, job, stations[org]) == theirs


async def test_an_owner_that_caps_its_peers_takes_no_part(nodes: SEVERAL) -> None:
    hold(nodes, dict.fromkeys(("bank_a", "bank_b", "tax"), range(20)))
    log, stations = nodes
    stations["tax"].allow(ALLOWS + "largest_peer_set = 256\n")
    job = await run(nodes, "bank_a", ("bank_a", "bank_b", "tax"))
    assert stations["bank_a"].state(job) == (State.REFUSED, "REFUSED")
    job = log.propose(stations["bank_a"], "bank_a", owners=("bank_a", "bank_b", "tax"))
    await log.until_state(job, State.APPROVED)


@pytest.mark.parametrize(
    ("receivers", "kind"),
    [(("bank_a", "tax"), JobKind.PSI), (("bank_a",), JobKind.PSI_CARDINALITY)],
)
async def test_what_no_star_computes_is_not_proposed(
    nodes: SEVERAL, receivers: tuple[str, ...], kind: JobKind
) -> None:
    hold(nodes, dict.fromkeys(("bank_a", "bank_b", "tax"), range(20)))
    log, stations = nodes
    with pytest.raises(BadRequest):
        log.propose(
            stations["bank_a"],
            *receivers,
            kind=kind,
            engine=Engine.STAR,
            owners=("bank_a", "bank_b", "tax"),
        )
