"""Keys: known codes, every rule of the standards, and what a spreadsheet does to a code.

Provenance of the known codes: public company registrations, as open validators quote them.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import InvalidKey
from contract.keys import (
    ISSUED_EXCEPTIONS,
    SEEN_CATEGORIES,
    USCC_ALPHABET,
    BesideKind,
    KeyKind,
    PartKind,
    Reason,
    Remark,
    Strictness,
    canonical,
    check,
    combined,
    looks_like_key,
    remarks,
)

KNOWN = [
    "91110000600037341L",
    "91110000101623741K",
    "911101066976941872",
    "91350100M000100Y43",
    "91350100MA32C0EA03",
    "913301086706280599",
    "91100000100003962T",
    "9135010557098120XJ",
]
GOOD = KNOWN[0]
ID_NUMBER = "11010519491231002X"
DECLARATION = "421820091012345678"


def uscc_ending(body: str) -> str:
    """`body` of 17 characters with the check character as the standard's text computes it."""
    total = sum(USCC_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + USCC_ALPHABET[(31 - total % 31) % 31]


@pytest.mark.parametrize("code", KNOWN)
def test_known_codes_are_keys_and_unremarkable(code: str) -> None:
    key = canonical(KeyKind.USCC, code)
    assert key == b"uscc:" + code.encode()
    assert remarks(key) == frozenset()


def test_the_formula_of_the_standard_gives_the_known_codes() -> None:
    assert [uscc_ending(code[:17]) for code in KNOWN] == KNOWN


def test_a_code_whose_sum_is_a_multiple_of_31_ends_in_zero() -> None:
    zero = next(c for n in range(99) if (c := uscc_ending(f"91110000600037{n:03}")).endswith("0"))
    assert canonical(KeyKind.USCC, zero) == b"uscc:" + zero.encode()


@pytest.mark.parametrize(
    "raw",
    [
        "91110000600037341l",
        "  91110000600037341L\r\n",
        "9111 0000 6000 3734 1L",
        "9111-0000-6000-3734-1L",
        "9111–0000—6000‑3734−1L",
        "９１１１００００６０００３７３４１Ｌ",
        "９１１１００００６０００３７３４１ｌ",
        "9111　0000　6000　3734　1L",
        "\ufeff91110000600037341L",
        "91110000\u200b600037341L\u200d",
        "\u202d91110000600037341L\u202c",
        "91110000\u00ad600037341L\u00a0",
    ],
)
def test_every_way_a_code_is_written_gives_the_same_bytes(raw: str) -> None:
    assert check(KeyKind.USCC, raw) == b"uscc:91110000600037341L"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", Reason.EMPTY),
        (" \t\u200b-", Reason.EMPTY),
        ("NULL", Reason.LENGTH),
        (GOOD[:17], Reason.LENGTH),
        (GOOD + "0", Reason.LENGTH),
        (GOOD + " " * 60, Reason.LENGTH),
        ("\ufdfa" * 1000, Reason.LENGTH),
        ("0" * 18, Reason.REGION),
        (uscc_ending("91011000060003734"), Reason.REGION),
        (uscc_ending("9111000A600037341"), Reason.REGION),
        ("91110000600037341K", Reason.CHECK),
        ("91110000600037314L", Reason.CHECK),
        ("9111000O600037341L", Reason.ALPHABET),
        ("9111000I600037341L", Reason.ALPHABET),
        ("9111000060003734IL", Reason.ALPHABET),
        ("S1110000600037341L", Reason.ALPHABET),
        ("V1110000600037341L", Reason.ALPHABET),
        ("Z1110000600037341L", Reason.ALPHABET),
        ("'1110000600037341L", Reason.ALPHABET),
        ("911100006000.7341L", Reason.ALPHABET),
        ("91110000600037341Ｌ̈", Reason.LENGTH),
        # Cyrillic and Greek look-alikes, a letter whose upper case is I, one that becomes SS.
        ("9135010557098120ХJ", Reason.ALPHABET),
        ("9135010557098120ΧJ", Reason.ALPHABET),
        ("91350100\u0131000100Y43", Reason.ALPHABET),
        ("91350100ß000100Y43", Reason.ALPHABET),
        ("٩١١١٠٠٠٠٦٠٠٠٣٧٣٤١L", Reason.ALPHABET),
        ("91110000600037341\x00", Reason.ALPHABET),
    ],
)
def test_why_a_text_is_no_uscc(raw: str, reason: Reason) -> None:
    assert check(KeyKind.USCC, raw) is reason
    assert check(KeyKind.USCC, raw, Strictness.WARN) is reason


@pytest.mark.parametrize("code", sorted(ISSUED_EXCEPTIONS))
def test_codes_issued_against_the_standard_count_in_warn_only(code: bytes) -> None:
    raw = code.decode().lower()
    assert check(KeyKind.USCC, raw) is Reason.CHECK
    key = canonical(KeyKind.USCC, raw, Strictness.WARN)
    assert key == b"uscc:" + code
    assert remarks(key) == {Remark.ISSUED_EXCEPTION}


def test_an_unseen_category_is_a_remark_and_no_reason() -> None:
    key = canonical(KeyKind.USCC, uscc_ending("B7" + GOOD[2:17]))
    assert remarks(key) == {Remark.CATEGORY}
    assert b"91" in SEEN_CATEGORIES
    assert b"B7" not in SEEN_CATEGORIES


@pytest.mark.parametrize("wrong", ["0", "2", "9", "X", "A"])
def test_a_wrong_organisation_code_is_a_remark_and_no_reason(wrong: str) -> None:
    key = canonical(KeyKind.USCC, uscc_ending(GOOD[:16] + wrong))
    assert remarks(key) == {Remark.ORGANISATION_CODE}


@pytest.mark.parametrize("code", ["91350100MA32C0EA03", "9135010557098120XJ"])
def test_organisation_codes_that_end_in_0_for_11_and_x_for_10(code: str) -> None:
    assert code[16] in "0X"
    assert remarks(canonical(KeyKind.USCC, code)) == frozenset()


def test_the_error_names_kind_and_reason_and_holds_no_value() -> None:
    with pytest.raises(InvalidKey) as caught:
        canonical(KeyKind.USCC, "91110000600037341K")
    assert caught.value.rule == "uscc: check character"
    assert "341" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("110105194912310021", Reason.CHECK),
        ("11010519491231O02X", Reason.ALPHABET),
        ("1101051949123100X2", Reason.ALPHABET),
        ("11010519491231002Y", Reason.ALPHABET),
        ("010105194912310027", Reason.REGION),
        ("110105194902300021", Reason.DATE),
        ("110105194913010021", Reason.DATE),
        ("110105174912310021", Reason.DATE),
        ("110105000000000021", Reason.DATE),
        ("110105190002290021", Reason.DATE),
        ("110105491231002", Reason.LENGTH),
    ],
)
def test_why_a_text_is_no_id_number(raw: str, reason: Reason) -> None:
    assert check(KeyKind.ID_NUMBER, raw) is reason


def test_id_numbers() -> None:
    assert check(KeyKind.ID_NUMBER, ID_NUMBER.lower()) == b"id_number:11010519491231002X"
    assert remarks(b"id_number:11010519491231002X") == frozenset()
    leap = "11010520000229001"
    weighted = sum(int(d) * pow(2, 17 - i, 11) for i, d in enumerate(leap)) % 11
    assert isinstance(check(KeyKind.ID_NUMBER, leap + "10X98765432"[weighted]), bytes)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("421820092012345678", Reason.DIRECTION),
        ("421819991012345678", Reason.YEAR),
        ("421821001012345678", Reason.YEAR),
        ("42182009101234567X", Reason.ALPHABET),
        ("012345678", Reason.LENGTH),
        ("0" * 18, Reason.YEAR),
    ],
)
def test_why_a_text_is_no_declaration(raw: str, reason: Reason) -> None:
    assert check(KeyKind.DECLARATION, raw) is reason


def test_declarations_of_both_directions() -> None:
    assert check(KeyKind.DECLARATION, DECLARATION) == b"declaration:" + DECLARATION.encode()
    export = DECLARATION[:8] + "0" + DECLARATION[9:]
    assert check(KeyKind.DECLARATION, f" {export} ") == b"declaration:" + export.encode()


def test_the_same_digits_are_different_keys_in_different_kinds() -> None:
    digits = next(d for n in range(10**6) if (d := uscc_ending(f"42182009101{n:06}")).isdigit())
    both = {check(KeyKind.USCC, digits), check(KeyKind.DECLARATION, digits)}
    assert both == {b"uscc:" + digits.encode(), b"declaration:" + digits.encode()}


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.lower(),
        f"uscc = '{GOOD}'",
        f"x{GOOD}y",
        f"核查企业{GOOD}的贷款",
        "why not 9111-0000 6000\u200b3734-1L?",
        "９１１１００００６０００３７３４１Ｌ",
        ID_NUMBER,
        f"customs {DECLARATION}.",
        "91350211M0000XUF46",
        f"{'9' * 40}{GOOD}",
    ],
)
def test_an_identifier_in_free_text_is_seen(text: str) -> None:
    assert looks_like_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "VAT under-declaration screening, 2026 Q3",
        "CREDIT_MICRO",
        "SELECT region, SUM(balance) FROM bank_a.loans JOIN tax.returns USING (uscc)",
        "普惠小微贷款贷后核查",
        "91110000600037341K",
        "91110000600037341",
        "91110000.600037341L",
    ],
)
def test_ordinary_text_is_let_through(text: str) -> None:
    assert not looks_like_key(text)


# ── keys of several columns ─────────────────────────────────────────────────────────────────────

COMBINED = {
    b"tuple:23:uscc:91110000600037341L,13:period:202403,": [
        (KeyKind.USCC, GOOD),
        (BesideKind.PERIOD, "202403"),
    ],
    b"tuple:23:uscc:91110000600037341L,15:date:2024-03-01,9:integer:0,12:boolean:true,": [
        (KeyKind.USCC, GOOD),
        (BesideKind.DATE, "2024-03-01"),
        (BesideKind.INTEGER, "0"),
        (BesideKind.BOOLEAN, "true"),
    ],
    "tuple:23:uscc:91110000600037341L,11:text:电力,5:text:,".encode(): [
        (KeyKind.USCC, GOOD),
        (BesideKind.TEXT, "电力"),
        (BesideKind.TEXT, ""),
    ],
}
"""The vectors of federated/SPEC.md §3.9."""


@pytest.mark.parametrize(("written", "parts"), COMBINED.items(), ids=range(len(COMBINED)))
def test_a_key_of_several_columns_has_one_form(
    written: bytes, parts: list[tuple[PartKind, str]]
) -> None:
    assert combined(parts) == written


@given(
    *[
        st.lists(
            st.tuples(
                st.sampled_from([KeyKind.USCC, *BesideKind]), st.text("1:,tex ", max_size=12)
            ),
            min_size=2,
            max_size=3,
        )
        for _ in range(2)
    ]
)
def test_no_two_keys_of_several_columns_are_written_alike(
    some: list[tuple[PartKind, str]], others: list[tuple[PartKind, str]]
) -> None:
    assert (combined(some) == combined(others)) == (some == others)
    # Nothing that a column alone may hold is written so.
    assert not any(combined(some).startswith(f"{kind}:".encode()) for kind in KeyKind)
