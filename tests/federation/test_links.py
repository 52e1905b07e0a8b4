"""Direct and relayed links in any mix, through real daemons: right results, by the way agreed.

Every pair of owners has a link of its own. Which way it goes is in the start record that both
signed, and so in the evidence of the job; what the coordinator relayed is what it says.
"""

import csv
import json
import re
from collections.abc import Iterator
from itertools import combinations

import pytest

from cli.authority import COORDINATOR_ORG
from cli.local import free_port
from contract.config import NodeConfig
from contract.errors import MiheError
from contract.lifecycle import State
from contract.toml import parse
from tests.connect_proxy import ConnectProxy
from tests.federation.banks import BANKS, Banks, End
from tests.federation.federation import Federation, eventually, short_folder
from tests.unit.node.stations import uscc

ORGS = ("bank_a", "bank_b", "tax", "power")
MIXES = {
    "relayed": (),
    "one": ("tax",),
    "two": ("bank_a", "power"),
    "three": ("bank_a", "bank_b", "tax"),
    "direct": ORGS,
}
"""Which owners list an address."""

DESCRIPTION = """
name = "firms"
source = "firms.csv"
[[column]]
name = "uscc"
type = "key"
key = "uscc"
level = 2
[[column]]
name = "amount"
type = "integer"
minimum = 0
maximum = 1000000
level = 3
"""
POLICY = """
[[allow]]
dataset = "firms"
jobs = ["psi", "query"]
on = ["uscc"]
with = ["bank_a", "bank_b", "tax", "power"]
receivers = ["bank_a", "power"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
columns = { uscc = ["join"], amount = ["sum"] }
approve = "auto"
"""
TERMS = ("--purpose", "CREDIT_MICRO", "--basis", "SYNTHETIC_TEST", "--yes", "--json")
CODES = [uscc(number) for number in range(300)]
HELD = {
    "bank_a": CODES[0:200],
    "bank_b": CODES[50:300],
    "tax": CODES[100:180],
    "power": CODES[20:170],
}
SUMS = """
SELECT COUNT(*) AS firms, SUM(a.amount) AS a, SUM(b.amount) AS b, SUM(t.amount) AS t
FROM bank_a.firms AS a JOIN bank_b.firms AS b USING (uscc) JOIN tax.firms AS t USING (uscc)
JOIN power.firms AS p USING (uscc)
"""


@pytest.fixture(scope="module", params=list(MIXES.values()), ids=list(MIXES))
def listing(request: pytest.FixtureRequest) -> tuple[str, ...]:
    listed: tuple[str, ...] = request.param
    return listed


@pytest.fixture(scope="module")
def world(listing: tuple[str, ...]) -> Iterator[Federation]:
    settings = {"log_level": "debug"}
    with (
        short_folder() as folder,
        Federation(folder, *ORGS, direct=listing, coordinator=settings) as federation,
    ):
        for org, held in HELD.items():
            federation.allow(org, POLICY)
            rows = "".join(f"{code},{place}\n" for place, code in enumerate(held))
            federation.add(org, "firms", DESCRIPTION, f"uscc,amount\n{rows}")
        yield federation


def intersected(world: Federation, *orgs: str, to: str) -> str:
    """A job whose answer is right."""
    datasets = [f"{org}.firms" for org in orgs]
    asked = world.run_cli(orgs[0], "psi", *datasets, "--on", "uscc", "--to", to, *TERMS)
    assert asked.returncode == 0, asked.stderr
    job = str(json.loads(asked.stdout)["job"])
    with world.client(to) as node:
        text = b"".join(node.result(job)).decode()
    common = set.intersection(*(set(HELD[org]) for org in orgs))
    assert {row["uscc"] for row in csv.DictReader(text.splitlines())} == common
    return job


def relayed(world: Federation, org: str, job: str) -> set[frozenset[str]]:
    """The pairs of parties between which the coordinator says that it relayed."""
    with world.client(org) as node:
        run = (node.show(job).run or "")[:12]
    log = world.log(COORDINATOR_ORG).read_text("utf-8")
    found = re.findall(rf"event=relay org=(\w+) to=(\w+) run={run}\b", log)
    return {frozenset(pair) for pair in found}


def agreed(world: Federation, org: str, job: str) -> set[frozenset[str]]:
    """The pairs that the signed start record in the evidence leaves to the relay."""
    file = world.folder / org / "data" / "evidence" / f"{job}.json"
    eventually(file.exists)
    statements = json.loads(file.read_text("utf-8"))["statements"]
    (body, *_) = (json.loads(one["body"]) for one in statements if one["kind"] == "start")
    without = [party["org"] for party in body["parties"] if party.get("address") is None]
    return {frozenset(pair) for pair in combinations(without, 2)}


def test_any_two_owners(world: Federation, listing: tuple[str, ...]) -> None:
    for one, other in combinations(ORGS, 2):
        receiver = "bank_a" if one == "bank_a" else "power" if other == "power" else None
        if receiver is None:
            continue
        job = intersected(world, one, other, to=receiver)
        listed = {one, other} & set(listing)
        expected = set() if listed else {frozenset({one, other})}
        assert relayed(world, receiver, job) == expected
        assert agreed(world, receiver, job) == expected


def test_three_owners(world: Federation, listing: tuple[str, ...]) -> None:
    job = intersected(world, "bank_a", "bank_b", "tax", to="bank_a")
    without = {"bank_a", "bank_b", "tax"} - set(listing)
    assert relayed(world, "bank_a", job) == {frozenset(pair) for pair in combinations(without, 2)}


def test_a_query_of_four_owners(world: Federation, listing: tuple[str, ...]) -> None:
    asked = world.run_cli("bank_a", "query", SUMS, "--to", "bank_a", *TERMS)
    assert asked.returncode == 0, asked.stderr
    job = str(json.loads(asked.stdout)["job"])
    with world.client("bank_a") as node:
        (row,) = csv.DictReader(b"".join(node.result(job)).decode().splitlines())
    common = set.intersection(*(set(held) for held in HELD.values()))
    sums = [sum(HELD[org].index(code) for code in common) for org in ("bank_a", "bank_b", "tax")]
    assert [int(row[name]) for name in ("firms", "a", "b", "t")] == [len(common), *sums]
    expected = {frozenset(pair) for pair in combinations(set(ORGS) - set(listing), 2)}
    assert relayed(world, "bank_a", job) == expected
    assert agreed(world, "tax", job) == expected


# ── an address that leads nowhere ───────────────────────────────────────────────────────────────


def test_an_address_that_can_not_be_reached_is_named_at_both_sides() -> None:
    patience = {"peer_patience_seconds": 2}
    with short_folder() as folder, Banks(folder, direct=["bank_b"], node=patience) as banks:
        listed = banks.config("bank_b").direct
        assert listed is not None
        nowhere = f"127.0.0.1:{free_port()}"
        _rewrite(banks, "bank_b", f'address = "{listed.address}"', f'address = "{nowhere}"')
        job = banks.propose()
        assert banks.end_of(job) == End(State.FAILED, "PEER_ABSENT", "bank_b")
        for org in BANKS:
            cause = banks.view(org, job).cause
            assert cause is not None
            assert f"bank_b lists the address {nowhere}" in cause.what
            assert "nothing listens there" in cause.what
            assert "[direct]" in cause.fix
        _rewrite(banks, "bank_b", nowhere, listed.address)
        banks.must_work()


# ── proxies ─────────────────────────────────────────────────────────────────────────────────────

USER = "mihe:pass%20: word"


@pytest.mark.parametrize("direct", [(), ("bank_b",)], ids=["relayed", "direct"])
def test_everything_that_leaves_goes_through_the_proxy_that_is_set(
    direct: tuple[str, ...],
) -> None:
    with ConnectProxy(user=USER) as proxy, short_folder() as folder:
        password = folder / "proxy.credentials"
        password.touch(mode=0o600)
        password.write_text(USER, "utf-8")
        settings = {"proxy": {"address": proxy.address, "credentials": str(password)}}
        with Banks(folder, direct=direct, node=settings) as banks:
            banks.must_work()
            coordinator = banks.config("bank_a").coordinator
            listed = banks.config("bank_b").direct
            expected = {coordinator} | ({listed.address} if listed else set())
            assert set(proxy.asked) == expected
            assert all(proxy.tunnels[address] > 0 for address in expected)
            for name in (COORDINATOR_ORG, *BANKS):
                assert "pass" not in banks.log(name).read_text("utf-8")


def test_a_proxy_that_the_environment_names_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with ConnectProxy() as proxy, short_folder() as folder:
        for name in ("grpc_proxy", "https_proxy", "http_proxy", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        with Banks(folder, direct=["bank_b"]) as banks:
            banks.must_work()
        assert not proxy.asked


def test_a_proxy_that_refuses_is_named_by_the_status_and_passed_once_it_lets_through() -> None:
    with ConnectProxy(user=USER) as proxy, short_folder() as folder, Banks(folder) as banks:
        config = banks.home("bank_a").config
        text = config.read_text("utf-8")
        config.write_text(f'{text}\n[proxy]\naddress = "{proxy.address}"\n', "utf-8")
        banks.restart("bank_a")
        trouble = eventually(lambda: _trouble(banks, "bank_a"))
        assert f"the proxy {proxy.address}" in trouble
        assert "407" in trouble
        file = config.with_name("proxy.credentials")
        file.touch(mode=0o600)
        file.write_text(USER, "utf-8")
        with config.open("a", encoding="utf-8") as more:
            more.write(f'credentials = "{file.name}"\n')
        banks.restart("bank_a")
        banks.wait_attached()
        banks.must_work()


def _trouble(banks: Banks, org: str) -> str | None:
    try:
        with banks.client(org) as node:
            node.catalogue()
    except MiheError as error:  # that nobody answers yet, or what the node says
        return str(error) if "proxy" in str(error) else None
    return None


def _rewrite(banks: Banks, org: str, before: str, after: str) -> None:
    config = banks.home(org).config
    text = config.read_text("utf-8")
    assert text.count(before) == 1
    config.write_text(text.replace(before, after), "utf-8")
    assert parse(NodeConfig, config.read_text("utf-8"), str(config))
    banks.restart(org)
    banks.wait_attached()
