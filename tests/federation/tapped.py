"""Runs a daemon and writes down every message that it says or hears, for a test to search.

    python -P tests/federation/tapped.py FOLDER node --config node.toml

The product has no tap: this launcher wraps what serialises and parses gRPC messages, what seals
and opens the records of a link, and what turns an error into the text that crosses, and then runs
the daemon's module as ever. Files, in FOLDER:

    <service>.<method>.in, .out    every message of a gRPC call, health and reflection included
    sealed.in, sealed.out          the plaintext of every record between two nodes
    causes.out                     every error that goes out in a status, an answer or a statement
"""

import os
import runpy
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

os.environ["GRPC_VERBOSITY"] = "NONE"

import grpc
from grpc.aio import _channel

from contract import cause
from contract.errors import MiheError

Codec = Callable[[Any], Any]


class Tap:
    """The files that a daemon's messages are appended to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, kind: str, content: bytes) -> None:
        """Append a message, its length in front."""
        if kind not in self._open:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._open[kind] = os.open(self._folder / kind, flags, 0o600)
        os.write(self._open[kind], len(content).to_bytes(4, "big") + content)

    def serialiser(self, call: str, original: Codec) -> Codec:
        """The serialiser of a call's outgoing messages."""

        def serialise(message: Any) -> Any:
            content = original(message)
            self.write(f"{call}.out", content)
            return content

        return serialise

    def parser(self, call: str, original: Codec) -> Codec:
        """The parser of a call's incoming messages."""

        def parse(content: Any) -> Any:
            self.write(f"{call}.in", content)
            return original(content)

        return parse


def wrap(owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
    """Put `wrapper` of what `owner` has under a name in its place."""
    setattr(owner, name, wrapper(getattr(owner, name)))


def tap_calls_made(tap: Tap) -> None:
    """Every call that the daemon makes."""

    def tapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(
            channel: Any,
            method: str,
            request_serializer: Codec,
            response_deserializer: Codec,
            *rest: Any,
            **named: Any,
        ) -> Any:
            name = method.strip("/").replace("/", ".")
            sent = tap.serialiser(name, request_serializer)
            heard = tap.parser(name, response_deserializer)
            return original(channel, method, sent, heard, *rest, **named)

        return call

    for arity in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
        wrap(_channel.Channel, arity, tapped)


def tap_calls_served(tap: Tap) -> None:
    """Every call that the daemon serves."""

    def tapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def serve(service: str, handlers: dict[str, Any]) -> Any:
            for method, handler in handlers.items():
                name = f"{service}.{method}"
                handlers[method] = handler._replace(
                    request_deserializer=tap.parser(name, handler.request_deserializer),
                    response_serializer=tap.serialiser(name, handler.response_serializer),
                )
            return original(service, handlers)

        return serve

    wrap(grpc, "method_handlers_generic_handler", tapped)


def tap_seal(tap: Tap) -> None:
    """Every record between two nodes, as it is before it is sealed and after it is opened."""
    from node.seal import Seal

    def sending(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def send(seal: Seal, record: bytes) -> None:
            tap.write("sealed.out", record)
            await original(seal, record)

        return send

    def receiving(original: Callable[..., Awaitable[bytes]]) -> Callable[..., Awaitable[bytes]]:
        async def receive(seal: Seal, **named: Any) -> bytes:
            record = await original(seal, **named)
            tap.write("sealed.in", record)
            return record

        return receive

    wrap(Seal, "send", sending)
    wrap(Seal, "receive", receiving)


def tap_causes(tap: Tap) -> None:
    """Every error that goes to somebody else."""

    def tapped(original: Callable[[MiheError], str]) -> Callable[[MiheError], str]:
        def to_json(error: MiheError) -> str:
            text = original(error)
            tap.write("causes.out", text.encode())
            return text

        return to_json

    wrap(cause, "to_json", tapped)


def main() -> None:
    """Tap, and become the daemon."""
    _, folder, module, *arguments = sys.argv
    tap = Tap(Path(folder))
    tap_calls_made(tap)
    tap_calls_served(tap)
    tap_causes(tap)
    if module == "node":
        tap_seal(tap)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
