"""The way out: which addresses go through the proxy, with which words, and what no text shows."""

import asyncio
from pathlib import Path

import grpc.aio
import pytest

from contract import toml
from contract.config import NodeConfig, Proxy
from contract.errors import BadSetting
from node.carry import open_channel, peer_name
from node.proxy import STRAIGHT, WayOut, way_out
from tests.connect_proxy import ConnectProxy
from tests.unit.node.lines import PATIENCE, Member
from tests.unit.node.test_carry import listening_at

SECRET = "mihe:p%4@: ss"


def credentials_in(folder: Path, content: str = SECRET + "\n", mode: int = 0o600) -> Proxy:
    file = folder / "proxy.credentials"
    file.touch(mode=0o600)
    file.write_text(content, "utf-8")
    file.chmod(mode)
    return Proxy(address="proxy.example:3128", credentials=file.name)


def test_without_a_setting_every_way_is_straight(tmp_path: Path) -> None:
    way = way_out(None, tmp_path)
    assert way == STRAIGHT
    assert way.dial("a:1") == ("a:1", [("grpc.enable_http_proxy", 0)])


def test_with_one_everything_goes_through_it_but_what_is_named() -> None:
    way = WayOut("p:1", (".Sister.example", "10.0.0.5", "::1"))
    through = ["a:1", "sister.example:1", "10.0.0.55:1", "[::2]:1"]
    straight = ["x.sister.EXAMPLE:1", "10.0.0.5:2", "[::1]:3"]
    assert [way.proxy_to(address) for address in through] == ["p:1"] * 4
    assert [way.proxy_to(address) for address in straight] == [None] * 3
    assert way.dial("10.0.0.5:2")[0] == "10.0.0.5:2"
    assert way.dial("a:1")[0] == "p:1"


def test_a_password_stands_in_no_text(tmp_path: Path) -> None:
    way = way_out(credentials_in(tmp_path), tmp_path)
    assert way.authorization is not None
    assert way.authorization.startswith("Basic ")
    assert way.authorization not in repr(way)


@pytest.mark.parametrize(
    ("content", "mode"),
    [("", 0o600), ("name", 0o600), (":x", 0o600), ("a:b\nc:d", 0o600), (SECRET, 0o640)],
)
def test_credentials_that_can_not_be_meant_are_refused(
    tmp_path: Path, content: str, mode: int
) -> None:
    with pytest.raises(BadSetting) as refused:
        way_out(credentials_in(tmp_path, content, mode), tmp_path)
    assert "p%4" not in str(refused.value)


def test_credentials_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="can't be read"):
        way_out(Proxy(address="p:1", credentials="nowhere"), tmp_path)


@pytest.mark.parametrize("line", ['address = "http://p:1"', 'bypass = ["*"]', "address = 1"])
def test_settings_that_mean_nothing_are_refused(line: str) -> None:
    text = f"""
org = "bank_a"
coordinator = "c:1"
[identity]
certificate = "c"
key = "k"
[proxy]
{line}
"""
    with pytest.raises(BadSetting):
        toml.parse(NodeConfig, text, "node.toml")


@pytest.mark.parametrize("user", [None, SECRET])
async def test_a_channel_goes_through_the_proxy_and_the_environment_counts_for_nothing(
    bank_a: Member,
    bank_b: Member,
    monkeypatch: pytest.MonkeyPatch,
    user: str | None,
    tmp_path: Path,
) -> None:
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ConnectProxy(user=user) as proxy:
        settings = Proxy(address=proxy.address)
        if user is not None:
            named = credentials_in(tmp_path).credentials
            settings = Proxy(address=proxy.address, credentials=named)
        through = way_out(settings, tmp_path)
        async with listening_at(bank_b.credentials) as there:
            for way, tunnels in ((STRAIGHT, 0), (through, 1)):
                channel = open_channel(there.address, bank_a.credentials, peer_name("bank_b"), way)
                await _reach(channel)
                await channel.close()
                assert proxy.asked[there.address] == tunnels
            assert proxy.tunnels[there.address] > 0


async def _reach(channel: grpc.aio.Channel) -> None:
    async with asyncio.timeout(PATIENCE):
        await channel.channel_ready()
