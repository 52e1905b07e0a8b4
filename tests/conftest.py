"""What every test may rely on: the repository's root, and examples without a deadline."""

from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is not a defect, so no example has a deadline; a failure prints how to repeat it.
settings.register_profile("mihe", deadline=None, print_blob=True)
settings.load_profile("mihe")


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parent.parent
