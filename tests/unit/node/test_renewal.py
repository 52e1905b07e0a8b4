"""A daemon's files as they are replaced under it."""

import shutil
from pathlib import Path

import pytest

from cli.revocation import next_list
from contract.config import CertificateFiles, NodeConfig
from contract.credentials import Credentials
from contract.errors import CertificateRevoked, StorageFull
from contract.revocation import MAX_LIST_BYTES, Taken, list_to_der
from daemon.renewal import News, Renewal
from node.credentials import load_credentials, read_files
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import Member

CONFIG = NodeConfig(
    org="bank_a",
    coordinator="127.0.0.1:7450",
    identity=CertificateFiles(certificate="cert.pem", key="key.pem"),
)
NOTHING = News(credentials=False, lists=False, refused=())


class Daemon:
    """What a daemon has of its files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.start()

    def start(self) -> None:
        files = CONFIG.identity
        self.credentials: Credentials = load_credentials(CONFIG, self.home)
        self.renewal = Renewal(
            self.credentials,
            lambda: read_files(CONFIG, self.home),
            [self.home / name for name in (files.certificate, files.key, files.authority)],
            self.home / files.revocations,
            self.home / "data",
        )
        self.begun = self.renewal.begin()

    def put(self, name: str, content: bytes) -> None:
        arriving = self.home / "arriving"
        arriving.touch(mode=0o600)
        arriving.write_bytes(content)
        arriving.rename(self.home / name)

    @property
    def fingerprint(self) -> str:
        return self.credentials.pair.fingerprint


@pytest.fixture
def daemon(bank_a: Member, tmp_path: Path) -> Daemon:
    return Daemon(Path(shutil.copytree(bank_a.folder, tmp_path / "home")))


def crl_of(consortium: Consortium, *members: Credentials, after: bytes | None = None) -> bytes:
    pem = next_list(consortium.key, consortium.certificate, after, None)
    for member in members:
        pem = next_list(consortium.key, consortium.certificate, pem, member.certificate_pem)
    return pem


def codes(news: News) -> list[str]:
    return [error.code for error in news.refused]


def test_files_that_stay_are_no_news(daemon: Daemon) -> None:
    assert daemon.begun == NOTHING
    assert daemon.renewal.look() == NOTHING
    daemon.put("cert.pem", daemon.credentials.certificate_pem)  # touched, but the same
    assert daemon.renewal.look() == NOTHING


@pytest.mark.parametrize("first", ["cert.pem", "key.pem"])
def test_a_pair_counts_once_it_is_whole(daemon: Daemon, consortium: Consortium, first: str) -> None:
    before, new = daemon.fingerprint, consortium.issue("bank_a")
    halves = {"cert.pem": new.certificate_pem, "key.pem": new.key_pem}
    daemon.put(first, halves.pop(first))
    assert codes(daemon.renewal.look()) == ["BAD_SETTING"]
    assert daemon.renewal.look() == NOTHING  # said once
    assert daemon.fingerprint == before
    ((second, content),) = halves.items()
    daemon.put(second, content)
    assert daemon.renewal.look() == News(credentials=True, lists=False, refused=())
    assert daemon.fingerprint == new.pair.fingerprint


def test_a_file_that_goes_or_is_open_to_others_changes_nothing(
    daemon: Daemon, consortium: Consortium
) -> None:
    before = daemon.fingerprint
    (daemon.home / "cert.pem").unlink()
    assert codes(daemon.renewal.look()) == ["BAD_SETTING"]
    new = consortium.issue("bank_a")
    daemon.put("cert.pem", new.certificate_pem)
    daemon.put("key.pem", new.key_pem)
    (daemon.home / "key.pem").chmod(0o644)
    assert codes(daemon.renewal.look()) == ["BAD_SETTING"]
    assert daemon.fingerprint == before
    (daemon.home / "key.pem").chmod(0o600)
    assert daemon.renewal.look().credentials


def test_a_list_counts_from_when_it_lies_there_and_for_ever(
    daemon: Daemon, consortium: Consortium
) -> None:
    member = consortium.issue("bank_b")
    der = member.signer.identity.certificate
    daemon.put("ca.crl", crl_of(consortium, member))
    assert daemon.renewal.look() == News(credentials=False, lists=True, refused=())
    (daemon.home / "ca.crl").unlink()
    assert daemon.renewal.look() == NOTHING
    daemon.start()
    assert daemon.begun.lists
    with pytest.raises(CertificateRevoked):
        daemon.credentials.authority.admit(der)
    daemon.put("ca.crl", crl_of(consortium))
    assert codes(daemon.renewal.look()) == ["BAD_MESSAGE"]
    with pytest.raises(CertificateRevoked):
        daemon.credentials.authority.admit(der)


def test_what_is_kept_is_for_its_owner_alone(daemon: Daemon, consortium: Consortium) -> None:
    assert daemon.renewal.take(list_to_der(crl_of(consortium))) is Taken.NEWER
    (kept,) = (daemon.home / "data" / "revoked").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    assert kept.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"no list", bytes(4 * MAX_LIST_BYTES)])
def test_a_file_that_is_no_list_is_said_once(daemon: Daemon, content: bytes) -> None:
    daemon.put("ca.crl", content)
    assert codes(daemon.renewal.look()) == ["BAD_MESSAGE"]
    assert daemon.renewal.look() == NOTHING


def test_a_kept_list_that_was_damaged_is_said(daemon: Daemon, consortium: Consortium) -> None:
    daemon.renewal.take(list_to_der(crl_of(consortium)))
    (kept,) = (daemon.home / "data" / "revoked").iterdir()
    kept.write_bytes(b"damaged")
    daemon.start()
    assert codes(daemon.begun) == ["BAD_MESSAGE"]


def test_a_list_that_cannot_be_kept_is_in_force_all_the_same(
    daemon: Daemon, consortium: Consortium
) -> None:
    member = consortium.issue("bank_b")
    (daemon.home / "data").mkdir()
    (daemon.home / "data" / "revoked").write_text("a file in its place")
    with pytest.raises(StorageFull):
        daemon.renewal.take(list_to_der(crl_of(consortium, member)))
    with pytest.raises(CertificateRevoked):
        daemon.credentials.authority.admit(member.signer.identity.certificate)
