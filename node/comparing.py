"""An owner's last word on a query: compared with earlier answers, where its policy asks for that.

Implements  docs/decisions/0037: what an owner brings is kept before it releases; what is too near
            to an earlier answer it withholds, and what no budget is left for (node/budget.py)
Learns      nobody; a refusal tells that an earlier answer was near
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from contract.errors import Withheld
from contract.job import KeyedDataset
from node.answered import Answer, Brought
from node.budget import charge
from node.gate import min_changes
from node.release import may_release
from node.stage import Stage

Bring = Callable[[KeyedDataset], Iterable[tuple[str, Brought]]]
"""What an owner brings of a dataset, and what its parts are called. May block."""


async def gate(stage: Stage, receiver: str, bring: Bring) -> None:
    """Release, or Withheld; of several datasets none may be too near."""
    services = stage.services
    try:
        await stage.activity.work(lambda: _remember(stage, receiver, bring))
        charge(services.store, stage.consent, stage.run, services.policy)
    except Withheld as withheld:
        stage.withhold(withheld)
        raise
    stage.gate()


def _remember(stage: Stage, receiver: str, bring: Bring) -> None:
    consent, services = stage.consent, stage.services
    fewest = min_changes(may_release(consent, services.policy, datetime.now(UTC).date()))
    answers = [
        Answer(receiver, one.dataset, of, brought, fewest[one.dataset])
        for one in consent.contract.party(stage.me).datasets
        if one.dataset in fewest
        for of, brought in bring(one)
    ]
    if answers:
        services.answered.keep(answers, stage.me)
