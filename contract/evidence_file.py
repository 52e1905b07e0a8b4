"""The evidence file of a job: each node writes it at the job's end, and anybody can check it.

    statements  all that was said about the job, in the coordinator's order, as it was signed
    receipts    of the run's streams, each by its sender

Checked     every signature, under the consortium's CA and as of the day on which the contract was
            created; that each statement may stand after those before it (contract/fold.py); that
            each receipt is about this run and its signer's own; that of a job that is done all
            receipts are there that some party has signed for
Learns      who has the file: contract, times, who said what. It holds no identifier, no value, no
            count, and no unsalted digest of any of them
Not for     telling that inputs were true, that the coordinator counted right, or that the file has
            the last statements: one that is cut off at the end shows a job without an end
"""

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from contract.admissible import check_party
from contract.canonical import Frozen, Hex32, OrgId, parse
from contract.errors import BadMessage, BadReceipt, ContractAltered, MiheError
from contract.fold import hear, open_job
from contract.identity import MAX_CERTIFICATE_BYTES, Authority, Identity, Role
from contract.job import Contract
from contract.leakage import leakage_of
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import (
    MAX_BODY_BYTES,
    MAX_SIGNATURE_BYTES,
    Kind,
    Statement,
    verify_at,
)
from contract.statements import Receipt
from contract.views import JobView, Milestone

MOST_BYTES = 64 << 20
_FIX = "the file was altered or is not whole: ask another party of the job for its own"


class SignedBy(Frozen):
    """Somebody whose signatures are in the file."""

    org: OrgId
    role: Role
    uscc: str = Field(description="of its legal entity, as the CA has certified it")
    fingerprint: Hex32 = Field(description="of the certificate that it signed under")
    signatures: int


class Proven(Frozen):
    """What an evidence file proves."""

    job: JobView
    signed: tuple[SignedBy, ...]
    receipts: int


def written(heard: Sequence[tuple[int, Statement]], receipts: Sequence[Statement]) -> bytes:
    """The evidence file of a job: JSON, one entry per statement in log order, then the receipts."""
    document = {
        "version": 1,
        "statements": [{"number": number, **_entry(statement)} for number, statement in heard],
        "receipts": [_entry(receipt) for receipt in receipts],
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def proven(raw: bytes, authority: Authority) -> Proven:
    """What the file `raw` proves to whoever trusts the CA; raises what speaks against it."""
    file = _read(raw)
    numbers = [one.number for one in file.statements]
    if numbers != sorted(set(numbers)):
        raise _unfit("its statements are not in the order of their numbers")
    reader = _Reader(file, authority)
    ledger = reader.ledger()
    reader.require_receipts(ledger)
    return Proven(job=_view(ledger, file), signed=reader.signed(), receipts=len(file.receipts))


def _entry(statement: Statement) -> dict[str, object]:
    return {
        "kind": statement.kind.value,
        "org": statement.org,
        "subject": statement.subject.hex(),
        # Kept as text: it is what was signed, to the byte.
        "body": statement.body.decode(),
        "signature": b64encode(statement.signature).decode(),
        "certificate": b64encode(statement.certificate).decode(),
    }


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def _base64(most_bytes: int) -> StringConstraints:
    return StringConstraints(max_length=4 * -(-most_bytes // 3))


class _Receipt(Frozen):
    kind: Kind
    org: str
    subject: Hex32
    body: Annotated[str, StringConstraints(max_length=MAX_BODY_BYTES)]
    signature: Annotated[str, _base64(MAX_SIGNATURE_BYTES)]
    certificate: Annotated[str, _base64(MAX_CERTIFICATE_BYTES)]

    def statement(self) -> Statement:
        try:
            signature = b64decode(self.signature, validate=True)
            certificate = b64decode(self.certificate, validate=True)
            body, subject = self.body.encode(), bytes.fromhex(self.subject)
        except ValueError:
            raise _unfit("what was signed, or a signature, is no such thing") from None
        return Statement(self.kind, self.org, subject, body, signature, certificate)


class _Statement(_Receipt):
    number: int


class _File(Frozen):
    version: Literal[1]
    statements: Annotated[tuple[_Statement, ...], Field(min_length=1)]
    receipts: tuple[_Receipt, ...]


def _read(raw: bytes) -> _File:
    if len(raw) > MOST_BYTES:
        raise _unfit(f"it is larger than {MOST_BYTES >> 20} MiB")
    try:
        return _File.model_validate_json(raw)
    except ValidationError:
        raise _unfit("it is not an evidence file") from None


class _Reader:
    """One reading of one file: who has signed, and what follows from it."""

    def __init__(self, file: _File, authority: Authority) -> None:
        self._file = file
        self._authority = authority
        self._signers: dict[str, Identity] = {}
        self._signatures: Counter[str] = Counter()

    def ledger(self) -> Ledger:
        """The job as it stands after the file's last statement."""
        first, *others = self._file.statements
        statement = first.statement()
        contract = _contract(statement)
        ledger = open_job(statement, self._signer(statement, contract))
        for one in others:
            statement = one.statement()
            try:
                ledger = hear(ledger, statement, self._signer(statement, contract))
            except MiheError as error:
                raise _again(f"statement {one.number}", error) from None
        return ledger

    def require_receipts(self, ledger: Ledger) -> None:
        """Raise BadReceipt if one is not of this run, or missing though a party signed for it."""
        held = set()
        for number, one in enumerate(self._file.receipts, 1):
            statement = one.statement()
            try:
                self._require_receipt(ledger, statement)
            except MiheError as error:
                raise _again(f"receipt {number}", error) from None
            held.add(statement.digest.hex())
        signed_for = [set(said.receipts) for said in ledger.evidenced.values()]
        if ledger.state is State.DONE and not any(digests <= held for digests in signed_for):
            raise BadReceipt("receipts are missing that a party signed for", fix=_FIX)

    def _require_receipt(self, ledger: Ledger, statement: Statement) -> None:
        signer = self._signer(statement, ledger.contract)
        if signer.role is not Role.COORDINATOR:
            check_party(ledger, signer)
        body = parse(Receipt, statement.body, max_bytes=MAX_BODY_BYTES, party=signer.org)
        said = (statement.kind, body.sender, body.run)
        of_this_run = statement.subject in ledger.subjects
        if said != (Kind.RECEIPT, signer.org, statement.subject.hex()) or not of_this_run:
            raise BadReceipt("it is of another run or sender", party=signer.org, fix=_FIX)

    def _signer(self, statement: Statement, contract: Contract) -> Identity:
        certificate = self._authority.issued(statement.certificate)
        at = contract.created
        if certificate.role is Role.COORDINATOR:
            # No contract names its certificate, so it may have another one before a job has ended.
            at = min(max(at, certificate.begins), contract.expires)
        signer = verify_at(statement, self._authority, at)
        self._signers[signer.fingerprint] = signer
        self._signatures[signer.fingerprint] += 1
        return signer

    def signed(self) -> tuple[SignedBy, ...]:
        """Whose signatures were found to hold."""
        return tuple(
            SignedBy(
                org=signer.org,
                role=signer.role,
                uscc=signer.uscc,
                fingerprint=fingerprint,
                signatures=self._signatures[fingerprint],
            )
            for fingerprint, signer in self._signers.items()
        )


def _contract(statement: Statement) -> Contract:
    if statement.kind is not Kind.CONTRACT:
        raise _unfit("its first statement is no contract")
    return parse(Contract, statement.body, error=ContractAltered, max_bytes=MAX_BODY_BYTES)


def _view(ledger: Ledger, file: _File) -> JobView:
    return JobView(
        job=ledger.job.hex(),
        run=ledger.run.hex() if ledger.run else None,
        attempt=ledger.attempt,
        state=ledger.state,
        contract=ledger.contract,
        leakage=leakage_of(ledger.contract),
        history=tuple(
            Milestone(
                number=one.number,
                org=one.org,
                kind=one.kind.value,
                detail=ledger.answer(one.kind, one.org),
            )
            for one in file.statements
        ),
        cause=ledger.cause,
    )


def _again(which: str, error: MiheError) -> MiheError:
    """The same error, about what stands in a file."""
    what = f"{which}: {error.what}"
    return type(error)(what, fix=_FIX, party=error.party, phase=error.phase, rule=error.rule)


def _unfit(what: str) -> BadMessage:
    return BadMessage(f"this evidence can't be checked: {what}", fix=_FIX)
