"""The demonstration says equal only of what is equal; the whole of it runs in tests/federation."""

import pytest

from cli.demo import USCCS, compared
from contract.keys import KeyKind, check, remarks

A, B, C = b"uscc:A", b"uscc:B", b"uscc:C"


@pytest.mark.parametrize(
    ("counted", "ours", "clear", "equal"),
    [
        (2, {A, B}, {A, B}, True),
        (0, set(), set(), True),
        (3, {A, B}, {A, B}, False),
        (2, {A, C}, {A, B}, False),
        (1, {A}, {A, B}, False),
        (2, {A, B}, {A}, False),
        (2, {A}, {A, B}, False),
    ],
    ids=["equal", "both empty", "count", "same number", "missing", "too many", "rows missing"],
)
def test_equal_means_count_and_every_key(
    counted: int, ours: set[bytes], clear: set[bytes], equal: bool
) -> None:
    comparison = compared(counted, ours, clear)
    assert comparison.equal is equal
    assert comparison.only_through_mihe == len(ours - clear)
    assert comparison.only_in_the_clear == len(clear - ours)


def test_the_organisations_codes_are_valid_and_distinct() -> None:
    keys = {check(KeyKind.USCC, code) for code in USCCS.values()}
    assert len(keys) == len(USCCS)
    for key in keys:
        assert isinstance(key, bytes)
        assert not remarks(key)
