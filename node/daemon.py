"""The node, put together: state, identity, data, the coordinator's stream, the admin socket.

Start-up order: check everything that can be checked alone (configuration, credentials, policy),
take the data folder for this process, then dial and listen. A job's way through the files is told
in docs/tour.md.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from contract import toml
from contract.config import NodeConfig
from contract.credentials import Credentials
from contract.errors import AlreadyThere, BadSetting
from contract.job import MOST_PARTIES
from contract.policy import Policy
from daemon.renewal import Renewal, server_credentials
from durable.folder import held_folder
from durable.postgres import Place
from node.admin import Admin
from node.answered import Answered
from node.attach import Attachment
from node.carry import SERVER_OPTIONS, Exchange
from node.catalogue import Datasets
from node.conduct import Conductor, Owner
from node.credentials import load_credentials, read_files
from node.docket import Docket
from node.proxy import way_out
from node.pulse import Bounds
from node.results import Results
from node.runs import Runs
from node.scratch import sweep_below
from node.stage import Services
from node.store import Store
from node.turns import Turns
from node.validity import Validity
from protos import admin_pb2, carry_pb2_grpc
from protos.admin_pb2_grpc import add_AdminServicer_to_server

_log = logging.getLogger("mihe.daemon")
LONGEST_SOCKET_PATH = 107
_GRACE_SECONDS = 2.0
_LOOKING_SECONDS = 5.0
_OTHER_THREADS = 8


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that node.toml stands in, and what it says."""

    config: NodeConfig
    folder: Path

    @staticmethod
    def read(file: Path) -> "Home":
        """node.toml, checked; raises BadSetting or UnknownSetting with file and line."""
        # Links are followed at every reading: Kubernetes replaces a policy by turning one over.
        return Home(toml.parse(NodeConfig, _text(file), str(file)), file.absolute().parent)

    @property
    def data(self) -> Path:
        """The folder of state, snapshots, results and evidence."""
        return self.folder / self.config.data

    @property
    def place(self) -> Place | None:
        """Where the state lies; None for a file in `data`."""
        state = self.config.state
        return Place.of(state, self.folder, self.config.org) if state else None

    def renewal(self, credentials: Credentials) -> Renewal:
        """What keeps `credentials` up with the files that node.toml names."""
        files = self.config.identity
        return Renewal(
            credentials,
            lambda: read_files(self.config, self.folder),
            [self.folder / file for file in (files.certificate, files.key, files.authority)],
            self.folder / files.revocations,
            self.data,
        )

    def policy(self) -> Policy:
        """The owner's policy as it stands now; asked before every decision, never kept."""
        file = self.folder / self.config.policy
        return toml.parse(Policy, _text(file), str(file))


async def serve(home: Home, stop: asyncio.Event, ready: Callable[[str], None]) -> None:
    """Run the node until `stop` is set; `ready` is called once people can talk to it."""
    credentials = load_credentials(home.config, home.folder)
    home.policy()
    way = way_out(home.config.proxy, home.folder)
    asyncio.get_running_loop().set_default_executor(_threads(home.config.runs_at_once))
    with held_folder(home.data, "node.toml"), closing(Store(home.data, home.place)) as store:
        store.require_owner(home.config.org)
        sweep_below(home.data)
        datasets = Datasets(home.data / "snapshots", home.config.org)
        bounds = Bounds(home.config.silence_seconds, home.config.step_seconds)
        attachment = Attachment(
            home.config.coordinator, credentials, store, silence=bounds.silence, way=way
        )
        exchange = Exchange(credentials)
        docket = Docket(store, credentials)
        direct = home.config.direct
        results = Results(home.data / "results")
        services = Services(
            credentials=credentials,
            store=store,
            docket=docket,
            datasets=datasets,
            attachment=attachment,
            exchange=exchange,
            way=way,
            policy=home.policy,
            patience=home.config.peer_patience_seconds,
            bounds=bounds,
            results=results,
            answered=Answered(home.data / "answered"),
            memory=home.config.run_memory_mebibytes << 20,
        )
        runs = Runs(services, Turns(home.config.runs_at_once))
        owner = Owner(credentials, home.policy, datasets, direct.address if direct else None)
        conductor = Conductor(
            owner, store, docket, runs, attachment.say, results, home.data / "evidence"
        )
        attachment.signer_about = docket.signer_about
        admin = Admin(owner, store, docket, conductor, attachment, results)
        renewal = home.renewal(credentials)
        validity = Validity(credentials, renewal, attachment, conductor, docket, runs)
        admin.notices = validity.notices
        runs.progress = conductor.progress = admin.on_progress
        conductor.start()
        validity.begin()
        try:
            async with _admin_socket(home, admin), _peer_port(home, exchange):
                work = (
                    attachment.run(conductor),
                    conductor.see_to_the_rest(),
                    validity.watch(),
                    stop.wait(),
                    _holding(store),
                )
                tasks = [asyncio.create_task(each) for each in work]
                ready(home.config.org)
                ended, going_on = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in going_on:
                    task.cancel()
                await runs.stop_all()
                for task in ended:
                    task.result()
        finally:
            await attachment.close()


async def _holding(store: Store) -> None:
    """Look again and again whether the state is still this process's; raises when it is not."""
    while True:
        await asyncio.sleep(_LOOKING_SECONDS)
        store.require_held()


def _threads(runs: int) -> ThreadPoolExecutor:
    """As many as can be busy at once, so that no run waits for the end of another's step.

    A run of n parties has its own list and those of n − 1 others in work at the most.
    """
    return ThreadPoolExecutor(runs * MOST_PARTIES + _OTHER_THREADS, thread_name_prefix="node")


@asynccontextmanager
async def _admin_socket(home: Home, admin: Admin) -> AsyncIterator[None]:
    path = home.folder / home.config.admin
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise BadSetting(
            f"the path of the admin socket is longer than {LONGEST_SOCKET_PATH} bytes: {path}",
            party=home.config.org,
            fix="set `admin` in node.toml to a shorter path, such as /run/mihe/admin.sock",
        )
    _remove_stale(path)
    server = grpc.aio.server(options=SERVER_OPTIONS)
    add_AdminServicer_to_server(admin, server)
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    service = admin_pb2.DESCRIPTOR.services_by_name["Admin"].full_name
    names = (service, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    # Only this user may connect: the socket is born with the mode that the mask leaves.
    mask = os.umask(0o177)
    try:
        server.add_insecure_port(f"unix:{path}")
        await server.start()
    finally:
        os.umask(mask)
    await checks.set("", health_pb2.HealthCheckResponse.SERVING)
    try:
        yield
    finally:
        await server.stop(_GRACE_SECONDS)
        path.unlink(missing_ok=True)


@asynccontextmanager
async def _peer_port(home: Home, exchange: Exchange) -> AsyncIterator[None]:
    direct = home.config.direct
    if direct is None:
        yield
        return
    server = grpc.aio.server(options=SERVER_OPTIONS)
    carry_pb2_grpc.add_PeerServicer_to_server(exchange, server)
    try:
        server.add_secure_port(direct.listen, server_credentials(exchange.credentials))
    except RuntimeError:
        raise BadSetting(
            f"this node can't listen on {direct.listen}",
            party=home.config.org,
            fix="free the port, or correct `direct.listen` in node.toml",
        ) from None
    await server.start()
    try:
        yield
    finally:
        await server.stop(_GRACE_SECONDS)


def _remove_stale(path: Path) -> None:
    """Remove the socket of a process that is gone; the folder's lock says that it is gone."""
    if path.exists():
        if not path.is_socket():
            raise BadSetting(
                f"{path} exists and is no socket", fix="move it away, or correct `admin`"
            )
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise AlreadyThere(
                    "another process serves this admin socket",
                    fix="stop it first (`mihe status` says which node answers)",
                )
        path.unlink()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadSetting(
            f"the file can't be read: {file}",
            fix="`mihe init node` writes node.toml and policy.toml; check path, owner and mode",
        ) from None
