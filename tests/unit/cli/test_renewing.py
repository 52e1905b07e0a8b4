"""`mihe init renew`, `mihe ca revoke` and `mihe ca crl`, as they are typed."""

import json
import stat
from pathlib import Path

import pytest

from cli.ca import create_authority, issue
from cli.init import Home, init_node
from cli.main import main
from cli.renew import Renewing
from contract.errors import MiheError
from contract.identity import Authority, pem_to_der
from contract.revocation import list_to_der

USCC = "91330000700000052Y"


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    return create_authority(tmp_path / "ca", "Test consortium").parent


@pytest.fixture
def home(tmp_path: Path, ca: Path) -> Home:
    """A node's folder, certified."""
    made = Home(tmp_path / "node", "node")
    authority = (ca / "ca.pem").read_bytes()
    init_node(made.folder, "bank_a", USCC, "mihe.example:7450", authority=authority)
    issue(made.request, ca, made.certificate)
    return made


def renew(home: Home) -> int:
    return main(["init", "renew", "--dir", str(home.folder), "--json"])


def test_typed_twice_it_renews(home: Home, ca: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, renewing = home.certificate.read_bytes(), Renewing.of(home.folder)
    old_key = home.key.read_bytes()
    home.key.chmod(0o400)
    assert renew(home) == 0
    first = json.loads(capsys.readouterr().out)
    assert stat.S_IMODE(renewing.new_key.stat().st_mode) == 0o600
    assert renew(home) == 0  # nothing new is made while the answer is awaited
    said = capsys.readouterr()
    assert json.loads(said.out) == first
    assert "node.new.pem" in said.err
    assert (home.certificate.read_bytes(), home.key.read_bytes()) == (before, old_key)
    issue(renewing.request, ca, renewing.new_certificate)
    assert renew(home) == 0
    after = home.certificate.read_bytes()
    identity = Authority.from_pem(home.authority.read_bytes()).admit(pem_to_der(after))
    assert (identity.org, identity.uscc) == ("bank_a", USCC)
    assert after != before
    assert home.key.read_bytes() != old_key
    assert stat.S_IMODE(home.key.stat().st_mode) == 0o400  # whoever could read it still can
    assert not list(home.folder.glob("*.new.*"))


def test_broken_off_between_its_two_moves_it_goes_on(home: Home, ca: Path) -> None:
    renewing = Renewing.of(home.folder)
    assert renew(home) == 0
    issue(renewing.request, ca, renewing.new_certificate)
    answer = renewing.new_certificate.read_bytes()
    renewing.new_key.replace(home.key)
    assert renew(home) == 0
    assert home.certificate.read_bytes() == answer


@pytest.mark.parametrize("whose", ["another key", "another member", "another CA"])
def test_an_answer_that_does_not_fit_is_not_put_in_place(
    home: Home, ca: Path, tmp_path: Path, whose: str
) -> None:
    before = (home.certificate.read_bytes(), home.key.read_bytes())
    renewing = Renewing.of(home.folder)
    assert renew(home) == 0
    other, by = Home(tmp_path / "other", "node"), ca
    if whose == "another CA":
        by = create_authority(tmp_path / "ca2", "Another consortium").parent
        issue(renewing.request, by, renewing.new_certificate)
    else:
        org = "bank_a" if whose == "another key" else "bank_b"
        init_node(other.folder, org, USCC, "mihe.example:7450")
        issue(other.request, by, renewing.new_certificate)
    assert renew(home) in (2, 5)
    assert (home.certificate.read_bytes(), home.key.read_bytes()) == before


def test_it_renews_one_daemon(tmp_path: Path) -> None:
    assert main(["init", "renew", "--dir", str(tmp_path)]) == 2


def test_a_certificate_is_taken_back(
    home: Home, ca: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy,) = (ca / "issued").iterdir()
    assert copy.read_bytes() == home.certificate.read_bytes()
    home.certificate.unlink()  # lost with its machine
    for number in (1, 2):
        assert main(["ca", "crl", "--ca", str(ca), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["number"] == number
    assert main(["ca", "revoke", str(copy), "--ca", str(ca), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["number"], said["entries"]) == (3, 1)
    authority = Authority.from_pem((ca / "ca.pem").read_bytes())
    authority.take(list_to_der((ca / "ca.crl").read_bytes()))
    with pytest.raises(MiheError, match="revoked"):
        authority.admit(pem_to_der(copy.read_bytes()))
    assert main(["ca", "revoke", str(copy), "--ca", str(ca)]) == 2  # once is enough
    assert main(["ca", "crl", "--ca", str(ca), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 1


def test_only_what_this_ca_issued_is_taken_back(home: Home, ca: Path, tmp_path: Path) -> None:
    other = create_authority(tmp_path / "ca2", "Test consortium").parent
    arguments = ["ca", "revoke", str(home.certificate), "--ca"]
    assert main([*arguments, str(other)]) == 2
    assert not (other / "ca.crl").exists()
    assert main([*arguments, str(ca)]) == 0
    (other / "ca.crl").write_bytes((ca / "ca.crl").read_bytes())
    assert main(["ca", "crl", "--ca", str(other)]) == 2  # its number would begin anew
