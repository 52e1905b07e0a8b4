"""Every attack of the laboratory comes out as its line says (`make attacks` prints them)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.laboratory import ATTACKS
from tests.attacks.trial import Guard, Trial


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_the_attacker_wins_without_the_guard_only(
    attack: Callable[[Path], Iterator[Trial]], tmp_path: Path
) -> None:
    trials = list(attack(tmp_path))
    assert [trial for trial in trials if not trial.holds] == []
    guards = {trial.guard for trial in trials}
    assert {Guard.THERE, Guard.TAKEN_AWAY} <= guards
