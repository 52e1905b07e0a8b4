"""A job as a fold over its signed statements: the same state at every node and at the coordinator.

The coordinator puts statements in one order and everybody folds that order through `hear`, so all
sides agree on the state without being told it, and nobody has to trust an instruction. The caller
has verified the signature (contract/signing.py) and passes the signer's identity. Who may speak is
asked of contract/admissible.py, what a statement means of contract/steps.py.
"""

from dataclasses import replace

from contract import attempts as attempting
from contract.admissible import check_coordinator, check_party, untimely
from contract.attempts import OfAttempt
from contract.canonical import parse
from contract.errors import BadMessage, ContractAltered
from contract.identity import Identity
from contract.job import Contract
from contract.ledger import Ledger
from contract.signing import MAX_BODY_BYTES, Kind, Statement
from contract.steps import STEPS, attempt, dead


def open_job(statement: Statement, signer: Identity) -> Ledger:
    """The ledger that a contract statement by its initiator opens."""
    contract = parse(
        Contract,
        statement.body,
        error=ContractAltered,
        max_bytes=MAX_BODY_BYTES,
        party=signer.org,
        phase="propose",
    )
    if statement.subject != contract.job_id:
        raise ContractAltered(
            "the contract's bytes do not have the job id under which they were sent",
            party=signer.org,
            phase="propose",
            fix="propose the job again; if it recurs, compare versions on both sides",
        )
    if signer.org != contract.initiator:
        raise ContractAltered(
            "the contract is signed by an organisation that is not its initiator",
            party=signer.org,
            phase="propose",
            fix="let the initiator's own node propose it",
        )
    ledger = Ledger(contract, contract.job_id)
    check_party(ledger, signer)
    return ledger


def hear(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    """The ledger after one more statement; the same object if it changes nothing.

    Raises a PeerError leaf for a statement that this signer may not make here.
    """
    if statement.kind is Kind.DEAD:
        return dead(ledger, statement, signer)
    if statement.kind in (Kind.CELLS, Kind.MATCHED):
        check_coordinator(ledger, statement, signer)
    elif statement.kind not in attempting.OF_THE_COORDINATOR:
        check_party(ledger, signer)
    if ledger.is_over(statement):
        return ledger
    said = attempting.read(statement) if statement.kind in attempting.MODELS else None
    name = ledger.slot(statement) if said is None else attempting.slot(signer.org, said)
    slot = (statement.kind, name)
    before = ledger.bodies.get(slot)
    if before == statement.body or ledger.ended:
        return ledger
    if before is not None:
        raise BadMessage(
            f"two different {statement.kind.value} statements were made about one job",
            party=signer.org,
            phase=ledger.state.value,
            fix="restore that node's state folder; two copies of one node must not run",
        )
    after = replace(ledger, bodies={**ledger.bodies, slot: statement.body})
    if said is not None:
        return ledger if _is_late(ledger, said) else attempt(after, said, statement, signer)
    step = STEPS.get(statement.kind)
    if step is None:
        raise untimely(ledger, statement, signer)
    return step(after, statement, signer)


def _is_late(ledger: Ledger, said: OfAttempt) -> bool:
    """Whether a word is about an attempt that is over: its signer may not have heard of that."""
    return ledger.attempts is not None and said.attempt < ledger.attempts.number
