"""The owner's decision on a contract: contract × policy × own data → Consent, or Refused.

`Consent` is what `load` asks for before it reads a row, and only this file makes one. The decision
is the owner's own: it reads the owner's file, and nothing in a contract can relax it.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from contract.dataset import CatalogueEntry
from contract.errors import (
    ContractExpired,
    FingerprintChanged,
    MiheError,
    Refused,
)
from contract.job import Contract, Query
from contract.policy import Allow, Policy, Selects, Use
from contract.suites import (
    RR22_SUITES,
    STRONGEST_AGGREGATION,
    STRONGEST_MATCHING,
    UNION_SUITES,
    Aggregation,
    Family,
)
from contract.views import PolicyLine
from federated.noise import secret as noise
from federated.paillier import encrypt as paillier
from federated.query.agreed import plan_of, plan_of_union, unlike_in
from federated.query.noise import draws
from federated.query.plan import uses
from federated.query.union_plan import uses_of_union
from node.planned_on import require_same, root_of

_LIST_IT = "ask {org} to list this use in its policy file, or propose what it lists"
_WRITE_ALIKE = (
    "write every SELECT of the bracket as the first one, with another organisation alone (the"
    " description of a dataset can give it and its columns the names that others use), or ask {org}"
    f' to write selects = "{Selects.ANY.value}" in its policy file'
)
_ADDED_UP = frozenset({Use.SUM, Use.AVG, Use.VARIANCE, Use.QUANTILE})
_only_here = object()
_log = logging.getLogger("mihe.gate")


@dataclass(frozen=True, slots=True)
class Consent:
    """An owner's consent to one contract, on one snapshot of each dataset that it names."""

    contract: Contract
    org: str
    snapshots: tuple[str, ...]
    """Of each dataset, in the contract's order."""
    largest_share: int | None
    """Percent of a sum that one key may have, where the join does not check it."""
    made_by: object

    def __post_init__(self) -> None:
        if self.made_by is not _only_here:
            raise TypeError("only node.gate gives consent")

    @property
    def held(self) -> tuple[tuple[str, str], ...]:
        """Each dataset with its snapshot, in the contract's order."""
        names = [one.dataset for one in self.contract.party(self.org).datasets]
        return tuple(zip(names, self.snapshots, strict=True))

    @property
    def dataset(self) -> str:
        """The only dataset, or of several the first."""
        return self.contract.party(self.org).dataset

    @property
    def snapshot(self) -> str:
        """Its snapshot."""
        return self.snapshots[0]


def decide(
    contract: Contract,
    *,
    org: str,
    fingerprint: str,
    policy: Policy,
    entries: dict[str, CatalogueEntry],
    snapshots: Sequence[str | None],
    now: datetime | None = None,
) -> Consent:
    """Consent of `org`, on its snapshots of its datasets, or the error that refuses.

    `entries` are this node's own datasets by name; `snapshots` the current ones of those that the
    contract names (their commitments), in its order, with None where there is none.
    """
    now = now or datetime.now(UTC)
    party = contract.party(org)
    if party.fingerprint != fingerprint:
        raise FingerprintChanged(
            "the contract names another certificate than this organisation's",
            party=org,
            phase="approve",
            fix="propose the job again: a changed certificate needs a new contract",
        )
    if contract.expires <= now:
        raise ContractExpired(
            "the contract has expired", party=org, phase="approve", fix="propose the job again"
        )
    roots = tuple(
        root_of(org, one.dataset, entries, root)
        for one, root in zip(party.datasets, snapshots, strict=True)
    )
    require_same(party, entries)
    _require_installed(contract, org)
    rules = check_policy(contract, org, policy, now.date())
    unchecked = contract.query is None or contract.query.largest_share is None
    shares = [rule.largest_share for rule in rules if rule.largest_share is not None]
    largest_share = min(shares, default=None) if unchecked else None
    return Consent(contract, org, roots, largest_share, _only_here)


def _require_installed(contract: Contract, org: str) -> None:
    """Refused if the job takes a library that is installed on its owner's wish alone."""
    if contract.aggregation is Aggregation.PAILLIER and not paillier.is_installed():
        raise _not_installed(org, "Paillier's encryption", "paillier", "--aggregation")
    has_noise = contract.query is not None and contract.query.epsilon is not None
    if has_noise and not noise.is_installed() and draws(plan_of(contract), org):
        raise _not_installed(org, "drawing noise", "noise", "--noise")


def _not_installed(org: str, what: str, extra: str, option: str) -> MiheError:
    return Refused(
        f"{org}'s node has not installed what {what} takes",
        party=org,
        phase="approve",
        rule=f"extra: {extra}",
        fix=f"ask {org} to install it where its node runs, pip install 'mihe[{extra}]', or leave"
        f" {option} out",
    )


def readable(policy: Callable[[], Policy], org: str) -> Policy:
    """The policy as its file stands now; Refused if it can't be read, for then it allows nothing.

    What is wrong with the file is in the owner's own log, and nobody else's to know.
    """
    try:
        return policy()
    except MiheError as error:
        _log.error("unreadable policy: %s", error)
        raise Refused(
            f"{org}'s policy can't be read, so it allows nothing",
            party=org,
            phase="approve",
            rule="policy.toml: unreadable",
            fix=f"let {org} look at its node's log and correct the file",
        ) from None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a job asks of one dataset of an owner."""

    dataset: str
    key: tuple[str, ...]
    used: Mapping[str, frozenset[Use]]
    unlike: str | None
    """What of the SELECTs of a sum over UNION ALL does not read alike, in an officer's words."""

    @property
    def in_words(self) -> list[str]:
        """All of it but the job's own terms."""
        return _uses_in_words(self.used) + ([] if self.unlike is None else [self.unlike])


def check_policy(contract: Contract, org: str, policy: Policy, today: date) -> tuple[Allow, ...]:
    """For each dataset the first rule that lists everything that the job asks of it, or Refused."""
    return tuple(_allowing(contract, org, asked, policy, today) for asked in _asked(contract, org))


def _allowing(contract: Contract, org: str, asked: _Asked, policy: Policy, today: date) -> Allow:
    dataset = asked.dataset
    closest = _closest(contract, org, asked, policy, today)
    if closest is None:
        raise _refused(org, f"no rule of {org}'s policy is about '{dataset}'", "unlisted")
    if closest.denied:
        raise _refused(
            org,
            f"no rule of {org}'s policy for '{dataset}' allows this job; the closest one does not"
            f" allow its {' and '.join(closest.denied)}",
            closest.name,
            _WRITE_ALIKE if closest.denied == [asked.unlike] else _LIST_IT,
        )
    return closest.rule


class _Tried(NamedTuple):
    """A rule, what the policy's file calls it, and what of a job it does not list."""

    denied: list[str]
    name: str
    rule: Allow


def _tried(
    contract: Contract, org: str, asked: _Asked, policy: Policy, today: date
) -> list[_Tried]:
    """Every rule about the dataset."""
    return [
        _Tried(_denied(contract, org, asked, rule, today), f"allow[{number}]", rule)
        for number, rule in enumerate(policy.allow, 1)
        if rule.dataset == asked.dataset
    ]


def _closest(
    contract: Contract, org: str, asked: _Asked, policy: Policy, today: date
) -> _Tried | None:
    """Of the rules about the dataset the first that denies least."""
    tried = _tried(contract, org, asked, policy, today)
    return min(tried, key=lambda one: len(one.denied), default=None)


def _asked(contract: Contract, org: str) -> list[_Asked]:
    """What the job does with each column of each of the organisation's datasets."""

    def used(dataset: str) -> dict[str, frozenset[Use]]:
        if contract.query is None:
            return {}
        if contract.family is Family.UNION:
            return uses_of_union(plan_of_union(contract), org)
        return uses(plan_of(contract), org, dataset)

    unlike = unlike_in(contract) if contract.family is Family.UNION else None
    if unlike is not None:
        unlike = f"SELECTs of UNION ALL, which do not read alike (in the contract, {unlike})"
    datasets = contract.party(org).datasets
    return [_Asked(one.dataset, one.key, used(one.dataset), unlike) for one in datasets]


def policy_lines(
    contract: Contract, org: str, policy: Policy, today: date
) -> tuple[PolicyLine, ...]:
    """What a query asks of every owner's policy; answered for `org`, whose policy this is."""
    lines: list[PolicyLine] = []
    for other in contract.orgs:
        for asked in _asked(contract, other):
            if other == org:
                found = _answered(contract, org, asked, policy, today)
            else:
                found = (PolicyLine(org=other, what=what) for what in asked.in_words)
            # Of several datasets each line says which one it is about.
            about = f"{asked.dataset}: " if contract.party(other).joined else ""
            lines += [one.model_copy(update={"what": about + one.what}) for one in found]
    return tuple(lines)


def _answered(
    contract: Contract, org: str, asked: _Asked, policy: Policy, today: date
) -> Iterator[PolicyLine]:
    """By the rule that allows all, or else by the one that denies least."""
    closest = _closest(contract, org, asked, policy, today)
    if closest is None:
        yield PolicyLine(org=org, what=f"any use of '{asked.dataset}'", allowed=False)
        return
    denied, rule, _ = closest
    words = asked.in_words
    for what in words:
        yield PolicyLine(org=org, what=what, allowed=what not in denied, rule=rule)
    for what in denied:
        if what not in words:
            yield PolicyLine(org=org, what=what, allowed=False, rule=rule)


def _denied(contract: Contract, org: str, asked: _Asked, rule: Allow, today: date) -> list[str]:
    """What of the job this rule does not list, in an officer's words."""
    others = contract.others(org)
    peers = [contract.party(other) for other in others]
    matching = contract.matching or STRONGEST_MATCHING
    adding = contract.aggregation or STRONGEST_AGGREGATION
    matchings = (STRONGEST_MATCHING, *rule.matching)
    largest, first = rule.largest_peer_set, contract.receivers[0]
    checks: dict[str, Callable[[], bool]] = {
        "kind": lambda: contract.kind in rule.jobs,
        "key column": lambda: set(asked.key) <= set(rule.on),
        "other parties": lambda: set(others) <= set(rule.others),
        "receivers": lambda: set(contract.receivers) <= set(rule.receivers),
        "purpose": lambda: contract.purpose in rule.purposes,
        "legal basis": lambda: contract.basis in rule.bases,
        f"{matching.value} matching": lambda: matching in matchings,
        f"{adding.value} aggregation": lambda: adding in _aggregations(rule),
        "date": lambda: rule.until is None or today <= rule.until,
        "peer's set size": lambda: largest is None or all(p.size <= largest for p in peers),
        "engine, which does not hold its receiver to that size (ask for --engine ecdh)": lambda: (
            largest is None or contract.crypto.suite not in RR22_SUITES or org == first
        ),
        "engine, which does not hold its receiver to that size (leave out --engine)": lambda: (
            largest is None or contract.family is not Family.STAR or org == first
        ),
    }
    denied = [name for name, allowed in checks.items() if not allowed()]
    if contract.query is None:
        return denied
    denied += _denied_of(contract.query, asked.used, rule)
    if asked.unlike is not None and rule.selects is not Selects.ANY:
        denied.append(asked.unlike)
    return denied + _denied_own(contract, org, rule)


def _aggregations(rule: Allow) -> frozenset[Aggregation]:
    """How values may be added up: of joins the strong way always, over UNION ALL what is listed."""
    listed = {*rule.aggregation, STRONGEST_AGGREGATION}
    return frozenset(listed if listed & UNION_SUITES.keys() else {*listed, Aggregation.MASKED})


def _denied_of(query: Query, used: Mapping[str, frozenset[Use]], rule: Allow) -> list[str]:
    listed = {name: frozenset(done) for name, done in (rule.columns or {}).items()}
    unlisted = {name: wanted - listed.get(name, frozenset()) for name, wanted in used.items()}
    denied = _uses_in_words(unlisted)
    if query.min_group < rule.min_group:
        denied.append(f"groups of fewer than {rule.min_group}")
    if query.min_join < rule.min_join:
        denied.append(f"joins of fewer than {rule.min_join}")
    if query.dominance not in rule.dominance:
        denied.append(f"dominance {query.dominance.value} (largest share in the join)")
    fewest, most = query.min_contributors, rule.largest_share
    if fewest is not None and most is not None:
        denied.append("rows in a sum over UNION ALL (largest_share is not checked there)")
    if most is not None and (query.largest_share or 0) > most:
        denied.append(f"shares of more than {most} % of a sum")
    denied += _denied_exact(query, rule)
    if fewest is not None and rule.min_contributors is None:
        denied.append("rows in a sum over UNION ALL (min_contributors)")
    elif fewest is not None and fewest < (rule.min_contributors or 0):
        denied.append(f"sums over fewer than {rule.min_contributors} organisations")
    return denied


def _denied_exact(query: Query, rule: Allow) -> list[str]:
    """What has no noise, or too little, where the rule asks for some."""
    most = rule.max_epsilon
    if most is not None and (query.epsilon is None or query.epsilon > most):
        return [f"counts and sums without noise of an epsilon of {most} or less (--noise)"]
    if rule.epsilon_budget is not None and query.epsilon is None:
        return ["counts and sums without noise (--noise), which an epsilon_budget can't count"]
    return []


def _denied_own(contract: Contract, org: str, rule: Allow) -> list[str]:
    """What a receiver adds up of its own, beside others' rows, where the rule forbids it."""
    receiver = contract.receivers[0]
    if rule.receivers_own or receiver == org or contract.family is Family.UNION:
        return []
    own = {use for one in _asked(contract, receiver) for uses in one.used.values() for use in uses}
    return [f"sums of {receiver}'s own columns"] if own & _ADDED_UP else []


def min_changes(rules: Sequence[Allow]) -> dict[str, int]:
    """By how many subjects answers from each dataset must differ, where its rule asks for that."""
    return {rule.dataset: rule.min_change for rule in rules if rule.min_change is not None}


def _uses_in_words(used: Mapping[str, frozenset[Use]]) -> list[str]:
    return [
        f"use of '{column}' for {use.value}"
        for column, wanted in sorted(used.items())
        for use in sorted(wanted)
    ]


def _refused(org: str, what: str, rule: str, fix: str = _LIST_IT) -> MiheError:
    return Refused(
        what,
        party=org,
        phase="approve",
        rule=f"policy.toml: {rule}",
        fix=fix.format(org=org),
    )
