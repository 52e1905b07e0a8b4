"""Words in plaintexts and back; what no honest total is, is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import BadMessage
from federated.paillier.packing import packed, unpacked
from federated.paillier.parameters import SLOT_BYTES, SLOTS
from federated.words import of_integers, to_integers

WORD = st.integers(-(2**127), 2**127 - 1)


@given(st.lists(WORD, max_size=3 * SLOTS))
def test_words_come_back(words: list[int]) -> None:
    plaintexts = packed(of_integers(words))
    assert len(plaintexts) == -(-len(words) // SLOTS)
    assert to_integers(unpacked(plaintexts, len(words))) == words


@given(st.lists(st.tuples(WORD, st.integers(0, 2**72 - 1)), min_size=1, max_size=SLOTS + 1))
def test_what_stands_above_a_word_is_cut_off(both: list[tuple[int, int]]) -> None:
    words = [word for word, _ in both]
    above = [high.to_bytes(SLOT_BYTES - 16, "little") for _, high in both]
    plaintexts = packed(of_integers(words), above)
    expected = sum(
        (word % 2**128 + (high << 128)) << (8 * SLOT_BYTES * place)
        for place, (word, high) in enumerate(both[:SLOTS])
    )
    assert plaintexts[0] == expected
    assert to_integers(unpacked(plaintexts, len(words))) == words


def test_a_number_beyond_the_slots_is_no_total() -> None:
    full = (1 << (8 * SLOT_BYTES * SLOTS)) - 1
    assert to_integers(unpacked([full], 1)) == [-1]
    with pytest.raises(BadMessage, match="not a total of packed words"):
        unpacked([full + 1], 1)
