"""`mihe ca` and `mihe init`: from nothing to credentials that a daemon accepts."""

import json
import os
import stat
from pathlib import Path

import pytest

from cli.ca import create_authority, issue
from cli.init import POLICY, Home, init_node
from cli.main import main
from contract.config import CoordinatorConfig, NodeConfig
from contract.credentials import credentials_from
from contract.identity import Role
from contract.policy import Policy
from contract.toml import parse

USCC = "91330000700000052Y"
NODE = ["init", "node", "--org", "bank_a", "--uscc", USCC, "--coordinator", "mihe.example:7450"]


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    assert main(["ca", "new", str(tmp_path / "ca")]) == 0
    return tmp_path / "ca"


def _sign(home: Home, ca: Path) -> int:
    return main(["ca", "sign", str(home.request), "--ca", str(ca), "--out", str(home.certificate)])


def test_a_node_from_nothing_to_credentials(tmp_path: Path, ca: Path) -> None:
    home = Home(tmp_path / "node", "node")
    assert main([*NODE, "--dir", str(home.folder), "--ca", str(ca / "ca.pem")]) == 0
    assert _sign(home, ca) == 0
    config = parse(NodeConfig, home.config.read_text(), "node.toml")
    assert (config.org, config.coordinator, config.direct) == ("bank_a", "mihe.example:7450", None)
    named = config.identity
    files = [home.folder / name for name in (named.certificate, named.key, named.authority)]
    assert credentials_from(*(f.read_bytes() for f in files), org="bank_a", role=Role.NODE)
    assert parse(Policy, home.policy.read_text(), "policy.toml") == Policy()


def test_a_coordinator_from_nothing_to_credentials(tmp_path: Path, ca: Path) -> None:
    home = Home(tmp_path / "c", "coordinator")
    arguments = ["--uscc", USCC, "--listen", "0.0.0.0:7000", "--dir", str(home.folder)]
    assert main(["init", "coordinator", *arguments]) == 0
    assert _sign(home, ca) == 0
    config = parse(CoordinatorConfig, home.config.read_text(), "coordinator.toml")
    assert config.listen == "0.0.0.0:7000"
    pems = (home.certificate.read_bytes(), home.key.read_bytes(), (ca / "ca.pem").read_bytes())
    assert credentials_from(*pems, org="coordinator", role=Role.COORDINATOR)


def test_data_and_socket_may_lie_elsewhere(tmp_path: Path) -> None:
    places = ["--data", str(tmp_path / "data"), "--admin", str(tmp_path / "run" / "admin.sock")]
    home = Home(tmp_path / "node", "node")
    assert main([*NODE, "--dir", str(home.folder), *places]) == 0
    config = parse(NodeConfig, home.config.read_text(), "node.toml")
    assert [config.data, config.admin] == places[1::2]
    home = Home(tmp_path / "c", "coordinator")
    arguments = ["--uscc", USCC, "--dir", str(home.folder), *places[:2]]
    assert main(["init", "coordinator", *arguments]) == 0
    assert parse(CoordinatorConfig, home.config.read_text(), "c.toml").data == places[1]
    # Nobody but the daemon, with the mode that it wants, makes them.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "node"]


def test_keys_are_for_their_owner_alone(tmp_path: Path, ca: Path) -> None:
    before = os.umask(0)
    try:
        init_node(tmp_path / "n", "bank_a", USCC, "h:1")
        create_authority(tmp_path / "ca2", "x")
    finally:
        os.umask(before)
    assert _mode(tmp_path / "n" / "node.key") == _mode(tmp_path / "ca2" / "ca.key") == 0o600


def test_nothing_is_written_over(
    tmp_path: Path, ca: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path / "node", "node")
    assert main([*NODE, "--dir", str(home.folder)]) == 0
    assert _sign(home, ca) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    capsys.readouterr()
    for again in (["ca", "new", str(ca)], [*NODE, "--dir", str(home.folder)]):
        assert main(again) == 2
    assert _sign(home, ca) == 2
    assert capsys.readouterr().err.count("error ALREADY_THERE") == 3
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_one_file_in_the_way_keeps_all_from_being_written(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("")
    assert main([*NODE, "--dir", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["policy.toml"]


def test_it_says_what_to_do_next_and_which_key_to_compare(
    tmp_path: Path, ca: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main([*NODE, "--dir", str(tmp_path / "n"), "--json"]) == 0
    said = capsys.readouterr()
    made = json.loads(said.out)
    assert {Path(file).name for file in made["files"]} == {
        "node.key", "node.csr", "node.toml", "policy.toml",
    }  # fmt: skip
    assert made["key_fingerprint"] in said.err.replace(" ", "")
    assert f"mihe node run --config {tmp_path / 'n' / 'node.toml'}" in said.err
    assert main(["ca", "show", str(tmp_path / "n" / "node.csr"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["key_fingerprint"] == made["key_fingerprint"]


def test_direct_listens_where_it_says(tmp_path: Path) -> None:
    for address, listen in [
        ("bank-a.example:7451", "0.0.0.0:7451"),
        ("127.0.0.1:7451", "127.0.0.1:7451"),
        ("[2001:db8::1]:7451", "[::]:7451"),
    ]:
        folder = tmp_path / address.strip("[]")
        init_node(folder, "bank_a", USCC, "h:1", direct=address)
        direct = parse(NodeConfig, (folder / "node.toml").read_text(), "node.toml").direct
        assert direct is not None
        assert (direct.listen, direct.address) == (listen, address)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--coordinator", "no-port"],
        ["--coordinator", "h:70000"],
        ["--coordinator", "a b:1"],
        ["--direct", "h"],
        ["--org", "Bank"],
        ["--uscc", "913300007000000520"],
        ["--ca", "/nowhere/ca.pem"],
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_written(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*NODE, "--dir", str(tmp_path / "n"), *arguments]) == 2
    assert not (tmp_path / "n").exists()
    said = capsys.readouterr().err
    assert "error BAD_REQUEST" in said
    assert "\n  fix " in said
    assert "913300007000000520" not in said


def test_the_example_in_the_policy_is_a_policy() -> None:
    assert parse(Policy, POLICY, "policy.toml") == Policy()
    lines = POLICY.splitlines()
    example = "\n".join(line.removeprefix("# ") for line in lines[lines.index("# [[allow]]") :])
    (rule,) = parse(Policy, example, "policy.toml").allow
    assert set(type(rule).model_fields) == rule.model_fields_set


def test_show_checks_the_ca_when_asked(
    tmp_path: Path, ca: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init_node(tmp_path / "n", "bank_a", USCC, "h:1")
    issue(tmp_path / "n" / "node.csr", ca, tmp_path / "n" / "node.pem")
    foreign = create_authority(tmp_path / "foreign", "another")
    show = ["ca", "show", str(tmp_path / "n" / "node.pem")]
    capsys.readouterr()
    assert main([*show, "--ca", str(ca / "ca.pem")]) == 0
    assert "certificate of a node" in capsys.readouterr().out
    assert main([*show, "--ca", str(foreign)]) == 5
    assert "error FOREIGN_CERTIFICATE" in capsys.readouterr().err
    assert main(["ca", "show", str(ca / "ca.key")]) == 2
