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
from contract.keys import BesideKind, KeyKind, PartKind, combined
from node.answered import Answer, Answered, Brought, key_numbers, nearest_rows
from psi.keys import Keys

K = 3
PARTITIONS = st.dictionaries(st.integers(0, 30), st.sampled_from("abc"), max_size=25)


def brought(answered: Answered, groups: dict[int, str]) -> Brought:
    keys = [b"uscc:%d" % one for one in groups]
    ((of, found),) = answered.brought_keys(keys, [*groups.values()], K, {"uscc": KeyKind.USCC})
    assert of == "uscc"
    return found


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
    assert nearest_rows(brought(answered, old).rows(), brought(answered, new).rows()) == min(
        differences, default=0
    )


MONTHLY = st.dictionaries(
    st.tuples(st.integers(0, 9), st.integers(202409, 202411)), st.sampled_from("abc"), max_size=25
)


def monthly(
    answered: Answered,
    groups: dict[tuple[int, int], str],
    names: tuple[str, str] = ("uscc", "month"),
) -> Brought:
    """Rows of companies by month, by a key of both columns, in the one order or the other."""
    named: dict[str, PartKind] = {"uscc": KeyKind.USCC, "month": BesideKind.PERIOD}
    kinds = {name: named[name] for name in names}
    keys = [
        combined([(kinds[name], str(row[name == "month"])) for name in names]) for row in groups
    ]
    ((of, found),) = answered.brought_keys(keys, [*groups.values()], K, kinds)
    assert of == "uscc.month"
    return found


def monthly_rows(groups: dict[tuple[int, int], str]) -> list[set[tuple[int, int]]]:
    each = [{one for one, name in groups.items() if name == label} for label in "abc"]
    return [set(groups), *(row for row in each if len(row) >= K)]


def companies_apart(one: set[tuple[int, int]], two: set[tuple[int, int]]) -> int:
    """Companies of which the one row has other months than the other; 0 if nobody is alike."""
    months = [
        {company: {m for c, m in row if c == company} for company, _ in one | two}
        for row in (one, two)
    ]
    alike = [company for company in months[0] if months[0][company] == months[1][company]]
    return len(months[0]) - len(alike) if alike else 0


@given(MONTHLY, MONTHLY)
def test_of_keys_of_several_columns_subjects_are_counted(
    tmp_path_factory: pytest.TempPathFactory,
    old: dict[tuple[int, int], str],
    new: dict[tuple[int, int], str],
) -> None:
    answered = Answered(tmp_path_factory.getbasetemp() / "answered")
    apart = [companies_apart(a, b) for a in monthly_rows(old) for b in monthly_rows(new)]
    nearest = min((one for one in apart if one), default=0)
    assert nearest_rows(monthly(answered, old).rows(), monthly(answered, new).rows()) == nearest
    # Another order of the columns makes no other keys.
    assert (
        nearest_rows(
            monthly(answered, old).rows(), monthly(answered, new, ("month", "uscc")).rows()
        )
        == nearest
    )


def test_of_two_columns_that_hold_keys_the_subjects_of_both_are_counted(tmp_path: Path) -> None:
    """Fifty declarations of one company are no difference of fifty."""
    answered = Answered(tmp_path / "answered")
    kinds = {"number": KeyKind.DECLARATION, "uscc": KeyKind.USCC}

    def answers(*declared: tuple[int, int]) -> list[Answer]:
        keys = [
            combined([(KeyKind.DECLARATION, str(number)), (KeyKind.USCC, str(company))])
            for company, number in declared
        ]
        found = answered.brought_keys(keys, [()] * len(keys), K, kinds)
        return [Answer("bank", "goods", of, one, 5) for of, one in found]

    others = [(company, 1000 + company) for company in range(60)]
    answered.keep(answers(*others, *((99, number) for number in range(50))), "bureau")
    with pytest.raises(Withheld):
        answered.keep(answers(*others), "bureau")


def test_rows_of_a_subject_are_one_part_in_each_group(tmp_path: Path) -> None:
    answered = Answered(tmp_path / "answered")

    def answer_of(*rows: tuple[int, int, str]) -> Answer:
        subjects = Keys.of([b"%d" % subject for subject, _, _ in rows])
        parts = np.array([part for _, part, _ in rows], dtype=np.uint64)
        ((of, found),) = answered.brought_rows(subjects, parts, [group for *_, group in rows])
        return Answer("bank", "loans", of, found, 5)

    others = [(subject, 2**63 + subject, "a") for subject in range(60)]
    answered.keep([answer_of(*others, (99, 7, "a"), (99, 8, "b"))], "bureau")
    # A group of one subject counts: others' may make it large enough. So does a single row.
    for near in ([*others, (99, 7, "a")], [*others, (99, 6, "a"), (99, 8, "b")], others):
        with pytest.raises(Withheld):
            answered.keep([answer_of(*near)], "bureau")
    answered.keep([answer_of(*others, (99, 7, "a"), (99, 8, "b"))], "bureau")
    # Nobody is alike, say in another month: nothing vanishes from the difference.
    answered.keep([answer_of(*((subject, part + 1, "a") for subject, part, _ in others))], "bureau")


def test_who_takes_a_branch_of_a_case_that_is_added_up_is_a_row_too(tmp_path: Path) -> None:
    """Of each group and of the whole list: a small group has no row, and its firms a branch."""
    kinds: dict[str, PartKind] = {"uscc": KeyKind.USCC}

    def answers(answered: Answered, edge: int, groups: str, first: int = 0) -> list[Answer]:
        keys = [b"uscc:%d" % one for one in range(60)]
        taken = np.array([1 << (first + (one >= edge)) for one in range(60)], dtype=np.int64)
        labels = [groups[one % len(groups)] for one in range(60)]
        found = answered.brought_keys(keys, labels, K, kinds, [taken])
        return [Answer("bank", "loans", of, one, 5) for of, one in found]

    for name, groups in (("one", "a"), ("two", "ab"), ("small", "a" * 59 + "b")):
        answered = Answered(tmp_path / name)
        answered.keep(answers(answered, 20, groups), "bureau")
        for near in (16, 19, 21, 24):
            with pytest.raises(Withheld):
                answered.keep(answers(answered, near, groups), "bureau")
        answered.keep(answers(answered, 20, groups), "bureau")
        answered.keep(answers(answered, 40, groups), "bureau")
    # The last branches that there can be are as different as the first ones.
    answered = Answered(tmp_path / "last")
    answered.keep(answers(answered, 20, "abcd", 60), "bureau")
    with pytest.raises(Withheld):
        answered.keep(answers(answered, 21, "abcd", 60), "bureau")
    answered.keep(answers(answered, 40, "abcd", 60), "bureau")
    # What an earlier answer adds up of all is a row that a branch may be near to.
    answered = Answered(tmp_path / "all")
    ((of, whole),) = answered.brought_keys(
        [b"uscc:%d" % one for one in range(60)], [()] * 60, K, kinds
    )
    answered.keep([Answer("bank", "loans", of, whole, 5)], "bureau")
    with pytest.raises(Withheld):
        answered.keep(answers(answered, 57, "a"), "bureau")


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
    return Answer(receiver, "firms", "uscc", brought(answered, groups), fewest)


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
    assert len([*(tmp_path / "answered" / "bank" / "firms" / "uscc").iterdir()]) == 2


def test_what_was_answered_is_answered_again_however_near_its_own_rows_are(tmp_path: Path) -> None:
    answered = Answered(tmp_path / "answered")
    for _ in range(2):
        answered.keep([answer(answered, range(40), range(40, 44))], "bureau")
    with pytest.raises(Withheld):
        answered.keep([answer(answered, range(44))], "bureau")


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


def test_what_a_killed_process_was_about_to_keep_is_gone_with_the_next_answer(
    tmp_path: Path,
) -> None:
    left = tmp_path / "answered" / ".scratch-of-another"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"half")
    answered = Answered(tmp_path / "answered")
    answered.keep([answer(answered, range(100))], "bureau")
    assert not list((tmp_path / "answered").rglob("*half"))
    assert not list((tmp_path / "answered").glob(".*"))


def test_what_can_not_be_kept_is_not_answered(tmp_path: Path) -> None:
    (tmp_path / "answered").mkdir()
    answered = Answered(tmp_path / "answered")
    whole = answer(answered, range(100))
    (tmp_path / "answered" / "bank").write_bytes(b"in the way")
    with pytest.raises(StorageFull):
        answered.keep([whole], "bureau")
