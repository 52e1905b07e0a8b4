"""Evidence: what a party signs at the end of a run, for whoever asks later.

When a party is through, it signs the digests of all receipts of the run, its own and its peer's; a
run is done when all parties have signed the same list. Of a run of several attempts that are those
of the last one, and of earlier ones those of the buckets that were filed then. The file that is
written at a job's end (contract/evidence_file.py) holds every statement and receipt with signature
and certificate, so that it can be checked without a node. The statements are the same on every
side; so are the receipts of a run that is done in one attempt, while of another one a party may
hold the receipt for a stream that never arrived.
"""

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
