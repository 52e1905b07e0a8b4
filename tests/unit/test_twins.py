"""Files that must be the same: neither daemon may import the other, and nothing below does I/O, so
what starts and ends processes, what tells about it, and what looks at files and places stands in
both.
"""

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("apart.py", "get_context"),
        ("places.py", "disk_usage"),
        ("readiness.py", "READY"),
        ("renewal.py", "class Renewal"),
    ],
)
def test_both_daemons_do_it_in_the_same_way(root: Path, file: str, says: str) -> None:
    ours = (root / "node" / file).read_text("utf-8")
    assert says in ours
    assert ours == (root / "coordinator" / file).read_text("utf-8")
