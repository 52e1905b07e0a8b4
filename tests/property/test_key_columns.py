"""What the core says of a column of texts is what contract/keys.py says of each."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.keys import (
    ISSUED_EXCEPTIONS,
    LENGTH,
    KeyKind,
    Reason,
    Strictness,
    check,
)
from native._core import Misused, canonical_keys
from psi.canonical import PLAIN, canonical_column
from psi.keys import Keys

USCC, DECLARATION, ID_NUMBER = "91110000600037341L", "421820251012345678", "11010519491231002X"
VALID = [USCC, DECLARATION, ID_NUMBER, *(key.decode() for key in sorted(ISSUED_EXCEPTIONS))]
WIDE = "".join(chr(ord(letter) + 0xFEE0) for letter in USCC)
HARD = [
    *["", " ", "-", "\0" * 18, "0" * 18, "ß" * 18, "ı" * 18, "\x1c" + USCC, USCC + "\x85"],
    *[USCC[:9] + "−" + USCC[9:], "\ufeff" + USCC, WIDE, WIDE.lower(), "Ⅻ" * 6, "ﷺ", "ﷺ" * 64],
    *[" " * 46 + USCC, " " * 47 + USCC, "贷" * 64, "贷" * 65, "贷" * 18, "𝟗" * 18, USCC[:-1]],
    *["11010519000229002X", "110105200002290021", "110105180002290021", "11010519491331002X"],
    *["42182025101234567Ｘ", "421819251012345678", "421820259012345678", "11010517991231002X"],
]


def said(kind: KeyKind, texts: list[str | None], strictness: Strictness) -> list[bytes | Reason]:
    """What the core says, in the reference's words."""
    nulls = np.array([text is None for text in texts], dtype=bool)
    packed = Keys.of([(text or "").encode() for text in texts])
    found = canonical_column(kind, packed, nulls, strictness)
    prefix = f"{kind}:".encode()
    reasons = [*[None] * 3, *Reason]
    result: list[bytes | Reason] = []
    for text, finding, key in zip(texts, found.findings, found.keys, strict=True):
        reason = reasons[finding]
        result.append(prefix + key.tobytes() if reason is None else reason)
        assert reason or (finding == PLAIN) == (key.tobytes() == (text or "").encode())
    counted = {reason: result.count(reason) for reason in Reason if reason in result}
    assert found.reasons() == counted
    assert found.invalid.sum() == sum(counted.values())
    return result


def altered(text: str) -> st.SearchStrategy[str]:
    """The text with up to three characters replaced, put in or left out, perhaps in lower case."""
    character = st.sampled_from("0123456789AIOXSVZax -−­　９Ｌ\t\x1f\x85\0ßé") | st.characters(
        codec="utf-8"
    )
    edit = st.tuples(st.integers(0, LENGTH), st.integers(0, 2), st.text(character, max_size=2))

    def apply(edits: list[tuple[int, int, str]]) -> str:
        found = text
        for at, removed, put in edits:
            found = found[:at] + put + found[at + removed :]
        return found

    return (
        st.lists(edit, max_size=3)
        .map(apply)
        .flatmap(lambda found: st.sampled_from([found, found.lower()]))
    )


Texts = st.lists(
    st.none()
    | st.sampled_from(HARD)
    | st.sampled_from(VALID).flatmap(altered)
    | st.text(st.characters(codec="utf-8"), max_size=70)
    | st.text("0123456789X", min_size=18, max_size=18),
    max_size=8,
)


@settings(max_examples=300)
@given(st.sampled_from(KeyKind), Texts, st.sampled_from(Strictness))
@example(KeyKind.USCC, [*HARD, *VALID], Strictness.WARN)
@example(KeyKind.USCC, [*HARD, *VALID], Strictness.STRICT)
@example(KeyKind.DECLARATION, [*HARD, *VALID], Strictness.STRICT)
@example(KeyKind.ID_NUMBER, [*HARD, *VALID], Strictness.WARN)
def test_a_column_is_what_each_of_its_texts_is(
    kind: KeyKind, texts: list[str | None], strictness: Strictness
) -> None:
    assert said(kind, texts, strictness) == [check(kind, t or "", strictness) for t in texts]


def test_every_character_of_the_base_plane_is_judged_alike() -> None:
    """In the place of a key's last character, and between two."""
    characters = [chr(i) for i in range(0x10000) if not 0xD800 <= i < 0xE000]
    for before, after in ((USCC[:-1], ""), (USCC[:9], USCC[9:])):
        texts: list[str | None] = [before + one + after for one in characters]
        reference = [check(KeyKind.USCC, text or "") for text in texts]
        assert said(KeyKind.USCC, texts, Strictness.STRICT) == reference


def test_full_width_forms_and_common_blanks_are_read_by_the_core() -> None:
    texts = [
        WIDE,
        WIDE.lower(),
        *(f"{USCC[:9]}{one}{USCC[9:]}" for one in "\u3000\xa0–−\u200b\ufeff"),
    ]
    packed = Keys.of([text.encode() for text in texts])
    findings, _ = canonical_keys("uscc", packed.packed(), b"")
    assert set(findings) == {1}


@given(st.sampled_from(KeyKind), st.integers(0, 10**18 - 1))
def test_eighteen_digits_are_judged_alike(kind: KeyKind, number: int) -> None:
    text = f"{number:018}"
    assert said(kind, [text], Strictness.STRICT) == [check(kind, text)]


@pytest.mark.parametrize("digits", ["10", "01", "00", "12", "13", "28", "29", "30", "31", "32"])
def test_every_date_of_birth_is_judged_alike(digits: str) -> None:
    months = [*(f"{month:02}" for month in range(15)), digits]
    texts: list[str | None] = [
        f"110105{year}{month}{digits}0020"
        for year in (1799, 1800, 1900, 1999, 2000, 2024, 2099, 2100)
        for month in months
    ]
    assert said(KeyKind.ID_NUMBER, texts, Strictness.STRICT) == [
        check(KeyKind.ID_NUMBER, text or "") for text in texts
    ]


def test_every_reason_is_met() -> None:
    met = {
        found
        for kind in KeyKind
        for found in said(kind, [None, *HARD, *VALID, USCC[:-1] + "0"], Strictness.STRICT)
        if isinstance(found, Reason)
    }
    assert met == set(Reason)


def test_a_text_of_ten_million_characters_is_a_reason() -> None:
    for text in ("1" * 10_000_000, "贷" * 4_000_000, " " * 10_000_000):
        assert said(KeyKind.USCC, [text, USCC], Strictness.STRICT) == [
            Reason.LENGTH,
            check(KeyKind.USCC, USCC),
        ]


def test_ends_that_lead_out_of_the_texts_are_refused() -> None:
    for ends in ([3], [2, 1], [1]):
        with pytest.raises(Misused):
            canonical_keys("uscc", (b"ab", np.array(ends, dtype="<u4").tobytes()), b"")
    with pytest.raises(Misused):
        canonical_keys("passport", (b"", b""), b"")
