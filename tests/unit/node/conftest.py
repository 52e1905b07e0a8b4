"""Two banks of one consortium, and a bank of another."""

from pathlib import Path

import pytest

from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import Member, enrol


@pytest.fixture(scope="session")
def consortium() -> Consortium:
    return Consortium("Test consortium")


@pytest.fixture(scope="session")
def members(consortium: Consortium, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the members' files lie."""
    return tmp_path_factory.mktemp("members")


@pytest.fixture(scope="session")
def bank_a(consortium: Consortium, members: Path) -> Member:
    return enrol(consortium.member("bank_a"), members / "bank_a")


@pytest.fixture(scope="session")
def bank_b(consortium: Consortium, members: Path) -> Member:
    return enrol(consortium.member("bank_b"), members / "bank_b")


@pytest.fixture(scope="session")
def tax(consortium: Consortium, members: Path) -> Member:
    return enrol(consortium.member("tax"), members / "tax")


@pytest.fixture(scope="session")
def stranger(members: Path) -> Member:
    """A bank_b that another consortium's CA has certified."""
    return enrol(Consortium("Another consortium").member("bank_b"), members / "stranger")
