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
from contract.job import Contract, Crypto, JobKind, Suite
from node.plan import Plan, compile_plan
from node.wire import message_to_wire
from psi import step
from psi.step import Finished
from psi.two_party import FROM_RECEIVER, MODES, STREAMS
from tests.unit.node.contracts import PLAYS, contract_of, party_of
from tests.unit.node.lines import Member

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
    assert [(s.name, s.sender, s.receiver) for s in plan.streams] == [each[:3] for each in sent]
    for stream, (name, _, receiver, content) in zip(plan.streams, sent, strict=True):
        # Protobuf's headers come on top of the points and tags, and fit into what is let in.
        assert stream.size < len(content) <= plan.incoming(receiver)[name]


def messages_of(plan: Plan) -> list[tuple[str, str, str, bytes]]:
    """Every message of a run in one process: stream, sender, receiver, content on the wire."""
    keys = [b"uscc:%018d" % n for n in range(20)]
    orgs = (plan.receiver, plan.sender)
    begun = [plan.agreed(RUN).fresh(plan.role_of(org), keys).begin() for org in orgs]
    states = [state for state, _ in begun]
    message: step.Message | None
    (message,) = [first for _, first in begun if first is not None]
    sent = []
    while message is not None:
        content = message_to_wire(message)
        turn = 1 if type(message) in FROM_RECEIVER else 0  # who takes it
        sent.append((STREAMS[type(message)], orgs[1 - turn], orgs[turn], content))
        current = states[turn]
        assert not isinstance(current, Finished)
        states[turn], message = step.advance(current, message)
    assert all(isinstance(state, Finished) for state in states)
    return sent


def test_a_party_awaits_only_what_the_other_one_sends(make: Make) -> None:
    plan = compile_plan(make(receivers=("bank_b", "bank_a")))
    assert set(plan.incoming("bank_a")) == {"blinded", "matched"}
    assert set(plan.incoming("bank_b")) == {"evaluated"}
    assert plan.incoming("tax") == {}
    fast = Crypto(suite=Suite.PSI_RR22)
    plan = compile_plan(make(receivers=("bank_b", "bank_a"), crypto=fast))
    assert set(plan.incoming("bank_a")) == {"reply", "masked", "common"}
    assert set(plan.incoming("bank_b")) == {"base_points", "trees", "item_tags"}


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
