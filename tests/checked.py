"""`mihe check` run as people run it, and what it said; and a configuration changed for it."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from re import sub
from typing import Any

from cli.init import Home
from cli.local import cli_command
from contract.checks import Check


@dataclass(frozen=True)
class Checked:
    """What the command said."""

    code: int
    report: dict[str, Any]
    shown: str

    def of(self, check: Check) -> list[dict[str, Any]]:
        return [one for one in self.report["findings"] if one["check"] == check]

    def outcomes(self) -> set[str]:
        return {one["outcome"] for one in self.report["findings"]}


def checked(place: Path, *words: str, of: tuple[str, ...] = ("check", "--node")) -> Checked:
    ran = subprocess.run(
        cli_command(*of, str(place), *words, "--json"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.stdout, ran.stderr
    return Checked(ran.returncode, json.loads(ran.stdout), ran.stdout)


def change(home: Home, to: str, pattern: str, *, once: bool = False) -> None:
    """Replace what matches in the configuration."""
    text = home.config.read_text("utf-8")
    changed = sub(rf"(?m)^{pattern}$", lambda _: to, text, count=int(once))
    assert changed != text
    home.config.write_text(changed, "utf-8")
