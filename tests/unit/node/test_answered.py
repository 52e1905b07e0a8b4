"""What was answered before: the nearest rows of two answers, and what is kept of them."""

from dataclasses import replace
from pathlib import Path
from random import Random
from stat import S_IMODE

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import StorageFull, Withheld
from node.answered import Answer, Answered, Brought, key_numbers, nearest_rows
from psi.keys import Keys

K = 3
PARTITIONS = st.dictionaries(st.integers(0, 30), st.sampled_from("abc"), max_size=25)


def brought(answered: Answered, groups: dict[int, str]) -> Brought:
    return answered.brought([b"uscc:%d" % one for one in groups], list(groups.values()), K)


def rows_of(groups: dict[int, str]) -> list[set[int]]:
    """The rows that an answer may have, written plainly."""
    each = [{one for one, name in groups.items() if name == label} for label in "abc"]
    return [set(groups), *(row for row in each if len(row) >= K)]


@given(PARTITIONS, PARTITIONS)
def test_the_nearest_rows_that_differ(
    tmp_path_factory: pytest.TempPathFactory, old: dict[int, str], new: dict[int, str]
) -> None:
    answered = Answered(tmp_path_factory.getbasetemp() / "answered")
    differences = [len(a ^ b) for a in rows_of(old) for b in rows_of(new) if a & b and a != b]
    assert nearest_rows(brought(answered, old), brought(answered, new)) == min(
        differences, default=0
    )


def test_a_subjects_number_is_made_of_all_its_bytes() -> None:
    seed = np.frombuffer(Random(1).randbytes(512), "<u8").astype(np.uint64)
    keys = [
        b"",
        b"\0",
        b"\0\0",
        b"a",
        b"a\0",
        b"ab",
        b"ba",
        b"x" * 60,
        *map(b"%d".__mod__, range(99)),
    ]
    numbers = key_numbers(Keys.of(keys), seed).tolist()
    assert len(set(numbers)) == len(keys)
    byte_by_byte = [
        sum((byte + 1) * int(seed[place]) for place, byte in enumerate(key)) % 2**64 for key in keys
    ]
    assert numbers == byte_by_byte
    assert len(key_numbers(Keys.of([]), seed)) == 0


def answer(answered: Answered, *subjects: range, receiver: str = "bank", fewest: int = 5) -> Answer:
    groups = {one: "abc"[at] for at, some in enumerate(subjects) for one in some}
    return Answer(receiver, "firms", brought(answered, groups), fewest)


def test_an_answer_is_near_to_all_that_were_given_to_its_receiver(tmp_path: Path) -> None:
    answered = Answered(tmp_path / "answered")
    for part in ((range(100),), (range(50), range(50, 90))):
        answered.keep([answer(answered, *part)], "bureau")
    again = Answered(tmp_path / "answered")  # another process
    for near in ((range(101),), (range(4, 100),), (range(51), range(51, 90)), (range(86),)):
        with pytest.raises(Withheld) as withheld:
            again.keep([answer(again, *near)], "bureau")
        assert withheld.value.party == "bureau"
        assert withheld.value.rule == "policy.toml: min_change = 5"
        again.keep([answer(again, *near, receiver="tax", fewest=1)], "bureau")
    again.keep([answer(again, range(100))], "bureau")
    assert len([*(tmp_path / "answered" / "bank" / "firms").iterdir()]) == 2


def test_an_answer_of_two_datasets_is_kept_for_both_or_for_none(tmp_path: Path) -> None:
    answered = Answered(tmp_path / "answered")
    first = answer(answered, range(100))
    answered.keep([first], "bureau")
    near = answer(answered, range(101))
    other = replace(near, dataset="limits")
    with pytest.raises(Withheld):
        answered.keep([other, near], "bureau")
    assert not (tmp_path / "answered" / "bank" / "limits").exists()
    answered.keep([other], "bureau")
    with pytest.raises(Withheld):
        answered.keep([replace(first, dataset="limits")], "bureau")


def test_what_is_kept_is_the_owners_own(tmp_path: Path) -> None:
    answered = Answered(tmp_path / "answered")
    answered.keep([answer(answered, range(100))], "bureau")
    files = [one for one in (tmp_path / "answered").rglob("*") if one.is_file()]
    assert len(files) == 2
    assert {S_IMODE(one.stat().st_mode) for one in files} == {0o600}
    assert not any(b"uscc" in one.read_bytes() for one in files)


def test_what_can_not_be_kept_is_not_answered(tmp_path: Path) -> None:
    (tmp_path / "answered").mkdir()
    answered = Answered(tmp_path / "answered")
    whole = answer(answered, range(100))
    (tmp_path / "answered" / "bank").write_bytes(b"in the way")
    with pytest.raises(StorageFull):
        answered.keep([whole], "bureau")
