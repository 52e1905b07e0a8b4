"""The cable between sites, without waiting: when packets arrive, where, and what is dropped."""

import os
import socket
from pathlib import Path
from threading import Thread

import pytest

from benchmarks.psi.cable import Line, carry
from benchmarks.psi.sites import _sent, missing_for_distant

BYTE = 8 / 100_000_000
DELAY = 0.010


def arrivals(line: Line) -> list[float]:
    return [due for due, _ in line.under_way]


def test_a_packet_takes_its_length_and_the_delay() -> None:
    line = Line(0)
    line.take(bytes(1500), 5.0, BYTE, DELAY)
    assert arrivals(line) == [pytest.approx(5.0 + 0.00012 + 0.010)]


def test_packets_leave_one_after_the_other_at_the_rate_of_the_line() -> None:
    line = Line(0)
    for _ in range(100):
        line.take(bytes(1250), 0.0, BYTE, DELAY)
    assert arrivals(line) == [pytest.approx(n * 0.0001 + DELAY) for n in range(1, 101)]
    line.take(bytes(1250), 9.0, BYTE, DELAY)
    assert arrivals(line)[-1] == pytest.approx(9.0001 + DELAY)


def test_a_line_that_is_full_drops() -> None:
    line = Line(0)
    for number in range(1200):
        line.take(number.to_bytes(2, "big"), 0.0, BYTE, DELAY)
    assert [packet for _, packet in line.under_way] == [
        number.to_bytes(2, "big") for number in range(1000)
    ]


def test_a_packet_comes_out_where_its_address_is_and_nowhere_else() -> None:
    """Sockets stand in for the interfaces: what a kernel would send and receive."""
    addresses = [socket.inet_aton(f"10.0.0.{n}") for n in (1, 2, 3)]
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in addresses]
    kernels, cables = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    for end in (*kernels, *cables):
        end.setblocking(False)
    lines = {a: Line(c.fileno()) for a, c in zip(addresses, cables, strict=True)}
    packet = bytes(16) + addresses[2] + b"for the third"
    kernels[0].send(packet)
    kernels[0].send(bytes(16) + socket.inet_aton("10.0.0.9") + b"for nobody")
    stop, say_stop = os.pipe()
    carrying = Thread(target=carry, args=(lines, 0.0, 0.0, stop))
    carrying.start()
    kernels[2].setblocking(True)
    assert kernels[2].recv(2000) == packet
    os.write(say_stop, b"\n")
    carrying.join()
    with pytest.raises(BlockingIOError):
        kernels[1].recv(2000)
    for end in (*kernels, *cables):
        end.close()
    os.close(stop)
    os.close(say_stop)


def test_bytes_sent_are_read_by_the_interface_s_name(tmp_path: Path) -> None:
    told = tmp_path / "dev"
    told.write_text(
        "Inter-|   Receive                            |  Transmit\n"
        " face |bytes packets errs drop fifo frame compressed multicast|bytes packets …\n"
        "    lo: 11 1 0 0 0 0 0 0 22 2 0 0 0 0 0 0\n"
        "  tun0: 33 3 0 0 0 0 0 0 44 4 0 0 0 0 0 0\n"
    )
    assert (_sent(told, "lo"), _sent(told, "tun0")) == (22, 44)


def test_without_root_the_distant_link_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert missing_for_distant() == "needs root, for network namespaces"
