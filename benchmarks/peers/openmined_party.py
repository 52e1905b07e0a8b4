"""One party of an intersection by OpenMined's `openmined-psi`, as a process of its own.

Runs in that wheel's own virtual environment and imports nothing of this project. The one argument
is a job in JSON. On stdout it says {"ready": …} once the link to the other party stands, and
{"done": …} when its output is written; on stdin it waits for a line before it begins, and for the
end before it ends, so that whoever started it can count what it used.

The wheel computes messages and leaves files and transport to its user: here the csv module and
one TCP connection without TLS. Its exact data structure is taken (RAW), because the others may
say that a key is in both lists when it is not.
"""

import csv
import json
import os
import socket
import sys
import time
from typing import Any

# Whatever a library prints belongs in the log; stdout is the conversation.
talk = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import private_set_intersection.python as psi  # noqa: E402  # after stdout is out of its reach

WAIT_SECONDS = 30.0
_LENGTH_BYTES = 8


def main() -> None:
    job = json.loads(sys.argv[1])
    receiver = job["rank"] == 0
    host, port = job["addresses"][1].rsplit(":", 1)
    line = dialled(host, int(port)) if receiver else answered(host, int(port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    talk.write(json.dumps({"ready": True}) + "\n")
    if not sys.stdin.readline():
        return
    done = receive(job, line) if receiver else serve(job, line)
    talk.write(json.dumps({"done": True, **done}) + "\n")
    sys.stdin.read()


def receive(job: dict[str, Any], line: socket.socket) -> dict[str, int]:
    """Ask with the own list, and write the own rows that the other has too."""
    head, rows, keys = read(job)
    client = psi.client.CreateWithNewKey(True)
    send(line, client.CreateRequest(keys).SerializeToString())
    setup, response = psi.ServerSetup(), psi.Response()
    setup.ParseFromString(message(line))
    response.ParseFromString(message(line))
    places = client.GetIntersection(setup, response)
    with open(job["output"], "w", newline="", encoding="utf-8") as file:
        write = csv.writer(file, lineterminator="\n")
        write.writerow(head)
        write.writerows(rows[place] for place in sorted(places))
    return {"count": len(places)}


def serve(job: dict[str, Any], line: socket.socket) -> dict[str, int]:
    """Answer with the own list."""
    _, _, keys = read(job)
    server = psi.server.CreateWithNewKey(True)
    setup = server.CreateSetupMessage(0.0, len(keys), keys, psi.DataStructure.RAW)
    send(line, setup.SerializeToString())
    request = psi.Request()
    request.ParseFromString(message(line))
    send(line, server.ProcessRequest(request).SerializeToString())
    return {}


def read(job: dict[str, Any]) -> tuple[list[str], list[list[str]], list[str]]:
    with open(job["input"], newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    place = head.index(job["column"])
    return head, rows, [row[place] for row in rows]


def send(line: socket.socket, content: bytes) -> None:
    line.sendall(len(content).to_bytes(_LENGTH_BYTES, "big") + content)


def message(line: socket.socket) -> bytes:
    return exactly(line, int.from_bytes(exactly(line, _LENGTH_BYTES), "big"))


def exactly(line: socket.socket, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        piece = line.recv(min(1 << 20, length - len(content)))
        if not piece:
            raise SystemExit("the other party is gone")
        content += piece
    return bytes(content)


def answered(host: str, port: int) -> socket.socket:
    with socket.create_server((host, port)) as listening:
        listening.settimeout(WAIT_SECONDS)
        line, _ = listening.accept()
    line.settimeout(None)
    return line


def dialled(host: str, port: int) -> socket.socket:
    give_up = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return socket.create_connection((host, port))
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


main()
