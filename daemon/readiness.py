"""Telling a service manager how far the daemon is: `systemctl start` returns when it serves.

Implements  sd_notify(3): one datagram to the Unix socket that NOTIFY_SOCKET names. Without that
            variable, in a container or at a terminal, nothing is told.
Learns      this machine's service manager: that the daemon serves, or that it is stopping
"""

import os
import socket
from contextlib import suppress

READY = "READY=1"
STOPPING = "STOPPING=1"

_VARIABLE = "NOTIFY_SOCKET"


def tell(state: str) -> None:
    """Say READY or STOPPING to whoever started this daemon and wants to know."""
    address = os.environ.get(_VARIABLE)
    if not address:
        return
    if address.startswith("@"):  # a name in Linux's abstract space begins with a zero byte
        address = "\0" + address[1:]
    # A manager that does not listen any more is no reason to stop serving.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(address)
        line.sendall(state.encode())
