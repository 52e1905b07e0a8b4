"""Writes what compose.yaml mounts: `python3 -P prepare.py FOLDER`.

    FOLDER/ca           the CA of this federation
    FOLDER/coordinator  coordinator.toml, .key, .pem, ca.pem
    FOLDER/<org>        node.toml, .key, .pem, ca.pem, and the policy of the synthetic world
    FOLDER/world/<org>  that organisation's data

Made by the functions behind `mihe ca` and `mihe init`, as `mihe demo` does.

Not for     production: it sees every organisation's key.
"""

import argparse
import os
import shutil
from pathlib import Path

from cli.authority import COORDINATOR_ORG
from cli.ca import create_authority, issue
from cli.demo import USCCS, Size
from cli.init import Home, init_coordinator, init_node
from contract.config import COORDINATOR_PORT
from scenarios.world import write_world

USER = 10001
"""Whom the image runs as; a key is for its owner alone."""

DATA = "/var/lib/mihe"
SOCKET = "/run/mihe/admin.sock"


def main() -> None:
    """Write everything, and give it to the image's user."""
    parser = argparse.ArgumentParser(description="Write what compose.yaml mounts.")
    parser.add_argument("folder", type=Path, help="new or empty folder")
    parser.add_argument(
        "--size",
        default=Size.MINI.value,
        help="mini, std, large or a number of enterprises (default: mini)",
    )
    given = parser.parse_args()
    prepare(given.folder, given.size)
    if os.geteuid() == 0:
        _give_away(given.folder)


def prepare(folder: Path, size: str) -> None:
    """The federation of the demonstration, ready to be started."""
    authority = create_authority(folder / "ca", "CA of a federation in containers")
    certificate = authority.read_bytes()
    world = write_world(folder / "world", size=size)
    homes = {COORDINATOR_ORG: Home(folder / COORDINATOR_ORG, "coordinator")}
    init_coordinator(
        homes[COORDINATOR_ORG].folder,
        USCCS[COORDINATOR_ORG],
        f"0.0.0.0:{COORDINATOR_PORT}",
        authority=certificate,
        settings={"data": DATA},
    )
    for org in USCCS.keys() - {COORDINATOR_ORG}:
        homes[org] = Home(folder / org, "node")
        init_node(
            homes[org].folder,
            org,
            USCCS[org],
            f"{COORDINATOR_ORG}:{COORDINATOR_PORT}",
            authority=certificate,
            settings={"data": DATA, "admin": SOCKET},
        )
        shutil.copy(world.folder / org / "policy.toml", homes[org].policy)
    for home in homes.values():
        issue(home.request, authority.parent, home.certificate)


def _give_away(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)


if __name__ == "__main__":
    main()
