"""Key columns of every state, over more rows than come at a time, read as the reference reads."""

from collections import Counter
from pathlib import Path

import pytest

from contract.errors import BadValue, DuplicateRows
from contract.keys import KeyKind, Reason, Strictness, check
from tests.unit.node.importing import KEY, WRONG_CHECK, A, B, C, Owner, quality

BALANCE = 'name = "balance"\ntype = "integer"\nlevel = 2'
PAYER = KEY.replace('"uscc"', '"payer"', 1)
WIDE = "".join(chr(ord(letter) + 0xFEE0) for letter in B)
MANY = 150_000


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


def column(rows: int, *texts: str) -> list[str]:
    return [texts[i % len(texts)] for i in range(rows)]


def table(**columns: list[str]) -> str:
    lines = map(",".join, zip(*columns.values(), strict=True))
    return "\n".join([",".join(columns), *lines, ""])


def canonical(text: str) -> str | None:
    found = check(KeyKind.USCC, text, Strictness.WARN)
    return None if isinstance(found, Reason) else found.decode().partition(":")[2]


def test_two_columns_of_every_state_are_read_as_the_reference_reads_them(owner: Owner) -> None:
    one = column(MANY, A, A.lower(), "", f"{B[:9]}-{B[9:]}", WRONG_CHECK, C)
    other = column(MANY, B, WIDE, C, f" {C}", B, "x" * 70, A)
    content = table(uscc=one, payer=other, balance=[str(i) for i in range(MANY)])
    top = 'invalid_keys = "warn"\nduplicates = "keep"'
    added = owner.add_csv(content, KEY, PAYER, BALANCE, top=top)
    pairs = [(canonical(a), canonical(b)) for a, b in zip(one, other, strict=True)]
    expected = [(*pair, i) for i, pair in enumerate(pairs) if None not in pair]
    assert owner.rows(added) == expected
    assert added.report.rows_kept == len(expected)
    for place, (name, texts) in enumerate((("uscc", one), ("payer", other))):
        found = quality(added, name)
        wrong = [i for i, pair in enumerate(pairs, 1) if pair[place] is None]
        reasons = Counter(str(check(KeyKind.USCC, texts[i - 1])) for i in wrong)
        assert (found.invalid, found.invalid_rows) == (len(wrong), tuple(wrong[:10]))
        assert found.reasons == reasons
        assert found.nulls == texts.count("")
        assert found.distinct_keys == len({row[place] for row in expected})


@pytest.mark.parametrize("text", ["x", "", WRONG_CHECK, "x" * 1_000_000])
def test_a_dataset_of_invalid_keys_alone_is_empty(owner: Owner, text: str) -> None:
    content = table(uscc=[text], balance=["1"])
    added = owner.add_csv(content, KEY, BALANCE, top='invalid_keys = "warn"')
    assert owner.rows(added) == []
    found = quality(added, "uscc")
    assert (found.invalid, found.distinct_keys, added.report.rows_kept) == (1, 0, 0)


def test_a_value_of_a_row_without_a_valid_key_is_checked_too(owner: Owner) -> None:
    content = table(uscc=[A, "x", B], balance=["1", "many", "2"])
    with pytest.raises(BadValue, match=r"1 row without .* first in data rows 2"):
        owner.add_csv(content, KEY, BALANCE, top='invalid_keys = "warn"')


def test_rows_are_numbered_as_in_the_source_where_some_are_left_out(owner: Owner) -> None:
    content = table(uscc=["x", A, "x", A.lower(), B, A], balance=["1", "2", "3", "2", "5", "2"])
    with pytest.raises(DuplicateRows, match=r"2 rows .* first in data rows 4, 6"):
        owner.add_csv(content, KEY, BALANCE, top='invalid_keys = "warn"')
    limited = f"{KEY}\nrows_per_key = 2"
    top = 'invalid_keys = "warn"\nduplicates = "keep"'
    with pytest.raises(BadValue, match=r"1 key with more rows .* first in data rows 2"):
        owner.add_csv(content, limited, BALANCE, top=top)
    added = owner.add_csv(content, limited, BALANCE, top=top.replace("keep", "first"))
    assert owner.rows(added) == [(A, 2), (B, 5)]


def test_one_repeated_row_among_many_is_found(owner: Owner) -> None:
    codes = [f"421820250{i:09}" for i in range(MANY)]
    key = KEY.replace('key = "uscc"', 'key = "declaration"')
    content = table(uscc=[*codes, codes[7]], balance=["1"] * (MANY + 1))
    with pytest.raises(DuplicateRows, match=rf"1 row .* first in data rows {MANY + 1}"):
        owner.add_csv(content, key, BALANCE)
    added = owner.add_csv(content, key, BALANCE, top='duplicates = "first"')
    assert (added.report.rows_kept, quality(added, "uscc").distinct_keys) == (MANY, MANY)
    different = table(uscc=[*codes, codes[7]], balance=["1"] * MANY + ["2"])
    added = owner.add_csv(different, key, BALANCE)
    assert (added.report.rows_kept, quality(added, "uscc").distinct_keys) == (MANY + 1, MANY)


def test_a_dataset_without_keys_has_its_duplicates_found(owner: Owner) -> None:
    content = table(balance=["1", "2", "1"])
    with pytest.raises(DuplicateRows, match=r"first in data rows 3"):
        owner.add_csv(content, BALANCE)
