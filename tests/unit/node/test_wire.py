"""Bytes from outside: what was written is read back, and anything else is a named error."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contract.cause import cause_of
from contract.errors import BadMessage, FrameTooLarge, MiheError
from contract.identity import MAX_CERTIFICATE_BYTES
from contract.signing import MAX_BODY_BYTES, MAX_SIGNATURE_BYTES, Kind, Statement
from node.wire.frames import (
    CHUNK_BYTES,
    MAX_RECORD_BYTES,
    MAX_STREAM_BYTES,
    MAX_STREAMS,
    Ack,
    Chunk,
    Hello,
    LinkFrame,
    Open,
    Receipted,
    frame_from_wire,
    frame_to_wire,
)
from node.wire.messages import message_from_wire, message_to_wire
from node.wire.statements import statement_from_wire, statement_to_wire
from protos import link_pb2, psi_pb2, statement_pb2
from psi.ecdh.messages import BlindedSet, Evaluated, Matched
from psi.rr22.messages import Masked
from psi.step import Message

STATEMENT = Statement(Kind.RECEIPT, "bank_b", bytes(32), b"{}", b"signature", b"certificate")

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)
IDS = st.binary(min_size=32, max_size=32)
STATEMENTS = st.builds(
    Statement,
    st.sampled_from(Kind),
    NAMES,
    IDS,
    st.binary(max_size=300),
    st.binary(min_size=1, max_size=MAX_SIGNATURE_BYTES),
    st.binary(min_size=1, max_size=300),
)
ACKS = st.builds(Ack, NAMES, st.integers(0, 2**32 - 1), st.booleans())
FRAMES: st.SearchStrategy[LinkFrame] = st.one_of(
    st.builds(
        Hello,
        IDS,
        NAMES,
        st.lists(ACKS, max_size=16).map(lambda acks: {ack.stream: ack for ack in acks}),
    ),
    st.builds(Open, NAMES, st.integers(0, MAX_STREAM_BYTES), IDS),
    st.builds(Chunk, NAMES, st.integers(0, 2**32 - 1), st.binary(max_size=300)),
    ACKS,
    st.builds(Receipted, NAMES, STATEMENTS),
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(BlindedSet, st.binary(max_size=300)),
    st.builds(Evaluated, st.binary(max_size=300), st.binary(max_size=300)),
    st.builds(Matched, st.binary(max_size=300)),
    st.builds(Masked, st.binary(max_size=300)),
)


@st.composite
def mutated(draw: st.DrawFn, honest: Callable[[], st.SearchStrategy[bytes]]) -> bytes:
    """Honest bytes with a few of them replaced, removed or put in."""
    raw = bytearray(draw(honest()))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(raw)


def named(error: MiheError) -> None:
    """An error that can be sent, and that names the party without quoting what came."""
    cause = cause_of(error)
    assert cause.party == "bank_b"
    assert len(cause.what) < 60


# ── there and back ──────────────────────────────────────────────────────────────────────────────


@given(FRAMES)
@example(Chunk("blinded", 0, bytes(CHUNK_BYTES)))
@example(Hello(bytes(32), "b" * 32, {f"s{n}": Ack(f"s{n}", 2**32 - 1, True) for n in range(16)}))
def test_a_frame_is_read_as_it_was_written(frame: LinkFrame) -> None:
    assert frame_from_wire(frame_to_wire(frame), party="bank_b") == frame


@given(STATEMENTS)
def test_a_statement_is_read_as_it_was_written(statement: Statement) -> None:
    assert statement_from_wire(statement_to_wire(statement)) == statement


@given(MESSAGES)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    assert message_from_wire(type(message), message_to_wire(message), party="bank_b") == message


@pytest.mark.parametrize("size", [1, 127, 128, 16_383, 16_384, CHUNK_BYTES])
def test_long_pieces_of_bytes_are_written_as_protobuf_does(size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    chunk = link_pb2.Chunk(stream="masked_0", number=size, content=content)
    frame = link_pb2.LinkFrame(chunk=chunk).SerializeToString()
    assert frame_to_wire(Chunk("masked_0", size, memoryview(content))) == frame
    message = psi_pb2.Rr22Message(content=content).SerializeToString()
    assert message_to_wire(Masked(content)) == message


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        (b"", b""),
        (b"\x0a\x00", b""),
        (b"\x0a\x03abc", b"abc"),
        (b"\x0a\x83\x00abc", b"abc"),  # a length in two bytes where one is enough
        (b"\x0a\x03abc\x0a\x01d", b"d"),  # twice: the last counts
        (b"\x10\x07\x0a\x03abc", b"abc"),  # beside a field that nobody knows
    ],
)
def test_a_piece_is_read_as_protobuf_reads_it(raw: bytes, content: bytes) -> None:
    assert psi_pb2.Rr22Message.FromString(raw).content == content
    assert message_from_wire(Masked, raw, party="bank_b") == Masked(content)


@pytest.mark.parametrize("raw", [b"\x0a", b"\x0a\x04abc", b"\x0a\x02abc", b"\x0a\xff\xff"])
def test_a_piece_that_is_cut_or_goes_on_is_refused(raw: bytes) -> None:
    with pytest.raises(BadMessage) as refused:
        message_from_wire(Masked, raw, party="bank_b")
    named(refused.value)


def test_the_largest_statement_fits_into_a_record() -> None:
    largest = replace(
        STATEMENT,
        body=bytes(MAX_BODY_BYTES),
        signature=bytes(MAX_SIGNATURE_BYTES),
        certificate=bytes(MAX_CERTIFICATE_BYTES),
    )
    frame = Receipted("b" * 32, largest)
    assert frame_from_wire(frame_to_wire(frame), party="bank_b") == frame
    assert len(frame_to_wire(Chunk("b" * 32, 2**32 - 1, bytes(CHUNK_BYTES)))) <= MAX_RECORD_BYTES


# ── anything else ───────────────────────────────────────────────────────────────────────────────


@given(st.one_of(st.binary(max_size=400), mutated(lambda: FRAMES.map(frame_to_wire))))
def test_no_bytes_make_more_than_a_frame_or_an_error(raw: bytes) -> None:
    try:
        frame = frame_from_wire(raw, party="bank_b")
    except MiheError as error:
        named(error)
    else:
        assert frame_from_wire(frame_to_wire(frame), party="bank_b") == frame


@given(st.one_of(st.binary(max_size=400), mutated(lambda: MESSAGES.map(message_to_wire))))
def test_no_bytes_make_more_than_a_message_or_an_error(raw: bytes) -> None:
    for awaited in (BlindedSet, Evaluated, Matched):
        try:
            assert type(message_from_wire(awaited, raw, party="bank_b")) is awaited
        except BadMessage as error:
            named(error)


@given(
    st.builds(
        statement_pb2.Statement,
        kind=st.one_of(st.sampled_from([kind.value for kind in Kind]), st.text(max_size=40)),
        org=st.one_of(NAMES, st.text(max_size=40)),
        subject=st.one_of(IDS, st.binary(max_size=40)),
        body=st.binary(max_size=40),
        signature=st.binary(max_size=200),
        certificate=st.binary(max_size=40),
    )
)
def test_no_message_makes_more_than_a_statement_or_an_error(
    message: statement_pb2.Statement,
) -> None:
    try:
        statement = statement_from_wire(message, party="bank_b")
    except BadMessage as error:
        named(error)
    else:
        assert statement_to_wire(statement) == message
        assert statement.org.isidentifier()
        assert statement.org.isascii()


@pytest.mark.parametrize(
    "differing",
    [
        {"kind": "handshake"},
        {"kind": ""},
        {"org": ""},
        {"org": "b" * 33},
        {"org": "bank_a\nERROR all is lost"},
        {"org": "银行"},
        {"subject": bytes(31)},
        {"subject": bytes(33)},
        {"subject": b""},
        {"body": bytes(MAX_BODY_BYTES + 1)},
        {"signature": b""},
        {"signature": bytes(MAX_SIGNATURE_BYTES + 1)},
        {"certificate": b""},
        {"certificate": bytes(MAX_CERTIFICATE_BYTES + 1)},
    ],
    ids=lambda differing: next(iter(differing)),
)
def test_a_statement_out_of_bounds_is_refused(differing: dict[str, object]) -> None:
    message = statement_to_wire(STATEMENT)
    for name, value in differing.items():
        setattr(message, name, value)
    with pytest.raises(BadMessage) as refused:
        statement_from_wire(message, party="bank_b")
    named(refused.value)
    frame = link_pb2.LinkFrame(receipt=link_pb2.StreamReceipt(stream="s", statement=message))
    with pytest.raises(BadMessage):
        frame_from_wire(frame.SerializeToString(), party="bank_b")


ACK = link_pb2.Ack(stream="s")


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (link_pb2.LinkFrame(), BadMessage),
        (link_pb2.LinkFrame(hello=link_pb2.LinkHello(org="bank_b", run=bytes(31))), BadMessage),
        (link_pb2.LinkFrame(hello=link_pb2.LinkHello(org="", run=bytes(32))), BadMessage),
        (link_pb2.LinkFrame(hello=link_pb2.LinkHello(org="b b", run=bytes(32))), BadMessage),
        (
            link_pb2.LinkFrame(
                hello=link_pb2.LinkHello(org="b", run=bytes(32), received=[ACK] * (MAX_STREAMS + 1))
            ),
            BadMessage,
        ),
        (
            link_pb2.LinkFrame(
                hello=link_pb2.LinkHello(org="b", run=bytes(32), received=[link_pb2.Ack()])
            ),
            BadMessage,
        ),
        (
            link_pb2.LinkFrame(
                open=link_pb2.StreamOpen(stream="s", size=MAX_STREAM_BYTES + 1, salt=bytes(32))
            ),
            BadMessage,
        ),
        (link_pb2.LinkFrame(open=link_pb2.StreamOpen(stream="s", salt=bytes(33))), BadMessage),
        (link_pb2.LinkFrame(open=link_pb2.StreamOpen(stream="../s", salt=bytes(32))), BadMessage),
        (link_pb2.LinkFrame(chunk=link_pb2.Chunk(stream="s" * 33)), BadMessage),
        (
            link_pb2.LinkFrame(chunk=link_pb2.Chunk(stream="s", content=bytes(CHUNK_BYTES + 1))),
            FrameTooLarge,
        ),
        (
            link_pb2.LinkFrame(chunk=link_pb2.Chunk(stream="s", content=bytes(MAX_RECORD_BYTES))),
            FrameTooLarge,
        ),
        (link_pb2.LinkFrame(ack=link_pb2.Ack(stream="")), BadMessage),
        (link_pb2.LinkFrame(receipt=link_pb2.StreamReceipt(stream="s")), BadMessage),
    ],
)
def test_a_frame_out_of_bounds_is_refused(
    frame: link_pb2.LinkFrame, error: type[MiheError]
) -> None:
    with pytest.raises(error) as refused:
        frame_from_wire(frame.SerializeToString(), party="bank_b")
    assert type(refused.value) is error
    named(refused.value)


def test_what_is_no_message_of_a_protocol_has_no_form() -> None:
    for awaited in (Message, str):
        with pytest.raises(TypeError):
            message_from_wire(awaited, b"", party="bank_b")  # type: ignore[arg-type]  # as a defect would
    with pytest.raises(TypeError):
        message_to_wire(Message())


def test_nothing_of_a_chunk_is_shown() -> None:
    assert "uscc" not in repr(Chunk("s", 0, b"uscc:91110000600037341L"))
