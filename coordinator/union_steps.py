"""What the coordinator does next in a sum over UNION ALL: read off the ledger, and what it holds.

A pure function, so that every loss at every step can be tried without a network.
"""

from collections.abc import Callable
from dataclasses import dataclass

from contract.attempts import Attempts, Of
from contract.ledger import Ledger
from contract.lifecycle import State

Holds = Callable[[str, str], bool]
"""Whether the coordinator has a part of an organisation, by the organisation and the part."""


@dataclass(frozen=True, slots=True)
class Collect:
    """Everybody's contribution is here."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """Somebody is gone before its contribution was taken: begin again with the others."""

    survivors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MissOut:
    """Somebody is gone who has confirmed: let the others stand in for it."""

    of: Of
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """What opens the counts is here."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """What opens the sums is here."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The run can't go on without `lost`."""

    lost: str


Step = Collect | Abandon | MissOut | Count | HandOver | GiveUp


def next_step(ledger: Ledger, holds: Holds, gone: frozenset[str]) -> Step | None:
    """The step that is due, if one is; `gone` are those who will not be waited for."""
    attempts = ledger.attempts
    if attempts is None or ledger.ended:
        return None
    # Whoever is gone from a run that goes on without it does not matter any more.
    gone = (gone | attempts.restarted) & set(attempts.present)
    if attempts.receiver in gone and attempts.receiver not in ledger.evidenced:
        return GiveUp(attempts.receiver)
    if ledger.state is State.RUNNING:
        return _before_all_confirmed(attempts, holds, gone)
    match attempts.opening:
        case Of.COUNTS:
            return _counts(attempts, holds, gone)
        case Of.SUMS:
            return _sums(attempts, holds, gone)
        case Of.EVIDENCE:
            late = {org for org in gone if org not in ledger.evidenced}
            return _without(attempts, Of.EVIDENCE, late) if late else None


def part(name: str, attempts: Attempts) -> str:
    """What a part is called in the newest attempt."""
    return f"{name}_{attempts.number}"


def helpers(attempts: Attempts, of: Of, holds: Holds) -> tuple[str, ...]:
    """Whose shares are here to stand in for the absent: as many as it takes, or fewer."""
    own = of is Of.SUMS  # the receiver has its own shares where it needs them
    name = part("count_shares" if of is Of.COUNTS else "sum_shares", attempts)
    found = [org for org in attempts.present if holds(org, name)]
    return tuple(found[: attempts.threshold - own])


def _before_all_confirmed(attempts: Attempts, holds: Holds, gone: frozenset[str]) -> Step | None:
    if attempts.collected is not None:
        # Whoever has confirmed takes part in no other attempt.
        unsaid = [org for org in attempts.members if org in gone - attempts.confirmed]
        return GiveUp(unsaid[0]) if unsaid else None
    if gone:
        survivors = tuple(org for org in attempts.members if org not in gone)
        lost = next(org for org in attempts.members if org in gone)
        return Abandon(survivors) if len(survivors) >= attempts.fewest else GiveUp(lost)
    masked = part("masked", attempts)
    whole = attempts.all_keys is not None and all(holds(org, masked) for org in attempts.members)
    return Collect() if whole else None


def _counts(attempts: Attempts, holds: Holds, gone: frozenset[str]) -> Step | None:
    counts = part("counts", attempts)
    missing = {org for org in attempts.present if not holds(org, counts)}
    if Of.COUNTS not in attempts.absent:
        if not missing:
            return Count()
        return _without(attempts, Of.COUNTS, missing) if missing <= gone else None
    if missing or len(helpers(attempts, Of.COUNTS, holds)) < attempts.threshold:
        return _too_few(attempts, Of.COUNTS, holds, gone)
    return Count()


def _sums(attempts: Attempts, holds: Holds, gone: frozenset[str]) -> Step | None:
    opening = part("opening", attempts)
    others = [org for org in attempts.present if org != attempts.receiver]
    missing = {org for org in others if not holds(org, opening)}
    if Of.SUMS not in attempts.absent:
        before = len(attempts.present) < len(attempts.members)
        if not missing and not before:
            return HandOver()
        return _without(attempts, Of.SUMS, missing) if missing <= gone else None
    if missing or len(helpers(attempts, Of.SUMS, holds)) < attempts.threshold - 1:
        return _too_few(attempts, Of.SUMS, holds, gone)
    return HandOver()


def _without(attempts: Attempts, of: Of, missing: set[str]) -> Step:
    there = set(attempts.present) - missing
    absent = tuple(org for org in attempts.members if org not in there)
    if len(there) < attempts.threshold:
        return GiveUp(next(org for org in attempts.members if org in absent))
    return MissOut(of, absent)


def _too_few(attempts: Attempts, of: Of, holds: Holds, gone: frozenset[str]) -> Step | None:
    """The end, if so many are gone that the shares that are left don't open anything."""
    name = part("count_shares" if of is Of.COUNTS else "sum_shares", attempts)
    own = of is Of.SUMS
    able = [
        org
        for org in attempts.present
        if holds(org, name) or (org not in gone and not (own and org == attempts.receiver))
    ]
    lost = [org for org in attempts.present if org in gone]
    if lost and len(able) < attempts.threshold - own:
        return GiveUp(lost[0])
    return None
