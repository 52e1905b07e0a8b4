"""A node's admin service that gives the answers a test lays out, over real gRPC."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from contract import cause
from contract.canonical import Frozen, canonical_bytes
from contract.errors import MiheError
from protos import admin_pb2, admin_pb2_grpc

USCC = "91330000700000052Y"
Answer = Frozen | MiheError


@dataclass
class Node(admin_pb2_grpc.AdminServicer):
    """Answers each question with what `answers` holds under its name, and keeps the question."""

    folder: Path
    answers: dict[str, Answer | Callable[[], Answer] | Iterable[Answer | bytes]] = field(
        default_factory=dict
    )
    asked: list[object] = field(default_factory=list)

    def Status(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        return self._one("Status", request)

    def Catalogue(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        return self._one("Catalogue", request)

    def AddDataset(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        return self._one("AddDataset", request)

    def RefreshDataset(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        return self._one("RefreshDataset", request)

    def Datasets(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        return self._one("Datasets", request)

    def Plan(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        return self._one("Plan", request)

    def Propose(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        return self._one("Propose", request)

    def Jobs(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        return self._one("Jobs", request)

    def Show(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        return self._one("Show", request)

    def Abort(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        return self._one("Abort", request)

    def Watch(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        for one in self._many("Watch", request):
            yield _answer(one)

    def Result(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        for one in self._many("Result", request):
            if isinstance(one, bytes):
                yield admin_pb2.ResultChunk(content=one)
            else:
                yield admin_pb2.ResultChunk(error=cause.to_json(one))

    def _one(self, name: str, request: object) -> admin_pb2.Answer:
        self.asked.append(request)
        answer = self.answers[name]
        return _answer(answer() if callable(answer) else answer)

    def _many(self, name: str, request: object):  # type: ignore[no-untyped-def]
        self.asked.append(request)
        return self.answers[name]


def _answer(what) -> admin_pb2.Answer:  # type: ignore[no-untyped-def]
    if isinstance(what, MiheError):
        return admin_pb2.Answer(error=cause.to_json(what))
    return admin_pb2.Answer(view=canonical_bytes(what).decode())
