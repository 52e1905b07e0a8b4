"""The owner's decision on a contract: contract × policy × own data → Consent, or Refused.

`Consent` is what `load` asks for before it reads a row, and only this file makes one. The decision
is the owner's own: it reads the owner's file, and nothing in a contract can relax it.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from contract.dataset import CatalogueEntry
from contract.errors import (
    ContractExpired,
    DatasetOutgrown,
    FingerprintChanged,
    KeyKindMismatch,
    MiheError,
    Refused,
    SnapshotChanged,
    UnknownColumn,
    UnknownDataset,
    nearest,
)
from contract.job import (
    RR22_SUITES,
    STRONGEST_AGGREGATION,
    STRONGEST_MATCHING,
    Contract,
    Family,
    Party,
    Query,
)
from contract.policy import Allow, Policy, Use
from contract.views import PolicyLine
from federated.query.agreed import plan_of, plan_of_union
from federated.query.plan import uses
from federated.query.union_plan import uses_of_union

_ADDED_UP = frozenset({Use.SUM, Use.AVG, Use.VARIANCE, Use.QUANTILE})
_only_here = object()
_log = logging.getLogger("mihe.gate")


@dataclass(frozen=True, slots=True)
class Consent:
    """An owner's consent to one contract, on one snapshot of one dataset."""

    contract: Contract
    org: str
    dataset: str
    column: str
    snapshot: str
    largest_share: int | None
    """Percent of a sum that one key may have, where the join does not check it."""
    made_by: object

    def __post_init__(self) -> None:
        if self.made_by is not _only_here:
            raise TypeError("only node.gate gives consent")


def decide(
    contract: Contract,
    *,
    org: str,
    fingerprint: str,
    policy: Policy,
    entries: dict[str, CatalogueEntry],
    snapshot: str | None,
    now: datetime | None = None,
) -> Consent:
    """Consent of `org`, on its snapshot of the dataset, or the error that refuses.

    `entries` are this node's own datasets by name; `snapshot` the current one of the dataset that
    the contract names (its commitment), or None if there is none.
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
    entry = entries.get(party.dataset)
    if entry is None or snapshot is None:
        raise UnknownDataset(
            f"{org} has no dataset '{party.dataset}'.{nearest(party.dataset, list(entries))}",
            party=org,
            phase="approve",
            fix="see `mihe catalog` for the datasets there are",
        )
    _check_data(contract, org, entry)
    rule = check_policy(contract, org, policy, now.date())
    unchecked = contract.query is None or contract.query.largest_share is None
    return Consent(
        contract,
        org,
        party.dataset,
        party.key_column,
        snapshot,
        rule.largest_share if unchecked else None,
        _only_here,
    )


def _check_data(contract: Contract, org: str, entry: CatalogueEntry) -> None:
    party = contract.party(org)
    column = entry.column(party.key_column)
    if column is None or column.key is None:
        keys = [column.name for column in entry.columns if column.key]
        raise UnknownColumn(
            f"{org}.{party.dataset} has no key column '{party.key_column}'."
            f"{nearest(party.key_column, keys)}",
            party=org,
            phase="approve",
            fix="see `mihe catalog` for the columns there are",
        )
    if column.key is not party.key_kind:
        raise KeyKindMismatch(
            f"{org}.{party.dataset}.{party.key_column} holds {column.key.value} keys,"
            f" the contract says {party.key_kind.value}",
            party=org,
            phase="approve",
            fix="match columns of the same kind of key",
        )
    if entry.schema_digest != party.schema_digest:
        raise SnapshotChanged(
            f"the columns of {org}.{party.dataset} are not those that the contract was planned on",
            party=org,
            phase="approve",
            fix="propose the job again: it will be planned on the present columns",
        )
    if _keys_of(party, entry) > party.size:
        raise DatasetOutgrown(
            f"{org}.{party.dataset} has outgrown the {party.size} keys that the contract allows",
            party=org,
            phase="approve",
            fix="propose the job again: it will be planned on the present size",
        )


def still_holds(party: Party, entry: CatalogueEntry) -> bool:
    """Whether a job that `party` is a part of may go on when its dataset becomes `entry`."""
    same = entry.schema_digest == party.schema_digest
    return same and entry.key_of(party.key) is not None and _keys_of(party, entry) <= party.size


def _keys_of(party: Party, entry: CatalogueEntry) -> int:
    """How many keys the dataset has, of those that the contract joins by."""
    declared = entry.key_of(party.key)
    return 0 if declared is None else declared.size or 0


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


def check_policy(contract: Contract, org: str, policy: Policy, today: date) -> Allow:
    """The first rule of the policy that lists everything that the job asks for, or Refused."""
    dataset = contract.party(org).dataset
    closest = _closest(contract, org, _used(contract, org), policy, today)
    if closest is None:
        raise _refused(org, f"no rule of {org}'s policy is about '{dataset}'", "unlisted")
    if closest.denied:
        raise _refused(
            org,
            f"no rule of {org}'s policy for '{dataset}' allows this job; the closest one does not"
            f" allow its {' and '.join(closest.denied)}",
            closest.name,
        )
    return closest.rule


class _Tried(NamedTuple):
    """A rule, what the policy's file calls it, and what of a job it does not list."""

    denied: list[str]
    name: str
    rule: Allow


def _tried(
    contract: Contract,
    org: str,
    used: Mapping[str, frozenset[Use]],
    policy: Policy,
    today: date,
) -> list[_Tried]:
    """Every rule about the dataset."""
    dataset = contract.party(org).dataset
    return [
        _Tried(_denied(contract, org, used, rule, today), f"allow[{number}]", rule)
        for number, rule in enumerate(policy.allow, 1)
        if rule.dataset == dataset
    ]


def _closest(
    contract: Contract,
    org: str,
    used: Mapping[str, frozenset[Use]],
    policy: Policy,
    today: date,
) -> _Tried | None:
    """Of the rules about the dataset the first that denies least."""
    tried = _tried(contract, org, used, policy, today)
    return min(tried, key=lambda one: len(one.denied), default=None)


def _used(contract: Contract, org: str) -> dict[str, frozenset[Use]]:
    """What the job does with each column of the organisation's dataset."""
    if contract.query is None:
        return {}
    if contract.family is Family.UNION:
        return uses_of_union(plan_of_union(contract), org)
    return uses(plan_of(contract), org)


def policy_lines(
    contract: Contract, org: str, policy: Policy, today: date
) -> tuple[PolicyLine, ...]:
    """What a query asks of every owner's policy; answered for `org`, whose policy this is."""
    lines: list[PolicyLine] = []
    for other in contract.orgs:
        used = _used(contract, other)
        if other == org:
            lines += _answered(contract, org, used, policy, today)
        else:
            lines += [PolicyLine(org=other, what=what) for what in _uses_in_words(used)]
    return tuple(lines)


def _answered(
    contract: Contract,
    org: str,
    used: Mapping[str, frozenset[Use]],
    policy: Policy,
    today: date,
) -> Iterator[PolicyLine]:
    """By the rule that allows all, or else by the one that denies least."""
    closest = _closest(contract, org, used, policy, today)
    if closest is None:
        dataset = contract.party(org).dataset
        yield PolicyLine(org=org, what=f"any use of '{dataset}'", allowed=False)
        return
    denied, rule, _ = closest
    asked = _uses_in_words(used)
    for what in asked:
        yield PolicyLine(org=org, what=what, allowed=what not in denied, rule=rule)
    for what in denied:
        if what not in asked:
            yield PolicyLine(org=org, what=what, allowed=False, rule=rule)


def _denied(
    contract: Contract, org: str, used: Mapping[str, frozenset[Use]], rule: Allow, today: date
) -> list[str]:
    """What of the job this rule does not list, in an officer's words."""
    others = contract.others(org)
    peers = [contract.party(other) for other in others]
    matching = contract.matching or STRONGEST_MATCHING
    adding = contract.aggregation or STRONGEST_AGGREGATION
    matchings = (STRONGEST_MATCHING, *rule.matching)
    aggregations = (STRONGEST_AGGREGATION, *rule.aggregation)
    largest, first = rule.largest_peer_set, contract.receivers[0]
    checks: dict[str, Callable[[], bool]] = {
        "kind": lambda: contract.kind in rule.jobs,
        "key column": lambda: set(contract.party(org).key) <= set(rule.on),
        "other parties": lambda: set(others) <= set(rule.others),
        "receivers": lambda: set(contract.receivers) <= set(rule.receivers),
        "purpose": lambda: contract.purpose in rule.purposes,
        "legal basis": lambda: contract.basis in rule.bases,
        f"{matching.value} matching": lambda: matching in matchings,
        f"{adding.value} aggregation": lambda: adding in aggregations,
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
    if contract.party(org).beside is not None and rule.min_change is not None:
        denied.append("keys of several columns (min_change compares subjects, not keys)")
    if contract.query is None:
        return denied
    return denied + _denied_of(contract.query, used, rule) + _denied_own(contract, org, rule)


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
    if fewest is not None and rule.min_change is not None:
        denied.append("rows in a sum over UNION ALL (min_change is not compared there)")
    if fewest is not None and most is not None:
        denied.append("rows in a sum over UNION ALL (largest_share is not checked there)")
    if most is not None and (query.largest_share or 0) > most:
        denied.append(f"shares of more than {most} % of a sum")
    if fewest is not None and rule.min_contributors is None:
        denied.append("rows in a sum over UNION ALL (min_contributors)")
    elif fewest is not None and fewest < (rule.min_contributors or 0):
        denied.append(f"sums over fewer than {rule.min_contributors} organisations")
    return denied


def _denied_own(contract: Contract, org: str, rule: Allow) -> list[str]:
    """What a receiver adds up of its own, beside others' rows, where the rule forbids it."""
    receiver = contract.receivers[0]
    if rule.receivers_own or receiver == org or contract.family is Family.UNION:
        return []
    own = set().union(*_used(contract, receiver).values())
    return [f"sums of {receiver}'s own columns"] if own & _ADDED_UP else []


def min_change(contract: Contract, org: str, policy: Policy, today: date) -> int | None:
    """By how many subjects answers must differ; None if a rule that allows the job asks nothing."""
    tried = _tried(contract, org, _used(contract, org), policy, today)
    asked = [one.rule.min_change for one in tried if not one.denied]
    return None if None in asked else min((one for one in asked if one is not None), default=None)


def _uses_in_words(used: Mapping[str, frozenset[Use]]) -> list[str]:
    return [
        f"use of '{column}' for {use.value}"
        for column, wanted in sorted(used.items())
        for use in sorted(wanted)
    ]


def _refused(org: str, what: str, rule: str) -> MiheError:
    return Refused(
        what,
        party=org,
        phase="approve",
        rule=f"policy.toml: {rule}",
        fix=f"ask {org} to list this use in its policy file, or propose what it lists",
    )
