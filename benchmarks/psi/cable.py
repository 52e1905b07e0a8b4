"""A cable between network namespaces, as long and as thin as asked: a process that carries packets.

Every site gets a TUN interface (point to point, IP packets as they are). What a site sends leaves
at the rate of its line, travels for the delay, and comes out where its destination address is. A
line that is busy holds 1000 packets and drops what comes on top, as `tc netem` does: kernels
without that module are common in containers and small virtual machines, and figures made by two
means would not compare. At 100 Mbit/s it takes about a tenth of a core, whoever sends.

Started by sites.py as `python -m benchmarks.psi.cable BITS_PER_SECOND SECONDS ADDRESS=PROCESS…`,
inside a network namespace of its own; each interface is moved into the namespace of that process.
Prints a line when all is up, and ends when its stdin does.
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field

INTERFACE = "tun0"
MTU = 1500
_QUEUE = 1000
_DEVICE = "/dev/net/tun"
# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_DESTINATION = slice(16, 20)
"""Where an IPv4 header has it (RFC 791)."""


@dataclass(slots=True)
class Line:
    """One site's way out, and its end of the cable."""

    device: int
    free: float = 0.0
    """When the last packet will have left."""
    under_way: deque[tuple[float, bytes]] = field(default_factory=deque)
    """Packets and when they arrive, in order."""

    def take(self, packet: bytes, now: float, seconds_a_byte: float, delay: float) -> None:
        """Put a packet on the line, unless too many are there."""
        if len(self.under_way) < _QUEUE:
            self.free = max(now, self.free) + len(packet) * seconds_a_byte
            self.under_way.append((self.free + delay, packet))


def carry(lines: dict[bytes, Line], seconds_a_byte: float, delay: float, stop: int) -> None:
    """Carry packets between the sites until there is something to read from `stop`."""
    by_device = {line.device: line for line in lines.values()}
    while True:
        due = min((line.under_way[0][0] for line in lines.values() if line.under_way), default=None)
        wait = None if due is None else max(0.0, due - time.monotonic())
        ready, _, _ = select.select([*by_device, stop], [], [], wait)
        if stop in ready:
            return
        for device in ready:
            while (packet := _read(device)) is not None:
                by_device[device].take(packet, time.monotonic(), seconds_a_byte, delay)
        now = time.monotonic()
        for line in lines.values():
            while line.under_way and line.under_way[0][0] <= now:
                _, packet = line.under_way.popleft()
                if (target := lines.get(packet[_DESTINATION])) is not None:
                    os.write(target.device, packet)


def _read(device: int) -> bytes | None:
    try:
        return os.read(device, MTU)
    except BlockingIOError:
        return None


def _lay(number: int, address: str, process: str) -> Line:
    """A line to the namespace of a process, whose address on it this will be."""
    device = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK)
    name = f"lay{number}"
    asked = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
    fcntl.ioctl(device, _TUNSETIFF, asked)
    _ip(f"link set {name} netns {process} name {INTERFACE}")
    there = ("nsenter", "--target", process, "--net")
    _ip(f"address add {address}/24 dev {INTERFACE}", there)
    _ip(f"link set {INTERFACE} mtu {MTU} up", there)
    return Line(device)


def _ip(words: str, there: tuple[str, ...] = ()) -> None:
    subprocess.run([*there, "ip", *words.split()], check=True)


def main() -> None:
    rate, delay, *ends = sys.argv[1:]
    lines = {}
    for number, end in enumerate(ends):
        address, process = end.split("=")
        lines[socket.inet_aton(address)] = _lay(number, address, process)
    print("up", flush=True)
    carry(lines, 8 / float(rate), float(delay), sys.stdin.fileno())


if __name__ == "__main__":
    main()
