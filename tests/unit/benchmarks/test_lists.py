"""The lists that engines are compared on: valid keys, a known overlap, an order of their own."""

from pathlib import Path

import pytest

from benchmarks.psi.lists import KEY_COLUMN, SHAPES, Lists
from benchmarks.psi.measured import OWNERS
from contract.keys import KeyKind, check

KEYS = 3000


def keys_of(file: Path) -> list[str]:
    head, *rows = file.read_text().splitlines()
    assert head.split(",")[0] == KEY_COLUMN
    return [row.split(",")[0] for row in rows]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_key_is_valid_and_stands_once(tmp_path: Path, shape: str) -> None:
    for file in Lists(tmp_path, shape, KEYS, 0.5).files:
        keys = keys_of(file)
        assert len(set(keys)) == len(keys) == KEYS
        assert [key for key in keys if not isinstance(check(KeyKind(shape), key), bytes)] == []


@pytest.mark.parametrize("overlap", [0.0, 0.01, 0.5, 1.0])
def test_the_overlap_is_the_one_asked_for_and_known(tmp_path: Path, overlap: float) -> None:
    lists = Lists(tmp_path, "uscc", KEYS, overlap)
    receiver, sender = (keys_of(file) for file in lists.files)
    both = set(receiver) & set(sender)
    assert len(both) == round(KEYS * overlap)
    assert {key.decode() for key in lists.common.tolist()} == both


def test_three_owners_share_a_part_and_each_two_another(tmp_path: Path) -> None:
    lists = Lists(tmp_path, "uscc", KEYS, 0.5, OWNERS)
    a, b, c = (set(keys_of(file)) for file in lists.files)
    assert [len(keys) for keys in (a, b, c)] == [KEYS] * 3
    assert {key.decode() for key in lists.common.tolist()} == a & b & c
    assert len(a & b & c) == KEYS // 2
    assert {len(both) for both in (a & b, b & c, a & c)} == {KEYS // 2 + KEYS // 8}


def test_no_order_says_what_is_in_both(tmp_path: Path) -> None:
    lists = Lists(tmp_path, "uscc", KEYS, 0.5)
    receiver, sender = (keys_of(file) for file in lists.files)
    both = set(receiver) & set(sender)
    for keys in (receiver, sender):
        in_first_half = sum(key in both for key in keys[: KEYS // 2])
        assert KEYS / 5 < in_first_half < KEYS * 3 / 10
    assert [key for key in receiver if key in both] != [key for key in sender if key in both]


def test_the_same_lists_are_drawn_every_time(tmp_path: Path) -> None:
    first = [file.read_bytes() for file in Lists(tmp_path, "id_number", 500, 0.5).files]
    assert [file.read_bytes() for file in Lists(tmp_path, "id_number", 500, 0.5).files] == first


def test_more_keys_than_a_region_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.psi.lists._REGION_KEYS", 100)
    for shape in SHAPES:
        keys = keys_of(Lists(tmp_path, shape, 250, 0.5).files[0])
        assert len(set(keys)) == 250
        assert len({key[2:8] if shape == "uscc" else key[:6] for key in keys}) > 1


def result(folder: Path, keys: list[str], quote: str = "", end: str = "\n") -> Path:
    file = folder / "result.csv"
    head = f"amount,{quote}{KEY_COLUMN}{quote}{end}"
    file.write_bytes((head + "".join(f"1,{quote}{key}{quote}{end}" for key in keys)).encode())
    return file


def test_a_result_is_right_in_any_order_and_dialect(tmp_path: Path) -> None:
    lists = Lists(tmp_path, "uscc", KEYS, 0.5)
    common = [key.decode() for key in lists.common.tolist()]
    assert lists.right(result(tmp_path, common[::-1]))
    assert lists.right(result(tmp_path, common, quote='"', end="\r\n"))


def test_a_result_is_wrong_by_one_key(tmp_path: Path) -> None:
    lists = Lists(tmp_path, "uscc", KEYS, 0.5)
    common = [key.decode() for key in lists.common.tolist()]
    other = next(key for key in keys_of(lists.files[0]) if key not in common)
    wrong = {
        "missing": common[1:],
        "twice": [*common, common[0]],
        "another": [*common[1:], other],
        "longer": [common[0] + "0", *common[1:]],
        "none": [],
    }
    for name, keys in wrong.items():
        assert not lists.right(result(tmp_path, keys)), name
    empty = tmp_path / "empty.csv"
    empty.touch()
    assert not lists.right(empty)
