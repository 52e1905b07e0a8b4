"""The clear answer: what an intersection must come out as, by reading every owner's file.

Run by hand or by a test in a process of its own, as no party ever could: it sees all the files.
It shares nothing with the protocols but `canonical`, so agreement means something. Keys that
`canonical` refuses are left out, as datasets with `invalid_keys = "warn"` do.

    python -P -m scenarios.oracle psi LEFT.csv RIGHT.csv --on uscc --keys-out FILE
    python -P -m scenarios.oracle psi_cardinality LEFT.csv RIGHT.csv --on uscc
"""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from contract.errors import InvalidKey
from contract.keys import KeyKind, Strictness, canonical


def keys_of(file: Path, column: str, kind: KeyKind) -> set[bytes]:
    """The canonical keys in one column of a CSV file, each once."""
    keys = set()
    with file.open(encoding="utf-8", newline="") as rows:
        for raw in {row[column] for row in csv.DictReader(rows)}:
            try:
                keys.add(canonical(kind, raw, Strictness.WARN))
            except InvalidKey:
                continue
    return keys


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the answer as JSON; with `--keys-out`, also write the keys, one a line, sorted."""
    parser = argparse.ArgumentParser(prog="python -P -m scenarios.oracle")
    parser.add_argument("job", choices=["psi", "psi_cardinality"])
    parser.add_argument("files", type=Path, nargs="+", metavar="CSV")
    parser.add_argument("--on", required=True, help="key column, of that name in every file")
    parser.add_argument("--kind", type=KeyKind, choices=list(KeyKind), default=KeyKind.USCC)
    parser.add_argument("--keys-out", type=Path, help="where to write the intersection (psi)")
    chosen = parser.parse_args(arguments)
    common = set.intersection(*(keys_of(file, chosen.on, chosen.kind) for file in chosen.files))
    answer: dict[str, int | str] = {"count": len(common)}
    if chosen.job == "psi":
        lines = b"".join(key + b"\n" for key in sorted(common))
        answer["keys_digest"] = sha256(lines).hexdigest()
        if chosen.keys_out is not None:
            chosen.keys_out.write_bytes(lines)
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
