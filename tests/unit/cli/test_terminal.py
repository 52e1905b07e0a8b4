"""The contract of the command line with whoever types: streams, layout, and hostile text."""

import subprocess
from datetime import date
from pathlib import Path

import pytest

from cli import daemons, main, terminal
from cli.local import cli_command
from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import Refused, StorageFull
from contract.keys import KeyKind
from contract.views import CatalogueView, OrgCatalogue
from tests.unit.cli.canned import Node

HOSTILE = "\x1b]0;owned\x07\x1b[2J[bold]x[/bold]\r\n\u202eevil\u200b:smile:"
Said = pytest.CaptureFixture[str]


def _is_harmless(text: str) -> bool:
    return all(letter.isprintable() or letter == "\n" for letter in text)


def test_an_error_of_a_peer_moves_no_cursor(capsys: Said) -> None:
    terminal.show_error(Refused(HOSTILE, party="bank_b", rule=HOSTILE, fix=HOSTILE))
    said = capsys.readouterr().err
    assert _is_harmless(said)
    assert said.count("\n") == 4
    assert "[bold]x[/bold]" in said
    assert ":smile:" in said


def test_a_title_of_a_peer_moves_no_cursor(node: Node, capsys: Said) -> None:
    column = CatalogueColumn(
        name="uscc",
        type=ColumnType.KEY,
        key=KeyKind.USCC,
        level=1,
        unit=HOSTILE[:32],
        title=HOSTILE,
        size=256,
    )
    entry = CatalogueEntry(
        org="tax", name="t", title=HOSTILE, columns=(column,), refreshed=date(2026, 3, 1)
    )
    one = OrgCatalogue(org="tax", attached=True, entries=(entry,))
    node.answers["Catalogue"] = CatalogueView(organisations=(one,))
    assert main.main(["catalog"]) == 0
    shown = capsys.readouterr().out
    assert _is_harmless(shown)
    assert "[bold]x[/bold]" in shown
    assert main.main(["catalog", "--json"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_long_error_is_one_line_to_copy(capsys: Said) -> None:
    terminal.show_error(Refused("w " * 250, fix="f " * 250))
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_nobody_is_asked_where_nobody_sits(capsys: Said) -> None:
    terminal.ask("Propose this job?")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["psi"],
        ["psi", "--nonsense"],
        ["ca"],
        ["ca", "sign", "x.csr", "--ca", "ca", "--out", "x", "--days", "100000"],
        ["demo", "--size", "huge"],
    ],
)
def test_a_mistyped_command_is_a_request_that_is_wrong(words: list[str], capsys: Said) -> None:
    assert main.main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error BAD_REQUEST: ")
    assert "--help`" in said.err


def test_every_command_explains_itself(capsys: Said) -> None:
    for words in (
        [], ["psi"], ["jobs"], ["show"], ["abort"], ["result"], ["catalog"], ["status"], ["demo"],
        ["ca"], ["ca", "new"], ["ca", "sign"], ["ca", "show"], ["init"], ["init", "node"],
        ["init", "coordinator"], ["dataset", "add"], ["node", "run"], ["coordinator", "run"],
    ):  # fmt: skip
        assert main.main([*words, "--help"]) == 0
        shown = capsys.readouterr()
        assert shown.err == ""
        assert "Usage: mihe" in shown.out
        assert "No such" not in shown.out


def test_mihe_alone_shows_the_help(capsys: Said) -> None:
    assert main.main([]) == 0
    assert "psi" in capsys.readouterr().out


def test_a_defect_is_ours_and_shows_no_traceback(
    capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise RuntimeError("91330000700000052Y")

    monkeypatch.setattr(daemons, "config_file", defect)
    monkeypatch.delenv("MIHE_DEBUG", raising=False)
    assert main.main(["node", "run"]) == 70
    said = capsys.readouterr().err
    assert said.startswith("error OUR_DEFECT")
    assert "91330000700000052Y" not in said
    monkeypatch.setenv("MIHE_DEBUG", "1")
    assert main.main(["node", "run"]) == 70
    assert "RuntimeError" in capsys.readouterr().err


def test_the_command_is_the_function() -> None:
    ran = subprocess.run(cli_command("--version"), capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("mihe ")
    ran = subprocess.run(cli_command("show"), capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    ran = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" | true', "bash", *cli_command("--help")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr


@pytest.mark.parametrize("words", [["--version"], ["explain", "STORAGE_FULL"]])
def test_a_full_disk_under_stdout_is_named(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            cli_command(*words), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ran.returncode == StorageFull.exit_code
    assert ran.stderr.startswith("error STORAGE_FULL:")
    assert "Exception ignored" not in ran.stderr


def test_a_narrow_terminal_cuts_no_figure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    figures = ("97104037980.97", "1983866.2983611")
    terminal.out().print(terminal.table(("vat>", "kwh>"), [figures]))
    _, _, _, *lines = capsys.readouterr().out.splitlines()
    columns = zip(*(line.split() for line in lines if line.strip()), strict=True)
    assert tuple("".join(parts) for parts in columns) == figures
