"""What the messages of a query give away by their number and size: nothing of rows or values.

Two owners' files differ from one time to the next only in values, or only in rows that are not in
the join. Every party and the coordinator then say and hear the same messages, as many and as long:
bodies, parts, streams and pieces alike. Signatures, whose length is chance, are left out, and so is
what depends on the hour alone: progress, acknowledgements, who came first.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from cli.authority import COORDINATOR_ORG
from protos.coordinator_pb2 import FetchRequest, FromCoordinator, FromNode, Piece
from protos.link_pb2 import LinkFrame
from protos.statement_pb2 import Statement
from scenarios.world import write_world
from tests.federation.federation import Federation, eventually, short_folder
from tests.federation.owners import TERMS, valid_keys

ORGS = ("bank_a", "power")
QUERY = """
SELECT p.zone, COUNT(*) AS n, SUM(b.amount) AS amount, AVG(p.used) AS used
FROM bank_a.firms AS b JOIN power.use AS p USING (uscc) GROUP BY p.zone
"""
HEAD = """
name = "{name}"
source = "{name}.csv"
title = "Made up"

[[column]]
name = "uscc"
type = "key"
key = "uscc"
rows_per_key = 1
level = 2
"""
FIRMS = (
    HEAD.format(name="firms")
    + """
[[column]]
name = "amount"
type = "decimal"
decimals = 2
minimum = "-900000000.00"
maximum = "900000000.00"
level = 3
nullable = true
"""
)
USE = (
    HEAD.format(name="use")
    + """
[[column]]
name = "used"
type = "integer"
minimum = 0
maximum = 900000000
level = 3

[[column]]
name = "zone"
type = "text"
codes = ["east", "west"]
level = 2
"""
)
POLICY = """
[[allow]]
dataset = "{name}"
jobs = ["query"]
on = ["uscc"]
with = ["bank_a", "power"]
receivers = ["bank_a"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
columns = {columns}
min_group = 10
min_join = 10
approve = "auto"
"""
COLUMNS = {
    "firms": '{ uscc = ["join"], amount = ["sum"] }',
    "use": '{ uscc = ["join"], used = ["avg"], zone = ["group"] }',
}


@dataclass(frozen=True)
class Files:
    """What two owners hold: keys of both and of each alone, and where the values come from."""

    both: tuple[str, ...]
    alone: tuple[tuple[str, ...], tuple[str, ...]]
    values: int

    def firms(self) -> str:
        chance = Random(self.values)
        rows = [f"{key},{_amount(chance)}" for key in (*self.both, *self.alone[0])]
        return "\n".join(["uscc,amount", *rows, ""])

    def use(self) -> str:
        chance = Random(-self.values)
        rows = [
            f"{key},{chance.randrange(9 * 10 ** chance.randrange(9))},{('east', 'west')[at % 2]}"
            for at, key in enumerate((*self.both, *self.alone[1]))
        ]
        return "\n".join(["uscc,used,zone", *rows, ""])


def _amount(chance: Random) -> str:
    return chance.choice(("", "0.00", f"{chance.uniform(-9e8, 9e8):.2f}"))


# ── what was said and heard ─────────────────────────────────────────────────────────────────────

Shape = tuple[object, ...]


def _stated(way: str, stated: Statement) -> Shape:
    return way, stated.kind, stated.org, len(stated.body)


def _from_node(message: FromNode) -> Shape | None:
    return _stated("said", message.said.statement) if message.HasField("said") else None


def _from_coordinator(message: FromCoordinator) -> Shape | None:
    return _stated("told", message.told.statement) if message.HasField("told") else None


def _piece(piece: Piece) -> Shape:
    match piece.WhichOneof("what"):
        case "open":
            return "open", piece.open.part, piece.open.size
        case "content":
            return "content", len(piece.content)
        case _:
            return _stated("receipt", piece.receipt)


def _fetched(request: FetchRequest) -> Shape:
    return "fetch", request.part


def _link(frame: LinkFrame) -> Shape | None:
    match frame.WhichOneof("what"):
        case "open":
            return "open", frame.open.stream, frame.open.size
        case "chunk":
            return "chunk", frame.chunk.stream, frame.chunk.number, len(frame.chunk.content)
        case "receipt":
            return _stated(frame.receipt.stream, frame.receipt.statement)
        case _:
            return None


SERVICE = "mihe.v1.Coordinator"
READERS: dict[str, Callable[[bytes], Shape | None]] = {
    "Attach.node": lambda raw: _from_node(FromNode.FromString(raw)),
    "Attach.coordinator": lambda raw: _from_coordinator(FromCoordinator.FromString(raw)),
    "Contribute.node": lambda raw: _piece(Piece.FromString(raw)),
    "Fetch.node": lambda raw: _fetched(FetchRequest.FromString(raw)),
    "Fetch.coordinator": lambda raw: _piece(Piece.FromString(raw)),
    "sealed.node": lambda raw: _link(LinkFrame.FromString(raw)),
}


def shapes(taps: Path) -> dict[str, Counter[Shape]]:
    """All that one daemon said and heard, by kind: how often, and of which size."""
    found = {}
    for file in sorted(taps.iterdir()):
        call, _, way = file.name.removeprefix(f"{SERVICE}.").rpartition(".")
        sender = _sender(taps.name, way) if call != "sealed" else "node"
        if (read := READERS.get(f"{call}.{sender}")) is not None:
            seen = (read(raw) for raw in _messages(file.read_bytes()))
            found[file.name] = Counter(one for one in seen if one is not None)
    return found


def _sender(name: str, way: str) -> str:
    return "coordinator" if (name == COORDINATOR_ORG) == (way == "out") else "node"


def _messages(tap: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(tap):
        size = int.from_bytes(tap[at : at + 4], "big")
        yield tap[at + 4 : at + 4 + size]
        at += 4 + size


# ── one time after the other ────────────────────────────────────────────────────────────────────


def _observed(folder: Path, files: Files) -> tuple[dict[str, dict[str, Counter[Shape]]], str]:
    """What everybody said and heard while the query was carried out, and its result."""
    tapped = Path(__file__).with_name("tapped.py")
    launchers = {
        name: [
            *(sys.executable, "-P", str(tapped), str(folder / "taps" / name)),
            "coordinator" if name == COORDINATOR_ORG else "node",
        ]
        for name in (COORDINATOR_ORG, *ORGS)
    }
    out = folder / "result.csv"
    with Federation(folder, *ORGS, launchers=launchers) as running:
        running.add("bank_a", "firms", FIRMS, files.firms())
        running.add("power", "use", USE, files.use())
        for org, name in (("bank_a", "firms"), ("power", "use")):
            running.allow(org, POLICY.format(name=name, columns=COLUMNS[name]))
        eventually(lambda: _offered(running) == len(ORGS))
        words = ("--to", "bank_a", *TERMS, "--out", str(out))
        asked = running.run_cli("bank_a", "query", QUERY, *words)
        assert asked.returncode == 0, asked.stderr
        eventually(lambda: not any((folder / COORDINATOR_ORG / "data" / "runs").iterdir()))
    everybody = {name: shapes(folder / "taps" / name) for name in (COORDINATOR_ORG, *ORGS)}
    return everybody, out.read_text("utf-8")


def _offered(running: Federation) -> int:
    with running.client("bank_a") as node:
        return sum(len(one.entries) for one in node.catalogue().organisations)


@pytest.fixture(scope="module")
def keys() -> list[str]:
    with short_folder() as folder:
        world = write_world(folder / "world", 1000, organisations=("registry",), formats=("csv",))
        return valid_keys(world, "registry.enterprises")


def test_messages_tell_neither_values_nor_rows_outside_the_join(keys: list[str]) -> None:
    files = Files(tuple(keys[:80]), (tuple(keys[100:160]), tuple(keys[200:260])), values=1)
    others = {
        "values": replace(files, values=2),
        "rows": replace(files, alone=(tuple(keys[300:400]), tuple(keys[500:605]))),
    }
    with short_folder() as folder:
        before, result = _observed(folder, files)
    for name in ("Contribute.out", "Fetch.out", "Attach.out"):
        assert before["power"][f"{SERVICE}.{name}"]
    assert before["power"]["sealed.out"]
    for difference, other in others.items():
        with short_folder() as folder:
            now, now_result = _observed(folder, other)
        assert (now_result == result) == (difference != "values")
        assert now == before, difference
