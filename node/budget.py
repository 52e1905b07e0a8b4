"""What answers with noise have cost an owner's datasets, by receiver, and what its policy leaves.

Implements  federated/SPEC.md §7.5: ε of answers adds up; a budget of `epsilon_budget` in
            `epsilon_days` for each dataset and receiver
Durable     an answer is charged in the node's state before the gate says release, once a run: one
            of which no more is heard counts as given
Not for     the receiver's own node, whose people learn nothing of its own lists; answers without
            noise, which a rule with a budget refuses (node/gate.py)
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from contract.epsilon import DEFAULT_EPSILON_DAYS
from contract.errors import BudgetExhausted, Withheld
from contract.job import Contract
from contract.policy import Policy
from contract.views import Spent
from node.gate import Consent, check_policy
from node.release import policy_now
from node.store import Charge, Store

_FIX = "ask with a smaller epsilon, or when earlier answers are not counted any more"


@dataclass(frozen=True, slots=True)
class _Spent:
    """A budget that has too little left."""

    what: str
    rule: str


def require_left(store: Store, contract: Contract, org: str, policy: Policy) -> None:
    """Raise BudgetExhausted if the owner's policy has a budget for this answer, and it is spent."""
    spent = _spent(store, _charges(contract, org), contract, org, policy)
    if spent:
        raise BudgetExhausted(spent.what, party=org, phase="approve", rule=spent.rule, fix=_FIX)


def charge(store: Store, consent: Consent, run: bytes, policy: Callable[[], Policy]) -> None:
    """Charge an answer that is about to be given; Withheld if other jobs have spent what was left.

    Durable when this returns.
    """
    contract, org = consent.contract, consent.org
    charges = _charges(contract, org)
    if not charges or store.is_charged(run):
        return
    now = policy_now(consent, policy, charges[0].at.date())
    spent = _spent(store, charges, contract, org, now)
    if spent:
        raise Withheld(spent.what, party=org, phase="release", rule=spent.rule, fix=_FIX)
    store.charge(run, charges)


def _charges(contract: Contract, org: str) -> tuple[Charge, ...]:
    """What the answer costs each dataset; nothing without noise, or if it is the own one."""
    query, now = contract.query, datetime.now(UTC)
    if query is None or query.epsilon is None or org in contract.receivers:
        return ()
    (receiver,) = contract.receivers
    datasets = contract.party(org).datasets
    return tuple(Charge(one.dataset, receiver, query.epsilon, now) for one in datasets)


def _spent(
    store: Store, charges: tuple[Charge, ...], contract: Contract, org: str, policy: Policy
) -> _Spent | None:
    """Of the first dataset whose rule, under which the job runs, has too little left."""
    for one in charges:
        rules = check_policy(contract, org, policy, one.at.date())
        (rule,) = (rule for rule in rules if rule.dataset == one.dataset)
        most, days = rule.epsilon_budget, rule.epsilon_days
        if most is not None and not _covers(store, one, most, days):
            return _Spent(
                f"of the epsilon of {most} in {days} days that {org} allows {one.receiver} for"
                f" '{one.dataset}', less than {one.epsilon} is left",
                f"policy.toml: epsilon_budget = {most}",
            )
    return None


def _covers(store: Store, charge: Charge, most: Decimal, days: int) -> bool:
    spent = store.charged(charge.dataset, charge.at - timedelta(days=days))
    return spent.get(charge.receiver, Decimal(0)) + charge.epsilon <= most


def spent_lately(store: Store, dataset: str) -> tuple[Spent, ...]:
    """What answers about a dataset have cost in the days of a budget that names none."""
    since = datetime.now(UTC) - timedelta(days=DEFAULT_EPSILON_DAYS)
    found = sorted(store.charged(dataset, since).items())
    return tuple(Spent(receiver=receiver, epsilon=epsilon) for receiver, epsilon in found)
