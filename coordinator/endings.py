"""Why the coordinator says that a job is dead, and what it answers to words that come too late."""

from datetime import timedelta

from contract.errors import ContractExpired, FingerprintChanged, JobFinished, MiheError, PartyLost
from contract.ledger import Ledger
from coordinator.journal import short


def expired(ledger: Ledger) -> MiheError:
    """The contract's time is over and the job does not run yet."""
    return ContractExpired(
        "the contract expired before every party had signed the start",
        phase=ledger.state.value,
        fix="propose the job again; `mihe show` says whose word was missing",
    )


def away_too_long(ledger: Ledger, org: str, grace: timedelta) -> MiheError:
    """A party that the job needs now has not come back."""
    return PartyLost(
        f"the node was away from the coordinator for more than {grace.total_seconds():.0f} s",
        party=org,
        phase=ledger.state.value,
        fix="bring that node back, then propose the job again",
    )


def does_not_go_on(ledger: Ledger, grace: timedelta) -> MiheError:
    """A party is there, and its word for a further attempt is not."""
    return PartyLost(
        f"the node did not take up a further attempt for more than {grace.total_seconds():.0f} s",
        party=ledger.to_go_on[0],
        phase=ledger.state.value,
        fix="look at that node's log, then propose the job again",
    )


def gone_for_good(ledger: Ledger, org: str) -> MiheError:
    """A member of a sum is gone whom the others can't stand in for."""
    return PartyLost(
        "the node is gone, and what the others hold does not stand in for it",
        party=org,
        phase=ledger.state.value,
        fix="bring that node back, then propose the job again",
    )


def lost_its_state(ledger: Ledger, org: str) -> MiheError:
    """A party came back without what it had said and heard."""
    return PartyLost(
        "the node lost its state",
        party=org,
        phase=ledger.state.value,
        fix="restore that node's data folder or add its datasets again, then propose the job again",
    )


def changed_its_certificate(ledger: Ledger, org: str) -> MiheError:
    """A party came back with another certificate, and without the key that the contract names."""
    return FingerprintChanged(
        "the node came back with another certificate than the contract names",
        party=org,
        phase=ledger.state.value,
        fix="propose the job again: a changed certificate needs a new contract and approval",
    )


def over(subject: bytes) -> JobFinished:
    """The job or run has ended."""
    return JobFinished(
        f"job or run {short(subject)} has ended", fix="see `mihe show` for how it ended"
    )
