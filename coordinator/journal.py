"""What the coordinator writes to stderr: one line for each event, in `key=value` pairs.

A line names events, organisations, short job ids, states and codes. Bodies, addresses and whatever
another library says stay out: those may quote what came in.
"""

import logging
import sys
import time
from typing import TextIO

_logger = logging.getLogger("mihe.coordinator")
_FOREIGN = ("alembic", "asyncio", "grpc", "psycopg", "sqlalchemy")


def open_journal(level: str, stream: TextIO = sys.stderr) -> None:
    """Write events of this level (debug, info, warning, error) and above to `stream`."""
    handler = logging.StreamHandler(stream)
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    _logger.handlers = [handler]
    _logger.setLevel(level.upper())
    _logger.propagate = False
    for name in _FOREIGN:
        foreign = logging.getLogger(name)
        foreign.handlers = [logging.NullHandler()]
        foreign.propagate = False


def note(event: str, *, level: int = logging.INFO, **facts: object) -> None:
    """Write one event. `facts` whose value is None are left out."""
    if _logger.isEnabledFor(level):
        pairs = [f"{name}={value}" for name, value in facts.items() if value is not None]
        _logger.log(level, " ".join([f"event={event}", *pairs]))


def defect(found: BaseException) -> None:
    """Write where an unforeseen exception arose and its type; its text may quote anything."""
    trace = found.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace is not None else None
    where = f"{code.co_qualname}:{trace.tb_lineno}" if code and trace else None
    note("defect", level=logging.ERROR, type=type(found).__name__, where=where)


def short(job: bytes) -> str:
    """The beginning of a job or run id, as people see it."""
    return job.hex()[:12]
