"""docs/install.md, typed word by word on two machines: a bank joins with the documentation alone.

The machines are those of machines.py; what stands in for something is scp, which copies between
them without asking for a password, and the machines' hosts file, for a name service. What mihe is
like once it is installed is looked at afterwards: units, and containers on the same machine.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from cli.demo import USCCS
from contract.errors import BadSetting
from contract.keys import KeyKind
from scenarios.oracle import keys_of
from tests.deploy.containers import Container, image
from tests.deploy.machines import Machine, Network, missing
from tests.deploy.terminal import at_terminal
from tests.deploy.transcript import commands, plain

LACKING = missing()
pytestmark = [
    # What checks every change must not leave it out.
    pytest.mark.skipif(LACKING is not None and "CI" not in os.environ, reason=LACKING or ""),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module")
def network(root: Path) -> Iterator[Network]:
    # Neither the sources nor the environment that they run in is on a machine that installs mihe.
    hidden = [root, Path(sys.prefix)]
    with Network("machine-a", "machine-b", hidden=hidden) as machines:
        machines.name_host("mihe.example.org", "machine-a")
        yield machines


@pytest.fixture(scope="module")
def joined(root: Path, network: Network) -> Network:
    """Both machines, after everything in the document has been typed."""
    document = (root / "docs" / "install.md").read_text("utf-8")
    # Whoever types it has no `make test` around it.
    here = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    here["PATH"] = f"{network.tools}:{os.environ['PATH']}"
    for command in commands(document):
        if command.machine == "build":
            words = ["bash", "-c", command.typed]
            code, output = at_terminal(words, command.replies, folder=root, environment=here)
        else:
            machine = network.machines[command.machine]
            code, output = machine.type(command.typed, command.replies)
        command.require(code, plain(output))
    return network


def shown(machine: Machine, unit: str, *names: str) -> dict[str, str]:
    """What systemd says of a unit."""
    listed = machine.ask("systemctl", "show", unit, *(f"--property={name}" for name in names))
    return dict(line.split("=", 1) for line in listed.splitlines())


def test_an_institution_joins_with_the_documentation_alone(joined: Network) -> None:
    bank = joined.machines["machine-b"]
    result = (bank.root / "srv/mihe/revoked_borrowers.csv").read_text("utf-8")
    assert [line.split(",")[0] for line in result.splitlines()[1:]] == [
        "91330205531135983E",
        "91330903021977355X",
    ]


def test_a_unit_writes_to_its_own_folders_only(joined: Network) -> None:
    node = joined.machines["machine-b"]
    words = ["find", "/", "-xdev", "(", "-user", "mihe-node", "-o", "-group", "mihe-node", ")"]
    found = node.ask(*words, "-newer", "/etc/mihe/node/node.pem", "-type", "f").split()
    # The last two are what people wrote: the policy, with the shell, and the result.
    allowed = ("/var/lib/mihe-node/", "/etc/mihe/node/policy.toml", "/srv/mihe/")
    assert [path for path in found if not path.startswith(allowed)] == []
    assert any(path.startswith("/var/lib/mihe-node/") for path in found)


def test_a_unit_does_not_run_as_root(joined: Network) -> None:
    for name in ("mihe-node", "mihe-coordinator"):
        process = shown(joined.machines["machine-a"], name, "MainPID")["MainPID"]
        status = joined.machines["machine-a"].ask("cat", f"/proc/{process}/status")
        said = dict(line.split(":\t", 1) for line in status.splitlines())
        assert "0" not in said["Uid"].split()
        assert int(said["CapBnd"], 16) == int(said["CapEff"], 16) == 0
        assert said["NoNewPrivs"] == "1"
        assert said["Seccomp"] == "2"


def test_a_file_that_is_wrong_is_not_tried_again_and_again(joined: Network) -> None:
    node = joined.machines["machine-b"]
    config = node.root / "etc/mihe/node/node.toml"
    right = config.read_text("utf-8")
    config.write_text(right.replace("coordinator =", "co_ordinator ="), "utf-8")
    assert node.type("systemctl restart mihe-node")[0] != 0
    state = shown(node, "mihe-node", "ExecMainStatus", "SubState", "NRestarts")
    assert state == {
        "ExecMainStatus": str(BadSetting.exit_code),
        "SubState": "failed",
        "NRestarts": "0",
    }
    config.write_text(right, "utf-8")
    node.ask("systemctl", "start", "mihe-node")


def test_a_unit_that_is_stopped_ends_in_order(joined: Network) -> None:
    machine = joined.machines["machine-a"]
    for name in ("mihe-node", "mihe-coordinator"):
        machine.ask("systemctl", "stop", name)
        state = shown(machine, name, "Result", "ExecMainStatus", "ExecMainCode")
        assert state == {"Result": "success", "ExecMainStatus": "0", "ExecMainCode": "1"}
    assert not (machine.root / "run/mihe-node").exists()


def test_the_compose_file_is_a_federation_that_answers(root: Path, joined: Network) -> None:
    """Nobody writes to a root file system, nobody is root, and every process 1 is mihe itself."""
    machine = joined.machines["machine-a"]
    machine.ask("systemctl", "stop", "mihe-node", "mihe-coordinator")
    for name in ("compose.yaml", "prepare.py"):
        (machine.root / "srv" / name).write_text((root / "deploy" / name).read_text("utf-8"))
    prepare = ["/opt/mihe/bin/python3", "-P", "/srv/prepare.py", "/srv/federation"]
    machine.ask(*prepare, "--size", "1000")
    services = yaml.safe_load((root / "deploy" / "compose.yaml").read_text("utf-8"))["services"]
    environment, entry = image((root / "deploy" / "Dockerfile").read_text("utf-8"))
    with ExitStack() as running:
        containers = {
            name: Container(machine, name, services[name], environment, entry, list(USCCS), "/srv")
            for name in USCCS
        }
        for one in containers.values():
            running.callback(one.kill)
            one.start()
            # As its health check, and what depends on it, wants it.
            one.wait_healthy()
        for name in ("bank_a", "bank_b"):
            added = containers[name].run("mihe", "dataset", "add", "/srv/mihe/loans.toml")
            assert added.returncode == 0, added.stderr
        readme = (root / "deploy" / "README.md").read_text("utf-8")
        (question,) = [line for line in readme.splitlines() if "mihe psi" in line]
        asked = containers["bank_a"].run(*question.split()[4:], "--json")
        assert asked.returncode == 0, asked.stderr
        world = machine.root / "srv/federation/world"
        left, right = (keys_of(world / org / "loans.csv", "uscc", KeyKind.USCC)
                       for org in ("bank_a", "bank_b"))  # fmt: skip
        assert json.loads(asked.stdout)["result"]["count"] == len(left & right) > 0
        for name, one in reversed(containers.items()):
            code, log = one.stop("TERM")
            assert code == 0, f"{name}: {log}"
