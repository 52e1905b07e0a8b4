"""Masked words on their way to ciphertexts: cut for several processes, and in order again."""

import os
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pytest

from contract.suites import Aggregation
from federated.paillier.parameters import SLOTS, ciphertexts_of
from federated.words import of_integers, to_bytes
from node import union_sums
from node.parts import Parts
from node.stage import Stage
from tests.flow.union_in_process import receiver_key

T = TypeVar("T")
PIECE = 16 * SLOTS
"""Bytes of words in a ciphertext."""


@pytest.mark.parametrize(
    ("words", "processors", "sizes"),
    [
        (0, 4, []),
        (1, 4, [1]),
        (15 * SLOTS, 4, [15]),
        (16 * SLOTS, 1, [16]),
        (16 * SLOTS, None, [16]),
        (16 * SLOTS, 4, [8, 8]),
        (32 * SLOTS + 1, 4, [9, 9, 9, 6]),
        (33 * SLOTS, 64, [9, 9, 9, 6]),
    ],
)
def test_words_are_cut_between_ciphertexts(
    monkeypatch: pytest.MonkeyPatch, words: int, processors: int | None, sizes: list[int]
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    content = os.urandom(16 * words)
    pieces = union_sums._pieces(content)
    assert b"".join(pieces) == content
    assert [ciphertexts_of(len(piece) // 16) for piece in pieces] == sizes
    assert all(len(piece) % PIECE == 0 for piece in pieces[:-1])


async def test_what_several_processes_encrypt_is_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(union_sums, "_WORTH_A_PROCESS", 1)

    async def working(work: Awaitable[T]) -> T:
        return await work

    contract = SimpleNamespace(receivers=("bank_a",), aggregation=Aggregation.PAILLIER)
    stage: Any = SimpleNamespace(
        consent=SimpleNamespace(contract=contract),
        me="bank_b",
        activity=SimpleNamespace(working=working),
        report=lambda *_: None,
    )
    sums: Any = union_sums.sums_of(cast(Stage, stage), cast(Parts, None))
    sums._public = receiver_key().public
    words = to_bytes(of_integers(range(-5, SLOTS + 5)))
    assert receiver_key().decrypt(await sums.hidden(words), SLOTS + 10) == words
    assert await sums.hidden(b"") == b""
    await sums.close()
