"""Processor time of a process counts what its children have used, also those that have ended."""

import os
import subprocess
import sys

from benchmarks.processor import spent

_BURN = "import time\nwhile time.process_time() < 0.2: pass\n"
_PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {_BURN!r}], check=True)
print("burnt", flush=True)
sys.stdin.read()
"""


def test_a_child_that_has_ended_is_counted() -> None:
    words = [sys.executable, "-c", _PARENT]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"burnt\n"
        assert spent(parent.pid) >= 0.2
        above = spent(os.getpid())
        assert above >= spent(parent.pid)
    assert spent(parent.pid) == 0.0
