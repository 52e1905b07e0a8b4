"""What every test may rely on: the repository's root, a PostgreSQL server, no deadline."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres import Server, running

# A busy machine is not a defect, so no example has a deadline; a failure prints how to repeat it.
settings.register_profile("mihe", deadline=None, print_blob=True)
settings.load_profile("mihe")


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server that tests share; each makes a database of its own in it."""
    with running() as server:
        yield server
