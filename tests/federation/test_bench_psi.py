"""`make bench-psi` measures our side through real daemons: one short run, counted and checked."""

from pathlib import Path

from benchmarks.psi.lists import Lists
from benchmarks.psi.measured import OWNERS, RECEIVER, SENDER
from benchmarks.psi.ours import Ours
from benchmarks.psi.sites import loopback

KEYS = 1 << 10
FIRST_MESSAGES = 2 * 32 * KEYS
"""Both sets blinded once, without headers: fewer bytes than any run sends."""


def test_a_run_is_right_and_counted(tmp_path: Path) -> None:
    lists = Lists(tmp_path, "id_number", KEYS, 0.25)
    output = tmp_path / "result.csv"
    engine = Ours("mihe ECDH", "ecdh")
    with loopback() as network, engine.ready(network, OWNERS[:2]) as player:
        costs = [player.play(lists, output) for _ in range(2)]
        assert lists.right(output)
    for cost in costs:
        assert cost.imported is not None
        assert cost.job is not None
        assert 0 < cost.imported + cost.job <= cost.wall
        assert cost.suite.startswith("psi-ecdh/")
        assert cost.wire > FIRST_MESSAGES
        assert set(cost.cpu) == set(cost.peak) == {RECEIVER, SENDER, "coordinator"}
        assert min(cost.cpu[RECEIVER], cost.cpu[SENDER]) > 0
        assert min(cost.peak.values()) > 10 << 20
        for party in (RECEIVER, SENDER):
            names = [phase.name for phase in cost.phases if phase.party == party]
            assert names[:2] == ["import", "agree"]
            assert "load" in names
        assert max(phase.end for phase in cost.phases) <= cost.wall
