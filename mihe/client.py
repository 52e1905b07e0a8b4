"""A node's admin socket as an object: one method per question, typed answers, typed errors.

Speaks      protos/admin.proto over a Unix socket, to the node of the caller's own organisation
Answers     models of contract/views.py; an error that the node reports is raised as it was there
Not for     other organisations' nodes: nobody but its own people talks to a node

    with NodeClient(Path("node/admin.sock")) as node:
        print(node.status().attached)
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import grpc

from contract.canonical import Frozen, parse
from contract.cause import from_json
from contract.dataset import QualityReport
from contract.errors import MiheError, NodeAbsent, OurError, VersionMismatch
from contract.job import Basis, JobKind
from contract.views import CatalogueView, JobList, JobView, NodeStatus, PlanView
from protos import admin_pb2, admin_pb2_grpc

V = TypeVar("V", bound=Frozen)
Q = TypeVar("Q")
A = TypeVar("A")

ANSWER_SECONDS = 60
"""How long a node may take over a question that needs no work on data."""

_LARGEST_ANSWER = 64 * 1024 * 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", _LARGEST_ANSWER),
    ("grpc.enable_http_proxy", 0),
]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A job as a person asks for it; the node turns it into a contract."""

    kind: JobKind
    datasets: tuple[str, ...]
    on: tuple[str, ...]
    receivers: tuple[str, ...]
    purpose: str
    basis: Basis
    expires_in_seconds: int
    statement: str = ""
    min_group: int = 0
    min_join: int = 0

    def _message(self) -> admin_pb2.JobRequest:
        return admin_pb2.JobRequest(
            kind=self.kind.value,
            datasets=self.datasets,
            on=self.on,
            receivers=self.receivers,
            purpose=self.purpose,
            basis=self.basis.value,
            expires_in_seconds=self.expires_in_seconds,
            statement=self.statement,
            min_group=self.min_group,
            min_join=self.min_join,
        )


class NodeClient:
    """The line to one node; use it in a `with`."""

    def __init__(self, socket: Path, *, start_with: str = "mihe node run") -> None:
        self._socket = socket
        self._start_with = start_with
        self._channel = grpc.insecure_channel(f"unix:{socket}", options=_OPTIONS)
        self._node = admin_pb2_grpc.AdminStub(self._channel)
        # A Ctrl-C that lands inside gRPC's own code can leave a call that its channel then waits
        # for without end, so gRPC is used on a thread of its own: the caller only ever waits.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="node-client")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._channel.close()
        self._thread.shutdown()

    def status(self) -> NodeStatus:
        """Whether the node is up and attached."""
        return self._ask(NodeStatus, self._node.Status, admin_pb2.StatusQuestion())

    def catalogue(self) -> CatalogueView:
        """What every organisation offers."""
        return self._ask(CatalogueView, self._node.Catalogue, admin_pb2.CatalogueRequest())

    def add_dataset(self, description: Path) -> QualityReport:
        """Import what a TOML file on the node's machine describes; takes the time it needs."""
        request = admin_pb2.AddDatasetRequest(description=str(description))
        return self._ask(QualityReport, self._node.AddDataset, request, seconds=None)

    def plan(self, proposal: Proposal) -> PlanView:
        """What a job would do and let others learn; nothing is sent to anybody."""
        return self._ask(PlanView, self._node.Plan, proposal._message())

    def propose(self, proposal: Proposal) -> JobView:
        """Sign a contract for the organisation and send it to all parties."""
        return self._ask(JobView, self._node.Propose, proposal._message())

    def jobs(self) -> JobList:
        """Every job that this node has heard of, newest first."""
        return self._ask(JobList, self._node.Jobs, admin_pb2.JobsRequest())

    def show(self, job: str) -> JobView:
        """One job, by its id or an unambiguous beginning of it."""
        return self._ask(JobView, self._node.Show, admin_pb2.JobName(job=job))

    def abort(self, job: str) -> JobView:
        """Stop a job at every party."""
        return self._ask(JobView, self._node.Abort, admin_pb2.JobName(job=job))

    def watch(self, job: str) -> Iterator[JobView]:
        """The job now and at every change, until it has ended."""
        for answer in self._stream(self._node.Watch, admin_pb2.JobName(job=job)):
            yield _view(JobView, answer)

    def result(self, job: str) -> Iterator[bytes]:
        """The released rows as CSV, piece by piece, as the node wrote them."""
        for chunk in self._stream(self._node.Result, admin_pb2.JobName(job=job)):
            if chunk.WhichOneof("what") == "error":
                raise from_json(chunk.error)
            yield chunk.content

    def _ask(
        self,
        model: type[V],
        method: "grpc.UnaryUnaryMultiCallable[Q, admin_pb2.Answer]",
        question: Q,
        *,
        seconds: int | None = ANSWER_SECONDS,
    ) -> V:
        with self._translated():
            answer = self._thread.submit(method, question, timeout=seconds).result()
        return _view(model, answer)

    def _stream(self, method: "grpc.UnaryStreamMultiCallable[Q, A]", question: Q) -> Iterator[A]:
        with self._translated():
            call = self._thread.submit(method, question).result()
            try:
                while (answer := self._thread.submit(next, call, None).result()) is not None:
                    yield answer
            finally:
                call.cancel()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """gRPC's failures in this project's words: its own may quote anything."""
        try:
            yield
        except grpc.RpcError as failure:
            code = failure.code() if isinstance(failure, grpc.Call) else None
            raise self._failure(code) from None

    def _failure(self, code: grpc.StatusCode | None) -> MiheError:
        if code is grpc.StatusCode.UNAVAILABLE and not _may_use(self._socket):
            return NodeAbsent(
                f"this user may not use the node's admin socket {self._socket}",
                fix="work as the user that runs the node, or as a member of its group",
            )
        if code is grpc.StatusCode.UNAVAILABLE:
            return NodeAbsent(
                f"no node answers on {self._socket}", fix=f"start it: `{self._start_with}`"
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return NodeAbsent(
                f"the node gave no answer within {ANSWER_SECONDS} seconds",
                fix="look at its log and its machine's load, then ask again",
            )
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return VersionMismatch(
                "the node does not know this question",
                fix="install the same version of mihe for the node and the command line",
            )
        return OurError("the node broke off its answer", fix="look at the node's log, then report")


def _may_use(socket: Path) -> bool:
    return not socket.exists() or os.access(socket, os.R_OK | os.W_OK)


def _view(model: type[V], answer: admin_pb2.Answer) -> V:
    if answer.WhichOneof("what") == "error":
        raise from_json(answer.error)
    return parse(model, answer.view.encode(), error=VersionMismatch, max_bytes=_LARGEST_ANSWER)
