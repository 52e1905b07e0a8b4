"""SQL's short way to a key agrees with contract/keys.py wherever it says yes, and says it often."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.keys import LENGTH, KeyKind, Strictness, check
from node.plain_keys import is_plain

VALID = {
    KeyKind.USCC: ["91110000600037341L", "91110000101623741K", "911101066976941872"],
    KeyKind.DECLARATION: ["310120260000000001", "010120251999999999"],
    KeyKind.ID_NUMBER: ["11010519491231002X", "440524188001010014"],
}
LETTERS = st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcxyz -\n０Ａß'\"")


def plain(kind: KeyKind, texts: list[str]) -> list[str]:
    """The texts that SQL takes for keys."""
    unnested = "SELECT t FROM (SELECT unnest(?::VARCHAR[]) AS t)"
    with duckdb.connect() as connection:
        rows = connection.execute(f"{unnested} WHERE {is_plain(kind, 't')}", [texts]).fetchall()
    return [text for (text,) in rows]


def mutated(key: str, place: int, letter: str, cut: int) -> str:
    return (key[:place] + letter + key[place + 1 :])[: LENGTH + cut]


@pytest.mark.parametrize("kind", KeyKind)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_plainly_a_key_is_one(kind: KeyKind, data: st.DataObject) -> None:
    near = st.builds(
        mutated, st.sampled_from(VALID[kind]), st.integers(0, 17), LETTERS, st.integers(-1, 0)
    )
    texts = data.draw(st.lists(st.one_of(near, st.text(LETTERS, max_size=20)), max_size=40))
    for text in plain(kind, texts):
        assert check(kind, text, Strictness.STRICT) == f"{kind}:{text}".encode()


@pytest.mark.parametrize("kind", KeyKind)
def test_every_change_of_one_letter_is_judged_alike(kind: KeyKind) -> None:
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    texts = {
        mutated(key, place, letter, 0)
        for key in VALID[kind]
        for place in range(LENGTH)
        for letter in letters
    }
    valid = {text for text in texts if check(kind, text) == f"{kind}:{text}".encode()}
    assert set(plain(kind, sorted(texts))) == valid
    assert valid >= set(VALID[kind])


@pytest.mark.parametrize(
    "text", ["440524188002300014", "110105194913310023", "91110000600037341l", "9" * 18 + "\n", ""]
)
def test_what_is_none_is_left_to_the_judge(text: str) -> None:
    assert all(plain(kind, [text]) == [] for kind in KeyKind)
