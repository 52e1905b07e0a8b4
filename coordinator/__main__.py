"""The coordinator daemon: `python -P -m coordinator --config coordinator.toml`.

Says on stderr when it serves; SIGTERM or SIGINT stop it within seconds. An error that keeps it from
serving is printed with its code and fix, and gives the exit code.
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from contract import toml
from contract.config import CoordinatorConfig
from contract.errors import BadSetting, MiheError, OurError
from coordinator.journal import defect, note, open_journal


def main() -> int:
    """Serve until stopped; the exit code."""
    parser = argparse.ArgumentParser(prog="mihe coordinator")
    parser.add_argument("--config", type=Path, required=True, help="path of coordinator.toml")
    path: Path = parser.parse_args().config
    try:
        config = read_configuration(path)
        open_journal(config.log_level)
        # gRPC's own messages quote addresses and certificates; it reads this when it is loaded.
        os.environ["GRPC_VERBOSITY"] = "NONE"
        asyncio.run(_serve(config, path.parent))
    except MiheError as fault:
        return _fail(fault)
    except Exception as found:  # noqa: BLE001  # its text may quote anything: the place is enough
        defect(found)
        return _fail(OurError("a defect of the coordinator", fix="report it with the line above"))
    return 0


def read_configuration(path: Path) -> CoordinatorConfig:
    """The settings of coordinator.toml; raises what is wrong with them."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadSetting(
            f"the configuration file can't be read: {path}",
            fix="`mihe init coordinator` writes one; check its path, owner and mode",
        ) from None
    return toml.parse(CoordinatorConfig, text, str(path))


async def _serve(config: CoordinatorConfig, folder: Path) -> None:
    from coordinator.race import first_of
    from coordinator.server import serving
    from daemon import readiness

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stopping() -> None:
        readiness.tell(readiness.STOPPING)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping)

    async def until_stopped() -> None:
        await stop.wait()

    async with serving(config, folder) as running:
        _say(f"mihe coordinator ready on {running.address}")
        readiness.tell(readiness.READY)
        await first_of(until_stopped(), running.watch())
        note("stopping")


def _fail(fault: MiheError) -> int:
    _say(f"mihe coordinator: {fault}")
    return fault.exit_code


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
