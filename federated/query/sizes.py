"""How many bytes an owner hands in for a query: what a plan shows, and the most that is taken.

Implements  federated/SPEC.md §1.3, §2.4 and §6.2: the sizes of the parts of a share, and into how
            many it is cut, by the plan alone
Learns      nobody anything: sizes are padded, and everybody compiles the same plan
"""

from itertools import pairwise, starmap
from typing import Final

from contract.errors import BadQuery
from contract.suites import Aggregation
from federated.aggregate.parameters import DEGREE
from federated.aggregate.wire import CIPHERTEXT_BYTES
from federated.query.plan import QueryPlan, join_of
from federated.words import WORD_BYTES

MOST_BYTES: Final = 1 << 30
"""No message is larger: its owner and the coordinator hold it whole, three times over."""

CUT_BYTES: Final = 1 << 28
"""Columns of shares go with the rest up to here; what is beyond goes in further messages."""

MOST_FURTHER: Final = 64
"""Further messages of one owner: one for each column of 2^24 values."""

_CODE_BYTES: Final = 4
# The number of keys of each code, as varints: at most two codes a key, and their sum is the keys'.
_MOST_COUNTING_BYTES: Final = 3
_HEADER_BYTES: Final = 16
_ENVELOPE_BYTES: Final = 1 << 10


def share_bytes(plan: QueryPlan, owner: int, aggregation: Aggregation) -> int:
    """Tokens, codes, bands and hidden values of an owner's share, in how many messages ever."""
    if aggregation is Aggregation.SHARED:
        return _shown_bytes(plan, owner) + plan.owners[owner].sent * _column_bytes(plan, owner)
    return _shown_bytes(plan, owner) + _ciphertexts(plan, owner) * CIPHERTEXT_BYTES


def cut(plan: QueryPlan, owner: int) -> tuple[range, ...]:
    """The columns of shares that go with the rest of an owner's share, then those of each further
    message.
    """
    sent, column = plan.owners[owner].sent, _column_bytes(plan, owner)
    first = min(sent, max(CUT_BYTES - _shown_bytes(plan, owner), 0) // column)
    further = range(first, sent, max(CUT_BYTES // column, 1))
    return tuple(starmap(range, pairwise((0, *further, sent))))


def further_part(number: int) -> str:
    """What the further message with this number, from 1 on, is called."""
    return f"further_{number}"


def most_share_bytes(plan: QueryPlan, owner: int, aggregation: Aggregation) -> int:
    """The first message of no share of this owner that the plan allows is larger."""
    part = plan.owners[owner]
    counts = _MOST_COUNTING_BYTES * part.size if part.groups else 0
    if aggregation is Aggregation.SHARED:
        columns = len(cut(plan, owner)[0])
        hidden = columns * _column_bytes(plan, owner)
    else:
        columns = _ciphertexts(plan, owner)
        hidden = columns * CIPHERTEXT_BYTES
    headers = _HEADER_BYTES * (columns + plan.banded(owner)) + _ENVELOPE_BYTES
    return _shown_bytes(plan, owner) + hidden + counts + headers


def most_further_bytes(plan: QueryPlan, owner: int, number: int) -> int:
    """No further message of this owner with this number, from 1 on, is larger."""
    columns = len(cut(plan, owner)[number])
    return columns * (_column_bytes(plan, owner) + _HEADER_BYTES)


def largest_message_bytes(plan: QueryPlan, aggregation: Aggregation) -> int:
    """No owner's message of the plan, of one that is cut or of another, is larger."""
    owners = range(len(plan.owners))
    largest = [most_share_bytes(plan, owner, aggregation) for owner in owners]
    if aggregation is Aggregation.SHARED:
        largest += [
            most_further_bytes(plan, owner, number)
            for owner in owners
            for number in range(1, len(cut(plan, owner)))
        ]
    return max(largest)


def require_room(plan: QueryPlan, aggregation: Aggregation) -> None:
    """Raise BadQuery if an owner would hand in more than its messages hold."""
    for owner, part in enumerate(plan.owners):
        if (most := most_share_bytes(plan, owner, aggregation)) > MOST_BYTES:
            fix = "Ask for some of the sums now and for the others in a query of their own"
            if aggregation is not Aggregation.SHARED:
                fix += ", or for all of them with --aggregation shared"
            raise _too_much(
                f"{part.org} would hand in {most} bytes in one message, for {part.sent} columns of"
                f" numbers and {part.size} keys; a message has {MOST_BYTES} at most",
                fix=f"{fix}.",
            )
        if aggregation is Aggregation.SHARED:
            first, *further = cut(plan, owner)
            if len(further) > MOST_FURTHER:
                columns = sum(map(len, (first, *further[:MOST_FURTHER])))
                raise _too_much(
                    f"{part.org} would hand in {part.sent} columns of numbers for {part.size} keys:"
                    f" {len(further)} messages beside the first, of {MOST_FURTHER} at most",
                    fix=f"Ask for the sums of some {columns} columns now and for the others in a"
                    " query of their own.",
                )


def chunks_of(rows: int) -> int:
    """The ciphertexts that one column of so many rows takes."""
    return -(-rows // DEGREE)


def _shown_bytes(plan: QueryPlan, owner: int) -> int:
    """What the coordinator sees as it is: tokens, codes, bands."""
    part = plan.owners[owner]
    tokens = join_of(plan, bytes(32)).token_bytes * part.size
    codes = _CODE_BYTES * part.size if part.groups else 0
    return tokens + codes + plan.banded(owner) * part.size


def _column_bytes(plan: QueryPlan, owner: int) -> int:
    """Of one column of shares."""
    return WORD_BYTES * plan.owners[owner].size


def _ciphertexts(plan: QueryPlan, owner: int) -> int:
    part = plan.owners[owner]
    return part.sent * chunks_of(part.size)


def _too_much(what: str, *, fix: str) -> BadQuery:
    return BadQuery(what, fix=fix, rule="federated/SPEC.md §1.2")
