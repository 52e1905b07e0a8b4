"""What a new import changed: counted as Python counts it, guarded, and told to nobody else."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.canonical import canonical_bytes
from contract.dataset import CatalogueEntry, Changes, KeyChanges, Snapshot
from contract.errors import BadSetting, DrasticChange, UnreadableSource
from node import snapshot
from node.snapshot import USUAL, Terms
from tests.unit.node.importing import BALANCE, KEY, TODAY, A, B, C, Owner, one_column

KEEP = 'duplicates = "keep"'


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


def add(owner: Owner, rows: str, *columns: str, terms: Terms = USUAL, top: str = KEEP) -> Snapshot:
    owner.write(rows)
    described = owner.describe(*(columns or (KEY, BALANCE)), top=top)
    return snapshot.add(described, owner.snapshots, org="bank_a", today=TODAY, terms=terms)


def changes(added: Snapshot) -> Changes:
    assert added.changes is not None
    return added.changes


def test_the_first_import_has_nothing_to_compare(owner: Owner) -> None:
    assert add(owner, f"uscc,balance\n{A},1\n").changes is None


def test_rows_and_keys_are_counted(owner: Owner) -> None:
    first = add(owner, f"uscc,balance\n{A},1\n{A},2\n{B},3\n{B},3\n")
    found = changes(add(owner, f"uscc,balance\n{B},3\n{C},4\n{A},2.00\n{A},5\n"))
    assert (found.rows_added, found.rows_removed) == (2, 2)
    assert found.keys == (KeyChanges(column="uscc", added=1, removed=0, changed=2),)
    assert found.before == first.report
    assert not found.nothing


def test_the_same_rows_in_another_order_are_no_change_but_a_new_commitment(owner: Owner) -> None:
    first = add(owner, f"uscc,balance\n{A},1\n{B},2\n")
    second = add(owner, f"balance,uscc\n2.00,{B}\n1.0,{A}\n")
    assert changes(second).nothing
    assert second.root != first.root
    assert second.entry == first.entry


def test_columns_that_come_go_and_change_are_named(owner: Owner) -> None:
    note = 'name = "note"\ntype = "text"\nlevel = 1'
    add(owner, f"uscc,balance,note\n{A},1,x\n", KEY, BALANCE, note)
    bounded = BALANCE + '\nminimum = "0"\nmaximum = "9"'
    found = changes(add(owner, f"uscc,balance,x\n{A},1,7\n", KEY, bounded, one_column("integer")))
    assert found.columns_added == ("x",)
    assert found.columns_removed == ("note",)
    assert found.columns_altered == ("balance",)
    assert (found.rows_added, found.rows_removed) == (0, 0)
    assert not found.nothing


def test_a_column_of_another_type_is_not_compared(owner: Owner) -> None:
    add(owner, "x\n7\n", one_column("integer"))
    found = changes(add(owner, "x\n7\n", one_column("text")))
    assert (found.rows_added, found.rows_removed, found.columns_altered) == (0, 0, ("x",))


@pytest.mark.parametrize(("rows", "passes"), [(5, True), (4, False), (0, False)])
def test_most_rows_gone_is_refused_until_it_is_accepted(
    owner: Owner, rows: int, passes: bool
) -> None:
    first = add(owner, "x\n" + "7\n" * 10, one_column("integer"))
    less = "x\n" + "7\n" * rows
    if passes:
        assert changes(add(owner, less, one_column("integer"))).rows_removed == 5
        return
    before = owner.everything()
    with pytest.raises(DrasticChange, match=rf"{rows} rows instead of 10.*--accept"):
        add(owner, less, one_column("integer"))
    assert owner.everything() == before
    assert snapshot.current(owner.snapshots, "loans") == first
    accepted = add(owner, less, one_column("integer"), terms=Terms(accept=True))
    assert changes(accepted).rows_removed == 10 - rows


def test_open_jobs_that_would_end_are_named_before_they_do(owner: Owner) -> None:
    add(owner, f"uscc\n{A}\n", KEY)
    asked: list[CatalogueEntry] = []

    def refused(entry: CatalogueEntry) -> int:
        asked.append(entry)
        return 2

    with pytest.raises(DrasticChange, match=r"2 open jobs on loans would be refused"):
        add(owner, f"uscc\n{A}\n", KEY + "\nrows_per_key = 1", terms=Terms(refused=refused))
    assert asked[0].columns[0].rows_per_key == 1
    found = add(owner, f"uscc\n{A}\n", KEY, terms=Terms(accept=True, refused=refused))
    assert changes(found).jobs_refused == 2


def test_a_description_of_another_name_is_no_refresh(owner: Owner) -> None:
    with pytest.raises(BadSetting, match="describes loans now, not deposits"):
        add(owner, f"uscc\n{A}\n", KEY, terms=Terms(name="deposits"))


def test_a_damaged_snapshot_is_no_obstacle_to_its_remedy(owner: Owner) -> None:
    first = add(owner, f"uscc\n{A}\n", KEY)
    owner.files(first).parquet.write_bytes(b"damaged")
    again = add(owner, f"uscc\n{A}\n", KEY)
    assert again.changes is None
    assert owner.rows(again) == [(A,)]


def test_a_snapshot_that_a_job_needs_stays(owner: Owner) -> None:
    first = add(owner, f"uscc,balance\n{A},1\n{B},2\n")
    add(owner, f"uscc,balance\n{A},1\n{C},2\n")
    snapshot.prune(owner.snapshots, {first.root})
    assert owner.rows(first) == [(A, 1), (B, 2)]
    snapshot.prune(owner.snapshots, set())
    assert not owner.files(first).parquet.exists()


def test_nothing_of_it_is_in_what_others_see(owner: Owner) -> None:
    first = add(owner, f"uscc,balance\n{A},1\n{B},2\n")
    second = add(owner, f"uscc,balance\n{A},1\n{C},2\n")
    assert canonical_bytes(first.entry) == canonical_bytes(second.entry)
    record = owner.files(second).record.read_text()
    assert "rows_added" in record
    assert not any(key in record for key in (A, B, C))


def test_a_source_that_is_gone_leaves_the_snapshot(owner: Owner) -> None:
    first = add(owner, f"uscc\n{A}\n", KEY)
    (owner.folder / "loans.csv").unlink()
    with pytest.raises(UnreadableSource):
        owner.add(KEY)
    assert snapshot.current(owner.snapshots, "loans") == first


KEYS = st.sampled_from([A, B, C])
ROWS = st.lists(st.tuples(KEYS, st.sampled_from(["1", "2", ""])), max_size=8)


@settings(max_examples=25)
@given(ROWS, ROWS)
def test_any_two_tables_are_compared_as_multisets(
    old: list[tuple[str, str]], new: list[tuple[str, str]]
) -> None:
    with TemporaryDirectory() as name:
        owner = Owner(Path(name))
        columns = (KEY, one_column("integer", "nullable = true"))
        for rows in (old, new):
            text = "uscc,x\n" + "".join(f"{key},{x}\n" for key, x in rows)
            added = add(owner, text, *columns, terms=Terms(accept=True))
        found = changes(added)
    before, after = Counter(old), Counter(new)
    assert found.rows_added == (after - before).total()
    assert found.rows_removed == (before - after).total()
    was, now = ({key for key, _ in rows} for rows in (old, new))
    differ = {key for key, _ in (after - before) + (before - after)}
    other = differ & was & now
    (keys,) = found.keys
    assert (keys.added, keys.removed, keys.changed) == (len(now - was), len(was - now), len(other))
