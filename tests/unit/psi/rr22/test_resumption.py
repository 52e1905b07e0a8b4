"""Where a further attempt goes on: what two honest parties agree on, and what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contract.errors import BadMessage
from psi.keys import Keys
from psi.rr22 import items, parameters, resumption
from psi.rr22.items import Halves, Scattering
from psi.rr22.messages import Piece, ReceiverFiled, ReceiverShare, SenderFiled, SenderShare
from psi.rr22.parameters import Parameters, Role
from psi.rr22.resumption import FILED_BYTES, Agreed, Filed

BUCKETS = 3
KEYS = Keys.of(f"uscc:{number:018}".encode() for number in range(200))


@pytest.fixture(autouse=True)
def three_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "BUCKET_SIZE", 90)


def terms(run: int = 1) -> Parameters:
    return Parameters(run_id=bytes([run] * 32), receiver_size=256, sender_size=256, both=True)


def shared() -> tuple[Scattering, Scattering]:
    """What the first attempt of both owners has made."""
    awaits_sender, one = items.Fresh(terms(), "receiver").begin()
    awaits_receiver, other = items.Fresh(terms(), "sender").begin()
    assert isinstance(one, ReceiverShare)
    assert isinstance(other, SenderShare)
    return awaits_sender.advance(other)[0], awaits_receiver.advance(one)[0]


HALVES = Halves(bytes([1] * 32), bytes([2] * 32), bytes([3] * 32))


def told(filed: Filed | None, role: Role) -> Any:
    _, message = resumption.Fresh(terms(2), role, filed).begin()
    return message


def agreed(ours: Filed | None, theirs: Filed | None, role: Role = "receiver") -> Agreed:
    other: Role = "sender" if role == "receiver" else "receiver"
    awaiting, message = resumption.Fresh(terms(2), role, ours).begin()
    assert len(message.content) == FILED_BYTES
    step, nothing = awaiting.advance(told(theirs, other))
    assert nothing is None
    return step


def filed(buckets: int, halves: Halves = HALVES) -> Filed:
    return Filed(halves, buckets)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(0, 0), (0, 1), (1, 0), (2, 2), (BUCKETS - 1, BUCKETS), (BUCKETS, BUCKETS)]
)
def test_both_go_on_at_the_smaller_number(ours: int, theirs: int) -> None:
    one = agreed(filed(ours), filed(theirs))
    other = agreed(filed(theirs), filed(ours), "sender")
    assert one.first == other.first == min(ours, theirs)
    assert one.scattering is not None
    assert other.scattering is not None


def test_a_further_attempt_has_the_blocks_and_buckets_of_the_first() -> None:
    first, theirs = shared()
    assert first.halves == theirs.halves
    again = agreed(Filed(first.halves, 1), Filed(theirs.halves, 1)).scattering
    assert again is not None
    rows = np.arange(len(KEYS), dtype=np.uint32)
    one, other = first.scatter(KEYS, rows), again.scatter(KEYS, rows)
    assert (one.starts, one.blocks, one.rows) == (other.starts, other.blocks, other.rows)
    assert again.halves == first.halves


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (None, None),
        (None, filed(0)),
        (filed(0), None),
        (filed(0), filed(0, replace(HALVES, senders=bytes(32)))),
    ],
)
def test_without_one_key_of_both_they_make_another(
    ours: Filed | None, theirs: Filed | None
) -> None:
    assert agreed(ours, theirs) == Agreed(0, None)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        *((filed(one), filed(other)) for one, other in ((0, 2), (2, 0), (1, 3), (3, 0))),
        (filed(2), None),
        (filed(1), None),
        (None, filed(1)),
        (filed(BUCKETS), filed(BUCKETS + 1)),
        (filed(1), filed(1, replace(HALVES, run_id=bytes(32)))),
        (filed(1), filed(1, replace(HALVES, receivers=bytes(32)))),
        (filed(1), filed(1, replace(HALVES, senders=bytes(32)))),
    ],
    ids=lambda one: "none" if one is None else str(one.buckets),
)
def test_what_no_honest_party_can_have_filed_is_refused(
    ours: Filed | None, theirs: Filed | None
) -> None:
    for role in ("receiver", "sender"):
        with pytest.raises(BadMessage):
            agreed(ours, theirs, role)


@pytest.mark.parametrize("length", [0, FILED_BYTES - 1, FILED_BYTES + 1])
def test_a_message_of_another_length_is_refused(length: int) -> None:
    awaiting, _ = resumption.Fresh(terms(2), "receiver", filed(0)).begin()
    with pytest.raises(BadMessage):
        awaiting.advance(SenderFiled(bytes(length)))


def test_the_largest_number_is_more_than_there_are() -> None:
    message = told(filed(1), "sender")
    awaiting, _ = resumption.Fresh(terms(2), "receiver", filed(1)).begin()
    with pytest.raises(BadMessage):
        awaiting.advance(SenderFiled(b"\xff" * 8 + message.content[8:]))


def test_what_is_told_shows_no_half_of_the_key() -> None:
    for role, message in (("receiver", ReceiverFiled), ("sender", SenderFiled)):
        said = told(filed(2), role)  # type: ignore[arg-type]
        assert type(said) is message
        assert isinstance(said, Piece)
        for half in (HALVES.receivers, HALVES.senders):
            assert half[:8] not in said.content
