"""Lists beyond a million places, and shares that one message has no room for, by real daemons.

Few keys are enough: an owner pads its list as far as it likes.
"""

# Statements name this test's own columns.
# ruff: noqa: S608

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.world import World
from tests.federation.owners import RECEIVER, TERMS, Extra, Owners, valid_keys

ORGS = ("registry", "tax", RECEIVER)
COLUMNS = 18
MESSAGES = 2
"""In which the share of all but one of them goes."""

_COLUMN = """
[[column]]
name = "n{number}"
type = "integer"
minimum = -1000
maximum = 1000
level = 2
"""
DESCRIPTION = """
name = "padded"
source = "padded.csv"

[[column]]
name = "uscc"
type = "key"
key = "uscc"
rows_per_key = 1
padded_to = 1_200_000
level = 2
""" + "".join(_COLUMN.format(number=number) for number in range(COLUMNS))
POLICY = """
[[allow]]
dataset = "padded"
jobs = ["query", "psi"]
on = ["uscc"]
with = ["registry", "tax", "bank_a"]
receivers = ["bank_a"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
min_group = 10
min_join = 10
approve = "auto"
matching = ["keyed"]
aggregation = ["shared"]

[allow.columns]
uscc = ["join"]
""" + "".join(f'n{number} = ["sum", "group"]\n' for number in range(COLUMNS))


def padded(world: World) -> dict[str, Extra]:
    """Of every owner six of seven companies, and some numbers of each."""
    known = valid_keys(world, "registry.enterprises")[:900]
    head = ",".join(["uscc", *(f"n{number}" for number in range(COLUMNS))])
    extra = {}
    for place, org in enumerate(ORGS):
        rows = [
            ",".join([key, str(at % 3), *(str((at * n) % 2001 - 1000) for n in range(1, COLUMNS))])
            for at, key in enumerate(known)
            if at % 7 != place
        ]
        extra[f"{org}.padded"] = Extra(DESCRIPTION, "\n".join([head, *rows]) + "\n", POLICY)
    return extra


@pytest.fixture(scope="module")
def owners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owners]:
    with Owners(tmp_path_factory.mktemp("large"), *ORGS, extra=padded) as running:
        yield running


@pytest.mark.long
@pytest.mark.parametrize(
    "words", [("--matching", "keyed"), ("--engine", "star")], ids=["keyed", "star"]
)
def test_an_intersection_of_three_lists_beyond_a_million_places(
    owners: Owners, tmp_path: Path, words: tuple[str, ...]
) -> None:
    out = tmp_path / "common.csv"
    datasets = [f"{org}.padded" for org in (RECEIVER, "registry", "tax")]
    asked = owners.run_cli(
        RECEIVER, "psi", *datasets, "--on", "uscc", "--to", RECEIVER, *TERMS, *words,
        "--out", str(out),
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    with out.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    theirs = [{row["uscc"] for row in owners.rows(one)} for one in datasets[1:]]
    own = owners.rows(datasets[0])
    assert found == [row for row in own if all(row["uscc"] in keys for keys in theirs)]
    assert 0 < len(found) < len(own)


@pytest.mark.long
def test_a_share_of_several_messages_has_the_clear_answer(owners: Owners) -> None:
    sums = ", ".join(f"SUM(b.n{number}) AS s{number}" for number in range(1, COLUMNS))
    sql = (
        f"SELECT r.n0, COUNT(*) AS n, {sums} FROM bank_a.padded AS b"
        " JOIN registry.padded AS r USING (uscc) GROUP BY r.n0"
    )
    fast = ("--matching", "keyed", "--aggregation", "shared")
    explained = owners.ask(f"EXPLAIN {sql}", *fast)
    assert explained.returncode == 0, explained.stderr
    streams = json.loads(explained.stdout)["streams"]
    assert any(line.endswith(f" bytes in {MESSAGES} messages") for line in streams)
    table = owners.answer(sql, *fast)
    assert table.rows
    assert table == owners.clear(sql)
