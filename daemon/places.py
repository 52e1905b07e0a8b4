"""Where a daemon keeps and offers things, looked at before it starts: folders, disk, state, port.

Both daemons' checks look so. Changes nothing.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from contract import checks
from contract.checks import Check, Finding, ok, problem
from contract.errors import BadSetting, MiheError
from durable.history import History
from durable.postgres import Place, Session


def data(folder: Path) -> Iterator[Finding]:
    """The folder of the state: writable, private, with room left."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not writable(there):
        what, fix = f"{folder} can't be written", "correct its owner and mode, or `data`"
        yield problem(Check.DATA, BadSetting(what, fix=fix))
        return
    if there == folder:
        yield checks.private(Check.DATA, str(folder), folder.stat().st_mode, others_may=0)
    else:
        yield ok(Check.DATA, f"{folder} can be made")
    yield checks.room(shutil.disk_usage(there).free, str(folder))


def state(place: Place | None, history: History) -> Iterator[Finding]:
    """Where the state lies if that is no file in the data folder: whether this user is let in."""
    if place is None:
        return
    try:
        Session(place, history).reach()
    except MiheError as error:
        yield problem(Check.STATE, error)
    else:
        yield ok(Check.STATE, f"the PostgreSQL server lets it in; schema {place.schema}")


def port(address: str) -> Finding:
    """Whether a daemon that does not run yet could listen there."""
    host, _, number = address.rpartition(":")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host.strip("[]"), int(number), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the daemon does: a port that was left a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError:
        what = f"{address} can't be listened on"
        return problem(
            Check.LISTEN, BadSetting(what, fix="stop what listens there, or correct `listen`")
        )
    return ok(Check.LISTEN, f"{address} is free")


def writable(folder: Path) -> bool:
    """Whether this process may make files there."""
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
