"""Names of datasets and columns: what looks like one is refused or the same, never another."""

import json
from unicodedata import combining, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contract.canonical import Name, Reference, canonical_bytes, parse
from contract.dataset import Column, ColumnType, Description
from contract.errors import BadMessage, BadSetting
from contract.names import LONGEST, is_name, typed
from contract.toml import parse as parse_toml

RANGES = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0x20000, 0x2A6E0))
LETTERS = "abcdefghijklmnopqrstuvwxyz〇" + "".join(chr(code) for r in RANGES for code in r)
letters = st.sampled_from(LETTERS)
names = st.builds(
    str.__add__,
    letters,
    st.text(st.one_of(letters, st.sampled_from("0123456789_")), max_size=LONGEST - 1),
)
validated = TypeAdapter(Name)


def accepted(text: str) -> bool:
    try:
        return validated.validate_python(text) == text
    except ValidationError:
        return False


# Full width, compatibility ideographs, Kangxi radicals, letters of other scripts.
TWINS = {
    **{chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)},
    **{
        normalize("NFKC", chr(code)): chr(code) for code in (*range(0x2F00, 0x2FD6), 0xF900, 0xFA0C)
    },
    **dict(zip("aceopxy", "асеорху", strict=True)),
    "o": "ο",
    "〇": "○",
    "二": "ニ",
    "口": "ロ",
    "一": "ー",
}
INVISIBLE = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u202e\u2066\ufe00\U000e0100\u0301\u3099 \u3000"
)


@pytest.mark.parametrize(
    "name",
    ["uscc", "x_1", "行业", "统一社会信用代码", "二〇二五年销售额", "tax税", "𠀀", "行" * LONGEST],
)
def test_a_name(name: str) -> None:
    assert accepted(name)
    assert is_name(name)
    assert len(name.encode()) < 255
    assert TypeAdapter(Reference).validate_python(f"tax.{name}") == f"tax.{name}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Uscc",
        "1x",
        "_x",
        "x-y",
        "行 业",
        "行业（元）",
        "行\n业",
        "é",
        "行业\n",
        "行" * (LONGEST + 1),
    ],
)
def test_no_name(name: str) -> None:
    assert not accepted(name)
    assert not is_name(name)


def test_every_letter_is_its_own_normal_form_and_has_no_case() -> None:
    for letter in LETTERS:
        assert normalize("NFKC", letter) == letter
        assert letter.lower() == letter.casefold() == letter
        assert not combining(letter)


@given(st.text(min_size=1))
def test_whatever_is_a_name_has_one_spelling(text: str) -> None:
    if accepted(text):
        forms = {normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")}
        assert forms == {text, text.casefold()}
    assert accepted(text) == is_name(text)


@given(names, st.data())
def test_what_looks_like_a_name_is_that_name_or_none(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 1))
    twin = TWINS.get(name[place], "")
    marks = data.draw(st.sampled_from([*INVISIBLE, ""]))
    alike = name[:place] + (twin or name[place]) + marks + name[place + 1 :]
    if alike != name:
        assert not accepted(alike)
        assert typed(alike) == name or not accepted(typed(alike))


@given(names)
def test_a_chinese_name_survives_its_document(name: str) -> None:
    column = Column(name=name, type=ColumnType.TEXT, level=1)
    raw = canonical_bytes(column)
    assert json.loads(raw)["name"] == name
    assert parse(Column, raw) == column


def test_another_form_of_a_name_is_refused_in_documents() -> None:
    compatibility = chr(0xF9A8)  # which normalises to 令
    raw = canonical_bytes(Column(name="令", type=ColumnType.TEXT, level=1))
    with pytest.raises(BadMessage):
        parse(Column, raw.replace("令".encode(), compatibility.encode()))
    text = f'name = "{compatibility}"\nsource = "x.csv"\ncolumn = []'
    with pytest.raises(BadSetting, match=r"x\.toml:1: key 'name' .*a Chinese character") as refused:
        parse_toml(Description, text, "x.toml")
    assert compatibility not in str(refused.value)
