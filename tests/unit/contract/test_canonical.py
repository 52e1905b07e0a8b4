"""Canonical JSON: one way to write a noun, and nothing else is read."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any, Self

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

from contract.canonical import (
    Frozen,
    Hex32,
    Name,
    OrgId,
    Reference,
    Timestamp,
    Unfit,
    canonical_bytes,
    digest,
    parse,
)
from contract.errors import BadMessage, ContractAltered, OurError

SECRET = "6222021234567890123"


class Colour(StrEnum):
    RED = "red"


class Party(Frozen):
    org: OrgId
    fingerprint: Hex32
    with_: tuple[OrgId, ...] = Field(default=(), validation_alias="with")


class Noun(Frozen):
    title: str = ""
    count: int = 0
    share: Decimal = Decimal(0)
    colour: Colour = Colour.RED
    on: bool = True
    day: date = date(2026, 3, 1)
    until: Timestamp = datetime(2026, 3, 1, 8, tzinfo=UTC)
    parties: tuple[Party, ...] = ()
    names: dict[str, int] = Field(default_factory=dict)
    later: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.title == "unfit":
            raise Unfit("the title does not fit")
        if self.title == "leaky":
            raise ValueError(SECRET)
        return self


FULL = Noun(
    title="密合 \n",
    count=-3,
    share=Decimal("1.50"),
    parties=(Party(org="tax", fingerprint="ab" * 32, with_=("bank_a",)),),
    names={"b": 1, "a": 2},
    later="now",
)
RAW = canonical_bytes(FULL)

nouns = st.builds(
    Noun,
    title=st.text().filter(lambda t: t not in {"unfit", "leaky"}),
    count=st.integers(-(10**30), 10**30),
    share=st.decimals(-(10**30), 10**30, allow_nan=False, places=12),
    on=st.booleans(),
    day=st.dates(),
    until=st.datetimes(
        min_value=datetime(2, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        max_value=datetime(9998, 12, 31),  # noqa: DTZ001 - the same
        timezones=st.timezones(),
    ),
    parties=st.lists(
        st.builds(
            Party,
            org=st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True),
            fingerprint=st.binary(min_size=32, max_size=32).map(bytes.hex),
        ),
        max_size=3,
    ).map(tuple),
    names=st.dictionaries(st.text(), st.integers(), max_size=4),
    later=st.none() | st.text(),
)

wide = st.text(st.sampled_from('a\x00\x1f\x7f"\\/\u2028\ue000\ufffd𠀀😀'))


def refused(raw: bytes) -> str:
    with pytest.raises(BadMessage) as caught:
        parse(Noun, raw)
    assert caught.value.__cause__ is None
    assert SECRET not in str(caught.value)
    return caught.value.what


def test_the_whole_form() -> None:
    assert RAW.decode() == (
        '{"colour":"red","count":-3,"day":"2026-03-01","later":"now","names":{"a":2,"b":1},'
        '"on":true,"parties":[{"fingerprint":"' + "ab" * 32 + '","org":"tax","with":["bank_a"]}],'
        '"share":"1.5","title":"密合 \\n","until":"2026-03-01T08:00:00Z"}'
    )
    assert digest(RAW) == sha256(RAW).digest()


@given(nouns)
def test_what_is_written_is_read_back(noun: Noun) -> None:
    raw = canonical_bytes(noun)
    back = parse(Noun, raw)
    assert back == noun
    assert canonical_bytes(back) == raw


@given(nouns, nouns)
def test_equal_nouns_and_equal_bytes_are_the_same_thing(one: Noun, other: Noun) -> None:
    assert (one == other) == (canonical_bytes(one) == canonical_bytes(other))


@given(nouns | st.builds(Noun, names=st.dictionaries(wide, st.integers(0, 9)), title=wide))
def test_it_is_the_form_that_the_rfc_says(noun: Noun) -> None:
    """Names are in the order of UTF-16: one beyond the base plane comes before U+FFFD."""
    raw = canonical_bytes(noun)
    assert raw == rfc8785.dumps(json.loads(raw))


def test_none_is_left_out_so_that_a_later_field_alters_no_older_document() -> None:
    class Older(Frozen):
        title: str

    class Newer(Frozen):
        title: str
        note: str | None = None

    older = canonical_bytes(Older(title="x"))
    assert canonical_bytes(Newer(title="x")) == older
    assert parse(Newer, older).note is None


@pytest.mark.parametrize(
    ("count", "written"),
    [
        (2**53 - 1, "9007199254740991"),
        (2**53, '"9007199254740992"'),
        (-(2**53), '"-9007199254740992"'),
    ],
)
def test_integers_beyond_a_double_stand_as_strings(count: int, written: str) -> None:
    assert f'"count":{written},'.encode() in canonical_bytes(Noun(count=count))


@pytest.mark.parametrize(
    ("share", "written"),
    [("1.50", "1.5"), ("1E+3", "1000"), ("-0.00", "0"), ("100", "100"), ("0.010", "0.01")],
)
def test_a_decimal_is_written_one_way(share: str, written: str) -> None:
    assert f'"share":"{written}"'.encode() in canonical_bytes(Noun(share=Decimal(share)))


def test_a_moment_is_brought_to_utc_and_whole_seconds() -> None:
    beijing = datetime(2026, 3, 1, 16, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=8)))
    assert Noun(until=beijing) == Noun(until=datetime(2026, 3, 1, 8, tzinfo=UTC))


OTHER_FORMS = {
    "blank": RAW.replace(b":", b": ", 1),
    "trailing newline": RAW + b"\n",
    "other order": b'{"on":true,"colour":"red"' + RAW[len(b'{"colour":"red"') :],
    "duplicate key": RAW.replace(b'{"colour"', b'{"colour":"red","colour"'),
    "escaped letter": RAW.replace(b'"now"', b'"n\\u006fw"'),
    "default left out": RAW.replace(b'"on":true,', b""),
    "explicit null": RAW.replace(b'"later":"now"', b'"later":null'),
    "integer as string": RAW.replace(b"-3", b'"-3"'),
    "integer as float": RAW.replace(b"-3", b"-3.0"),
    "minus zero": RAW.replace(b"-3", b"-0"),
    "integer as boolean": RAW.replace(b"-3", b"true"),
    "boolean as integer": RAW.replace(b"true", b"1"),
    "decimal as number": RAW.replace(b'"1.5"', b"1.5"),
    "decimal with zeros": RAW.replace(b'"1.5"', b'"1.50"'),
    "decimal of gigabytes": RAW.replace(b'"1.5"', b'"1E+999999999"'),
    "zero of gigabytes": RAW.replace(b'"1.5"', b'"0E-999999999"'),
    "moment elsewhere": RAW.replace(b"08:00:00Z", b"16:00:00+08:00"),
    "moment as number": RAW.replace(b'"2026-03-01T08:00:00Z"', b"1772352000"),
    "name instead of alias": RAW.replace(b'"with"', b'"with_"'),
}


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_another_way_to_write_the_same_is_refused(name: str) -> None:
    assert OTHER_FORMS[name] != RAW
    assert refused(OTHER_FORMS[name]) == "Noun: not in canonical form"


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (RAW.replace("密".encode(), b"\xe5\xaf"), "not JSON"),
        (RAW.replace(b"now", b"\\ud800"), "not JSON"),
        (b"\xef\xbb\xbf" + RAW, "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (RAW[:-1], "not JSON"),
        (b"[]", "not what it must be"),
        (b"null", "not what it must be"),
        (RAW.replace(b"-3", b"NaN"), "field count is not what it must be"),
        (RAW.replace(b'"1.5"', b'"NaN"'), "field share is not what it must be"),
        (RAW.replace(b"-3", b"9" * 5000), "not JSON"),
        (RAW.replace(b"red", SECRET.encode()), "field colour is not what it must be"),
        (RAW.replace(b"2026-03-01T08", b"0001-01-01T00").replace(b"00Z", b"00+12:00"), "until"),
        (RAW.replace(b'"tax"', b'"' + SECRET.encode() + b'"'), "field parties[0].org is not"),
        (RAW.replace(b'"org":"tax",', b""), "field parties[0].org is missing"),
        (RAW.replace(b'"org"', b'"' + SECRET.encode() + b'"'), "field parties[0].org is missing"),
        (RAW.replace(b'"on"', b'"' + SECRET.encode() + b'":1,"on"'), "unknown field"),
        (RAW.replace(b'"org"', b'"' + SECRET.encode() + b'":1,"org"'), "unknown field in parties"),
        (RAW.replace(b'"a":2', b'"' + SECRET.encode() + b'":"x"'), "field names is not what"),
        (canonical_bytes(Noun()).replace(b'title":"', b'title":"unfit'), "the title does not fit"),
        (canonical_bytes(Noun()).replace(b'title":"', b'title":"leaky'), "not what it must be"),
    ],
)
def test_a_fault_is_named_in_our_words_only(raw: bytes, what: str) -> None:
    assert what in refused(raw)


def test_size_is_checked_before_anything_is_parsed() -> None:
    assert parse(Noun, RAW, max_bytes=len(RAW)) == FULL
    with pytest.raises(BadMessage, match="larger than 10 bytes"):
        parse(Noun, b"\xff" * 11, max_bytes=10)


def test_the_reader_says_whose_fault_it_is() -> None:
    with pytest.raises(ContractAltered) as caught:
        parse(Noun, b"{", error=ContractAltered, party="bank_a", phase="propose")
    cause = caught.value
    assert (cause.code, cause.party, cause.phase) == ("CONTRACT_ALTERED", "bank_a", "propose")


@given(st.binary(max_size=200) | st.integers(0, len(RAW) - 1).map(lambda i: RAW[:i] + RAW[i + 1 :]))
def test_any_other_bytes_give_our_error_or_a_noun_in_canonical_form(raw: bytes) -> None:
    try:
        noun = parse(Noun, raw)
    except BadMessage:
        return
    assert canonical_bytes(noun) == raw


@pytest.mark.parametrize(
    "annotation", [float, tuple[float, ...], frozenset[str], set[int] | None, bytes]
)
def test_a_field_without_a_canonical_form_is_refused_with_its_class(annotation: Any) -> None:
    with pytest.raises(TypeError, match="canonical form"):
        type("Bad", (Frozen,), {"__annotations__": {"x": annotation}, "x": None})


def test_a_field_that_may_be_none_must_default_to_it() -> None:
    with pytest.raises(TypeError, match="defaults to None"):
        type("Bad", (Frozen,), {"__annotations__": {"x": str | None}})


@pytest.mark.parametrize("value", [1.5, b"x", None, {1: 2}, {"a": None}, Decimal("NaN")])
def test_a_value_that_slipped_in_without_a_form_is_our_defect(value: object) -> None:
    with pytest.raises(OurError):
        canonical_bytes(Noun.model_construct(title=[value]))


def test_a_noun_is_frozen_closed_and_not_coerced() -> None:
    with pytest.raises(ValidationError):
        FULL.title = "other"
    wrongs: list[dict[str, object]] = [
        {"surplus": 1},
        {"count": "1"},
        {"parties": []},
        {"colour": "red"},
    ]
    for wrong in wrongs:
        with pytest.raises(ValidationError) as caught:
            Noun.model_validate(wrong)
        assert "input_value" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (OrgId, "bank_a", ["", "Bank", "1a", "_a", "a-b", "a" * 33, "a\n", "é"]),
        (Name, "a" * 63, ["", "A", "a" * 64, "a.b", "a "]),
        (Reference, "bank_a.loans", ["loans", "a.b.c", ".loans", "a." + "b" * 64, "a.b\n"]),
        (Hex32, "0f" * 32, ["0F" * 32, "0f" * 31, "0f" * 32 + "\n", "0g" * 32]),
    ],
)
def test_named_texts(kind: Any, good: str, bad: list[str]) -> None:
    model: Any = type("Holder", (Frozen,), {"__annotations__": {"x": kind}})
    assert model(x=good).x == good
    for wrong in bad:
        with pytest.raises(ValidationError):
            model(x=wrong)
