"""The coordinator's preflight: `python -P -m coordinator.check --config coordinator.toml`.

Run by `mihe coordinator check`. Reads what the daemon reads, by the daemon's own functions; changes
nothing, so it may run before the coordinator was ever started and beside it. Writes a Report
(contract/checks.py) as canonical JSON to stdout.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from contract import checks
from contract.canonical import canonical_bytes
from contract.checks import Check, Report, Subject, ok, problem
from contract.errors import MiheError, OurError
from coordinator.__main__ import read_configuration
from coordinator.credentials import load_credentials
from coordinator.tables import HISTORY
from daemon import places
from durable.postgres import Place

_RENEW = "make a new key and request (`mihe init renew`), and have it signed (`mihe ca sign`)"


def report(file: Path, *, running: bool) -> Report:
    """Everything that can be checked from here; a daemon that is `running` holds its port."""
    try:
        config = read_configuration(file)
    except MiheError as error:
        return Report(subject=Subject.COORDINATOR, findings=(problem(Check.CONFIGURATION, error),))
    found = [ok(Check.CONFIGURATION, f"{file} can be read")]
    org = None
    try:
        credentials = load_credentials(config.identity, file.parent)
    except MiheError as error:
        found.append(problem(Check.CERTIFICATE, error))
    else:
        org = credentials.org
        now = datetime.now(UTC)
        found += checks.certificates(credentials, now, whose="the coordinator's", renew=_RENEW)
    found += places.data(file.parent / config.data)
    place = Place.of(config.state, file.parent, "coordinator") if config.state else None
    found += places.state(place, HISTORY)
    if not running:
        found.append(places.port(config.listen))
    return Report(subject=Subject.COORDINATOR, org=org, running=running, findings=tuple(found))


def main() -> int:
    """Write the report; its exit code is that of the report."""
    parser = argparse.ArgumentParser(prog="mihe coordinator check")
    parser.add_argument("--config", type=Path, required=True, help="path of coordinator.toml")
    parser.add_argument("--running", action="store_true", help="it serves, so its port is taken")
    given = parser.parse_args()
    try:
        found = report(given.config, running=given.running)
    except Exception as defect:  # noqa: BLE001  # its text may quote anything: its type is enough
        error = OurError(f"a defect of the preflight ({type(defect).__name__})", fix="report it")
        failed = problem(Check.CONFIGURATION, error)
        found = Report(subject=Subject.COORDINATOR, findings=(failed,))
    sys.stdout.buffer.write(canonical_bytes(found) + b"\n")
    return found.exit_code


if __name__ == "__main__":
    sys.exit(main())
