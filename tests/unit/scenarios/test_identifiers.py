"""Codes are valid, unique, of Zhejiang, and none of a known real firm."""

import csv
from collections.abc import Callable

import numpy as np
import pytest

from scenarios.synthetic import identifiers
from scenarios.synthetic.places import COUNTIES, MOUNTAIN
from scenarios.world import World

Check = Callable[[str], bool]


def true_codes(world: World) -> list[str]:
    with (world.truth / "enterprises.csv").open(encoding="utf-8", newline="") as file:
        return [row["uscc"] for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    "code",
    ["91110000600037341L", "91110000101623741K", "911101066976941872", "91350100M000100Y43"],
)
def test_the_check_agrees_with_published_codes(code: str, uscc_is_valid: Check) -> None:
    assert uscc_is_valid(code)
    assert not any(uscc_is_valid(identifiers.wrong_check(code, shift)) for shift in range(1, 31))


def test_every_code_is_valid_and_unique(std: World, uscc_is_valid: Check) -> None:
    codes = true_codes(std)
    assert len(codes) == std.size == len(set(codes))
    assert all(map(uscc_is_valid, codes))


def test_three_in_ten_have_the_old_all_digit_body(std: World) -> None:
    codes = true_codes(std)
    assert sum(code[8:16].isdecimal() for code in codes) == 0.3 * std.size
    assert all(code[8:16].isdecimal() or code[8:10] == "MA" for code in codes)


def test_regions_are_those_of_the_counties(std: World) -> None:
    assert {code[2:8] for code in true_codes(std)} <= {county.code for county in COUNTIES}
    assert len({county.code for county in COUNTIES}) == 90
    assert len(MOUNTAIN) == 26
    assert {county.code for county in COUNTIES} >= MOUNTAIN


def test_denied_bodies_are_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = np.zeros(200, dtype=np.bool_)

    def drawn() -> list[str]:
        old = np.arange(200) < 100
        codes = identifiers.draw(7, ["330102"], np.zeros(200, np.int64), old, nobody)
        return [str(code) for code in codes]

    before = drawn()
    denied = (before[3], before[150])
    monkeypatch.setattr(identifiers, "DENIED", denied)
    after = drawn()
    assert len(set(after)) == 200
    assert not {code[8:16] for code in denied} & {code[8:16] for code in after}
