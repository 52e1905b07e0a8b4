"""Words under a Paillier key, added up by who has none: against the paper, and at the extremes."""

from secrets import randbelow

import pytest

from contract.job import MOST_CONTRIBUTORS
from federated.paillier.add import added, shifted
from federated.paillier.encrypt import encrypted
from federated.paillier.packing import packed
from federated.paillier.parameters import COVER_BITS, SLOT_BYTES, SLOTS, ciphertexts_of
from federated.paillier.secret import ReceiverKey
from federated.paillier.wire import read_ciphertexts, read_key, write_ciphertexts
from federated.words import MODULUS, of_bytes, of_integers, to_bytes, to_integers
from tests.flow.union_in_process import receiver_key
from tests.vectors import paillier_reference as reference

EXTREMES = (0, 1, -1, MODULUS // 2 - 1, -MODULUS // 2, 2**110, -(2**110), 2**64, -(2**64))
WORDS = (*EXTREMES, *range(SLOTS))
"""More than fit in one plaintext."""


@pytest.fixture(scope="module")
def key() -> ReceiverKey:
    return receiver_key()


@pytest.fixture(scope="module")
def modulus(key: ReceiverKey) -> int:
    return read_key(key.public, "bank_a")


@pytest.fixture(scope="module")
def ciphertexts(key: ReceiverKey, modulus: int) -> list[int]:
    raw = encrypted(key.public, "bank_a", to_bytes(of_integers(WORDS)))
    return read_ciphertexts(raw, ciphertexts_of(len(WORDS)), modulus, "bank_b")


def decrypted(key: ReceiverKey, ciphertexts: list[int], words: int = len(WORDS)) -> list[int]:
    return to_integers(of_bytes(key.decrypt(write_ciphertexts(ciphertexts), words)))


def test_the_paper_decrypts_what_is_encrypted(key: ReceiverKey, ciphertexts: list[int]) -> None:
    p, q = key._private.p, key._private.q
    found = [reference.decrypt(one, p, q) for one in ciphertexts]
    assert found == packed(of_integers(WORDS))
    assert decrypted(key, ciphertexts) == list(WORDS)


def test_what_the_paper_encrypts_is_decrypted(key: ReceiverKey, modulus: int) -> None:
    made = [
        reference.encrypt(plain, 1 + randbelow(modulus - 1), modulus)
        for plain in packed(of_integers(WORDS))
    ]
    assert decrypted(key, made) == list(WORDS)


def test_nothing_is_encrypted_twice_alike(key: ReceiverKey, ciphertexts: list[int]) -> None:
    again = encrypted(key.public, "bank_a", to_bytes(of_integers(WORDS)))
    assert not set(read_ciphertexts(again, 2, read_key(key.public, "bank_a"), "x")) & {*ciphertexts}


def test_no_words_are_no_ciphertexts(key: ReceiverKey) -> None:
    assert encrypted(key.public, "bank_a", b"") == b""
    assert key.decrypt(b"", 0) == b""


def test_as_many_members_as_there_may_be_add_up_the_largest_words(
    key: ReceiverKey, modulus: int
) -> None:
    # Each slot is full of ones under the largest cover, so it would wrap if any could.
    largest = of_integers([-1] * SLOTS)
    (one,) = read_ciphertexts(
        encrypted(key.public, "bank_a", to_bytes(largest)), 1, modulus, "bank_b"
    )
    totals = added([[one]] * MOST_CONTRIBUTORS, 1, modulus)
    above = ((1 << COVER_BITS) - 1).to_bytes(SLOT_BYTES - 16, "little")
    covered = shifted(totals, packed(largest, [above] * SLOTS), modulus)
    (plain,) = (key._private.raw_decrypt(one) for one in covered)
    slot = MOST_CONTRIBUTORS * (2**128 - 1) + 2 ** (128 + COVER_BITS) - 1
    assert plain == sum(slot << (8 * SLOT_BYTES * place) for place in range(SLOTS))
    assert decrypted(key, covered, SLOTS) == [-MOST_CONTRIBUTORS - 1] * SLOTS


def test_sums_of_different_members_are_the_sums_of_their_words(
    key: ReceiverKey, modulus: int, ciphertexts: list[int]
) -> None:
    other = [-3 * word + 5 for word in range(len(WORDS))]
    raw = encrypted(key.public, "bank_a", to_bytes(of_integers(other)))
    both = added([ciphertexts, read_ciphertexts(raw, 2, modulus, "bank_b")], 2, modulus)
    sums = [(one + two + 2**127) % 2**128 - 2**127 for one, two in zip(WORDS, other, strict=True)]
    assert decrypted(key, both) == sums
