"""The plan: the same at every party, another for another contract, exact about what is sent."""

import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from contract.canonical import canonical_bytes, parse
from contract.errors import BadRequest
from contract.job import Contract, Crypto, JobKind
from contract.suites import Suite
from node.plan import Plan, compile_plan
from node.wire.frames import MAX_STREAMS
from node.wire.messages import message_to_wire
from psi.two_party import FROM_RECEIVER, MODES, STREAMS
from tests.unit.node.contracts import PLAYS, contract_of, party_of
from tests.unit.node.lines import Member
from tests.unit.psi.two_roles import TwoRoles

RUN = bytes([9] * 32)
Make = Callable[..., Contract]


@pytest.fixture
def make(bank_a: Member, bank_b: Member) -> Make:
    def contract(sizes: tuple[int, int] = (256, 512), **differing: Any) -> Contract:
        a, b = party_of(bank_a, size=sizes[0]), party_of(bank_b, size=sizes[1])
        return contract_of(a, b, **differing)

    return contract


RECEIVERS = (("bank_a",), ("bank_b",), ("bank_a", "bank_b"), ("bank_b", "bank_a"))


def test_another_process_compiles_the_same_plan(make: Make, root: Path) -> None:
    contract = make()
    code = (
        "import sys\n"
        "from contract.canonical import parse\n"
        "from contract.job import Contract\n"
        "from node.plan import compile_plan\n"
        "print(compile_plan(parse(Contract, sys.stdin.buffer.read())).digest)\n"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code],
        input=canonical_bytes(contract),
        cwd=root,
        capture_output=True,
        check=True,
    )
    assert elsewhere.stdout.decode().strip() == compile_plan(contract).digest


def test_a_contract_that_was_sent_compiles_to_the_same_plan(make: Make) -> None:
    for (kind, suite), receivers in product(PLAYS, RECEIVERS):
        contract = make(kind=kind, receivers=receivers, crypto=Crypto(suite=suite))
        received = parse(Contract, canonical_bytes(contract))
        assert compile_plan(received).digest == compile_plan(contract).digest


def test_every_input_that_changes_what_runs_changes_the_digest(make: Make) -> None:
    plans = [
        compile_plan(make(sizes, kind=kind, receivers=receivers, crypto=Crypto(suite=suite))).digest
        for sizes, (kind, suite), receivers in product(
            ((256, 256), (256, 512), (512, 256)), PLAYS, RECEIVERS
        )
    ]
    assert len(set(plans)) == len(plans)


def test_what_does_not_change_what_runs_leaves_the_digest(make: Make) -> None:
    assert compile_plan(make()).digest == compile_plan(make(purpose="TAX_AUDIT")).digest


@pytest.mark.parametrize(("kind", "suite"), PLAYS)
@pytest.mark.parametrize("receivers", RECEIVERS)
def test_streams_are_those_that_the_protocol_sends_and_as_large(
    make: Make, kind: JobKind, suite: Suite, receivers: tuple[str, ...]
) -> None:
    plan = compile_plan(make(kind=kind, receivers=receivers, crypto=Crypto(suite=suite)))
    sent = messages_of(plan)
    planned = [(name, s.sender, s.receiver) for s in plan.streams for name in s.names]
    assert planned == [each[:3] for each in sent]
    for name, _, receiver, content in sent:
        stream, _ = plan.place_of(name)
        # Protobuf's headers come on top of the points and tags, and fit into what is let in.
        assert stream.size < len(content) <= plan.incoming(receiver)[name]


def messages_of(plan: Plan) -> list[tuple[str, str, str, bytes]]:
    """Every message of a run in one process: stream, sender, receiver, content on the wire."""
    keys = [b"uscc:%018d" % n for n in range(20)]
    roles = TwoRoles(plan.agreed(RUN), (keys, keys))
    roles.results()
    orgs = (plan.receiver, plan.sender)
    sent = []
    for bucket, message in roles.sent:
        turn = 0 if type(message) in FROM_RECEIVER else 1  # who sends it
        name = STREAMS[type(message)] if bucket is None else f"{STREAMS[type(message)]}_{bucket}"
        sent.append((name, orgs[turn], orgs[1 - turn], message_to_wire(message)))
    return sent


def test_a_party_awaits_only_what_the_other_one_sends(make: Make) -> None:
    plan = compile_plan(make(receivers=("bank_b", "bank_a")))
    assert set(plan.incoming("bank_a")) == {"blinded", "matched"}
    assert set(plan.incoming("bank_b")) == {"evaluated"}
    assert plan.incoming("tax") == {}
    fast = Crypto(suite=Suite.PSI_RR22)
    plan = compile_plan(make(receivers=("bank_b", "bank_a"), crypto=fast))
    of_bank_a = {"receiver_share", "reply_0", "masked_0", "common_0"}
    assert set(plan.incoming("bank_a")) == of_bank_a
    of_bank_b = {"sender_share", "base_points_0", "trees_0", "item_tags_0"}
    assert set(plan.incoming("bank_b")) == of_bank_b
    checked = Crypto(suite=Suite.PSI_RR22_ACTIVE)
    plan = compile_plan(make(receivers=("bank_b", "bank_a"), crypto=checked))
    assert set(plan.incoming("bank_a")) == of_bank_a | {"challenge_0"}
    assert set(plan.incoming("bank_b")) == of_bank_b | {"answer_0"}


def test_a_large_set_is_sent_in_buckets_that_are_told_apart(make: Make) -> None:
    plan = compile_plan(make((2**28, 256), crypto=Crypto(suite=Suite.PSI_RR22)))
    awaited = plan.incoming("bank_b")
    assert len(awaited) == 1 + 2 * 256  # its share, and of each bucket reply and masked
    assert plan.place_of("trees_255")[1] == 255
    assert plan.place_of("sender_share")[0].buckets == 0
    names = [name for stream in plan.streams for name in stream.names]
    assert len(names) <= MAX_STREAMS
    assert all(plan.place_of(name)[0].name in name for name in names)
    with pytest.raises(KeyError):
        plan.place_of("another")


def test_a_set_that_is_too_large_for_the_protocol_is_refused(make: Make) -> None:
    compile_plan(make((2**20, 2**20)))
    with pytest.raises(BadRequest):
        compile_plan(make((256, 2**21)))


def test_a_kind_that_is_no_intersection_has_no_plan(make: Make) -> None:
    """A policy that allows it must not have allowed an intersection by that."""
    others = set(JobKind) - set(MODES)
    for kind in others:
        with pytest.raises(BadRequest):
            compile_plan(make().model_copy(update={"kind": kind}))
