"""What a job costs each process of a federation: memory by row, relayed and direct.

Real daemons on this machine: two banks with as many keys each, half of them in both, and the sum of
an amount that only the other bank has. The answer is compared with the clear one before anything is
printed. A process's figure is its growth from rest to peak divided by the padded size of a list, so
it is a ratio inside one run; worker processes are counted beside their node.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.federation import finished, rows_of
from benchmarks.resident import MIB, Memory, Watch
from cli.authority import COORDINATOR_ORG
from cli.demo import USCCS
from cli.local import LocalFederation
from contract.job import Basis, JobKind
from contract.sizes import padded_size
from mihe.proposal import Proposal
from scenarios.synthetic.identifiers import draw

BANKS = ("bank_a", "bank_b")
DATASETS = ("bank_a.loans", "bank_b.loans")
SQL = (
    "SELECT COUNT(*) AS firms, SUM(b.amount) AS amount"
    " FROM bank_a.loans AS a JOIN bank_b.loans AS b USING (uscc)"
)
DESCRIPTION = """
name = "loans"
source = "loans.csv"
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
dataset = "loans"
jobs = ["psi", "query"]
on = ["uscc"]
with = ["bank_a", "bank_b"]
receivers = ["bank_a"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
columns = { uscc = ["join"], amount = ["sum"] }
approve = "auto"
"""


class Rows:
    """Keys and amounts of both banks, and what their join is."""

    def __init__(self, size: int) -> None:
        number = size * 3 // 2
        counties, old = np.zeros(number, dtype=np.int64), np.zeros(number, dtype=bool)
        drawn = draw(1, ["330106"], counties, old, old).tolist()
        self.of = {"bank_a": drawn[:size], "bank_b": drawn[-size:]}
        # What is in both lists stands at the beginning of bank_b's.
        self.common = 2 * size - number
        self.amount = sum(place % 10**6 for place in range(self.common))

    def write(self, org: str, folder: Path) -> Path:
        """The two files of a bank's dataset; the path of its description."""
        folder.mkdir()
        lines = (f"{key},{place % 10**6}\n" for place, key in enumerate(self.of[org]))
        with (folder / "loans.csv").open("w", encoding="ascii") as file:
            file.write("uscc,amount\n")
            file.writelines(lines)
        described = folder / "loans.toml"
        described.write_text(DESCRIPTION, encoding="utf-8")
        return described


def measured(world: LocalFederation, kind: JobKind, rows: Rows) -> tuple[dict[str, Memory], float]:
    """Run one job; what each process held, and seconds. Ends if the answer is not the clear one."""
    proposal = Proposal(
        kind=kind,
        datasets=() if kind is JobKind.QUERY else DATASETS,
        on=() if kind is JobKind.QUERY else ("uscc",),
        receivers=("bank_a",),
        purpose="CREDIT_MICRO",
        basis=Basis.SYNTHETIC_TEST,
        expires_in_seconds=3600,
        statement=SQL if kind is JobKind.QUERY else "",
        min_group=10 if kind is JobKind.QUERY else 0,
        min_join=10 if kind is JobKind.QUERY else 0,
    )
    names = (COORDINATOR_ORG, *BANKS)
    with Watch({n: world.process_id(n) for n in names}) as watch:
        started = time.perf_counter()
        job = finished(world, "bank_a", proposal)
        seconds = time.perf_counter() - started
    found = rows_of(world, "bank_a", job)
    if kind is JobKind.QUERY:
        right = [(int(row["firms"]), int(row["amount"])) for row in found] == [
            (rows.common, rows.amount)
        ]
    else:
        right = {row["uscc"] for row in found} == set(rows.of["bank_a"]) & set(rows.of["bank_b"])
    if not right:
        raise SystemExit("the answer is not the clear one: no figure")
    return watch.memory, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=2**16, help="keys at each bank")
    parser.add_argument("--kind", choices=["psi", "query"], action="append")
    parser.add_argument("--way", choices=["relayed", "direct"], action="append")
    arguments = parser.parse_args()
    rows = Rows(arguments.keys)
    size = padded_size(arguments.keys)
    print(f"{arguments.keys} keys on each side, sent as {size}; MiB at rest and at the peak")
    for way in arguments.way or ["relayed", "direct"]:
        with (
            TemporaryDirectory(prefix="mihe-", dir="/tmp") as name,
            LocalFederation(
                Path(name),
                {org: USCCS[org] for org in (COORDINATOR_ORG, *BANKS)},
                direct=way == "direct",
            ) as world,
        ):
            for org in BANKS:
                world.home(org).policy.write_text(POLICY, encoding="utf-8")
                described = rows.write(org, Path(name) / org / "sources")
                with world.client(org) as node:
                    node.add_dataset(described)
            # The imports' memory is not the runs'.
            world.restart("bank_a")
            world.restart("bank_b")
            world.wait_attached()
            for kind in arguments.kind or ["psi", "query"]:
                memory, seconds = measured(world, JobKind(kind), rows)
                print(f"  {kind}, {way}, {seconds:.1f} s")
                for org, held in memory.items():
                    print(
                        f"    {org:12} rest {held.rest / MIB:7.0f}  peak {held.peak / MIB:7.0f}"
                        f"  {held.growth / size:8.0f} bytes/key"
                        f"  workers {held.workers / MIB:6.0f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
