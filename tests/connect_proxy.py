"""An HTTP proxy that knows CONNECT (RFC 9110 §9.3.6), for tests: it records who went where.

    with ConnectProxy(user="mihe:secret") as proxy:
        …                                   # whoever is told `proxy.address`
        proxy.tunnels["127.0.0.1:7450"]     # bytes that went there and back

It runs in a thread of its own, so blocking and asynchronous tests can use it alike.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from base64 import b64encode
from collections import Counter
from contextlib import suppress
from threading import Thread
from typing import Self

_READ_BYTES = 1 << 16


class ConnectProxy:
    """A proxy on the loopback interface while its `with` lasts."""

    def __init__(self, *, user: str | None = None, answer: int | None = None) -> None:
        """`user` is "name:password", asked of everybody; `answer` is a status to refuse with."""
        self._expected = user and f"Basic {b64encode(user.encode()).decode()}"
        self.answer = answer
        self.asked: Counter[str] = Counter()
        self.tunnels: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._serving: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def address(self) -> str:
        """Where it listens, host:port."""
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _stop(self) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.ensure_future(self._tunnel(reader, writer))
        self._serving.add(task)
        with suppress(OSError, asyncio.IncompleteReadError):
            await asyncio.gather(task, return_exceptions=True)
        self._serving.discard(task)
        writer.close()

    async def _tunnel(self, reader: StreamReader, writer: StreamWriter) -> None:
        request, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = request.split()
        assert method == "CONNECT"
        self.asked[target] += 1
        given = [line.partition(":")[2].strip() for line in headers if _is_authorization(line)]
        if self._expected is not None and given != [self._expected]:
            await _refuse(writer, 407)
            return
        if self.answer is not None:
            await _refuse(writer, self.answer)
            return
        host, _, port = target.rpartition(":")
        try:
            there, to_there = await asyncio.open_connection(host.strip("[]"), int(port))
        except OSError:
            await _refuse(writer, 502)
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(
                self._pass(target, reader, to_there), self._pass(target, there, writer)
            )
        finally:
            to_there.close()

    async def _pass(self, target: str, source: StreamReader, sink: StreamWriter) -> None:
        while content := await source.read(_READ_BYTES):
            self.tunnels[target] += len(content)
            sink.write(content)
            await sink.drain()
        sink.close()


def _is_authorization(header: str) -> bool:
    return header.lower().startswith("proxy-authorization:")


async def _refuse(writer: StreamWriter, status: int) -> None:
    writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
    await writer.drain()
