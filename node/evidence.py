"""Evidence: what remains of a job for whoever asks later.

When a party is through, it signs the digests of all receipts of the run, its own and its peer's; a
run is done when all parties have signed the same list. Of a run of several attempts that are those
of the last one, and of earlier ones those of the buckets that were filed then. The file written at
a job's end holds every statement and receipt with signature and certificate, so that it can be
checked without a node. The statements are the same on every side; so are the receipts of a run that
is done in one attempt, while of another one a party may hold the receipt for a stream that never
arrived.
It holds no identifier, no value, no count, and no unsalted digest of any of them.
"""

import json
from base64 import b64encode

from contract.canonical import parse
from contract.ledger import Ledger
from contract.signing import MAX_BODY_BYTES, Statement
from contract.statements import Evidence, Receipt


def evidence_of(ledger: Ledger, run: bytes, receipts: list[Statement]) -> Evidence:
    """What this party signs at the end of a run: what it heard, and what it sent and received."""
    digests = sorted(receipt.digest.hex() for receipt in receipts)
    return Evidence(
        job=ledger.job.hex(), run=run.hex(), heard=ledger.heard, receipts=tuple(digests)
    )


def stream_of(receipt: Statement) -> str:
    """The stream that a receipt is for."""
    return parse(Receipt, receipt.body, max_bytes=MAX_BODY_BYTES, party=receipt.org).stream


def bundle(heard: list[tuple[int, Statement]], receipts: list[Statement]) -> bytes:
    """The evidence file of a job: JSON, one entry per statement in log order, then the receipts."""
    document = {
        "version": 1,
        "statements": [{"number": number, **_entry(statement)} for number, statement in heard],
        "receipts": [_entry(receipt) for receipt in receipts],
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


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
