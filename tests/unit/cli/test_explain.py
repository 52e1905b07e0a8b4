"""A person reads at the terminal what the pages say, and is told there how."""

import os
import pty
import subprocess
import sys

import pytest

from cli import main
from contract.error_pages import facts_of
from contract.errors import BY_CODE, PeerAbsent

Said = pytest.CaptureFixture[str]


def test_a_code_is_explained_as_on_its_page(capsys: Said) -> None:
    assert main.main(["explain", "peer_absent"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("PEER_ABSENT: ")
    assert all(heading in shown.out for heading, _ in facts_of(PeerAbsent))
    assert "peer_patience_seconds" in shown.out
    assert shown.err == ""


def test_without_a_code_all_are_listed(capsys: Said) -> None:
    assert main.main(["explain"]) == 0
    shown = capsys.readouterr().out
    assert all(code in shown for code in BY_CODE)


def test_a_mistyped_code_is_answered_with_the_nearest(capsys: Said) -> None:
    assert main.main(["explain", "PEER_ABSNT"]) == 2
    assert "'PEER_ABSENT'?" in capsys.readouterr().err


def test_only_a_person_is_pointed_to_it() -> None:
    words = [sys.executable, "-m", "cli.main", "explain", "PEER_ABSNT"]
    piped = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "  more " not in piped.stderr
    ours, theirs = pty.openpty()
    try:
        subprocess.run(words, stderr=theirs, check=False)
        assert b"mihe explain BAD_REQUEST" in os.read(ours, 1 << 16)
    finally:
        os.close(ours)
        os.close(theirs)
