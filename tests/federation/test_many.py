"""An intersection of three and four owners through real daemons, by the coordinator or by a star.

What each receiver gets equals Python's `set &` over what the owners imported; nobody else gets
anything; the coordinator keeps nothing of a run that has ended.
"""

import csv
import json
from collections.abc import Iterator, Sequence

import pytest

from contract.errors import Refused
from contract.lifecycle import State
from tests.federation.federation import Federation, short_folder
from tests.unit.node.stations import uscc

ORGS = ("bank_a", "bank_b", "tax", "power")
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
level = 3
"""
POLICY = """
[[allow]]
dataset = "firms"
jobs = ["psi", "psi_cardinality"]
on = ["uscc"]
with = ["bank_a", "bank_b", "tax", "power"]
receivers = ["bank_a", "bank_b"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
approve = "auto"
"""
KEYED = f'{POLICY}matching = ["keyed"]\n'
"""As all but power say."""
CODES = [uscc(number) for number in range(400)]
HELD = {
    "bank_a": CODES[0:300],
    "bank_b": CODES[100:400],
    "tax": CODES[150:350],
    "power": CODES[399:400],
}


@pytest.fixture(scope="module", params=[False, True], ids=["relayed", "direct"])
def world(request: pytest.FixtureRequest) -> Iterator[Federation]:
    with short_folder() as folder, Federation(folder, *ORGS, direct=request.param) as federation:
        for org, held in HELD.items():
            federation.allow(org, POLICY if org == "power" else KEYED)
            rows = "".join(f"{code},{place}\n" for place, code in enumerate(held))
            federation.add(org, "firms", DESCRIPTION, f"uscc,amount\n{rows}")
        yield federation


def asked(world: Federation, orgs: Sequence[str], *words: str) -> dict[str, object]:
    datasets = [f"{org}.firms" for org in orgs]
    basis = ["--on", "uscc", "--purpose", "CREDIT_MICRO", "--basis", "SYNTHETIC_TEST"]
    answer = world.run_cli("bank_a", "psi", *datasets, *basis, *words, "--yes", "--json")
    assert answer.returncode == 0, answer.stderr
    job: dict[str, object] = json.loads(answer.stdout)
    return job


def intersect(world: Federation, orgs: Sequence[str], *words: str) -> dict[str, object]:
    job = asked(world, orgs, *words)
    assert job["state"] == State.DONE
    return job


def propose(world: Federation, orgs: Sequence[str], *words: str) -> str:
    """A job that nobody waits for."""
    return str(asked(world, orgs, *words, "--detach")["job"])


def released(world: Federation, org: str, job: dict[str, object]) -> set[str]:
    with world.client(org) as node:
        text = b"".join(node.result(str(job["job"]))).decode()
    return {row["uscc"] for row in csv.DictReader(text.splitlines())}


def left_at_the_coordinator(world: Federation) -> list[str]:
    runs = world.folder / "coordinator" / "data" / "runs"
    return [file.name for file in runs.rglob("*")]


def test_three_owners_with_one_receiver(world: Federation) -> None:
    job = intersect(world, ("bank_a", "bank_b", "tax"), "--to", "bank_a")
    common = set(HELD["bank_a"]) & set(HELD["bank_b"]) & set(HELD["tax"])
    assert len(common) == 150
    assert released(world, "bank_a", job) == common
    for org in ("bank_b", "tax"):
        with world.client(org) as node:
            there = node.show(str(job["job"]))
        assert (there.state, there.result) == (State.DONE, None)
    assert left_at_the_coordinator(world) == []


def test_two_receivers_get_the_same_keys_as_their_own_rows(world: Federation) -> None:
    job = intersect(world, ("tax", "bank_b", "bank_a"), "--to", "bank_b", "--to", "bank_a")
    assert released(world, "bank_a", job) == released(world, "bank_b", job)
    assert len(released(world, "bank_a", job)) == 150


def test_keyed_matching_gives_two_receivers_the_same(world: Federation) -> None:
    orgs = ("tax", "bank_b", "bank_a")
    words = ("--to", "bank_b", "--to", "bank_a", "--matching", "keyed")
    job = intersect(world, orgs, *words)
    common = set(HELD["bank_a"]) & set(HELD["bank_b"]) & set(HELD["tax"])
    assert released(world, "bank_a", job) == released(world, "bank_b", job) == common
    assert left_at_the_coordinator(world) == []
    counted = intersect(world, orgs, "--to", "bank_a", "--cardinality", "--matching", "keyed")
    assert counted["result"] == {"columns": [], "count": 150}


def test_keyed_matching_is_refused_by_the_one_whose_policy_does_not_list_it(
    world: Federation,
) -> None:
    datasets = ["bank_a.firms", "tax.firms", "power.firms"]
    terms = ["--on", "uscc", "--to", "bank_a", "--purpose", "CREDIT_MICRO"]
    terms += ["--basis", "SYNTHETIC_TEST", "--yes", "--json", "--matching", "keyed"]
    ended = world.run_cli("bank_a", "psi", *datasets, *terms)
    assert ended.returncode == Refused.exit_code, ended.stderr
    job = json.loads(ended.stdout)
    assert (job["state"], job["cause"]["party"]) == (State.REFUSED, "power")
    assert "keyed matching" in job["cause"]["what"]
    assert job["cause"]["rule"] == "policy.toml: allow[1]"


def test_only_how_many(world: Federation) -> None:
    job = intersect(world, ("bank_a", "bank_b", "tax"), "--to", "bank_a", "--cardinality")
    assert job["result"] == {"columns": [], "count": 150}


def test_four_owners_with_nothing_in_common(world: Federation) -> None:
    job = intersect(world, ORGS, "--to", "bank_a")
    assert released(world, "bank_a", job) == set()


@pytest.mark.parametrize(
    "orgs", [("tax", "bank_b", "bank_a"), ("bank_b", "tax", "bank_a", "power")]
)
def test_a_star_gives_its_receiver_the_same(world: Federation, orgs: Sequence[str]) -> None:
    job = intersect(world, orgs, "--to", "bank_b", "--engine", "star")
    assert released(world, "bank_b", job) == set(HELD["bank_b"]).intersection(
        *(HELD[org] for org in orgs)
    )
    for org in set(orgs) - {"bank_b"}:
        with world.client(org) as node:
            there = node.show(str(job["job"]))
        assert (there.state, there.result) == (State.DONE, None)
    assert left_at_the_coordinator(world) == []


def test_the_statement_says_what_the_coordinator_sees(world: Federation) -> None:
    words = ["--on", "uscc", "--to", "bank_a", "--purpose", "CREDIT_MICRO"]
    asked = world.run_cli(
        "bank_a", "psi", "bank_a.firms", "bank_b.firms", "tax.firms", *words,
        "--basis", "SYNTHETIC_TEST", "--dry-run", "--json",
    )  # fmt: skip
    parties = json.loads(asked.stdout)["leakage"]["parties"]
    (seen,) = (line["what"] for line in parties if line["who"] == "coordinator")
    assert any("every overlap of lists" in line for line in seen)
