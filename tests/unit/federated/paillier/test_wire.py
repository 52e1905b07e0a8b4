"""Keys and ciphertexts from outside: lengths, ranges and factors, and whose they are."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import BadMessage
from federated.paillier.parameters import CIPHERTEXT_BYTES, KEY_BYTES, MODULUS_BITS
from federated.paillier.wire import read_ciphertexts, read_key, write_ciphertexts, write_key
from tests.flow.union_in_process import receiver_key

N = read_key(receiver_key().public, "bank_a")
P = receiver_key()._private.p

BAD_KEYS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "a byte short": lambda: write_key(N)[1:],
    "a byte long": lambda: write_key(N) + b"\0",
    "of 2048 bits": lambda: write_key(N >> 1024 | 1),
    "of 3071 bits": lambda: write_key((N >> 1) | 1),
    "even": lambda: write_key(N & ~1),
    "divisible by 65521": lambda: write_key(N - N % 65521),
    "a square": lambda: write_key(max(P, N // P) ** 2),
    "zero": lambda: bytes(KEY_BYTES),
    "all ones": lambda: b"\xff" * KEY_BYTES,
}
BAD_CIPHERTEXTS: dict[str, Callable[[], list[int]]] = {
    "zero": lambda: [0],
    "one": lambda: [1],
    "minus one": lambda: [N * N - 1],
    "the square": lambda: [N * N],
    "above the square": lambda: [N * N + 5],
    "the key": lambda: [N],
    "a multiple of a prime": lambda: [7 * P],
    "one of many": lambda: [2, 3 * N, 5],
}


def test_a_key_comes_back() -> None:
    assert write_key(N) == receiver_key().public
    assert N.bit_length() == MODULUS_BITS


@pytest.mark.parametrize("bad", BAD_KEYS)
def test_what_is_no_key_is_refused(bad: str) -> None:
    with pytest.raises(BadMessage) as caught:
        read_key(BAD_KEYS[bad](), "bank_a")
    assert caught.value.party == "bank_a"
    assert "Paillier key" in caught.value.what


@pytest.mark.parametrize("bad", BAD_CIPHERTEXTS)
def test_what_is_no_ciphertext_is_refused(bad: str) -> None:
    found = BAD_CIPHERTEXTS[bad]()
    with pytest.raises(BadMessage) as caught:
        read_ciphertexts(write_ciphertexts(found), len(found), N, "bank_b")
    assert caught.value.party == "bank_b"
    assert "ciphertext" in caught.value.what


@pytest.mark.parametrize("length", [0, 1, CIPHERTEXT_BYTES - 1, CIPHERTEXT_BYTES + 1])
def test_ciphertexts_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(BadMessage, match="bytes came where 1 ciphertexts"):
        read_ciphertexts(b"\2" * length, 1, N, "bank_b")


@given(st.binary(min_size=2 * CIPHERTEXT_BYTES, max_size=2 * CIPHERTEXT_BYTES))
def test_any_bytes_are_ciphertexts_or_refused(raw: bytes) -> None:
    try:
        found = read_ciphertexts(raw, 2, N, "bank_b")
    except BadMessage:
        return
    assert all(1 < one < N * N - 1 for one in found)
    assert write_ciphertexts(found) == raw


@given(st.binary(max_size=KEY_BYTES + 1))
def test_any_bytes_are_a_key_or_refused(raw: bytes) -> None:
    try:
        assert write_key(read_key(raw, "bank_a")) == raw
    except BadMessage:
        return
