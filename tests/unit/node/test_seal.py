"""The seal between two nodes: who may be at the other end, and what a hostile path can do."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contract.errors import (
    FingerprintChanged,
    ForeignCertificate,
    FrameTooLarge,
    MiheError,
    VersionMismatch,
)
from node.seal import CarrierLost, Seal, tls_context
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import PATIENCE, End, Line, Member, enrol, expired, fresh

LIMIT = 1 << 20


async def shake(
    line: Line,
    one: ssl.SSLContext,
    other: ssl.SSLContext,
    *,
    names: tuple[Member, Member],
) -> tuple[tuple[Seal, Seal], list[BaseException | None]]:
    """Both ends shake hands, each expecting the member in `names`; what each of them raised.

    An end that has failed hangs up, as the link does.
    """
    seals = (Seal(line.ends[0], one, client=True), Seal(line.ends[1], other, client=False))

    async def end(at: int) -> None:
        expected = names[1 - at]
        try:
            await seals[at].handshake(peer=expected.org, fingerprint=expected.fingerprint)
        except BaseException:
            line.ends[at].cut()
            line.ends[1 - at].give_up()
            raise

    async with asyncio.timeout(PATIENCE):
        outcomes = await asyncio.gather(end(0), end(1), return_exceptions=True)
    return seals, list(outcomes)


async def sealed(a: Member, b: Member, line: Line | None = None) -> tuple[Seal, Seal]:
    line = line or Line()
    one, other = a.tls(client=True), b.tls(client=False)
    seals, outcomes = await shake(line, one, other, names=(a, b))
    assert outcomes == [None, None]
    return seals


async def test_records_arrive_whole_and_in_order_both_ways(bank_a: Member, bank_b: Member) -> None:
    one, other = await sealed(bank_a, bank_b)
    records = [b"", b"x", bytes(1 << 14), bytes(range(256)) * 4096]

    async def say(seal: Seal) -> None:
        for record in records:
            await seal.send(record)

    async def hear(seal: Seal) -> list[bytearray]:
        return [await seal.receive(limit=LIMIT, peer="peer") for _ in records]

    async with asyncio.timeout(PATIENCE):
        _, _, *heard = await asyncio.gather(say(one), say(other), hear(one), hear(other))
    assert heard == [records, records]


async def test_it_is_tls_1_3_with_a_fresh_session_and_no_ticket(
    bank_a: Member, bank_b: Member
) -> None:
    line = Line()
    one, other = await sealed(bank_a, bank_b, line)
    await other.send(b"after the handshake, when tickets would come")
    await one.receive(limit=LIMIT, peer="bank_b")
    for seal in (one, other):
        assert seal._tls.version() == "TLSv1.3"
        assert not seal._tls.session_reused
    session = one._tls.session
    assert session is not None
    assert not session.has_ticket


async def test_what_is_sent_is_not_on_the_line(bank_a: Member, bank_b: Member) -> None:
    line = Line()
    one, other = await sealed(bank_a, bank_b, line)
    await one.send(b"uscc:91110000600037341L" * 100)
    await other.receive(limit=LIMIT, peer="bank_a")
    carried = bytes(line.ends[0].written + line.ends[1].written)
    assert len(carried) > 2300
    assert b"uscc" not in carried
    assert b"91110000600037341L" not in carried
    assert b"bank_a.node.mihe" not in carried  # TLS 1.3 hides the certificates as well


async def test_an_end_of_another_consortium_is_refused_at_both_ends(
    bank_a: Member, bank_b: Member, stranger: Member
) -> None:
    for one, other in ((bank_a, stranger), (stranger, bank_a)):
        line = Line()
        contexts = one.tls(client=True), other.tls(client=False)
        seals, outcomes = await shake(line, *contexts, names=(one, other))
        honest = 0 if one is bank_a else 1
        error = outcomes[honest] or await refusal_heard(seals[honest])
        assert isinstance(error, ForeignCertificate)
        assert (error.party, error.phase) == ("bank_b", "seal")


async def refusal_heard(seal: Seal) -> BaseException | None:
    try:
        await seal.receive(limit=LIMIT, peer="bank_b")
    except (MiheError, CarrierLost) as error:
        return error
    return None


async def test_a_client_that_the_other_end_refuses_hears_so_in_its_first_read(
    bank_a: Member, stranger: Member
) -> None:
    """In TLS 1.3 the client is through before the server has looked at its certificate."""
    line = Line()
    one = Seal(line.ends[0], lenient(bank_a), client=True)
    other = Seal(line.ends[1], stranger.tls(client=False), client=False)
    mine = asyncio.create_task(one.handshake(peer="bank_b", fingerprint=stranger.fingerprint))
    with pytest.raises(ForeignCertificate) as refused:
        await other.handshake(peer="bank_a", fingerprint=bank_a.fingerprint)
    assert refused.value.party == "bank_a"
    await mine
    with pytest.raises(ForeignCertificate) as heard:
        await one.receive(limit=LIMIT, peer="bank_b")
    assert (heard.value.party, heard.value.phase) == ("bank_b", "seal")


def lenient(member: Member) -> ssl.SSLContext:
    """A client that believes any certificate, so that only the other end can refuse."""
    context = member.tls(client=True)
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_an_expired_certificate_is_refused(consortium: Consortium, bank_a: Member) -> None:
    key, certificate = expired(consortium, "bank_b")
    pair = replace(bank_a.credentials.pair, certificate_pem=certificate, key_pem=key)
    late = tls_context(pair, consortium.certificate, client=False)
    line = Line()
    _, outcomes = await shake(line, bank_a.tls(client=True), late, names=(bank_a, bank_a))
    assert isinstance(outcomes[0], ForeignCertificate)


async def test_an_end_that_shows_no_certificate_is_refused(
    consortium: Consortium, bank_a: Member, bank_b: Member
) -> None:
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname = False
    bare.load_verify_locations(cadata=consortium.certificate.decode())
    bare.set_alpn_protocols(["mihe/1"])
    _, outcomes = await shake(Line(), bare, bank_b.tls(client=False), names=(bank_a, bank_b))
    assert isinstance(outcomes[1], ForeignCertificate)
    assert outcomes[1].party == "bank_a"


async def test_another_certificate_than_the_contract_names_is_refused(
    consortium: Consortium, bank_a: Member, bank_b: Member, tax: Member, tmp_path: Path
) -> None:
    renewed = enrol(fresh(consortium, "bank_b"), tmp_path / "renewed")
    coordinator = enrol(consortium.coordinator, tmp_path / "coordinator")
    for other in (renewed, tax, coordinator):
        contexts = bank_a.tls(client=True), other.tls(client=False)
        _, outcomes = await shake(Line(), *contexts, names=(bank_a, bank_b))
        assert isinstance(outcomes[0], FingerprintChanged)
        assert (outcomes[0].party, outcomes[0].phase) == ("bank_b", "seal")


async def test_an_end_that_names_another_protocol_is_refused(
    bank_a: Member, bank_b: Member
) -> None:
    for words in (["mihe/2"], ["h2"], None):
        other = bank_b.tls(client=False)
        other.set_alpn_protocols(words or [])
        _, outcomes = await shake(Line(), bank_a.tls(client=True), other, names=(bank_a, bank_b))
        assert isinstance(outcomes[0], VersionMismatch)
        assert outcomes[0].party == "bank_b"


async def test_tls_1_2_is_not_spoken(bank_a: Member, bank_b: Member) -> None:
    old = bank_a.tls(client=True)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    _, outcomes = await shake(Line(), old, bank_b.tls(client=False), names=(bank_a, bank_b))
    assert [type(outcome) for outcome in outcomes] == [CarrierLost, CarrierLost]


@given(st.integers(0, 4000))
@example(0)
@example(1)
def test_a_line_that_breaks_in_the_handshake_is_nobodys_fault(
    bank_a: Member, bank_b: Member, lasts: int
) -> None:
    contexts = bank_a.tls(client=True), bank_b.tls(client=False)
    _, outcomes = asyncio.run(shake(Line(lasts), *contexts, names=(bank_a, bank_b)))
    assert {type(outcome) for outcome in outcomes} <= {CarrierLost, type(None)}
    if lasts < 1500:  # each end's certificate alone takes some 600 bytes
        assert CarrierLost in {type(outcome) for outcome in outcomes}


@given(st.binary(min_size=1, max_size=200))
@example(b"GET / HTTP/1.1\r\n\r\n")
@example(b"\x15\x03\x03\x00\x02\x02\x28")  # an alert that anybody on the way could have made
def test_garbage_instead_of_a_handshake_blames_nobody(bank_a: Member, garbage: bytes) -> None:
    async def meet(*, client: bool) -> None:
        line = Line()
        line.ends[0].give(garbage)
        line.ends[0].give_up()
        seal = Seal(line.ends[0], bank_a.tls(client=client), client=client)
        async with asyncio.timeout(PATIENCE):
            await seal.handshake(peer="bank_b", fingerprint="00" * 32)

    for client in (True, False):
        with pytest.raises(CarrierLost):
            asyncio.run(meet(client=client))


@pytest.mark.parametrize("place", [0, 5, 20, -1])
async def test_bytes_altered_on_the_way_end_the_line_and_deliver_nothing(
    bank_a: Member, bank_b: Member, place: int
) -> None:
    line = Line()
    one, other = await sealed(bank_a, bank_b, line)
    tampered = Tampering(line.ends[0], place)
    one._carrier = tampered
    await one.send(b"a record")
    with pytest.raises(CarrierLost):
        await other.receive(limit=LIMIT, peer="bank_a")
    # The session is over; writing to it must not become an error of another kind.
    with pytest.raises(CarrierLost):
        await other.send(b"on a session that is over")


class Tampering:
    """A carrier that alters one byte of everything that is written."""

    def __init__(self, end: End, place: int) -> None:
        self._end = end
        self._place = place

    async def write(self, sealed: bytes) -> None:
        altered = bytearray(sealed)
        altered[self._place] ^= 1
        await self._end.write(bytes(altered))

    async def read(self) -> bytes:
        return await self._end.read()

    def close(self) -> None:
        self._end.close()


async def test_a_record_that_announces_too_much_is_refused_before_it_comes(
    bank_a: Member, bank_b: Member
) -> None:
    one, other = await sealed(bank_a, bank_b)
    one._tls.write((LIMIT + 1).to_bytes(4, "big"))
    await one._flush()
    with pytest.raises(FrameTooLarge) as refused:
        await other.receive(limit=LIMIT, peer="bank_a")
    assert (refused.value.party, refused.value.phase) == ("bank_a", "link")


async def test_an_orderly_goodbye_is_the_end_of_the_line(bank_a: Member, bank_b: Member) -> None:
    one, other = await sealed(bank_a, bank_b)
    with pytest.raises(ssl.SSLWantReadError):
        one._tls.unwrap()
    await one._flush()
    with pytest.raises(CarrierLost):
        await other.receive(limit=LIMIT, peer="bank_a")
