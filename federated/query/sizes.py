"""How many bytes an owner hands in for a query: what a plan shows, and the most that is taken.

Implements  federated/SPEC.md §1.3 and §2.4: the sizes of the parts of a share, by the plan alone
Learns      nobody anything: sizes are padded, and everybody compiles the same plan
"""

from typing import Final

from contract.errors import BadQuery
from contract.suites import Aggregation
from federated.aggregate.parameters import DEGREE
from federated.aggregate.wire import CIPHERTEXT_BYTES
from federated.query.plan import QueryPlan, join_of
from federated.words import WORD_BYTES

MOST_BYTES: Final = 1 << 30
"""A share is one message, which its owner and the coordinator hold whole, three times over."""

_CODE_BYTES: Final = 4
# The number of keys of each code, as varints: at most two codes a key, and their sum is the keys'.
_MOST_COUNTING_BYTES: Final = 3
_HEADER_BYTES: Final = 16
_ENVELOPE_BYTES: Final = 1 << 10


def share_bytes(plan: QueryPlan, owner: int, aggregation: Aggregation) -> int:
    """Tokens, codes, bands and hidden values of an owner's share."""
    part = plan.owners[owner]
    tokens = join_of(plan, bytes(32)).token_bytes * part.size
    codes = _CODE_BYTES * part.size if part.groups else 0
    shown = tokens + codes + plan.banded(owner) * part.size
    if aggregation is Aggregation.SHARED:
        return shown + part.sent * part.size * WORD_BYTES
    return shown + _ciphertexts(plan, owner) * CIPHERTEXT_BYTES


def most_share_bytes(plan: QueryPlan, owner: int, aggregation: Aggregation) -> int:
    """No share of this owner that the plan allows is larger, as it travels."""
    part = plan.owners[owner]
    counts = _MOST_COUNTING_BYTES * part.size if part.groups else 0
    parts = _ciphertexts(plan, owner) + plan.banded(owner)
    headers = _HEADER_BYTES * parts + _ENVELOPE_BYTES
    return share_bytes(plan, owner, aggregation) + counts + headers


def require_room(plan: QueryPlan, aggregation: Aggregation) -> None:
    """Raise BadQuery if an owner would hand in more than a message holds."""
    for owner, part in enumerate(plan.owners):
        if (most := most_share_bytes(plan, owner, aggregation)) > MOST_BYTES:
            raise BadQuery(
                f"{part.org} would hand in {most} bytes, for {part.sent} columns of numbers and"
                f" {part.size} keys; an owner hands in {MOST_BYTES} at most",
                fix="Ask for some of the sums now and for the others in a query of their own.",
                rule="federated/SPEC.md §1.2",
            )


def chunks_of(rows: int) -> int:
    """The ciphertexts that one column of so many rows takes."""
    return -(-rows // DEGREE)


def _ciphertexts(plan: QueryPlan, owner: int) -> int:
    part = plan.owners[owner]
    return part.sent * chunks_of(part.size)
