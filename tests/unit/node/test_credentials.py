"""A node's own certificate, key and CA, checked before it dials or listens."""

import shutil
from pathlib import Path

import pytest

from contract.config import CertificateFiles, NodeConfig
from contract.errors import BadSetting, ForeignCertificate, MiheError, WrongRole
from node.credentials import load_credentials
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import Member, enrol, expired

CONFIG = NodeConfig(
    org="bank_a",
    coordinator="127.0.0.1:7450",
    identity=CertificateFiles(certificate="cert.pem", key="key.pem"),
)


@pytest.fixture
def home(bank_a: Member, tmp_path: Path) -> Path:
    """A folder of bank_a's own files."""
    return Path(shutil.copytree(bank_a.folder, tmp_path / "home"))


def refusal(error: type[MiheError], home: Path) -> MiheError:
    with pytest.raises(error) as refused:
        load_credentials(CONFIG, home)
    assert type(refused.value) is error
    return refused.value


def test_files_that_fit_are_credentials(home: Path, bank_a: Member) -> None:
    loaded = load_credentials(CONFIG, home)
    assert loaded.org == "bank_a"
    assert loaded.signer.identity == bank_a.credentials.signer.identity


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_may_read_is_refused(home: Path, mode: int) -> None:
    (home / "key.pem").chmod(mode)
    assert "chmod 600" in refusal(BadSetting, home).fix


@pytest.mark.parametrize("name", ["cert.pem", "key.pem", "ca.pem"])
def test_a_file_that_is_not_there_is_named(home: Path, name: str) -> None:
    (home / name).unlink()
    assert name in refusal(BadSetting, home).what
    (home / name).mkdir()
    assert name in refusal(BadSetting, home).what


@pytest.mark.parametrize(
    ("name", "error"),
    [("cert.pem", ForeignCertificate), ("key.pem", BadSetting), ("ca.pem", BadSetting)],
)
def test_a_file_that_holds_something_else_is_refused(
    home: Path, name: str, error: type[MiheError]
) -> None:
    for content in (b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\nAA==\n"):
        (home / name).write_bytes(content)
        refusal(error, home)


def test_anothers_files_are_refused(
    home: Path,
    bank_b: Member,
    stranger: Member,
    consortium: Consortium,
    tmp_path: Path,
) -> None:
    coordinator = enrol(consortium.coordinator, tmp_path / "coordinator")
    kept = (home / "cert.pem").read_bytes()
    for folder, error in (
        (bank_b.folder, BadSetting),
        (stranger.folder, ForeignCertificate),
        (coordinator.folder, WrongRole),
    ):
        shutil.copy(folder / "cert.pem", home)
        refusal(error, home)
    (home / "cert.pem").write_bytes(kept)
    shutil.copy(bank_b.folder / "key.pem", home)
    assert "does not belong" in refusal(BadSetting, home).what


def test_an_expired_certificate_is_refused(home: Path, consortium: Consortium) -> None:
    key, certificate = expired(consortium, "bank_a")
    (home / "key.pem").write_bytes(key)
    (home / "cert.pem").write_bytes(certificate)
    assert "expired" in refusal(ForeignCertificate, home).what
