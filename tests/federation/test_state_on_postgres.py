"""A federation whose daemons all keep their state on one PostgreSQL server, and are killed.

The same rule as for a file: no job ends differently on two sides, no result is wrong or half there,
and every daemon goes on from where it was. What becomes of a daemon whose server goes is in
tests/unit/durable and tests/unit/node/test_daemon.py.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cli.authority import COORDINATOR_ORG
from contract.lifecycle import State
from contract.views import JobView
from scenarios.sql_oracle import Clear
from tests.federation.banks import BANKS, Banks, End
from tests.federation.federation import short_folder
from tests.postgres import running
from tests.states import password_file

DAEMONS = (COORDINATOR_ORG, *BANKS)
MID_RUN = "frame.chunk.evaluated.0"
"""bank_b, the sender, has computed everything and has sent nothing of it."""

SQL = """
SELECT a.guarantee_type, COUNT(*) AS firms, SUM(b.loan_balance) AS owed_elsewhere
FROM bank_a.loans AS a JOIN bank_b.loans AS b USING (uscc)
GROUP BY a.guarantee_type
"""


def views(banks: Banks, job: str) -> dict[str, JobView]:
    """The job as each bank's people see it; how far each party was is not kept."""
    seen = {org: banks.view(org, job) for org in BANKS}
    return {org: view.model_copy(update={"progress": ()}) for org, view in seen.items()}


@pytest.fixture(scope="module")
def banks() -> Iterator[Banks]:
    with running() as server, short_folder() as folder, TemporaryDirectory() as secrets:
        database = server.database()
        url = database.uri(tcp=True, password=False)
        password = str(password_file(database, Path(secrets)))
        state = {"state": {"url": url, "password_file": password}}
        with Banks(folder, coordinator=state, node=state) as running_banks:
            yield running_banks


@pytest.fixture(autouse=True)
def _all_up(banks: Banks) -> Iterator[None]:
    """Whatever a test leaves behind, the next one finds all daemons there and no orders."""
    yield
    for org in BANKS:
        banks.dismiss(org)
    banks.start(*(name for name in DAEMONS if name not in banks.running))
    banks.wait_attached()


def test_both_jobs_work_and_no_file_is_made(banks: Banks) -> None:
    banks.must_work()
    asked = banks.run_cli(
        *("bank_a", "query", SQL, "--to", "bank_a", "--purpose", "CREDIT_MICRO"),
        *("--basis", "SYNTHETIC_TEST", "--yes", "--json"),
    )
    assert asked.returncode == 0, asked.stderr
    job = str(json.loads(asked.stdout)["job"])
    file = banks.folder / "bank_a" / "data" / "results" / f"{job}.csv"
    with file.open(encoding="utf-8", newline="") as opened:
        _, *rows = csv.reader(opened)
    clear = Clear(banks.folder / "world").answer(SQL, k=10, min_join=10)
    shown = {(kind, str(firms), f"{owed:f}", "false") for kind, firms, owed in clear.rows}
    assert len(shown) > 1
    assert {tuple(row) for row in rows if row[-1] == "false"} == shown
    assert not list(banks.folder.rglob("*.sqlite*"))


def test_all_daemons_killed_lose_nothing(banks: Banks) -> None:
    job = banks.must_work()
    before = views(banks, job)
    for name in DAEMONS:
        banks.kill(name)
    banks.start(*DAEMONS)
    banks.wait_attached()
    assert views(banks, job) == before
    banks.must_work()


@pytest.mark.parametrize("killed", BANKS)
def test_a_party_killed_in_the_middle_of_a_run_ends_it_everywhere(
    banks: Banks, killed: str
) -> None:
    point = MID_RUN if killed == "bank_b" else "frame.receipted.blinded"
    with banks.halted(killed, point) as job:
        banks.kill(killed)
    banks.start(killed)
    assert banks.end_of(job) == End(State.FAILED, "PARTY_RESTARTED", killed)
    banks.must_work()
