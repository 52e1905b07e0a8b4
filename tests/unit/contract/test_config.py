"""node.toml and coordinator.toml: what an address, a path and a number may be."""

import pytest
from pydantic import ValidationError

from contract import toml
from contract.config import (
    COORDINATOR_PORT,
    NODE_PORT,
    CoordinatorConfig,
    Direct,
    NodeConfig,
    StateServer,
)
from contract.errors import BadSetting, UnknownSetting

NODE = """
org = "bank_a"
coordinator = "127.0.0.1:7450"

[identity]
certificate = "node.pem"
key = "node.key"
"""


def test_a_short_file_has_every_default() -> None:
    config = toml.parse(NodeConfig, NODE, "node.toml")
    assert config.identity.authority == "ca.pem"
    assert (config.policy, config.data, config.admin) == ("policy.toml", "data", "admin.sock")
    assert config.direct is None  # nothing listens unless it is asked to
    assert config.log_level == "info"
    coordinator = toml.parse(CoordinatorConfig, NODE[NODE.index("[") :], "coordinator.toml")
    assert coordinator.listen == f"0.0.0.0:{COORDINATOR_PORT}"
    assert (COORDINATOR_PORT, NODE_PORT) == (7450, 7451)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:1", "localhost:65535", "a-b.example:7450", "[::1]:7450", "[fe80::1]:0"],
)
def test_what_is_an_address(address: str) -> None:
    assert Direct(listen=address, address=address).address == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost",
        "localhost:",
        ":7450",
        "localhost:65536",
        "localhost:99999",
        "localhost:-1",
        "localhost:７４５０",
        "localhost:7450 ",
        "local host:7450",
        "unix:admin.sock",
        "unix:/run/admin.sock:1",
        "dns:///coordinator:7450",
        "::1:7450",
        "[::1]",
        "https://coordinator:7450",
        "a:7450\n",
    ],
)
def test_what_is_none(address: str) -> None:
    for fields in ({"listen": address, "address": "a:1"}, {"listen": "a:1", "address": address}):
        with pytest.raises(ValidationError):
            Direct(**fields)


@pytest.mark.parametrize(
    "line",
    [
        'log_level = "verbose"',
        'log_level = "debug "',
        "peer_patience_seconds = 0",
        "peer_patience_seconds = 86401",
        "peer_patience_seconds = 1.5",
        'peer_patience_seconds = "120"',
        'policy = ""',
        f'data = "{"d" * 1025}"',
    ],
)
def test_a_value_out_of_its_bounds_names_file_line_and_key(line: str) -> None:
    with pytest.raises(BadSetting) as refused:
        toml.parse(NodeConfig, f"{line}\n{NODE}", "node.toml")
    assert refused.value.what.startswith("node.toml:1: ")
    assert line.split()[0] in refused.value.what


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("polcy = 'x'\n" + NODE, "'policy'"),
        (NODE + "keys = 'x'\n", "'key'"),
        (NODE + "[directly]\nlisten = 'a:1'\n", "'direct'"),
        (NODE + "[direct]\nlistn = 'a:1'\n", "'listen'"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(text: str, says: str) -> None:
    with pytest.raises(UnknownSetting) as refused:
        toml.parse(NodeConfig, text, "node.toml")
    assert f"Did you mean {says}?" in refused.value.what


@pytest.mark.parametrize("org", ["Bank_A", "bank a", "bank-a", "1bank", "b" * 33, "银行"])
def test_what_is_no_organisation(org: str) -> None:
    with pytest.raises(BadSetting):
        toml.parse(NodeConfig, NODE.replace("bank_a", org), "node.toml")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://mihe:geheim@db.example.org/mihe",
        "postgresql://mihe@db.example.org/mihe?password=geheim",
        "postgresql://mihe@db.example.org/mihe?sslmode=require&pass%77ord=geheim",
        "postgresql://mihe:geheim@[db/mihe",
        "mysql://mihe@geheim/mihe",
        "geheim",
    ],
)
def test_a_state_elsewhere_has_an_address_without_a_password(url: str) -> None:
    with pytest.raises(BadSetting) as refused:
        toml.parse(NodeConfig, f'{NODE}\n[state]\nurl = "{url}"\n', "node.toml")
    assert "'url' in [state]" in refused.value.what
    assert "geheim" not in str(refused.value)


def test_a_state_elsewhere_needs_an_address_alone() -> None:
    url = "postgresql://mihe@db1.example.org,db2.example.org/mihe?target_session_attrs=any"
    config = toml.parse(NodeConfig, f'{NODE}\n[state]\nurl = "{url}"\n', "node.toml")
    assert config.state == StateServer(url=url)
    named = toml.parse(
        NodeConfig, f'{NODE}\n[state]\nurl = "{url}"\nschema = "mihe"\n', "node.toml"
    )
    assert named.state == StateServer(url=url, schema="mihe")
