"""The bodies of statements: what each may say, what it may not leave out, and its bounds."""

from typing import Any

import pytest
from pydantic import ValidationError

from contract.canonical import Frozen, canonical_bytes, digest, parse
from contract.cause import Cause, cause_of, error_of, from_json, to_json
from contract.errors import BY_CODE, BadMessage, MiheError, Refused
from contract.statements import (
    Approval,
    Catalogue,
    Dead,
    Decision,
    Evidence,
    Gate,
    PartyStart,
    Prepare,
    Receipt,
    RunRole,
    StartRecord,
    Verdict,
)

ID = "ab" * 32
CAUSE = Cause(code="REFUSED", what="no rule", fix="ask", party="bank_b")


def share(org: str = "bank_a", **differing: Any) -> PartyStart:
    fields: dict[str, Any] = {
        "org": org,
        "fingerprint": ID,
        "role": RunRole.RECEIVER,
        "protocol": 1,
        "snapshot_root": ID,
        "nonce": ID,
    }
    return PartyStart(**{**fields, **differing})


def record(**differing: Any) -> StartRecord:
    fields: dict[str, Any] = {
        "job": ID,
        "run": 1,
        "attempt": 1,
        "plan_digest": ID,
        "parties": (share(), share("bank_b", role=RunRole.SENDER)),
    }
    return StartRecord(**{**fields, **differing})


EACH: list[Frozen] = [
    Approval(job=ID, decision=Decision.APPROVED),
    Approval(job=ID, decision=Decision.REFUSED, cause=CAUSE),
    Prepare(job=ID, run=1, attempt=1, plan_digest=ID, party=share(address="bank-a:7451")),
    record(),
    Receipt(run=ID, stream="blinded", sender="a", receiver="b", size=0, salted_digest=ID),
    Gate(run=ID, verdict=Verdict.RELEASE),
    Gate(run=ID, verdict=Verdict.WITHHOLD, cause=CAUSE),
    Evidence(job=ID, run=ID, heard=ID, receipts=(ID, "cd" * 32)),
    Dead(job=ID, cause=CAUSE),
    Catalogue(org="bank_a", revision=1, entries=()),
]


@pytest.mark.parametrize("body", EACH, ids=lambda body: type(body).__name__)
def test_what_was_said_is_what_is_read(body: Frozen) -> None:
    raw = canonical_bytes(body)
    assert parse(type(body), raw) == body
    for other in (raw + b" ", b" " + raw, raw.replace(b":", b": ", 1), raw[:-1] + b',"x":1}'):
        with pytest.raises(BadMessage):
            parse(type(body), other)


def test_no_body_is_read_as_one_of_another_kind() -> None:
    for body in EACH:
        for kind in {type(other) for other in EACH} - {type(body)}:
            with pytest.raises(BadMessage):
                parse(kind, canonical_bytes(body))


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Approval, {"job": ID, "decision": Decision.REFUSED}),
        (Approval, {"job": ID, "decision": Decision.APPROVED, "cause": CAUSE}),
        (Gate, {"run": ID, "verdict": Verdict.WITHHOLD}),
        (Gate, {"run": ID, "verdict": Verdict.RELEASE, "cause": CAUSE}),
        (Dead, {"job": ID}),
    ],
)
def test_a_no_has_a_cause_and_a_yes_has_none(model: type[Frozen], fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(**fields)


@pytest.mark.parametrize(
    "make",
    [
        lambda: share(protocol=2),
        lambda: share(role="observer"),
        lambda: share(nonce="ab"),
        lambda: share(address="unix:admin.sock"),
        lambda: share(address="bank-a"),
        lambda: share(address="a" * 261 + ":1"),
        lambda: record(run=0),
        lambda: record(attempt=0),
        lambda: record(parties=(share(),)),
        lambda: record(parties=tuple(share(f"bank_{n}") for n in range(101))),
        lambda: Evidence(job=ID, run=ID, heard=ID, receipts=(ID,) * 2049),
        lambda: Evidence(job=ID, run=ID, heard=ID, receipts=("AB" * 32,)),
        lambda: Catalogue(org="bank_a", revision=0, entries=()),
        lambda: Receipt(run=ID, stream="../x", sender="a", receiver="b", size=0, salted_digest=ID),
        lambda: Receipt(run=ID, stream="x", sender="a", receiver="b", size=-1, salted_digest=ID),
        lambda: Receipt(
            run=ID, stream="x", sender="a", receiver="b", size=2**40 + 1, salted_digest=ID
        ),
    ],
)
def test_what_is_out_of_bounds(make: Any) -> None:
    with pytest.raises(ValidationError):
        make()


def test_the_run_id_is_the_digest_of_the_whole_record() -> None:
    run = record()
    assert run.run_id == digest(canonical_bytes(run))
    other = share("bank_b", role=RunRole.SENDER)
    otherwise = [
        record(job="cd" * 32),
        record(run=2),
        record(attempt=2),
        record(plan_digest="cd" * 32),
        record(parties=(other, share())),
        record(parties=(share(nonce="cd" * 32), other)),
        record(parties=(share(snapshot_root="cd" * 32), other)),
        record(parties=(share(fingerprint="cd" * 32), other)),
        record(parties=(share(address="bank-a:7451"), other)),
    ]
    assert len({run.run_id, *(each.run_id for each in otherwise)}) == len(otherwise) + 1
    assert run.party("bank_b") == other


# ── causes ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", BY_CODE.values(), ids=lambda kind: kind.code)
def test_every_error_crosses_as_itself(kind: type[MiheError]) -> None:
    error = kind("what", fix="fix", party="bank_a", phase="link", rule="rule")
    crossed = from_json(to_json(error))
    assert type(crossed) is kind
    assert str(crossed) == str(error)
    assert crossed.exit_code == error.exit_code


def test_an_unknown_code_is_the_peers_message() -> None:
    error = error_of(Cause(code="FROM_THE_FUTURE", what="what", fix="fix", party="bank_b"))
    assert isinstance(error, BadMessage)
    assert error.party == "bank_b"


def test_a_long_error_still_fits_a_cause() -> None:
    long = Refused("w" * 5000, fix="f" * 5000, party="bank_a")
    assert (len(cause_of(long).what), len(cause_of(long).fix)) == (600, 600)
    assert isinstance(from_json(to_json(long)), Refused)


@pytest.mark.parametrize("text", ["", "{}", "null", '{"code":"x"}', "银行"])
def test_what_is_no_cause_is_an_error_of_its_own(text: str) -> None:
    with pytest.raises(BadMessage):
        from_json(text)
