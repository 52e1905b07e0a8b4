"""The receiver's one-time decryption key, in a process of its own that dies with the attempt.

TenSEAL holds Python's lock while it computes, and a key that exists in no other process can't be
written anywhere by what else the node does. Only public keys, ciphertexts and sums cross the pipe.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from contract.cause import cause_of, error_of
from contract.errors import MiheError, OurError


class KeyProcess:
    """A key that lives until `close`, and what it decrypts."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there,), daemon=True)
        self._process.start()
        there.close()

    async def public_key(self) -> bytes:
        """The public key; the same at every call."""
        answer = await self._ask(("public",))
        assert isinstance(answer, bytes)
        return answer

    async def merging_keys(self) -> bytes:
        """By which the coordinator puts sums together."""
        answer = await self._ask(("merging",))
        assert isinstance(answer, bytes)
        return answer

    async def decrypt(self, results: Sequence[bytes], sums: int, merges: int) -> list[list[int]]:
        """So many sums of each summand; raises what a result is refused for."""
        answer = await self._ask(("decrypt", list(results), sums, merges))
        assert isinstance(answer, list)
        return answer

    async def close(self) -> None:
        """End the process, and with it the key."""
        with suppress(OSError):
            self._here.close()
        self._process.kill()
        await asyncio.to_thread(self._process.join)

    async def _ask(self, question: tuple[object, ...]) -> object:
        def ask() -> Any:
            self._here.send(question)
            return self._here.recv()

        try:
            answer = await asyncio.to_thread(ask)
        except (EOFError, OSError):
            raise OurError(
                "the process that holds the decryption key has ended",
                phase="decrypt",
                fix="run the job again; if it recurs, look at the machine's memory",
            ) from None
        if isinstance(answer, _Refusal):
            raise answer.error()
        return answer


class _Refusal:
    """A MiheError on its way through a pipe."""

    def __init__(self, error: MiheError) -> None:
        self._cause = cause_of(error).model_dump()

    def error(self) -> MiheError:
        from contract.cause import Cause

        return error_of(Cause(**self._cause))


def _serve(pipe: Connection) -> None:
    from federated.aggregate.secret import ReceiverKey

    key, public = ReceiverKey.generate()
    while True:
        try:
            question = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            match question:
                case ("public",):
                    pipe.send(public)
                case ("merging",):
                    pipe.send(key.merging_keys())
                case ("decrypt", results, sums, merges):
                    pipe.send(key.decrypt_all(results, sums, merges))
        except MiheError as error:
            pipe.send(_Refusal(error))
        except OSError:  # the node has gone, and nobody is left to answer
            return
