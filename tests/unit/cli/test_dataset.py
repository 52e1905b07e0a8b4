"""`mihe dataset`: what is sent, and what a person reads of imports and refreshes."""

import json
from datetime import date
from decimal import Decimal
from typing import TypeAlias

import pytest

from cli.main import main
from contract.dataset import (
    CatalogueColumn,
    CatalogueEntry,
    Changes,
    ColumnQuality,
    ColumnType,
    KeyChanges,
    QualityReport,
)
from contract.errors import DrasticChange
from contract.keys import KeyKind
from contract.views import Budget, OwnDataset, OwnDatasets, Spent
from tests.unit.cli.canned import Node

Said: TypeAlias = pytest.CaptureFixture[str]

KEY = "统一社会信用代码"


def report(kept: int) -> QualityReport:
    found = ColumnQuality(
        name=KEY,
        nulls=0,
        invalid=2,
        invalid_rows=(62, 4),
        invalid_in=("file 'a.csv' of loans", "file 'b.csv' of loans"),
        reasons={"check character": 2},
        distinct_keys=698,
    )
    return QualityReport(
        dataset="loans", rows_read=kept + 3, rows_kept=kept, duplicate_rows=1, columns=(found,)
    )


def dataset(changes: Changes | None = None) -> OwnDataset:
    column = CatalogueColumn(name=KEY, type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=1024)
    return OwnDataset(
        entry=CatalogueEntry(
            org="bank_a", name="loans", title="贷款", columns=(column,), refreshed=date(2026, 3, 1)
        ),
        root="ab" * 32,
        report=report(698),
        changes=changes,
        described="/srv/loans.toml",
        jobs_open=3,
    )


CHANGED = Changes(
    before=report(1500),
    rows_added=17,
    rows_removed=819,
    keys=(KeyChanges(column=KEY, added=5, removed=807, changed=12),),
    columns_altered=("balance",),
    jobs_refused=3,
)


def test_add_shows_counts_and_sends_an_absolute_path(
    node: Node, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(node.folder)
    node.answers["AddDataset"] = dataset()
    assert main(["dataset", "add", "loans.toml"]) == 0
    shown = capsys.readouterr().out
    for words in ("701", "698", "check character 2", "file 'a.csv' of loans: 62", "'b.csv'"):
        assert words in shown
    assert "snapshot before" not in shown
    assert str(node.folder / "loans.toml") in str(node.asked[0])
    assert "accept" not in str(node.asked[0])
    assert main(["dataset", "add", "loans.toml", "--accept", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"]["rows_kept"] == 698
    assert "accept: true" in str(node.asked[1])


def test_refresh_says_what_changed(node: Node, capsys: Said) -> None:
    node.answers["RefreshDataset"] = dataset(CHANGED)
    assert main(["dataset", "refresh", "loans"]) == 0
    shown = capsys.readouterr().out
    for words in ("1,500 → 698", "17", "819", "807", "12", "balance", "open jobs refused"):
        assert words in shown
    nothing = Changes(before=report(698), rows_added=0, rows_removed=0, keys=())
    node.answers["RefreshDataset"] = dataset(nothing)
    assert main(["dataset", "refresh", "loans", "--accept"]) == 0
    assert "Nothing changed" in capsys.readouterr().out
    assert "accept: true" in str(node.asked[1])


def test_a_refusal_says_how_to_accept(node: Node, capsys: Said) -> None:
    node.answers["RefreshDataset"] = DrasticChange("most rows are gone", fix="--accept")
    assert main(["dataset", "refresh", "loans"]) == 7
    assert "DRASTIC_CHANGE" in capsys.readouterr().err


def test_what_answers_with_noise_have_cost_is_shown(node: Node, capsys: Said) -> None:
    spent = (Spent(receiver="tax", epsilon=Decimal("1.5")),)
    left = Budget(receiver="tax", rule="allow[2]", epsilon=Decimal(4), days=30, left=Decimal("2.5"))
    node.answers["Datasets"] = OwnDatasets(
        datasets=(dataset().model_copy(update={"spent": spent, "budgets": (left,)}),)
    )
    assert main(["dataset", "show", "loans"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "answers with noise to epsilon in 90 days" in shown
    assert "tax 1.5" in shown
    assert "tax 4 in 30 days 2.5 allow[2]" in shown


def test_list_and_show(node: Node, capsys: Said) -> None:
    node.answers["Datasets"] = OwnDatasets(datasets=(dataset(CHANGED),))
    assert main(["dataset", "list"]) == 0
    shown = capsys.readouterr().out
    for words in ("loans", "贷款", "698", "2026-03-01", "3", "/srv/loans.toml"):
        assert words in shown
    assert main(["dataset", "show", "loans"]) == 0
    assert "Against the snapshot before" in capsys.readouterr().out
    assert main(["dataset", "show", "loan"]) == 2
    assert "Did you mean 'loans'" in capsys.readouterr().err
    node.answers["Datasets"] = OwnDatasets(datasets=())
    assert main(["dataset", "list"]) == 0
    assert "no dataset yet" in capsys.readouterr().out


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_chinese_names_keep_their_columns(
    node: Node, capsys: Said, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """A Chinese character is two cells wide; a table that counts characters would break apart."""
    monkeypatch.setenv("COLUMNS", columns)
    node.answers["RefreshDataset"] = dataset(CHANGED)
    assert main(["dataset", "refresh", "loans"]) == 0
    assert KEY in "".join(line.split("  ")[0] for line in capsys.readouterr().out.splitlines())
