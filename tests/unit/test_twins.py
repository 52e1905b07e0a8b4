"""Two files that must be the same: neither daemon may import the other, and nothing below them does
I/O, so what starts and ends processes stands in both.
"""

from pathlib import Path


def test_both_daemons_compute_apart_in_the_same_way(root: Path) -> None:
    ours = (root / "node" / "apart.py").read_text("utf-8")
    assert "get_context" in ours
    assert ours == (root / "coordinator" / "apart.py").read_text("utf-8")
