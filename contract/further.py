"""A further attempt of a run: which jobs may have one, how many, and what it must have in common.

Implements  docs/decisions/0031: prepare and start, said again about a run that has ended
Learns      nobody anything: the shares are those of the first attempt, with fresh nonces
Rules       each attempt is a run with an id of its own; sets and plan are those of the first one
"""

from typing import Final

from contract.job import Contract
from contract.statements import Prepare, StartRecord
from contract.suites import RR22_SUITES, Family

MOST_ATTEMPTS: Final = 3
"""Attempts of one run. Who deviates can have its last bucket played again in each further one
(psi/rr22/SPEC.md §11)."""


def may_go_on(contract: Contract, attempt: int) -> bool:
    """Whether a run may go on after an attempt of this number, if it is one of several buckets."""
    in_buckets = contract.family is Family.TWO_PARTY and contract.crypto.suite in RR22_SUITES
    return in_buckets and attempt < MOST_ATTEMPTS


def follows(start: StartRecord, prepare: Prepare, org: str) -> bool:
    """Whether this is the share of `org` in the attempt after the one that started so."""
    before, share = start.party(org), prepare.party
    differs = {"nonce": before.nonce, "address": before.address}
    same_side = share.model_copy(update=differs) == before
    stated = (prepare.job, prepare.run, prepare.attempt, prepare.plan_digest)
    return same_side and stated == (start.job, start.run, start.attempt + 1, start.plan_digest)


def record_of(prepared: dict[str, Prepare], contract: Contract) -> StartRecord:
    """What starts when these shares are all parties'."""
    one = prepared[contract.orgs[0]]
    return StartRecord(
        job=one.job,
        run=one.run,
        attempt=one.attempt,
        plan_digest=one.plan_digest,
        parties=tuple(prepared[org].party for org in contract.orgs),
    )
