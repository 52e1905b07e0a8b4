"""A node's admin socket as an object: one method per question, typed answers, typed errors.

Speaks      protos/admin.proto over a Unix socket, to the node of the caller's own organisation
Answers     models of contract/views.py; an error that the node reports is raised as it was there
Threads     may be asked from several at once, and inside a running event loop: a call blocks its
            caller, nothing else. A Ctrl-C cancels the call that waits
Not for     other organisations' nodes: nobody but its own people talks to a node

    with NodeClient(Path("node/admin.sock")) as node:
        print(node.status().attached)
"""

import os
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import grpc

from contract.canonical import Frozen, parse
from contract.cause import from_json
from contract.errors import MiheError, NodeAbsent, OurError, VersionMismatch
from contract.views import (
    CatalogueView,
    JobList,
    JobView,
    NodeStatus,
    OwnDataset,
    OwnDatasets,
    PlanView,
)
from mihe.proposal import Proposal
from protos import admin_pb2, admin_pb2_grpc

V = TypeVar("V", bound=Frozen)
C = TypeVar("C", bound="_Call")
Q = TypeVar("Q")
A = TypeVar("A")
T = TypeVar("T")

ANSWER_SECONDS = 60
"""How long a node may take over a question that needs no work on data."""

_SIGNAL_SECONDS = 0.2
_LARGEST_ANSWER = 64 * 1024 * 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", _LARGEST_ANSWER),
    ("grpc.enable_http_proxy", 0),
]


class _Call(Protocol):
    """A call under way, as gRPC has it."""

    def cancel(self) -> object:
        """End it: whoever waits for it is woken."""


class NodeClient:
    """The line to one node; use it in a `with`."""

    def __init__(self, socket: Path, *, start_with: str = "mihe node run") -> None:
        # gRPC writes its own lines to stderr, with addresses, unless told before its first use.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        self._socket = socket
        self._start_with = start_with
        self._channel = grpc.insecure_channel(f"unix:{socket}", options=_OPTIONS)
        self._node = admin_pb2_grpc.AdminStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; a call that still waits somewhere ends with an error."""
        self._channel.close()

    def status(self) -> NodeStatus:
        """Whether the node is up and attached."""
        return self._ask(NodeStatus, self._node.Status, admin_pb2.StatusQuestion())

    def catalogue(self) -> CatalogueView:
        """What every organisation offers."""
        return self._ask(CatalogueView, self._node.Catalogue, admin_pb2.CatalogueRequest())

    def add_dataset(self, description: Path, *, accept: bool = False) -> OwnDataset:
        """Import what a TOML file on the node's machine describes; takes the time it needs."""
        request = admin_pb2.AddDatasetRequest(description=str(description), accept=accept)
        return self._ask(OwnDataset, self._node.AddDataset, request, seconds=None)

    def refresh_dataset(self, name: str, *, accept: bool = False) -> OwnDataset:
        """Import a dataset anew from the description it has; takes the time it needs."""
        request = admin_pb2.RefreshDatasetRequest(name=name, accept=accept)
        return self._ask(OwnDataset, self._node.RefreshDataset, request, seconds=None)

    def datasets(self) -> OwnDatasets:
        """The node's own datasets, with what only its own people may know of them."""
        return self._ask(OwnDatasets, self._node.Datasets, admin_pb2.DatasetsRequest())

    def plan(self, proposal: Proposal) -> PlanView:
        """What a job would do and let others learn; nothing is sent to anybody."""
        return self._ask(PlanView, self._node.Plan, proposal.message())

    def propose(self, proposal: Proposal, *, shown: PlanView | None = None) -> JobView:
        """Sign a contract for the organisation and send it to all parties.

        With `shown`, only if the contract would still be what that plan has shown.
        """
        request = proposal.message()
        request.shown = "" if shown is None else shown.contract.substance.hex()
        return self._ask(JobView, self._node.Propose, request)

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
        with (
            self._translated(),
            _UnderWay(lambda: method.future(question, timeout=seconds)) as call,
        ):
            answer = call.wait(lambda future: future.result())
        return _view(model, answer)

    def _stream(self, method: "grpc.UnaryStreamMultiCallable[Q, A]", question: Q) -> Iterator[A]:
        with self._translated(), _UnderWay(lambda: method(question)) as call:
            while (answer := call.wait(lambda stream: next(stream, None))) is not None:
                yield answer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """gRPC's failures in this project's words: its own may quote anything."""
        try:
            yield
        except grpc.RpcError as failure:
            code = failure.code() if isinstance(failure, grpc.Call) else None
            raise self._failure(code) from None
        except (grpc.FutureCancelledError, ValueError):
            # gRPC raises ValueError for a channel that was closed before the question.
            raise NodeAbsent(
                "the line to the node was closed", fix="open it again with Node.open()"
            ) from None

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


class _UnderWay(Generic[C]):
    """A call; however its block is left, the call is over.

    A Ctrl-C that lands inside gRPC's own code can leave a call that its channel then waits for
    without end, so gRPC is used on a thread of the call's own: the caller only ever waits.
    """

    def __init__(self, begin: Callable[[], C]) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="node-client")
        self._begun = self._thread.submit(begin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._begun.add_done_callback(_cancel)
        self._thread.shutdown()

    def wait(self, what: Callable[[C], T]) -> T:
        """What `what` makes of the call, which may take as long as the call does."""
        return _interruptible(self._thread.submit(what, _interruptible(self._begun)))


def _interruptible(future: "Future[T]") -> T:
    # A signal that comes a moment before a wait without end is not heard during it.
    while not futures.wait([future], _SIGNAL_SECONDS).done:
        pass
    return future.result()


def _cancel(begun: "Future[C]") -> None:
    if begun.exception() is None:
        begun.result().cancel()


def _may_use(socket: Path) -> bool:
    return not socket.exists() or os.access(socket, os.R_OK | os.W_OK)


def _view(model: type[V], answer: admin_pb2.Answer) -> V:
    if answer.WhichOneof("what") == "error":
        raise from_json(answer.error)
    return parse(model, answer.view.encode(), error=VersionMismatch, max_bytes=_LARGEST_ANSWER)
