"""A command at a terminal of its own, where it asks and gets its answers as a person gives them."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

SECONDS = 300
"""How long a command may say nothing."""

_SCREEN = (24, 80)


def at_terminal(
    words: Sequence[str],
    replies: Sequence[str] = (),
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Exit code and output of a command at a terminal, where each question gets its reply."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *_SCREEN, 0, 0))
    waiting = list(replies)
    try:
        with subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment,
            start_new_session=True,
        ) as process:  # fmt: skip
            os.close(theirs)
            output = b""
            with suppress(OSError):  # how a terminal says that nobody is left on it
                while True:
                    readable, _, _ = select.select([ours], [], [], SECONDS)
                    if not readable:
                        process.kill()
                        raise AssertionError(f"no end, and nothing said: {output!r}")
                    part = os.read(ours, 1 << 16)
                    output += part
                    if waiting and output.endswith(b"[y/N]: "):
                        os.write(ours, waiting.pop(0).encode() + b"\n")
                    if not part:
                        break
            code = process.wait(SECONDS)
    finally:
        os.close(ours)
    return code, output
