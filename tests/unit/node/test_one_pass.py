"""An import in one pass gives what an import by a table gives, and refuses nothing itself."""

from collections.abc import Callable
from pathlib import Path

import pytest

from contract.dataset import QualityReport
from contract.errors import MiheError, UnreadableSource
from node import one_pass, snapshot
from node.sources import plain
from tests.unit.node.importing import BALANCE, KEY, WRONG_CHECK, A, B, C, Owner, one_column

NULLABLE = BALANCE + "\nnullable = true"
Outcome = tuple[list[tuple[object, ...]], QualityReport] | str


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


@pytest.fixture
def no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes a table of the source fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("the import took a table")

    monkeypatch.setattr(snapshot, "stage", refuse)


def outcome(owner: Owner, content: str, *columns: str, top: str) -> Outcome:
    try:
        added = owner.add_csv(content, *columns, top=top)
    except MiheError as error:
        return f"{error.code} {error}"
    return owner.rows(added), added.report


@pytest.mark.usefixtures("no_table")
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_plain_files_without_faults_take_no_table(owner: Owner, encoding: str) -> None:
    lines = f"note,uscc,balance\n贷款,{A.lower()},1.5\n,{B},\n关注,{C},-2.00\n"
    note = 'name = "note"\ntype = "text"\nlevel = 1\nnullable = true'
    top = f'encoding = "{encoding}"'
    added = owner.add_csv(lines.encode(encoding), KEY, NULLABLE, note, top=top)
    found = [(key, None if n is None else str(n), text) for key, n, text in owner.rows(added)]
    assert found == [(A, "1.50", "贷款"), (B, None, None), (C, "-2.00", "关注")]
    assert [column.nulls for column in added.report.columns] == [0, 1, 1]


@pytest.mark.usefixtures("no_table")
def test_files_of_a_folder_pass_one_after_the_other(owner: Owner) -> None:
    folder = owner.folder / "loans"
    folder.mkdir()
    (folder / "1.csv").write_text(f"uscc,balance\n{A},1.00\n")
    (folder / "2.csv").write_text(f"balance,uscc\n2.00,{B}\n3.00,{A}\n")
    added = owner.add(KEY, BALANCE, source="loans")
    assert [(key, str(n)) for key, n in owner.rows(added)] == [
        (A, "1.00"),
        (B, "2.00"),
        (A, "3.00"),
    ]
    assert added.report.rows_read == 3


@pytest.mark.usefixtures("no_table")
def test_many_rows_stay_in_order(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "_CHUNK", 1 << 16)
    rows = [(n, "x" * (n % 7) or None) for n in range(200_000)]
    lines = "".join(f"{n},{text or ''}\n" for n, text in rows)
    number = 'name = "n"\ntype = "integer"\nlevel = 1'
    added = owner.add_csv(f"n,x\n{lines}", number, one_column("text", "nullable = true"))
    assert owner.rows(added) == rows


MANY = "".join(f"421820250{n:09},{n}.00\n" for n in range(3000))
CASES = {
    "clean": f"{A},1.00\n{B},2.00\n",
    "tidied": f"{A.lower()},1.00\n {B},2.00\n",
    "empty value": f"{A},\n{B},2.00\n",
    "repeated key": f"{A},1.00\n{A},2.00\n",
    "repeated row": f"{A},1.00\n{B},1.00\n{A.lower()},1.0\n",
    "invalid key": f"{A},1.00\n{WRONG_CHECK},2.00\n{B},3.00\n",
    "empty key": f"{A},1.00\n,2.00\n",
    "bad value": f"{A},1.00\n{B},2.001\n{C},x\n",
    "both wrong": f"x,y\n{A},1.00\n",
    "quoted": f'"{A}","1.00"\n{B},2.00\n',
    "blank line": f"{A},1.00\n\n{B},2.00\n",
    "ragged": f"{A},1.00\n{B}\n",
    "open quote": f'{A},1.00\n{B},"2.00\n',
    "nothing": "",
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("top", ["", 'invalid_keys = "warn"\nduplicates = "first"'])
@pytest.mark.parametrize("nullable", [True, False])
def test_whatever_is_imported_it_is_as_by_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, top: str, nullable: bool
) -> None:
    found = []
    give_up: Callable[..., None] = lambda *_: None  # noqa: E731  # in the place of a function
    for name in ("one pass", "table"):
        folder = tmp_path / name
        folder.mkdir()
        columns = (KEY, NULLABLE if nullable else BALANCE)
        found.append(outcome(Owner(folder), f"uscc,balance\n{CASES[case]}", *columns, top=top))
        monkeypatch.setattr(snapshot, "import_in_one_pass", give_up)
    assert found[0] == found[1]


def test_what_is_wrong_behind_many_rows_is_found(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "_CHUNK", 1 << 12)
    key = KEY.replace('key = "uscc"', 'key = "declaration"')
    added = owner.add_csv(f'uscc,balance\n{MANY}421820250999999999,"1.00"\n', key, BALANCE)
    assert added.report.rows_kept == 3001
    with pytest.raises(UnreadableSource, match="data row 3001 can't be read"):
        owner.add_csv(f"uscc,balance\n{MANY}421820250999999999\n", key, BALANCE)
    assert not list((owner.snapshots / "loans").glob(".scratch-*"))


def test_a_defect_on_the_way_is_none_of_the_files(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(one_pass, "canonical_column", broken)
    with pytest.raises(ZeroDivisionError):
        owner.add_csv(f"uscc,balance\n{A},1.00\n", KEY, BALANCE)
