"""The oracle, in a process of its own, agrees with the generator, which reads no keys."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from scenarios import oracle
from scenarios.world import World

ROOT = Path(oracle.__file__).parents[1]


def ask(*arguments: str | Path) -> Any:
    command = [sys.executable, "-P", "-m", "scenarios.oracle", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=True, env=environment, capture_output=True)
    return json.loads(done.stdout)


def test_it_finds_the_intersection_of_the_banks(
    std: World, tmp_path: Path, uscc_is_valid: Callable[[str], bool]
) -> None:
    references = ("bank_a.loans", "bank_b.loans")
    files = [std.path(reference, "csv") for reference in references]
    written = tmp_path / "keys"
    answer = ask("psi", *files, "--on", "uscc", "--keys-out", written)
    left, right = (
        {normalize("NFKC", row["uscc"]).strip().upper() for row in std.rows(reference)}
        for reference in references
    )
    expected = sorted(f"uscc:{code}" for code in left & right if uscc_is_valid(code))
    assert written.read_text().splitlines() == expected
    assert answer == {
        "count": std.answers("keys")["pairs"]["bank_a.loans bank_b.loans"],
        "keys_digest": sha256(written.read_bytes()).hexdigest(),
    }


@pytest.mark.parametrize("peer", ["registry.enterprises", "tax.returns", "power.meters"])
def test_it_counts_as_the_generator_does(
    mini: World, peer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(mini.path(reference, "csv")) for reference in ("bank_a.loans", peer)]
    assert oracle.main(["psi_cardinality", *files, "--on", "uscc"]) == 0
    expected = mini.answers("keys")["pairs"][f"{peer} bank_a.loans"]
    assert json.loads(capsys.readouterr().out) == {"count": expected}


@pytest.mark.parametrize(
    ("left", "right", "count"),
    [
        ([], [], 0),
        (["91110000600037341L"], [], 0),
        (["91110000600037341L"], ["91110000101623741K"], 0),
        (["91110000600037341L", "not a key"], [" ９１110000600037341l", "not a key"], 1),
        (["91110000600037341L"] * 3, ["91110000600037341L"] * 2, 1),
    ],
    ids=["empty", "one empty", "disjoint", "other forms and no keys", "repeated"],
)
def test_small_sets(
    left: list[str],
    right: list[str],
    count: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = [tmp_path / "left.csv", tmp_path / "right.csv"]
    for file, keys in zip(files, (left, right), strict=True):
        file.write_text("\n".join(["no,uscc", *(f"1,{key}" for key in keys), ""]))
    oracle.main(["psi_cardinality", *map(str, files), "--on", "uscc"])
    assert json.loads(capsys.readouterr().out) == {"count": count}
