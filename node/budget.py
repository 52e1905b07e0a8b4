"""What answers with noise have cost an owner's datasets, by receiver, and what its policy leaves.

Implements  federated/SPEC.md §7.5: ε of answers adds up; a budget of `epsilon_budget` in
            `epsilon_days` for each dataset and receiver
Durable     an answer is charged in the node's state before the gate says release, once a run: one
            of which no more is heard counts as given
Not for     the receiver's own node, whose people learn nothing of its own lists; answers without
            noise, which a rule with a budget refuses (node/gate.py)
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from contract.epsilon import DEFAULT_EPSILON_DAYS
from contract.errors import BudgetExhausted, Withheld
from contract.job import Contract
from contract.policy import Allow, Policy
from contract.views import Budget, Spent
from node.gate import Consent, check_policy
from node.release import may_release
from node.store import Charge, Store

_FIX = "ask with a smaller epsilon, or when earlier answers are not counted any more"


def require_left(store: Store, contract: Contract, org: str, policy: Policy) -> None:
    """Raise BudgetExhausted if the owner's policy has a budget for this answer, and it is spent."""
    charges = _charges(contract, org)
    if not charges:
        return
    rules = check_policy(contract, org, policy, charges[0].at.date())
    for what, rule in _exhausted(store, org, charges, rules):
        raise BudgetExhausted(what, party=org, phase="approve", rule=rule, fix=_FIX)


def charge(store: Store, consent: Consent, run: bytes, policy: Callable[[], Policy]) -> None:
    """Charge an answer that is about to be given; Withheld if other jobs have spent what was left.

    Durable when this returns.
    """
    contract, org = consent.contract, consent.org
    charges = _charges(contract, org)
    if not charges or store.is_charged(run):
        return
    rules = may_release(consent, policy, charges[0].at.date())
    for what, rule in _exhausted(store, org, charges, rules):
        raise Withheld(what, party=org, phase="release", rule=rule, fix=_FIX)
    store.charge(run, charges)


def _charges(contract: Contract, org: str) -> tuple[Charge, ...]:
    """What the answer costs each dataset; nothing without noise, or if it is the own one."""
    query, now = contract.query, datetime.now(UTC)
    if query is None or query.epsilon is None or org in contract.receivers:
        return ()
    (receiver,) = contract.receivers
    datasets = contract.party(org).datasets
    return tuple(Charge(one.dataset, receiver, query.epsilon, now) for one in datasets)


def _exhausted(
    store: Store, org: str, charges: Sequence[Charge], rules: Sequence[Allow]
) -> Iterator[tuple[str, str]]:
    """Of each dataset whose rule has too little left: what to say, and the rule."""
    for one, rule in zip(charges, rules, strict=True):
        most, days = rule.epsilon_budget, rule.epsilon_days
        if most is not None and not _covers(store, one, most, days):
            what = (
                f"of the epsilon of {most} in {days} days that {org} allows {one.receiver} for"
                f" '{one.dataset}', less than {one.epsilon} is left"
            )
            yield what, f"policy.toml: epsilon_budget = {most}"


def _covers(store: Store, charge: Charge, most: Decimal, days: int) -> bool:
    spent = store.charged(charge.dataset, charge.at - timedelta(days=days))
    return spent.get(charge.receiver, Decimal(0)) + charge.epsilon <= most


def budgets(store: Store, dataset: str, org: str, policy: Policy) -> tuple[Budget, ...]:
    """What the policy lets answers about a dataset cost each receiver, and what is left of it."""
    found, now = [], datetime.now(UTC)
    for number, rule in enumerate(policy.allow, 1):
        if rule.dataset != dataset or rule.epsilon_budget is None:
            continue
        spent = store.charged(dataset, now - timedelta(days=rule.epsilon_days))
        found += [
            Budget(
                receiver=receiver,
                rule=f"allow[{number}]",
                epsilon=rule.epsilon_budget,
                days=rule.epsilon_days,
                left=max(rule.epsilon_budget - spent.get(receiver, Decimal(0)), Decimal(0)),
            )
            for receiver in rule.receivers
            if receiver != org
        ]
    return tuple(found)


def spent_lately(store: Store, dataset: str) -> tuple[Spent, ...]:
    """What answers about a dataset have cost in the days of a budget that names none."""
    since = datetime.now(UTC) - timedelta(days=DEFAULT_EPSILON_DAYS)
    found = sorted(store.charged(dataset, since).items())
    return tuple(Spent(receiver=receiver, epsilon=epsilon) for receiver, epsilon in found)
