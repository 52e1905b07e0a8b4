"""A computation in a process of its own, which ends with whoever waits for it, however that ends.

TenSEAL holds Python's lock while it computes, and this daemon has others to serve. The process is
killed as soon as nobody waits for it, and it ends by itself when the daemon was killed.
"""

import asyncio
import os
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, TypeVar

from contract.cause import Cause, cause_of, error_of
from contract.errors import MiheError

R = TypeVar("R")


class Broken(Exception):
    """The process has ended without an answer; why is in the kind of the error that it met."""

    def __init__(self, met: str) -> None:
        super().__init__(met)


async def apart(work: Callable[..., R], *arguments: object) -> R:
    """What `work` returns, or the MiheError that it raises; Broken if it ends in another way."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    there.close()
    answering = asyncio.ensure_future(asyncio.to_thread(_answer, here, work, arguments))
    try:
        answer: R | Cause | Broken = await asyncio.shield(answering)
    finally:
        process.kill()
        # The thread reads from the pipe until its other end is gone; only then may it be closed.
        await asyncio.wait([answering])
        here.close()
        process.join()
    if isinstance(answer, Broken):
        raise answer
    if isinstance(answer, Cause):
        raise error_of(answer)
    return answer


def _answer(pipe: Connection, work: Callable[..., object], arguments: tuple[object, ...]) -> Any:
    try:
        pipe.send((work, arguments))
        return pipe.recv()
    except (EOFError, OSError):
        return Broken("its process has ended")


def _serve(pipe: Connection) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    work, arguments = pipe.recv()
    answer: object
    try:
        answer = work(*arguments)
    except MiheError as error:
        answer = cause_of(error)
    except Exception as error:  # noqa: BLE001  # its text may quote what is computed on
        answer = Broken(type(error).__name__)
    pipe.send(answer)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
