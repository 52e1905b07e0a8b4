"""Runs a coordinator that stops at the points where a test says so (orders.py).

python -P tests/federation/staged_coordinator.py ORDERS coordinator --config coordinator.toml

turn          whenever a node knocks; the whole daemon waits there
say.KIND      before it states what it has computed: cells, matched; that run alone waits
"""

import os
import runpy
import sys
from pathlib import Path
from typing import Any

os.environ["GRPC_VERBOSITY"] = "NONE"

from contract.ledger import Ledger
from contract.signing import Kind
from coordinator.lifecycle import Lifecycle
from tests.federation.orders import Orders


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


def main() -> None:
    """Take the stage, and become the daemon."""
    _, folder, module, *arguments = sys.argv
    stage_lifecycle(Orders(Path(folder)))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
