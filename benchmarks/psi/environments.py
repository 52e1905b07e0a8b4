"""The peers' virtual environments: each wheel in its own, at the versions that its lock pins.

They lie in .peers/ of this repository, which git ignores, and are made when first needed. A peer
that does not install on this machine is no error: the table says so, and pip's own words are in
.peers/NAME.log.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / ".peers"
SCRIPTS = _ROOT / "benchmarks" / "peers"
_INSTALL = ("install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--requirement")


@dataclass(frozen=True, slots=True)
class Environment:
    """One peer's: its name, and the versions of Python that its wheel was built for."""

    name: str
    pythons: tuple[str, ...]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return _FOLDER / self.name / "bin" / "python"

    @property
    def log(self) -> Path:
        """What pip and, later, the peer's processes wrote."""
        return _FOLDER / f"{self.name}.log"

    def made(self) -> str | None:
        """Make it if it isn't there; None, or why it can't be made."""
        lock = SCRIPTS / f"{self.name}.txt"
        done = _FOLDER / self.name / "made-from"
        pinned = sha256(lock.read_bytes()).hexdigest()
        if done.exists() and done.read_text() == pinned:
            return None
        python = self._interpreter()
        if python is None:
            return f"needs Python {' or '.join(self.pythons)}"
        _FOLDER.mkdir(exist_ok=True)
        shutil.rmtree(done.parent, ignore_errors=True)
        with self.log.open("wb") as log:
            for command in (
                (python, "-m", "venv", str(done.parent)),
                (str(self.python), "-m", "pip", *_INSTALL, str(lock)),
            ):
                print(f"installing {self.name} …", flush=True)
                if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
                    return f"does not install here: see {self.log.relative_to(_ROOT)}"
        done.write_text(pinned)
        return None

    def _interpreter(self) -> str | None:
        for version in self.pythons:
            if sys.version.startswith(f"{version}."):
                return sys.executable
        for version in self.pythons:
            if (found := shutil.which(f"python{version}")) and _runs(found):
                return found
        return None


def _runs(python: str) -> bool:
    """Whether it is more than a name: managers of versions put scripts for absent ones on PATH."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
