"""deploy/ and docs/install.md against the code: commands, ports, paths, signals, users.

No container engine is needed: files are read, and every `mihe` in them is parsed by the command
line itself.
"""

import configparser
import re
import runpy
import shlex
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from cli.authority import COORDINATOR_ORG
from cli.demo import USCCS
from cli.main import app
from contract.config import COORDINATOR_PORT, NODE_PORT, CoordinatorConfig, NodeConfig
from contract.credentials import credentials_from, is_private
from contract.errors import BadSetting
from contract.identity import Role
from contract.policy import Policy
from contract.toml import parse
from coordinator import server
from node import daemon
from tests.deploy.transcript import commands

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
UNITS = ("mihe-node", "mihe-coordinator")
SOURCES = ("docs/install.md", "deploy/README.md")
PORTS = {COORDINATOR_PORT, NODE_PORT}
NODES = USCCS.keys() - {COORDINATOR_ORG}


# ── what is read ────────────────────────────────────────────────────────────────────────────────


def unit(name: str) -> configparser.RawConfigParser:
    read = configparser.RawConfigParser(delimiters="=", strict=True)
    read.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
    read.read(DEPLOY / "systemd" / f"{name}.service", "utf-8")
    return read


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each with what follows it."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def instruction(name: str) -> str:
    """The last instruction of that name: the one that counts."""
    return [rest for word, rest in instructions() if word == name][-1]


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8")))


def daemons() -> dict[str, dict[str, Any]]:
    return {name: one for name, one in compose()["services"].items() if name != "prepare"}


def manifests() -> dict[str, dict[str, Any]]:
    text = (DEPLOY / "kubernetes" / "node.yaml").read_text("utf-8")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def pod() -> dict[str, Any]:
    return dict(manifests()["StatefulSet"]["spec"]["template"]["spec"])


def container() -> dict[str, Any]:
    (only,) = pod()["containers"]
    return dict(only)


def entry() -> list[str]:
    return list(yaml.safe_load(instruction("ENTRYPOINT")))


# ── commands ────────────────────────────────────────────────────────────────────────────────────


def typed(words: Sequence[str], *, mentioned: bool = False) -> dict[str, Any]:
    """The parameters that a command line sets; fails where `mihe` would not take it.

    One that is only mentioned may leave out what it needs.
    """
    name, command, arguments, context = "mihe", get_command(app), list(words), None
    while True:
        context = command.make_context(name, arguments, parent=context, resilient_parsing=mentioned)
        arguments = [*getattr(context, "_protected_args", ()), *context.args]
        if not hasattr(command, "resolve_command") or (mentioned and not arguments):
            return dict(context.params)
        found, command, arguments = command.resolve_command(context, arguments)
        assert found is not None
        name = found


def in_documents(root: Path) -> list[list[str]]:
    """Every `mihe` that a document says to type."""
    walk_through = commands((root / SOURCES[0]).read_text("utf-8"))
    lines = [one.typed.replace("\\\n", " ") for one in walk_through]
    lines += re.findall(r"(?m)^    (.*)$", (root / SOURCES[1]).read_text("utf-8"))
    found = [re.search(r"(?:^|-- |exec \w+ )mihe ([^|&]*)", line) for line in lines]
    return [shlex.split(one[1]) for one in found if one]


def mentioned(root: Path) -> set[str]:
    """Every `mihe` in a sentence of a document."""
    return {
        words
        for document in SOURCES
        for words in re.findall(r"`mihe ([^`…]+)`", (root / document).read_text("utf-8"))
    }


def in_files() -> Iterator[list[str]]:
    for name in UNITS:
        yield shlex.split(unit(name)["Service"]["ExecStart"])[1:]
    start, health = entry(), yaml.safe_load(instruction("HEALTHCHECK").partition(" CMD ")[2])
    yield [*start[1:], *yaml.safe_load(instruction("CMD"))]
    yield health[1:]
    for service in daemons().values():
        yield [*start[1:], *service["command"]]
        yield service["healthcheck"]["test"][2:]
    yield [*start[1:], *container()["args"]]
    for probe in ("startupProbe", "livenessProbe"):
        yield container()[probe]["exec"]["command"][1:]


def test_every_command_is_one_of_mihes(root: Path) -> None:
    assert entry() == ["mihe"]
    shown = [words for words in in_documents(root) if words != ["--version"]]
    assert len(shown) > 20
    for words in (*shown, *in_files()):
        typed(words)


def test_every_command_that_is_mentioned_is_there(root: Path) -> None:
    found = mentioned(root)
    assert len(found) > 5
    for words in found:
        typed(shlex.split(words), mentioned=True)


def test_a_mistyped_command_would_be_found() -> None:
    for words in (["node", "start"], ["status", "--config", "x"], ["node", "run", "x"]):
        with pytest.raises(Exception, match=r"No such|unexpected|Got"):
            typed(words)


# ── ports, signals, codes, users ────────────────────────────────────────────────────────────────


def test_ports_are_the_codes(root: Path) -> None:
    assert set(map(int, instruction("EXPOSE").split())) == PORTS
    files = [path for path in DEPLOY.rglob("*") if path.is_file()] + [root / "docs" / "install.md"]
    named = {int(port) for path in files for port in re.findall(r"\b7[45]\d\d\b", path.read_text())}
    assert named == PORTS
    outwards = [
        port["port"]
        for rule in manifests()["NetworkPolicy"]["spec"]["egress"]
        for port in rule["ports"]
    ]
    assert sorted(outwards) == [53, 53, COORDINATOR_PORT]
    assert CoordinatorConfig.model_fields["listen"].default.endswith(f":{COORDINATOR_PORT}")


def test_nothing_comes_in_to_a_node_on_kubernetes() -> None:
    policy = manifests()["NetworkPolicy"]["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in policy
    labels = manifests()["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert "Service" not in manifests()


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_stops_and_restarts_as_the_daemon_does(name: str) -> None:
    service = unit(name)["Service"]
    # Two servers of the node end one after the other; then runs end, and files are closed.
    grace = max(2 * daemon._GRACE_SECONDS, server._STOPPING_SECONDS)
    assert int(service["TimeoutStopSec"]) >= 3 * grace
    assert service["KillSignal"] == signal.SIGTERM.name == instruction("STOPSIGNAL")
    assert service["Type"] == "notify"
    assert service["RestartPreventExitStatus"] == str(BadSetting.exit_code)


def test_containers_wait_as_long_as_units() -> None:
    seconds = {int(unit(name)["Service"]["TimeoutStopSec"]) for name in UNITS}
    seconds |= {int(one["stop_grace_period"].removesuffix("s")) for one in daemons().values()}
    seconds.add(pod()["terminationGracePeriodSeconds"])
    assert len(seconds) == 1


def test_one_user_in_image_compose_and_kubernetes() -> None:
    prepare = runpy.run_path(str(DEPLOY / "prepare.py"))
    user = prepare["USER"]
    pair = f"{user}:{user}"
    assert instruction("USER") == pair
    assert {one["user"] for one in daemons().values()} == {pair}
    security = pod()["securityContext"]
    assert {security[key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {user}
    for mounted in (one for name in NODES for one in daemons()[name]["tmpfs"]):
        assert f"uid={user},gid={user}" in mounted


def test_the_key_that_kubernetes_hands_out_is_private_enough() -> None:
    (configuration,) = (one["projected"] for one in pod()["volumes"] if "projected" in one)
    user = pod()["securityContext"]["runAsUser"]
    assert is_private(configuration["defaultMode"], 0, user)
    assert not is_private(0o444, 0, user)


# ── paths ───────────────────────────────────────────────────────────────────────────────────────


def options(root: Path, *command: str) -> list[dict[str, Any]]:
    """What each such command of the walk-through sets."""
    found = [words for words in in_documents(root) if tuple(words[: len(command)]) == command]
    return [typed(words) for words in found]


def test_units_and_walk_through_name_the_same_places(root: Path) -> None:
    text = (root / "docs" / "install.md").read_text("utf-8")
    nodes, coordinators = options(root, "init", "node"), options(root, "init", "coordinator")
    assert (len(nodes), len(coordinators)) == (2, 1)
    for given, name in [*((one, "mihe-node") for one in nodes), (coordinators[0], UNITS[1])]:
        service = unit(name)["Service"]
        config = Path(typed(shlex.split(service["ExecStart"])[1:])["config"])
        assert config == given["folder"] / f"{name.removeprefix('mihe-')}.toml"
        assert given["data"] == Path("/var/lib", service["StateDirectory"])
        assert service["User"] == service["Group"]
        assert re.search(rf"# useradd .* {service['User']}\n", text)
        assert f"runuser -u {service['User']} -- mihe init" in text
    assert all(one["admin"].parent == Path("/run", unit("mihe-node")["Service"][
        "RuntimeDirectory"]) for one in nodes)  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("federation")
    runpy.run_path(str(DEPLOY / "prepare.py"))["prepare"](folder, "1000")
    return folder


def mounts(service: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """Where in the container → what from outside, and whether it may be written."""
    found = {}
    for volume in service["volumes"]:
        outside, inside, *mode = volume.split(":")
        found[inside] = (outside, mode != ["ro"])
    return found


def test_compose_is_the_demonstrations_federation(prepared: Path) -> None:
    assert daemons().keys() == USCCS.keys()
    for name, service in daemons().items():
        mounted = mounts(service)
        config = Path(typed(service["command"])["config"])
        outside, writable = mounted[str(config.parent)]
        assert not writable
        folder = prepared / Path(outside).relative_to("federation")
        text = (folder / config.name).read_text("utf-8")
        kind = CoordinatorConfig if name == COORDINATOR_ORG else NodeConfig
        settings = parse(kind, text, config.name)
        assert isinstance(settings, NodeConfig | CoordinatorConfig)
        assert mounted[settings.data] == (name, True)
        assert name in compose()["volumes"]
        pems = [folder / path for path in vars(settings.identity).values() if path][:3]
        role = Role.COORDINATOR if name == COORDINATOR_ORG else Role.NODE
        assert credentials_from(*(one.read_bytes() for one in pems), org=name, role=role)


@pytest.mark.parametrize("org", sorted(NODES))
def test_a_node_in_compose_finds_its_things(prepared: Path, org: str) -> None:
    service = daemons()[org]
    settings = parse(NodeConfig, (prepared / org / "node.toml").read_text(), "node.toml")
    (socket,) = [one.partition(":")[0] for one in service["tmpfs"]]
    assert Path(settings.admin).parent == Path(socket)
    host, _, port = settings.coordinator.rpartition(":")
    assert (host in daemons(), int(port)) == (True, COORDINATOR_PORT)
    (network,) = service["networks"]
    assert network in daemons()[host]["networks"]
    assert compose()["networks"][network] == {"internal": True}
    assert parse(Policy, (prepared / org / settings.policy).read_text(), "policy.toml").allow
    data, writable = mounts(service)["/srv/mihe"]
    assert (prepared / Path(data).relative_to("federation")).is_dir()
    assert not writable


def test_the_image_has_what_is_mounted() -> None:
    places = {
        mount["mountPath"]: mount.get("readOnly", False) for mount in container()["volumeMounts"]
    }
    assert places == {"/etc/mihe": True, "/run/mihe": False, "/var/lib/mihe": False}
    made = next(rest for word, rest in instructions() if word == "RUN" and "install -d" in rest)
    assert {"/var/lib/mihe", "/run/mihe"} <= set(made.split())
    assert instruction("VOLUME") == instruction("WORKDIR") == "/var/lib/mihe"
    (node,) = [one["value"] for one in container()["env"] if one["name"] == "MIHE_NODE"]
    assert f"MIHE_NODE={node}" in instruction("ENV").split()
    assert places[node]


# ── hardening ───────────────────────────────────────────────────────────────────────────────────


def test_containers_may_write_to_their_volumes_only() -> None:
    for service in daemons().values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert "ports" not in service
    security = container()["securityContext"]
    assert security == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["automountServiceAccountToken"] is False
    assert manifests()["StatefulSet"]["spec"]["replicas"] == 1


def test_the_image_installs_as_the_walk_through_does(root: Path) -> None:
    """What can't be built without an engine is made of commands that another test has run."""
    followed = {one.typed for one in commands((root / "docs" / "install.md").read_text("utf-8"))}
    runs = [rest for word, rest in instructions() if word == "RUN"]
    installing = [one.removeprefix("cd /wheelhouse && ") for one in runs[2:-1]]
    shown = [one.removeprefix("cd wheelhouse && ") for one in followed]
    assert len(installing) == 4
    assert set(installing) <= set(shown)
    assert runs[1].split()[:2] == ["make", "wheelhouse"]
    assert "make wheelhouse" in followed


def test_builds_leave_out_what_was_built_and_keys() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split("\n")
    assert {".git", ".venv", "dist", "native/target", "deploy/federation", "**/*.key"} <= set(
        ignored
    )


def test_kustomization_hands_out_the_files_that_mihe_init_writes() -> None:
    read = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    (public,), (secret,) = read["configMapGenerator"], read["secretGenerator"]
    assert set(public["files"]) == {"node.toml", "policy.toml", "ca.pem"}
    assert set(secret["files"]) == {"node.key", "node.pem"}
    assert read["generatorOptions"] == {"disableNameSuffixHash": True}
    named = next(one["projected"]["sources"] for one in pod()["volumes"] if "projected" in one)
    assert named == [{"configMap": {"name": public["name"]}}, {"secret": {"name": secret["name"]}}]
