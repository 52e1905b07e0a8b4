"""The node's preflight: `python -P -m node.check --config node.toml`, as `mihe check` runs it.

Reads what the daemon reads, by the daemon's own functions, and asks the coordinator what it thinks
of this node; changes nothing and attaches nowhere, so it may run before the node was ever started
and beside it. Writes a Report (contract/checks.py) as canonical JSON to stdout.

Learns      the operator of this node: names, dates, sizes. The coordinator: that it was asked
"""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import grpc
import grpc.aio

from contract import checks
from contract.canonical import canonical_bytes
from contract.checks import Check, Finding, Report, Subject, ok, problem, warning
from contract.credentials import Credentials
from contract.dataset import CatalogueEntry
from contract.errors import (
    BadSetting,
    CoordinatorAbsent,
    MiheError,
    NodeAbsent,
    OurError,
    VersionMismatch,
)
from contract.identity import Role, server_name
from contract.job import PROTOCOL_VERSION
from daemon import places
from federated.noise import secret as noise
from federated.paillier import encrypt as paillier
from node import snapshot
from node.carry import open_channel
from node.credentials import load_credentials
from node.daemon import LONGEST_SOCKET_PATH, Home
from node.probe import refusal_in, why_unreachable
from node.proxy import WayOut, way_out
from node.schema import HISTORY
from node.wire.coordinator import Looked, looked_from
from protos import coordinator_pb2
from protos.coordinator_pb2_grpc import CoordinatorStub

_LOOK_SECONDS = 10.0
_RENEW = "make a new key and request (`mihe init renew`), and have it signed (`mihe ca sign`)"


def report(file: Path) -> Report:
    """Everything that can be checked from here."""
    try:
        home = Home.read(file)
    except MiheError as error:
        return Report(subject=Subject.NODE, findings=(problem(Check.CONFIGURATION, error),))
    running = _answers(home.folder / home.config.admin)
    findings = (ok(Check.CONFIGURATION, f"{file} can be read"), *_of(home, running=running))
    return Report(
        subject=Subject.NODE, org=home.config.org, running=running, findings=tuple(findings)
    )


def _of(home: Home, *, running: bool) -> Iterator[Finding]:
    credentials = None
    try:
        credentials = load_credentials(home.config, home.folder)
    except MiheError as error:
        yield problem(Check.CERTIFICATE, error)
    else:
        now = datetime.now(UTC)
        yield from checks.certificates(credentials, now, whose="this node's", renew=_RENEW)
    yield from _policy_and_data(home)
    yield from _places(home, running=running)
    if credentials is not None:
        yield from asyncio.run(_coordinator(home, credentials, running=running))


# ── files ───────────────────────────────────────────────────────────────────────────────────────


def _policy_and_data(home: Home) -> Iterator[Finding]:
    try:
        found = snapshot.datasets(home.data / "snapshots")
    except MiheError as error:
        yield problem(Check.DATASETS, error)
        return
    entries = {one.entry.name: one.entry for one in found}
    try:
        rules = home.policy()
    except MiheError as error:
        yield problem(Check.POLICY, error)
    else:
        yield from checks.policy(rules, entries, datetime.now(UTC).date())
        file = home.folder / home.config.policy
        # Others may read what is allowed; whoever writes there decides in the owner's name.
        yield checks.private(Check.POLICY, str(file), file.stat().st_mode, others_may=0o044)
        yield from checks.extras(rules, home.config.org, _extras())
    yield from _datasets(home, {one.entry.name: one.root for one in found}, entries)


def _extras() -> frozenset[str]:
    """Of what jobs take that is installed on an owner's wish alone, what is there."""
    there = {"noise": noise.is_installed, "paillier": paillier.is_installed}
    return frozenset(extra for extra, is_installed in there.items() if is_installed())


def _datasets(
    home: Home, roots: dict[str, str], entries: dict[str, CatalogueEntry]
) -> Iterator[Finding]:
    if not roots:
        yield warning(
            Check.DATASETS, "none is imported", "describe one and import it: `mihe dataset add`"
        )
    for name, root in sorted(roots.items()):
        try:
            snapshot.verify(snapshot.files(home.data / "snapshots", name, root))
        except MiheError as error:
            yield problem(Check.DATASETS, error.at(party=home.config.org))
        else:
            refreshed = entries[name].refreshed
            yield ok(Check.DATASETS, f"'{name}' of {refreshed} is as it was committed to")


def _places(home: Home, *, running: bool) -> Iterator[Finding]:
    path = home.folder / home.config.admin
    length = len(os.fsencode(path))
    if length > LONGEST_SOCKET_PATH:
        yield _bad(
            Check.SOCKET,
            f"the path of the admin socket has {length} bytes, {LONGEST_SOCKET_PATH} are possible",
            "set `admin` to a shorter path, such as /run/mihe/admin.sock",
        )
    elif not places.writable(path.parent):
        yield _bad(
            Check.SOCKET,
            f"the folder of the admin socket can't be written: {path.parent}",
            "make it, or correct its owner and mode, or `admin`",
        )
    else:
        yield ok(Check.SOCKET, str(path))
    yield from places.data(home.data)
    yield from places.state(home.place, HISTORY)
    if home.config.direct is not None and not running:
        yield places.port(home.config.direct.listen)


def _answers(path: Path) -> bool:
    """Whether a daemon serves its people on the socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            return probe.connect_ex(os.fsencode(path)) == 0
        except OSError:  # a path that is too long for a socket
            return False


def _bad(check: Check, what: str, fix: str) -> Finding:
    return problem(check, BadSetting(what, fix=fix))


# ── the coordinator ─────────────────────────────────────────────────────────────────────────────


async def _coordinator(home: Home, credentials: Credentials, *, running: bool) -> list[Finding]:
    asked = datetime.now(UTC)
    answer = await _look(home, credentials, "")
    if isinstance(answer, MiheError):
        return [problem(Check.COORDINATOR, answer)]
    clock = checks.clock(answer.at, asked, datetime.now(UTC))
    if answer.protocol != PROTOCOL_VERSION:
        mismatch = VersionMismatch(
            f"it speaks protocol {answer.protocol}, this node {PROTOCOL_VERSION}",
            fix="install the version of mihe that the consortium has agreed on",
        )
        return [problem(Check.VERSION, mismatch), clock]
    found = [
        ok(Check.COORDINATOR, f"{home.config.coordinator} answers, and admits this node"),
        clock,
        checks.versions(version("mihe"), answer.version, "the coordinator's"),
    ]
    if home.config.direct is not None and running:
        found.append(await _reached(home, credentials, home.config.direct.address))
    return found


async def _reached(home: Home, credentials: Credentials, address: str) -> Finding:
    answer = await _look(home, credentials, address)
    if isinstance(answer, MiheError):
        return problem(Check.REACHED, answer)
    if answer.reached:
        return ok(Check.REACHED, f"the coordinator met this node at {address}")
    return problem(
        Check.REACHED,
        NodeAbsent(
            f"the coordinator did not meet this node at {address}, the address that peers dial",
            fix="check firewall and address translation, correct `direct.address`, or take [direct]"
            " out: then peers come through the relay",
        ),
    )


async def _look(home: Home, credentials: Credentials, address: str) -> Looked | MiheError:
    where = home.config.coordinator
    name = server_name(Role.COORDINATOR, "coordinator")
    try:
        way = way_out(home.config.proxy, home.folder)
    except MiheError as error:
        return error
    channel = open_channel(where, credentials, name, way)
    try:
        question = coordinator_pb2.LookQuestion(address=address)
        return looked_from(await CoordinatorStub(channel).Look(question, timeout=_LOOK_SECONDS))
    except MiheError as error:
        return error
    except grpc.aio.AioRpcError as failure:
        return await asyncio.to_thread(_why, failure, where, credentials, way)
    finally:
        await channel.close()


def _why(
    failure: grpc.aio.AioRpcError, where: str, credentials: Credentials, way: WayOut
) -> MiheError:
    if failure.code() is grpc.StatusCode.UNIMPLEMENTED:
        return VersionMismatch(
            f"the coordinator at {where} does not know preflights",
            fix="update the coordinator; the node works with it all the same",
        )
    if failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return CoordinatorAbsent(
            f"the coordinator at {where} gave no answer in {_LOOK_SECONDS:.0f} seconds",
            fix="check the network path, proxy and firewall",
        )
    return refusal_in(failure) or why_unreachable(where, credentials, way)


# ── as a process ────────────────────────────────────────────────────────────────────────────────


def main() -> int:
    """Write the report; its exit code is that of the report."""
    parser = argparse.ArgumentParser(prog="mihe check")
    parser.add_argument("--config", type=Path, required=True, help="path of node.toml")
    file: Path = parser.parse_args().config
    os.environ["GRPC_VERBOSITY"] = "NONE"
    try:
        found = report(file)
    except Exception as defect:  # noqa: BLE001  # its text may quote anything, so only its type is shown.
        error = OurError(f"a defect of the preflight ({type(defect).__name__})", fix="report it")
        found = Report(subject=Subject.NODE, findings=(problem(Check.CONFIGURATION, error),))
    sys.stdout.buffer.write(canonical_bytes(found) + b"\n")
    return found.exit_code


if __name__ == "__main__":
    sys.exit(main())
