"""Blindings are uniform, differ wherever anything differs, and come off exactly."""

import hashlib
import hmac
from itertools import product

import pytest

from contract.errors import BadMessage
from federated.aggregate.blinding import (
    COUNT_MODULUS,
    blind_of,
    blinded_count,
    count_blind,
    opened_count,
    opened_sum,
)
from federated.aggregate.parameters import PLAIN
from federated.aggregate.secret import Blinding

BETA = bytes(range(32))
LARGEST = 2**58 - 1


def test_the_function_is_that_of_the_page() -> None:
    """SPEC §2.6, written out: kind, column, number of codes and codes, little-endian."""
    place = b"mihe/blind/v1\0" + b"\1" + b"\3\0\0\0" + b"\2\0\0\0" + b"\5\0\0\0" + b"\0\1\0\0"
    word = hmac.new(BETA, place, hashlib.sha256).digest()[:8]
    assert blind_of(BETA, (5, 256), 3) == int.from_bytes(word, "big") % 2**59


def test_every_place_has_its_own_blinding() -> None:
    cells = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0), (256,), (2**32 - 1,)]
    betas = [BETA, bytes(32), bytes(31) + b"\1"]
    sums = {blind_of(beta, cell, column) for beta, cell, column in product(betas, cells, range(5))}
    counts = {count_blind(beta, cell) % PLAIN for beta, cell in product(betas, cells)}
    assert len(sums) == len(betas) * len(cells) * 5
    assert len(counts) == len(betas) * len(cells)
    assert not sums & counts


@pytest.mark.parametrize(("kind", "modulus"), [("sum", PLAIN), ("count", COUNT_MODULUS)])
def test_a_blinding_is_uniform(kind: str, modulus: int) -> None:
    """Chi-square over 64 classes, at the high and the low end; fixed β, so it can't be unlucky."""
    drawn = [
        blind_of(BETA, (number,), 0) if kind == "sum" else count_blind(BETA, (number,))
        for number in range(16384)
    ]
    assert all(0 <= blind < modulus for blind in drawn)
    for classes in ([b * 64 // modulus for b in drawn], [b % 64 for b in drawn]):
        expected = len(drawn) / 64
        chi = sum((classes.count(c) - expected) ** 2 / expected for c in range(64))
        assert chi < 63 + 5 * 11.2


@pytest.mark.parametrize("value", [0, 1, -1, LARGEST, -LARGEST])
def test_any_decrypted_number_can_be_any_sum(value: int) -> None:
    """For every plaintext there is exactly one blinding for every sum: it tells nothing alone."""
    for decrypted in (0, 5, -5, LARGEST, -(2**58)):
        blind = (decrypted - value) % PLAIN
        assert opened_sum(decrypted, [blind], largest=LARGEST) == value


def test_blindings_of_all_owners_come_off() -> None:
    blinds = [blind_of(bytes([owner] * 32), (4, 2), 1) for owner in range(4)]
    value = (-123_456 + sum(blinds)) % PLAIN
    assert opened_sum(value, blinds, largest=200_000) == -123_456
    with pytest.raises(BadMessage):
        opened_sum(value, blinds[1:], largest=200_000)


def test_counts_come_off_mod_2_to_the_64() -> None:
    blinds = [count_blind(bytes([owner] * 32), (4, 2)) for owner in range(4)]
    blinded = blinded_count(20_000, blinds)
    assert 0 <= blinded < COUNT_MODULUS
    assert opened_count(blinded, blinds, most=20_000) == 20_000
    with pytest.raises(BadMessage):
        opened_count(blinded, blinds, most=19_999)
    with pytest.raises(BadMessage):
        opened_count(blinded, blinds[1:], most=2**40)


def test_what_is_out_of_bounds_is_not_quoted() -> None:
    with pytest.raises(BadMessage) as refused:
        opened_sum(987_654_321, [0], largest=1)
    assert "987" not in str(refused.value)


def test_beta_follows_from_the_attempt_and_from_nothing_else() -> None:
    def beta(secret: bytes, run: bytes) -> bytes:
        return Blinding(secret, run).reveal()

    assert beta(BETA, b"run") == beta(BETA, b"run")
    assert len({beta(BETA, b"run"), beta(BETA, b"other"), beta(bytes(32), b"run"), BETA}) == 4
    assert len(beta(BETA, b"run")) == 32


def test_the_holder_computes_what_the_coordinator_computes() -> None:
    blinding = Blinding(BETA, b"run")
    beta = blinding.reveal()
    assert blinding.of_sum((3, 1), 2) == blind_of(beta, (3, 1), 2)
    assert blinding.of_count((3, 1)) == count_blind(beta, (3, 1))
