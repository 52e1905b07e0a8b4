"""Signed statements: what a signature covers, and that it covers nothing else."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import BadSignature, ForeignCertificate, MiheError
from contract.signing import Kind, Statement, preimage, verify
from tests.unit.coordinator.consortium import Consortium

CONSORTIUM = Consortium("Test consortium")
A, B = CONSORTIUM.member("bank_a"), CONSORTIUM.member("bank_b")
SUBJECT, BODY = bytes(range(32)), b'{"run":"00"}'
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)
SUBJECTS = st.binary(min_size=32, max_size=32)


def signed() -> Statement:
    return A.signer.sign(Kind.RECEIPT, SUBJECT, BODY)


def refusal(error: type[MiheError], statement: Statement) -> MiheError:
    with pytest.raises(error) as refused:
        verify(statement, A.authority)
    assert type(refused.value) is error
    return refused.value


def test_a_statement_is_its_signers() -> None:
    assert verify(signed(), A.authority) == A.signer.identity
    assert verify(signed(), B.authority) == A.signer.identity


def test_what_is_signed_is_what_the_design_says() -> None:
    """DESIGN §4: "mihe/<kind>/v1" ‖ 0x00 ‖ org ‖ run or job id ‖ SHA-256(body)."""
    written = b"mihe/receipt/v1\x00bank_a" + SUBJECT + sha256(BODY).digest()
    assert preimage(Kind.RECEIPT, "bank_a", SUBJECT, BODY) == written
    A.signer.identity.public_key.verify(signed().signature, written, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    "altered",
    [
        {"kind": Kind.GATE},
        {"org": "bank_b"},
        {"subject": bytes(32)},
        {"body": BODY + b" "},
        {"body": b""},
        {"signature": b""},
        {"signature": bytes(70)},
        {"signature": signed().signature + b"\x00"},
        {"certificate": B.signer.identity.certificate},
    ],
    ids=lambda altered: next(iter(altered)),
)
def test_no_field_can_be_altered(altered: dict[str, object]) -> None:
    error = refusal(BadSignature, replace(signed(), **altered))  # type: ignore[arg-type]  # as named
    assert error.exit_code == 5
    assert "run" not in error.what


def test_every_field_of_a_statement_is_checked() -> None:
    """If one is added, the test above has to alter it too."""
    names = {field.name for field in fields(Statement)}
    assert names == {"kind", "org", "subject", "body", "signature", "certificate"}


def test_one_organisation_does_not_speak_as_another() -> None:
    posing = B.signer.key.sign(
        preimage(Kind.GATE, "bank_a", SUBJECT, BODY), ec.ECDSA(hashes.SHA256())
    )
    own = B.signer.identity.certificate
    error = refusal(BadSignature, Statement(Kind.GATE, "bank_a", SUBJECT, BODY, posing, own))
    assert error.party == "bank_a"


def test_a_certificate_of_another_consortium_speaks_for_nobody() -> None:
    other = Consortium("Another consortium").member("bank_a")
    refusal(ForeignCertificate, other.signer.sign(Kind.GATE, SUBJECT, BODY))
    refusal(ForeignCertificate, replace(signed(), certificate=b"none"))


def test_a_statement_counts_while_its_certificate_does() -> None:
    expires = A.signer.identity.expires
    assert verify(signed(), A.authority, now=expires) == A.signer.identity
    for moment in (expires + timedelta(seconds=1), datetime(2020, 1, 1, tzinfo=UTC)):
        with pytest.raises(ForeignCertificate):
            verify(signed(), A.authority, now=moment)


@given(
    st.tuples(st.sampled_from(Kind), NAMES, SUBJECTS, st.binary(max_size=40)),
    st.tuples(st.sampled_from(Kind), NAMES, SUBJECTS, st.binary(max_size=40)),
)
def test_no_two_statements_have_one_preimage(
    one: tuple[Kind, str, bytes, bytes], other: tuple[Kind, str, bytes, bytes]
) -> None:
    assert (preimage(*one) == preimage(*other)) == (one == other)


@given(NAMES, SUBJECTS)
def test_an_id_cannot_lend_bytes_to_a_name(org: str, subject: bytes) -> None:
    """The longer name begins with the shorter one's id: only the lengths tell them apart."""
    moved = chr(subject[0] % 26 + ord("a"))
    assert preimage(Kind.GATE, org + moved, subject, b"") != preimage(
        Kind.GATE, org, moved.encode() + subject[:-1], b""
    )


@pytest.mark.parametrize("subject", [b"", bytes(31), bytes(33)])
def test_a_subject_is_an_id(subject: bytes) -> None:
    with pytest.raises(ValueError, match="32-byte"):
        A.signer.sign(Kind.GATE, subject, BODY)


def test_a_digest_names_what_was_stated_however_it_was_signed() -> None:
    one, other = signed(), signed()
    assert one.signature != other.signature  # ECDSA draws a number for each
    assert one.digest == other.digest
    said_otherwise = (
        A.signer.sign(Kind.GATE, SUBJECT, BODY),
        A.signer.sign(Kind.RECEIPT, bytes(32), BODY),
        A.signer.sign(Kind.RECEIPT, SUBJECT, b"{}"),
        B.signer.sign(Kind.RECEIPT, SUBJECT, BODY),
    )
    assert len({one.digest, *(statement.digest for statement in said_otherwise)}) == 5


def test_a_signer_shows_no_key() -> None:
    assert "key" not in repr(A.signer).lower()
    assert "key" not in repr(A).lower()
