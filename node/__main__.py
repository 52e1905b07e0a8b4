"""The node daemon: `python -P -m node --config node.toml`.

Says on stderr when people can talk to it; SIGTERM or SIGINT stop it within seconds. An error that
keeps it from running is printed with its code and fix, and gives the exit code.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from contract.errors import MiheError, OurError


def main() -> int:
    """Run until stopped; the exit code."""
    parser = argparse.ArgumentParser(prog="mihe node")
    parser.add_argument("--config", type=Path, required=True, help="path of node.toml")
    file: Path = parser.parse_args().config
    # gRPC's own messages quote addresses and certificates; it reads this when it is loaded.
    os.environ["GRPC_VERBOSITY"] = "NONE"
    try:
        asyncio.run(_run(file))
    except MiheError as error:
        return _fail(error)
    except Exception as defect:  # noqa: BLE001  # its text may quote anything, so only its type is shown.
        return _fail(
            OurError(
                f"a defect of the node ({type(defect).__name__})",
                fix="report it; log_level = 'debug' in node.toml shows where",
            )
        )
    return 0


async def _run(file: Path) -> None:
    from daemon import readiness
    from node.daemon import Home, serve

    home = Home.read(file)
    logging.basicConfig(
        stream=sys.stderr,
        level=home.config.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    # What other libraries log may quote what they handle.
    for name in ("grpc", "sqlalchemy", "alembic", "psycopg", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stopping() -> None:
        readiness.tell(readiness.STOPPING)
        stop.set()

    def ready(org: str) -> None:
        _say(f"mihe node {org} ready")
        readiness.tell(readiness.READY)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping)
    await serve(home, stop, ready)


def _fail(error: MiheError) -> int:
    _say(f"mihe node: {error}")
    return error.exit_code


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
