"""Who may say what about a job, and the errors for whoever may not.

What holds of a statement before anybody asks what it means: its signer, its state, its subject, the
bounds of its body. Used by contract/fold.py and, kind by kind, by contract/steps.py.
"""

from typing import TypeVar

from contract.canonical import Frozen, parse
from contract.errors import (
    BadMessage,
    FingerprintChanged,
    ForeignStart,
    MiheError,
    UnknownOrganisation,
)
from contract.identity import Identity, Role
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import MAX_BODY_BYTES, Kind, Statement
from contract.suites import Family

B = TypeVar("B", bound=Frozen)


def check_party(ledger: Ledger, signer: Identity) -> None:
    """Raise if the signer is no party, or not by the certificate that the contract names."""
    if signer.role is not Role.NODE or signer.org not in ledger.contract.orgs:
        raise UnknownOrganisation(
            f"'{signer.org}' is not a party of this job",
            party=signer.org,
            fix="only the parties that a contract names can speak about it",
        )
    if signer.fingerprint != ledger.contract.party(signer.org).fingerprint:
        raise FingerprintChanged(
            "the certificate is not the one that the contract names",
            party=signer.org,
            phase=ledger.state.value,
            fix="propose the job again: a changed certificate needs a new contract and approval",
        )


def check_coordinator(ledger: Ledger, statement: Statement, signer: Identity) -> None:
    """Raise if the signer is not the coordinator, or the job none of which it states this."""
    stated = Family.QUERY if statement.kind is Kind.CELLS else Family.MATCH
    if signer.role is not Role.COORDINATOR or ledger.contract.family is not stated:
        raise untimely(ledger, statement, signer)


def body_of(
    model: type[B], ledger: Ledger, statement: Statement, signer: Identity, subject: bytes
) -> B:
    """What a statement about this subject says."""
    if statement.subject != subject:
        raise ForeignStart(
            f"a {statement.kind.value} statement of another job or run",
            party=signer.org,
            phase=ledger.state.value,
            fix="the sender is replaying statements: compare both sides' evidence",
        )
    return parse(
        model,
        statement.body,
        max_bytes=MAX_BODY_BYTES,
        party=signer.org,
        phase=ledger.state.value,
    )


def untimely(ledger: Ledger, statement: Statement, signer: Identity) -> MiheError:
    """The error for a statement that may not be made now."""
    return BadMessage(
        f"a {statement.kind.value} statement has no place in state '{ledger.state.value}'",
        party=signer.org,
        phase=ledger.state.value,
        fix="the sender's node is not following the protocol: compare versions",
    )


def require_state(ledger: Ledger, statement: Statement, signer: Identity, *states: State) -> None:
    """Raise if the ledger is in none of these states, in which the statement has its place."""
    if ledger.state not in states:
        raise untimely(ledger, statement, signer)


def require_running(ledger: Ledger, statement: Statement, signer: Identity) -> None:
    """Raise if the run has not begun, or the job has ended."""
    require_state(ledger, statement, signer, State.RUNNING, State.RELEASING)


def of_this_run(ledger: Ledger, statement: Statement, signer: Identity, model: type[B]) -> B:
    """What a statement about the newest attempt of the run says."""
    run = ledger.run
    if run is None:
        raise untimely(ledger, statement, signer)
    return body_of(model, ledger, statement, signer, run)


def foreign(ledger: Ledger, statement: Statement, signer: Identity) -> MiheError:
    """The error for a statement that does not agree with the contract or the run."""
    return ForeignStart(
        f"a {statement.kind.value} statement does not belong to this contract and run",
        party=signer.org,
        phase=ledger.state.value,
        fix="the sender is replaying or altering statements: compare both sides' evidence",
    )
