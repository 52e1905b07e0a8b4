"""The attacks of docs/threat-model.md that are scripts: tried, and printed as a table.

    python -m tests.attacks.laboratory

Each attacker is played against the product's own code, with the guard that stands against it and
without: an attack that would not win without the guard shows nothing about it.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.attacks import attacks_on_answers, attacks_on_arithmetic, attacks_on_many

ATTACKS = (
    *attacks_on_answers.ATTACKS,
    *attacks_on_arithmetic.ATTACKS,
    *attacks_on_many.ATTACKS,
)


def main() -> int:
    """Print every trial; 1 if one did not come out as it must."""
    table = Table("attack", "setting", "guard", "advantage", "bound", "")
    failed = False
    for attack in ATTACKS:
        with TemporaryDirectory() as folder:
            for trial in attack(Path(folder)):
                failed |= not trial.holds
                numbers = (f"{trial.advantage:.2f}", f"{trial.bound:.2f}")
                said = "as it must be" if trial.holds else "WRONG"
                table.add_row(trial.attack, trial.setting, trial.guard.value, *numbers, said)
    Console().print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
