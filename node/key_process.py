"""The receiver's one-time decryption key, in a process of its own that dies with the attempt.

TenSEAL and phe hold Python's lock while they compute, and a key that exists in no other process
can't be written anywhere by what else the node does. Only public keys, ciphertexts and sums cross
the pipe.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from contract.cause import Cause, cause_of, error_of
from contract.errors import MiheError, OurError

Answers = Mapping[str, Callable[..., object]]
"""What a key's process is asked, and what answers it."""


class KeyProcess:
    """A key that lives until `close`: what is asked of keys of every kind."""

    def __init__(self, made: Callable[[], Answers]) -> None:
        """`made` makes the key, over there."""
        context = get_context("spawn")
        self._asked: set[asyncio.Future[Any]] = set()
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, made), daemon=True)
        self._process.start()
        there.close()

    async def public_key(self) -> bytes:
        """The public key; the same at every call."""
        answer = await self._ask("public")
        assert isinstance(answer, bytes)
        return answer

    async def close(self) -> None:
        """End the process, and with it the key."""
        self._process.kill()
        await asyncio.to_thread(self._process.join)
        # A thread that asks reads from the pipe until its other end is gone; only then may it be
        # closed: its number may soon be that of another file.
        if self._asked:
            await asyncio.wait(self._asked)
        self._here.close()

    async def _ask(self, *question: object) -> object:
        def ask() -> Any:
            self._here.send(question)
            return self._here.recv()

        asking = asyncio.ensure_future(asyncio.to_thread(ask))
        self._asked.add(asking)
        asking.add_done_callback(self._asked.discard)
        try:
            answer = await asyncio.shield(asking)
        except (EOFError, OSError):
            raise OurError(
                "the process that holds the decryption key has ended",
                phase="decrypt",
                fix="run the job again; if it recurs, look at the machine's memory",
            ) from None
        if isinstance(answer, _Refusal):
            raise answer.error()
        return answer


class JoinKey(KeyProcess):
    """Of a join: BFV."""

    def __init__(self) -> None:
        super().__init__(_bfv)

    async def merging_keys(self) -> bytes:
        """By which the coordinator puts sums together."""
        answer = await self._ask("merging")
        assert isinstance(answer, bytes)
        return answer

    async def decrypt(self, results: Sequence[bytes], sums: int, merges: int) -> list[list[int]]:
        """So many sums of each summand; raises what a result is refused for."""
        answer = await self._ask("decrypt", list(results), sums, merges)
        assert isinstance(answer, list)
        return answer


class UnionKey(KeyProcess):
    """Of a sum over UNION ALL: Paillier."""

    def __init__(self) -> None:
        super().__init__(_paillier)

    async def decrypt(self, totals: bytes, words: int) -> bytes:
        """So many words; raises what the totals are refused for."""
        answer = await self._ask("decrypt", totals, words)
        assert isinstance(answer, bytes)
        return answer


class _Refusal:
    """A MiheError on its way through a pipe."""

    def __init__(self, error: MiheError) -> None:
        self._cause = cause_of(error).model_dump()

    def error(self) -> MiheError:
        return error_of(Cause(**self._cause))


def _bfv() -> Answers:
    from federated.aggregate.secret import ReceiverKey

    key, public = ReceiverKey.generate()
    return {"public": lambda: public, "merging": key.merging_keys, "decrypt": key.decrypt_all}


def _paillier() -> Answers:
    from federated.paillier.secret import ReceiverKey

    key = ReceiverKey.generate()
    return {"public": lambda: key.public, "decrypt": key.decrypt}


def _serve(pipe: Connection, made: Callable[[], Answers]) -> None:
    answers = made()
    while True:
        try:
            asked, *arguments = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(answers[asked](*arguments))
        except MiheError as error:
            pipe.send(_Refusal(error))
        except OSError:  # the node has gone, and nobody is left to answer
            return
