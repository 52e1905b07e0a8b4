"""Worlds that the tests read, each written once per run, and a USCC check of their own."""

from collections.abc import Callable

import pytest

from scenarios.world import World, write_world

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> World:
    return write_world(tmp_path_factory.mktemp("mini"), "mini")


@pytest.fixture(scope="session")
def std(tmp_path_factory: pytest.TempPathFactory) -> World:
    return write_world(tmp_path_factory.mktemp("std"), "std", formats=("csv",))


@pytest.fixture(scope="session")
def uscc_is_valid() -> Callable[[str], bool]:
    """GB 32100 and GB 11714 as congruences, another way round than generator and product compute.

    The last character makes the whole sum 0 modulo 31, the body's own makes it 0 modulo 11.
    """
    return _is_valid


def _is_valid(code: str) -> bool:
    if len(code) != 18 or not set(code) <= set(ALPHABET):
        return False
    total = 0
    for symbol in reversed(code[:17]):
        total = 3 * total + ALPHABET.index(symbol)
    body = [int(symbol, 36) for symbol in code[8:16]]
    check = 10 if code[16] == "X" else int(code[16], 36)
    weighted = sum(w * v for w, v in zip((3, 7, 9, 10, 5, 8, 4, 2), body, strict=True))
    return (total + ALPHABET.index(code[17])) % 31 == 0 and (weighted + check) % 11 == 0
