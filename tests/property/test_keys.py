"""What holds for every key: one form, whatever it was typed like, and no single slip unseen."""

from datetime import date

from hypothesis import assume, given
from hypothesis import strategies as st

from contract.keys import USCC_ALPHABET, KeyKind, Reason, Strictness, canonical, check
from contract.keys import looks_like_key as looks

DIGITS = "0123456789"
SPACING = st.text("  \t\u00a0\u3000-‐–—−\u200b\u200d\ufeff\u00ad", max_size=2)


def of(alphabet: str, length: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=length, max_size=length)


@st.composite
def usccs(draw: st.DrawFn) -> str:
    region = draw(of("123456789", 1)) + draw(of(DIGITS, 5))
    body = draw(of(USCC_ALPHABET, 2)) + region + draw(of(USCC_ALPHABET, 9))
    total = sum(USCC_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + USCC_ALPHABET[(31 - total % 31) % 31]


@st.composite
def id_numbers(draw: st.DrawFn) -> str:
    born = draw(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
    body = draw(of("123456789", 1)) + draw(of(DIGITS, 5)) + f"{born:%Y%m%d}" + draw(of(DIGITS, 3))
    total = sum(int(d) * pow(2, 17 - i, 11) for i, d in enumerate(body))
    return body + "10X98765432"[total % 11]


@st.composite
def declarations(draw: st.DrawFn) -> str:
    year = draw(st.integers(2000, 2099))
    return draw(of(DIGITS, 4)) + str(year) + draw(of("01", 1)) + draw(of(DIGITS, 9))


keys = st.one_of(
    usccs().map(lambda code: (KeyKind.USCC, code)),
    id_numbers().map(lambda code: (KeyKind.ID_NUMBER, code)),
    declarations().map(lambda code: (KeyKind.DECLARATION, code)),
)


def full_width(letter: str) -> str:
    return chr(ord(letter) + 0xFEE0)


@st.composite
def typed(draw: st.DrawFn, code: str) -> str:
    """`code` as somebody may have typed it: spaced, full-width, lower case."""
    forms = (str, str.lower, full_width, lambda c: full_width(c.lower()))
    return "".join(draw(st.sampled_from(forms))(c) + draw(SPACING) for c in code)


@given(keys, st.data())
def test_a_key_has_one_form_whatever_it_was_typed_like(
    key: tuple[KeyKind, str], data: st.DataObject
) -> None:
    kind, code = key
    raw = data.draw(typed(code))
    assume(len(raw) <= 64)
    assert canonical(kind, raw) == f"{kind}:{code}".encode()


@given(keys)
def test_the_form_of_a_form_is_itself(key: tuple[KeyKind, str]) -> None:
    kind, code = key
    form = canonical(kind, code)
    assert canonical(kind, form.decode().removeprefix(f"{kind}:")) == form


@given(usccs(), st.integers(0, 17), st.sampled_from(USCC_ALPHABET))
def test_a_single_wrong_character_never_makes_another_uscc(code: str, at: int, wrong: str) -> None:
    assume(code[at] != wrong)
    assert isinstance(check(KeyKind.USCC, code[:at] + wrong + code[at + 1 :]), Reason)


@given(usccs(), st.integers(0, 16))
def test_two_swapped_neighbours_never_make_another_uscc(code: str, at: int) -> None:
    assume(code[at] != code[at + 1])
    swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    assert isinstance(check(KeyKind.USCC, swapped), Reason)


@given(id_numbers(), st.integers(0, 17), st.sampled_from("0123456789X"))
def test_a_single_wrong_character_never_makes_another_id_number(
    code: str, at: int, wrong: str
) -> None:
    assume(code[at] != wrong)
    assert isinstance(check(KeyKind.ID_NUMBER, code[:at] + wrong + code[at + 1 :]), Reason)


@given(st.sampled_from(KeyKind), st.text() | st.text(USCC_ALPHABET, min_size=18, max_size=18))
def test_any_text_gives_a_reason_or_a_form_that_warn_keeps(kind: KeyKind, raw: str) -> None:
    found = check(kind, raw)
    if isinstance(found, Reason):
        return
    assert found == check(kind, raw, Strictness.WARN)
    assert found.isascii()
    assert found.startswith(f"{kind}:".encode())


@given(keys, st.text(max_size=30), st.text(max_size=30), st.data())
def test_a_key_within_a_text_is_seen(
    key: tuple[KeyKind, str], before: str, after: str, data: st.DataObject
) -> None:
    # A combining mark right after the key would be another character.
    assume(after[:1].isascii())
    assert looks(before + data.draw(typed(key[1])) + after)
