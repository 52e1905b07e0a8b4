"""What the two dials of a query cost: three owners' sums by group, beside DuckDB in the clear.

Real daemons on this machine, direct links, a network namespace that counts bytes (root; else the
machine's loopback). Each setting answers the same query on the same imported data; DuckDB reads the
same CSV files, joins and adds in the same run. Every answer is compared with DuckDB's before its
figures are printed. Ratios are of wall time to DuckDB's.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.federation import federation, finished, rows_of
from benchmarks.psi.meter import Meter
from benchmarks.psi.sites import COORDINATOR, Network, loopback
from benchmarks.resident import MIB
from cli.authority import COORDINATOR_ORG
from cli.local import LocalFederation
from mihe.proposal import Proposal, question
from scenarios.synthetic.identifiers import draw

OWNERS = ("bank_a", "bank_b", "tax")
COLUMNS = ("kind", "n", "a", "b", "c")
Setting = tuple[str, str]
SETTINGS = (("blind", "encrypted"), ("keyed", "encrypted"), ("keyed", "shared"))
SUMS = "COUNT(*) AS n, SUM(a.amount) AS a, SUM(b.amount) AS b, SUM(c.amount) AS c"
SQL = (
    f"SELECT a.kind, {SUMS} FROM bank_a.loans AS a JOIN bank_b.loans AS b USING (uscc)"  # noqa: S608
    " JOIN tax.loans AS c USING (uscc) GROUP BY a.kind"
)
DESCRIPTION = """
name = "loans"
source = "loans.csv"
[[column]]
name = "uscc"
type = "key"
key = "uscc"
rows_per_key = 1
level = 2
[[column]]
name = "amount"
type = "integer"
minimum = 0
maximum = 1000000
level = 3
[[column]]
name = "kind"
type = "integer"
minimum = 0
maximum = 1000
level = 2
"""
POLICY = """
[[allow]]
dataset = "loans"
jobs = ["query"]
on = ["uscc"]
with = ["bank_a", "bank_b", "tax"]
receivers = ["bank_a"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
matching = ["keyed"]
aggregation = ["shared"]
columns = { uscc = ["join"], amount = ["sum"], kind = ["group"] }
approve = "auto"
"""


def write(folder: Path, keys: int, groups: int) -> dict[str, Path]:
    """Every owner's CSV; two thirds of the keys are in all lists."""
    number = keys * 3 // 2
    old = np.zeros(number, dtype=bool)
    drawn = draw(1, ["330106"], np.zeros(number, dtype=np.int64), old, old).tolist()
    chance, files = np.random.default_rng(1), {}
    for at, org in enumerate(OWNERS):
        held = drawn[at * (number - keys) // 2 :][:keys]
        amounts, kinds = chance.integers(0, 10**6, keys), chance.integers(0, groups, keys)
        files[org] = folder / org / "loans.csv"
        files[org].parent.mkdir(parents=True)
        with files[org].open("w", encoding="ascii") as file:
            file.write("uscc,amount,kind\n")
            file.writelines(f"{k},{a},{g}\n" for k, a, g in zip(held, amounts, kinds, strict=True))
        (folder / org / "loans.toml").write_text(DESCRIPTION, encoding="utf-8")
    return files


def in_clear(files: dict[str, Path]) -> tuple[list[tuple[int, ...]], float]:
    """DuckDB's answer on the same files, and its seconds."""
    sql = SQL
    for org, file in files.items():
        sql = sql.replace(f"{org}.loans", f"read_csv('{file}', types={{'uscc': 'VARCHAR'}})")
    started = time.perf_counter()
    with duckdb.connect() as connection:
        rows = connection.execute(sql).fetchall()
    return sorted(tuple(map(int, row)) for row in rows), time.perf_counter() - started


def asked(matching: str, aggregation: str) -> Proposal:
    """The query in one setting."""
    return question(
        SQL,
        to="bank_a",
        purpose="CREDIT_MICRO",
        basis="SYNTHETIC_TEST",
        matching=matching,
        aggregation=aggregation,
    )


def answer(world: LocalFederation, job: str) -> list[tuple[int, ...]]:
    """The rows of a result; none of these groups is folded."""
    found = rows_of(world, "bank_a", job)
    return sorted(tuple(int(row[name]) for name in COLUMNS) for row in found)


def measured(network: Network, keys: int, groups: int, settings: Sequence[Setting]) -> None:
    """Print what DuckDB and each setting take; ends if an answer is not the clear one."""
    names = (COORDINATOR_ORG, *OWNERS)
    with federation(dict.fromkeys(names, network.sites[COORDINATOR])) as world:
        files = write(world.folder / "files", keys, groups)
        for org, file in files.items():
            world.home(org).policy.write_text(POLICY, encoding="utf-8")
            with world.client(org) as node:
                node.add_dataset(file.with_suffix(".toml"))
        clear, seconds = in_clear(files)
        print(f"{keys} keys × 3 owners, {groups} groups, 3 sums", flush=True)
        print(f"  DuckDB in the clear {seconds:.2f} s", flush=True)
        for matching, aggregation in settings:
            with Meter({n: world.process_id(n) for n in names}, network) as meter:
                job = finished(world, "bank_a", asked(matching, aggregation))
            if answer(world, job) != clear:
                raise SystemExit("the answer is not the clear one: no figure")
            cost = meter.cost
            each = ", ".join(
                f"{n} {cost.cpu[n]:.1f} s {held / MIB:.0f} MiB" for n, held in cost.peak.items()
            )
            print(
                f"  {matching}, {aggregation}: {cost.wall:.2f} s, {cost.wall / seconds:.0f}"
                f" times DuckDB; CPU {cost.processor:.1f} s;"
                f" {cost.wire / keys / 3:.0f} B a row; {each}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=10**5, help="keys at each owner")
    parser.add_argument("--groups", type=int, action="append", help="groups; by default 20, 400")
    parser.add_argument(
        "--setting",
        action="append",
        choices=["-".join(one) for one in SETTINGS],
        help="matching and aggregation; by default all. Lists beyond 2^20 have keyed-shared alone",
    )
    arguments = parser.parse_args()
    names = arguments.setting or ["-".join(one) for one in SETTINGS]
    wanted = [one for one in SETTINGS if "-".join(one) in names]
    for groups in arguments.groups or [20, 400]:
        with loopback() as network:
            measured(network, arguments.keys, groups, wanted)


if __name__ == "__main__":
    main()
