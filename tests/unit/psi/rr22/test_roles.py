"""The two roles' chains of states: what they end with, what they refuse, what they never show."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from contract.errors import BadMessage, BadPoint, BadRequest, MiheError, OurError
from contract.job import JobKind
from contract.suites import RR22_SUITES, Suite
from psi import step
from psi.keys import Keys
from psi.rr22 import items, parameters, receiver, sender
from psi.rr22.messages import (
    BasePoints,
    Common,
    Masked,
    Piece,
    ReceiverShare,
    Reply,
    SenderShare,
    Tags,
    Trees,
)
from psi.rr22.parameters import LARGEST_SIZE, Parameters
from psi.rr22.secret import gather
from psi.step import Finished, Nothing
from psi.two_party import Agreed
from tests.unit.psi.two_roles import TwoRoles, positions

X = [f"uscc:{number:018}".encode() for number in range(200)]
Y = [f"uscc:{number:018}".encode() for number in range(150, 350)]
MESSAGES = (BasePoints, Reply, Trees, Masked, Tags, Common)


def agreed(*, both: bool = False, run: int = 1, suite: Suite = Suite.PSI_RR22) -> Agreed:
    return Agreed(
        suite=suite,
        kind=JobKind.PSI,
        run_id=bytes([run] * 32),
        receiver_size=256,
        sender_size=512,
        both=both,
    )


def terms() -> Parameters:
    return Parameters(run_id=bytes(32), receiver_size=256, sender_size=512, both=True)


@pytest.fixture
def three_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "BUCKET_SIZE", 200)


def played(agreed: Agreed, x: list[bytes] = X, y: list[bytes] = Y) -> TwoRoles:
    roles = TwoRoles(agreed, (x, y))
    roles.results()
    return roles


class TestResults:
    @pytest.mark.usefixtures("three_buckets")
    @pytest.mark.parametrize("both", [False, True])
    def test_three_buckets_give_what_sets_give(self, both: bool) -> None:
        roles = TwoRoles(agreed(both=both), (X, Y))
        mine, theirs = roles.results()
        assert {bucket for bucket, _ in roles.sent} == {None, 0, 1, 2}
        assert positions(mine) == list(range(150, 200))
        if both:
            assert positions(theirs) == list(range(50))
        else:
            assert theirs == Nothing()

    def test_a_key_in_many_rows_brings_all_of_them(self) -> None:
        mine, theirs = TwoRoles(agreed(both=True), ([X[199]] * 150 + X[:2], Y[:1] + Y)).results()
        assert positions(mine) == list(range(150))
        assert positions(theirs) == [50]

    def test_parties_of_different_runs_match_nothing(self) -> None:
        one, other = (
            items.Fresh(terms(), "receiver"),
            items.Fresh(replace(terms(), run_id=bytes([2] * 32)), "sender"),
        )
        awaiting, mine = one.begin()
        theirs_awaiting, theirs = other.begin()
        assert isinstance(mine, ReceiverShare)
        assert isinstance(theirs, SenderShare)
        hashes = (awaiting.advance(theirs)[0], theirs_awaiting.advance(mine)[0])
        keys, rows = Keys.of(X), np.arange(len(X), dtype=np.uint32)
        blocks = [hash_.scatter(keys, rows).blocks for hash_ in hashes]
        assert not {blocks[0][at : at + 16] for at in range(0, len(blocks[0]), 16)} & {
            blocks[1][at : at + 16] for at in range(0, len(blocks[1]), 16)
        }


class TestWhatTheMessagesShow:
    @pytest.mark.usefixtures("three_buckets")
    @pytest.mark.parametrize("suite", RR22_SUITES)
    def test_lengths_are_the_same_for_any_sets_and_any_bucket(self, suite: Suite) -> None:
        lengths = []
        for x, y in (([], []), (X[:1], Y), (X, Y)):
            sent = played(agreed(both=True, suite=suite), x, y).sent
            lengths += [
                [len(one.content) for at, one in sent if at == bucket and isinstance(one, Piece)]
                for bucket in range(3)
            ]
        active = suite is Suite.PSI_RR22_ACTIVE
        _, agreed_lengths = replace(terms(), run_id=bytes([1] * 32), active=active).outline
        assert lengths == [[length for length in agreed_lengths if length]] * 9

    def test_two_runs_of_the_same_sets_share_no_bytes(self) -> None:
        one, two = (played(agreed()).sent for _ in range(2))
        for (_, first), (_, second) in zip(one, two, strict=True):
            assert isinstance(first, Piece)
            assert isinstance(second, Piece)
            blocks = {first.content[at : at + 8] for at in range(0, len(first.content), 8)}
            others = {second.content[at : at + 8] for at in range(0, len(second.content), 8)}
            assert not blocks & others

    def test_nothing_prints_a_field(self) -> None:
        roles = played(agreed(both=True))
        shown: list[Any] = [*roles.states, *(message for _, message in roles.sent)]
        shown += [one.result for one in roles.states if isinstance(one, Finished)]
        shown += [receiver.Fresh(terms(), 0), sender.Fresh(terms(), 0)]
        for each in shown:
            assert repr(each) == str(each) == object.__repr__(each)


def secrets_of(state: Any) -> list[Any]:
    """The objects of the core that a state holds."""
    held = [getattr(state, one.name) for one in fields(state)]
    return [one for one in held if type(one).__module__ == "native._core"]


class TestStates:
    def test_each_is_spent_by_its_use(self) -> None:
        receives, _ = receiver.Fresh(terms(), 0).begin()
        sends, points = sender.Fresh(terms(), 0).begin()
        may_mask, reply = receives.advance(points)
        may_tag, trees = sends.advance(reply)
        masks, _ = may_mask.advance(trees)
        assert isinstance(may_tag, sender.MayTag)
        assert isinstance(masks, receiver.MayMask)
        tags, _ = may_tag.take(gather([]))
        matches, masked = masks.take(gather([]))
        told, tagged = tags.advance(masked)
        assert isinstance(told, sender.AwaitCommon)
        _, common = matches.advance(tagged)
        assert common is not None
        told.advance(common)
        for again in (
            lambda: receives.advance(points),
            lambda: sends.advance(reply),
            lambda: may_mask.advance(trees),
            lambda: may_tag.take(gather([])),
            lambda: masks.take(gather([])),
            lambda: tags.advance(masked),
            lambda: matches.advance(tagged),
            lambda: told.advance(common),
        ):
            with pytest.raises(OurError):
                again()

    @pytest.mark.parametrize(("suite", "secrets"), [*zip(RR22_SUITES, (12, 14), strict=True)])
    def test_no_secret_is_copied_or_pickled(self, suite: Suite, secrets: int) -> None:
        found = 0
        for state in played(agreed(both=True, suite=suite)).states:
            for secret in secrets_of(state):
                found += 1
                for take in (copy.copy, copy.deepcopy, pickle.dumps):
                    with pytest.raises(TypeError):
                        take(secret)
        assert found == secrets

    def test_the_wrong_type_of_message_is_the_peers_fault(self) -> None:
        awaiting, _ = receiver.Fresh(terms(), 0).begin()
        with pytest.raises(BadMessage):
            step.advance(awaiting, Tags(b""))


CUT: Callable[[bytes], bytes] = lambda content: content[:-1]  # noqa: E731  # named for the table
LONG: Callable[[bytes], bytes] = lambda content: content + b"\0"  # noqa: E731  # the same
ZERO_POINT: Callable[[bytes], bytes] = lambda content: bytes(32) + content[32:]  # noqa: E731
NO_POINT: Callable[[bytes], bytes] = lambda content: b"\xff" * 32 + content[32:]  # noqa: E731
ALL_ONES: Callable[[bytes], bytes] = lambda content: b"\xff" * len(content)  # noqa: E731


def refused(
    awaits: type[Any], alter: Callable[[bytes], bytes], *, bucket: int | None = 0
) -> MiheError | None:
    """What the reader of a message says that was altered on its way."""

    def on_its_way(at: int | None, message: step.Message) -> step.Message:
        if isinstance(message, Piece) and type(message) is awaits and at == bucket:
            return type(message)(alter(message.content))
        return message

    try:
        TwoRoles(agreed(both=True), (X, Y), on_its_way).results()
    except MiheError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("awaits", "alter", "error"),
    [
        *((message, alter, BadMessage) for message in MESSAGES for alter in (CUT, LONG)),
        (BasePoints, ZERO_POINT, BadPoint),
        (BasePoints, NO_POINT, BadPoint),
        (Reply, ZERO_POINT, BadPoint),
        (Reply, NO_POINT, BadPoint),
        (Common, ALL_ONES, BadMessage),
    ],
)
def test_what_no_honest_peer_sends_is_refused(
    awaits: type[Any], alter: Callable[[bytes], bytes], error: type[MiheError]
) -> None:
    found = refused(awaits, alter)
    assert isinstance(found, error)
    assert found.rule == "psi/rr22/SPEC.md §4"


@pytest.mark.parametrize("awaits", [ReceiverShare, SenderShare])
@pytest.mark.parametrize("alter", [CUT, LONG])
def test_a_share_of_another_length_is_refused(
    awaits: type[Any], alter: Callable[[bytes], bytes]
) -> None:
    found = refused(awaits, alter, bucket=None)
    assert isinstance(found, BadMessage)
    assert found.rule == "psi/rr22/SPEC.md §3"


@pytest.mark.usefixtures("three_buckets")
def test_a_later_buckets_message_is_looked_at_as_closely() -> None:
    assert isinstance(refused(Masked, CUT, bucket=2), BadMessage)


def test_a_tag_for_an_item_that_has_one_is_refused() -> None:
    def repeat(content: bytes) -> bytes:
        whole, left = content[: 512 * 7], content[512 * 7 :]  # of 59 bits
        tags = [whole[at : at + 7] for at in range(0, len(whole), 7)]
        assert len(left) == 512 * 3 // 8
        # Two by two the same: eight tags, with three bits each behind the whole bytes, at a time.
        bits = int.from_bytes(left, "little")
        rest = sum((bits >> 3 * (at - at % 2) & 7) << 3 * at for at in range(512))
        doubled = b"".join(tags[at - at % 2] for at in range(512))
        return doubled + rest.to_bytes(len(left), "little")

    # That none of 50 common tags has an even place has probability 2^-50.
    assert isinstance(refused(Tags, repeat), BadMessage)


class TestWhatIsTheCallersFault:
    def test_more_items_in_a_bucket_than_it_has_room_for(self) -> None:
        many = [str(number).encode() for number in range(600)]
        with pytest.raises(OurError):
            TwoRoles(agreed(), (many, Y)).results()
        with pytest.raises(OurError):
            TwoRoles(agreed(), (X, many)).results()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"run_id": bytes(31)},
            {"receiver_size": 128},
            {"sender_size": 300},
            {"sender_size": 2 * LARGEST_SIZE},
        ],
    )
    def test_parameters_out_of_range(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(BadRequest):
            replace(terms(), **wrong)
