"""What every test may rely on: the repository's root, a PostgreSQL server, no deadline."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from durable.postgres import Place
from native._core import SOURCE_DIGEST
from tests.native_sources import digest
from tests.postgres import Database, Server, running
from tests.states import place_on

# A busy machine is not a defect, so no example has a deadline; a failure prints how to repeat it.
settings.register_profile("mihe", deadline=None, print_blob=True)
settings.load_profile("mihe")


def pytest_sessionstart() -> None:
    """No test says anything about sources that the binary was not built from."""
    if digest(Path(__file__).resolve().parent.parent) != SOURCE_DIGEST:
        raise pytest.UsageError("native/_core was built from other sources: `make test` rebuilds")


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server that tests share; each makes a database of its own in it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def state_database(postgres: Server) -> Database:
    """A database for the states of many daemons, each in a schema of its own."""
    return postgres.database()


@pytest.fixture
def place(state_database: Database, tmp_path: Path) -> Place:
    """Where on a PostgreSQL server a new state may lie."""
    return place_on(state_database, tmp_path)


@pytest.fixture(params=["file", "server"])
def either(request: pytest.FixtureRequest) -> Place | None:
    """Both places for a state: its file (None), and a PostgreSQL server."""
    return request.getfixturevalue("place") if request.param == "server" else None
