"""Runs a coordinator that stops, or misbehaves, at the points where a test says so (orders.py).

python -P tests/federation/staged_coordinator.py ORDERS coordinator --config coordinator.toml

turn          whenever a node knocks; the whole daemon waits there
say.KIND      before it states what it has computed: cells, matched; that run alone waits
serve.PART    before it gives out a part of a query
"""

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["GRPC_VERBOSITY"] = "NONE"

from contract.ledger import Ledger
from contract.signing import Kind
from coordinator.joint_runs import JointRuns
from coordinator.lifecycle import Lifecycle
from tests.federation.orders import Orders, defect

MISDEEDS: dict[str, Callable[[bytes], bytes]] = {
    "another key": lambda _: _another_key(),
    "defect": defect,
}
"""What a coordinator may be told to do to what it gives out."""


def _another_key() -> bytes:
    from federated.aggregate.secret import ReceiverKey

    return ReceiverKey.generate()[1]


def stage_lifecycle(orders: Orders) -> None:
    """Where every statement is decided and logged."""
    turn, say = Lifecycle.turn, Lifecycle.say

    async def staged_turn(lifecycle: Lifecycle) -> None:
        orders.halt_at("turn")
        await turn(lifecycle)

    async def staged_say(lifecycle: Lifecycle, ledger: Ledger, kind: Kind, body: Any) -> None:
        await orders.pass_by(f"say.{kind.value}")
        await say(lifecycle, ledger, kind, body)

    for name, staged in (("turn", staged_turn), ("say", staged_say)):
        setattr(Lifecycle, name, staged)


def stage_parts(orders: Orders) -> None:
    """What the parties of a query fetch."""
    file_for = JointRuns.file_for

    def staged(runs: JointRuns, org: str, run: bytes, part: str) -> Path:
        file = file_for(runs, org, run, part)
        if deed := orders.at(f"serve.{part}"):
            content = MISDEEDS[deed](file.read_bytes())
            file = file.with_suffix(".misserved")
            file.write_bytes(content)
        return file

    setattr(JointRuns, file_for.__name__, staged)


def main() -> None:
    """Take the stage, and become the daemon."""
    _, folder, module, *arguments = sys.argv
    orders = Orders(Path(folder))
    stage_lifecycle(orders)
    stage_parts(orders)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
