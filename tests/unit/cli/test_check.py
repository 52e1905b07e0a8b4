"""`mihe check` on installations whose files are broken: the real command, and no daemon anywhere.

So the coordinator is never reached, and that is told too, after everything about files; what needs
daemons to be told is in tests/federation/test_check.py.
"""

import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from cli import authority
from cli.ca import CERTIFICATE_FILE, KEY_FILE
from cli.demo import USCCS
from cli.init import Home
from cli.local import LocalFederation, cli_command
from contract.checks import Check
from contract.errors import (
    BadSetting,
    CoordinatorAbsent,
    ForeignCertificate,
    MiheError,
    NodeAbsent,
    SnapshotChanged,
    StateAbsent,
    StorageFull,
    UnknownSetting,
)
from contract.identity import Role
from node import snapshot
from tests.checked import Checked, change, checked
from tests.federation.test_many import DESCRIPTION, POLICY
from tests.unit.node.stations import uscc

ORGS = ("bank_a", "bank_b", "tax", "power")
ROWS = "uscc,amount\n" + "".join(f"{uscc(number)},1\n" for number in range(30))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> LocalFederation:
    """A consortium's files; bank_a has a dataset, and a policy about it."""
    folder = tmp_path_factory.mktemp("f")
    federation = LocalFederation(
        folder, {name: USCCS[name] for name in ("coordinator", *ORGS)}, direct=True
    )
    federation.build()
    home = federation.home("bank_a")
    (folder / "firms.csv").write_text(ROWS, "utf-8")
    (folder / "firms.toml").write_text(DESCRIPTION, "utf-8")
    snapshots = home.folder / "data" / "snapshots"
    snapshots.mkdir(parents=True, mode=0o700)
    (home.folder / "data").chmod(0o700)
    snapshot.add(folder / "firms.toml", snapshots, org="bank_a", today=date(2026, 3, 1))
    home.policy.write_text(POLICY, "utf-8")
    return federation


@pytest.fixture
def home(built: LocalFederation, folder: Path) -> Home:
    """A copy of bank_a's files, to be broken."""
    shutil.copytree(built.folder / "bank_a", folder / "bank_a")
    return Home(folder / "bank_a", "node")


def test_nothing_is_wrong_with_the_files(home: Home) -> None:
    found = checked(home.folder)
    assert [one["check"] for one in found.report["findings"] if one["outcome"] != "ok"] == [
        Check.COORDINATOR
    ]
    assert found.code == CoordinatorAbsent.exit_code
    assert (found.report["subject"], found.report["org"]) == ("node", "bank_a")
    # The tests' own installation has every extra.
    assert "all installed" in found.of(Check.EXTRAS)[0]["what"]


def reissue(built: LocalFederation, home: Home, *, days: int = 100, org: str = "bank_a") -> None:
    """Another key and certificate, by the consortium's CA."""
    ca = built.folder / "ca"
    key, request = authority.request(Role.NODE, org, USCCS[org])
    home.key.write_bytes(key)
    signed = authority.sign(
        (ca / KEY_FILE).read_bytes(), (ca / CERTIFICATE_FILE).read_bytes(), request, days
    )
    home.certificate.write_bytes(signed)


def add(home: Home, text: str) -> None:
    home.config.write_text(home.config.read_text("utf-8") + text, "utf-8")


def damage(home: Home) -> None:
    (parquet,) = (home.folder / "data" / "snapshots" / "firms").glob("*.parquet")
    parquet.write_bytes(parquet.read_bytes()[:-9] + b"\0" * 9)


def foreign_ca(home: Home) -> None:
    _, certificate = authority.new_authority("another consortium")
    home.authority.write_bytes(certificate)


def a_key_of_somebody_else(built: LocalFederation, home: Home) -> None:
    certificate = home.certificate.read_bytes()
    reissue(built, home)
    home.certificate.write_bytes(certificate)


@dataclass(frozen=True)
class Broken:
    """What is done to the files, and what must be told of it."""

    by: Callable[[LocalFederation, Home], object]
    check: Check
    mentions: str
    error: type[MiheError] | None = None
    """None: a warning."""


BROKEN = {
    "a mistyped setting": Broken(
        lambda _, home: change(home, "polcy = 'policy.toml'", "#?policy = .*"),
        Check.CONFIGURATION,
        "polcy",
        UnknownSetting,
    ),
    "no key": Broken(lambda _, home: home.key.unlink(), Check.CERTIFICATE, "key", BadSetting),
    "a key that others may read": Broken(
        lambda _, home: home.key.chmod(0o644), Check.CERTIFICATE, "other users", BadSetting
    ),
    "a key of another certificate": Broken(
        a_key_of_somebody_else, Check.CERTIFICATE, "does not belong", BadSetting
    ),
    "a certificate of another organisation": Broken(
        lambda built, home: reissue(built, home, org="bank_b"),
        Check.CERTIFICATE,
        "'bank_b'",
        BadSetting,
    ),
    "another CA": Broken(
        lambda _, home: foreign_ca(home), Check.CERTIFICATE, "CA", ForeignCertificate
    ),
    "an expired certificate": Broken(
        lambda built, home: reissue(built, home, days=0),
        Check.CERTIFICATE,
        "expired",
        ForeignCertificate,
    ),
    "a certificate that ends soon": Broken(
        lambda built, home: reissue(built, home, days=29), Check.LIFETIME, "28 days"
    ),
    "no policy": Broken(lambda _, home: home.policy.unlink(), Check.POLICY, "read", BadSetting),
    "a policy that can't be read": Broken(
        lambda _, home: home.policy.write_text(POLICY.replace("dataset", "datset")),
        Check.POLICY,
        "datset",
        UnknownSetting,
    ),
    "a policy that allows nothing": Broken(
        lambda _, home: home.policy.write_text(""), Check.POLICY, "allows nothing"
    ),
    "a policy about no dataset": Broken(
        lambda _, home: home.policy.write_text(POLICY.replace('"firms"', '"firm"')),
        Check.POLICY,
        "Did you mean 'firms'?",
    ),
    "a policy about no column": Broken(
        lambda _, home: home.policy.write_text(POLICY + "[allow.columns]\namuont = ['sum']\n"),
        Check.POLICY,
        "Did you mean 'amount'?",
    ),
    "a permission that is over": Broken(
        lambda _, home: home.policy.write_text(POLICY + "until = 2020-01-01\n"),
        Check.POLICY,
        "2020-01-01",
    ),
    "a policy that others may write": Broken(
        lambda _, home: home.policy.chmod(0o666), Check.POLICY, "other users"
    ),
    "a socket's path too long": Broken(
        lambda _, home: change(home, f'admin = "{"x" * 120}"', "#?admin = .*"),
        Check.SOCKET,
        "107",
        BadSetting,
    ),
    "no folder for the socket": Broken(
        lambda _, home: change(home, 'admin = "no/such/admin.sock"', "#?admin = .*"),
        Check.SOCKET,
        "no/such",
        BadSetting,
    ),
    "a data folder that is a file": Broken(
        lambda _, home: change(home, 'data = "policy.toml"', "#?data = .*"),
        Check.DATA,
        "can't be written",
        BadSetting,
    ),
    "data that others may read": Broken(
        lambda _, home: (home.folder / "data").chmod(0o755), Check.DATA, "mode 755"
    ),
    "a server of the state that is not there": Broken(
        lambda _, home: add(home, '[state]\nurl = "postgresql://mihe@127.0.0.1:1/mihe"\n'),
        Check.STATE,
        "out of reach",
        StateAbsent,
    ),
    "no dataset": Broken(
        lambda _, home: shutil.rmtree(home.folder / "data"), Check.DATASETS, "none is imported"
    ),
    "a damaged snapshot": Broken(
        lambda _, home: damage(home), Check.DATASETS, "snapshot", SnapshotChanged
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_found_by_its_name(
    built: LocalFederation, home: Home, broken: Broken
) -> None:
    broken.by(built, home)
    found = checked(home.folder)
    outcome = "warning" if broken.error is None else "problem"
    (told,) = [one for one in found.of(broken.check) if one["outcome"] == outcome]
    assert broken.mentions in told["what"]
    assert told["fix"]
    # Of several problems the first one's: that of the coordinator, which is not there, comes last.
    assert found.code == (broken.error or CoordinatorAbsent).exit_code, found.shown
    if broken.error is not None:
        assert told["code"] == broken.error.code


def test_a_port_that_is_taken(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        change(home, f'listen = "127.0.0.1:{taken.getsockname()[1]}"', "listen = .*")
        found = checked(home.folder)
    (told,) = found.of(Check.LISTEN)
    assert (found.code, told["code"]) == (BadSetting.exit_code, BadSetting.code)


def test_a_full_disk(home: Home) -> None:
    """On a disk of 16 MiB, in a mount namespace of the command's own."""
    data = home.folder / "data"
    command = " ".join(cli_command("check", "--node", str(home.folder), "--json"))
    ran = subprocess.run(
        [
            *("unshare", "--mount", "--map-root-user", "sh", "-c"),
            f"mount -t tmpfs -o size=16m,mode=700 none {data} && exec {command}",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if not ran.stdout:
        pytest.skip("this machine lets nobody mount in a namespace of his own")
    found = Checked(ran.returncode, json.loads(ran.stdout), ran.stdout)
    (told,) = found.of(Check.SPACE)
    assert (found.code, told["code"]) == (StorageFull.exit_code, StorageFull.code)


def test_a_node_that_has_to_run_and_does_not(home: Home) -> None:
    assert checked(home.folder).of(Check.RUNNING) == []
    (told,) = checked(home.folder, "--running").of(Check.RUNNING)
    assert told["code"] == NodeAbsent.code
    assert told["fix"].startswith("start it: `mihe node run")
