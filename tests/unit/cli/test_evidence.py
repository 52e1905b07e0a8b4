"""`mihe evidence`, typed by somebody who has a file and the CA's certificate, and no node."""

import json
from pathlib import Path

import pytest

from cli.main import main
from cli.revocation import next_list
from contract.errors import BadRequest, BadSignature, CertificateRevoked
from tests.unit.contract.test_evidence_file import World
from tests.unit.contract.test_evidence_file import world as world

Said = pytest.CaptureFixture[str]


@pytest.fixture
def words(world: World, folder: Path) -> list[str]:
    (folder / "job.json").write_text(json.dumps(world.file()), "utf-8")
    (folder / "ca.pem").write_bytes(world.consortium.certificate)
    return ["evidence", str(folder / "job.json"), "--ca", str(folder / "ca.pem")]


def test_it_says_what_was_agreed_how_it_ended_and_who_signed(
    world: World, words: list[str], capsys: Said
) -> None:
    assert main(words) == 0
    said = capsys.readouterr()
    shown = " ".join(said.out.split())
    assert world.contract.job_id.hex() in shown
    for line in ("state done", "result to bank_a", "CREDIT_MICRO, SYNTHETIC_TEST", "receipts 2"):
        assert line in shown
    for party in world.parties:
        # The bank's own, in groups of four, as `mihe ca show` says it.
        assert party.signer.identity.fingerprint[:4] in shown
    assert "every signature holds" in shown
    assert "learns" in shown.lower()
    assert said.err == ""
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["job"]["state"] == "done"


def test_a_file_that_was_cut_off_says_so(
    world: World, words: list[str], folder: Path, capsys: Said
) -> None:
    (folder / "job.json").write_text(json.dumps(world.file(-1)), "utf-8")
    assert main(words) == 0
    assert "does not hold the job's end" in capsys.readouterr().err


def test_a_file_that_was_altered_proves_nothing(
    words: list[str], folder: Path, capsys: Said
) -> None:
    file = folder / "job.json"
    text = file.read_text("utf-8")
    assert "CREDIT_MICRO" in text
    file.write_text(text.replace("CREDIT_MICRO", "CREDIT_LARGE", 1), "utf-8")
    assert main(words) == BadSignature.exit_code
    said = capsys.readouterr()
    assert said.out == ""
    assert "fix" in said.err


def test_a_list_of_the_ca_counts(world: World, words: list[str], folder: Path) -> None:
    ca = world.consortium
    pem = next_list(ca.key, ca.certificate, None, world.parties[0].certificate_pem)
    (folder / "ca.crl").write_bytes(pem)
    assert main([*words, "--crl", str(folder / "ca.crl")]) == CertificateRevoked.exit_code
    assert main([*words, "--crl", str(folder / "none.crl")]) == BadRequest.exit_code
