"""The import graph is the threat model: every contract holds, and none of them holds vacuously.

Each contract of pyproject.toml is broken on purpose in a copy of the packages, and lint-imports
must name it.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CONTRACTS = {
    "layers": "Left may import right, never back",
    "client": "A daemon does not import what people ask it with",
    "library": "The library neither draws nor asks: a terminal is the command line's",
    "state": "Only the daemons keep state",
    "rows": "What keeps the state knows no protocol and speaks to no peer",
    "daemon": "What both daemons do around their work knows nothing of it",
    "wire": "Only daemons and the library that asks them speak protobuf and gRPC",
    "core": "Only protocols reach the Rust core",
    "pure": "Protocols and nouns do no I/O",
    "blind": "The coordinator reaches no secret scalar and no decryption key",
    "he": "TenSEAL is imported in federated only",
    "world": "Only the command line knows the simulated world",
}


class Break(NamedTuple):
    contract: str
    files: dict[str, str]  # path in the copy → its source

    def __str__(self) -> str:
        return f"{self.contract}-{list(self.files)[-1].split('/')[0]}"


def planted(contract: str, package: str, source: str) -> Break:
    return Break(contract, {f"{package}/planted.py": source})


BREAKS = [
    planted("layers", "psi", "import federated"),
    planted("layers", "contract", "import psi"),
    planted("layers", "protos", "import contract"),
    planted("layers", "native", "import protos"),
    planted("layers", "federated", "import node"),
    planted("layers", "cli", "import node"),
    planted("layers", "node", "import coordinator"),
    planted("layers", "coordinator", "import cli"),
    planted("layers", "mihe", "import cli"),
    planted("layers", "mihe", "import node"),
    planted("client", "node", "import mihe"),
    planted("client", "coordinator", "from mihe import client"),
    planted("library", "mihe", "import typer"),
    planted("library", "mihe", "def late():\n    import rich"),
    planted("layers", "daemon", "import node"),
    planted("layers", "durable", "import daemon"),
    planted("daemon", "daemon", "import psi"),
    planted("layers", "durable", "import node"),
    planted("layers", "durable", "import mihe"),
    planted("state", "cli", "import durable"),
    planted("state", "mihe", "import sqlalchemy"),
    planted("state", "federated", "def late():\n    import psycopg"),
    planted("rows", "durable", "import psi"),
    planted("rows", "durable", "from protos import admin_pb2"),
    planted("rows", "durable", "import asyncio"),
    planted("wire", "psi", "import grpc"),
    planted("wire", "federated", "import protos"),
    planted("wire", "contract", "from google.protobuf import message"),
    planted("core", "contract", "import native"),
    planted("core", "node", "from native import _core"),
    planted("core", "coordinator", "import native"),
    planted("core", "mihe", "from native import _core"),
    planted("core", "cli", "def late():\n    import native"),
    planted("pure", "psi", "import asyncio"),
    planted("pure", "contract", "from os import path"),
    planted("pure", "federated", "def late():\n    import socket"),
    # Beside the one module that may: it is named, its folder is not.
    Break("pure", {"federated/aggregate/planted.py": "import os"}),
    Break("pure", {"federated/aggregate/sealfile.py": "import os\nimport io"}),
    planted("he", "psi", "import tenseal"),
    planted("he", "node", "from tenseal import sealapi"),
    planted("world", "node", "import scenarios"),
    planted("world", "mihe", "import scenarios"),
    planted("world", "contract", "import scenarios"),
    Break(
        "blind",
        {
            "psi/planted/__init__.py": "",
            "psi/planted/secret.py": "",
            "coordinator/planted.py": "from psi.planted import secret",
        },
    ),
    Break(
        "blind",
        {
            "federated/planted/__init__.py": "",
            "federated/planted/deep/__init__.py": "",
            "federated/planted/deep/secret.py": "",
            "federated/planted/states.py": "import federated.planted.deep.secret",
            "coordinator/planted.py": "import federated.planted.states",
        },
    ),
    Break(
        "blind",
        {
            "psi/planted/__init__.py": "",
            "psi/planted/secret.py": "class Scalar: ...",
            "coordinator/planted.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from psi.planted.secret import Scalar",
        },
    ),
]


@pytest.fixture(scope="module")
def configuration(root: Path) -> dict[str, Any]:
    with (root / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


@pytest.fixture(scope="module")
def packages(configuration: dict[str, Any]) -> list[str]:
    linted: list[str] = configuration["tool"]["importlinter"]["root_packages"]
    return linted


@pytest.fixture
def copy(root: Path, packages: list[str], tmp_path: Path) -> Path:
    for package in packages:
        for source in (root / package).rglob("*.py"):
            target = tmp_path / source.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    shutil.copyfile(root / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def verdicts(directory: Path) -> dict[str, str]:
    """Contract name → KEPT or BROKEN, as lint-imports reports them."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    # "(1 ignored import)" follows where an exception is made.
    line = re.compile(r"^(.+) (KEPT|BROKEN)(?: \(.*\))?$", re.MULTILINE)
    found = dict(line.findall(done.stdout))
    assert found.keys() == set(CONTRACTS.values()), done.stdout + done.stderr
    assert done.returncode == ("BROKEN" in found.values())
    return found


def test_every_contract_is_known_here(configuration: dict[str, Any]) -> None:
    declared = configuration["tool"]["importlinter"]["contracts"]
    assert {entry["id"]: entry["name"] for entry in declared} == CONTRACTS
    assert {broken.contract for broken in BREAKS} == CONTRACTS.keys()


def test_one_exception_is_made(configuration: dict[str, Any]) -> None:
    declared = configuration["tool"]["importlinter"]["contracts"]
    assert [
        (entry["id"], entry["ignore_imports"]) for entry in declared if "ignore_imports" in entry
    ] == [("pure", ["federated.aggregate.sealfile -> os"])]


def test_the_wheel_and_the_contracts_name_the_same_packages(
    configuration: dict[str, Any], packages: list[str]
) -> None:
    assert sorted(configuration["tool"]["maturin"]["python-packages"]) == sorted(packages)


def test_every_contract_is_kept(root: Path) -> None:
    assert set(verdicts(root).values()) == {"KEPT"}


@pytest.mark.parametrize("broken", BREAKS, ids=str)
def test_a_contract_broken_on_purpose_fails(broken: Break, copy: Path) -> None:
    for path, source in broken.files.items():
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source + "\n", encoding="utf-8")
    assert verdicts(copy)[CONTRACTS[broken.contract]] == "BROKEN"


def sources(root: Path, packages: list[str]) -> Iterator[Path]:
    for package in packages:
        yield from (root / package).rglob("*.py")


def test_package_init_files_are_empty(root: Path, packages: list[str]) -> None:
    """import-linter doesn't follow a parent's __init__: an import hidden there would go unseen."""
    inits = [path for path in sources(root, packages) if path.name == "__init__.py"]
    assert {path.parent.name for path in inits} >= set(packages)
    assert [str(path) for path in inits if path.read_bytes()] == []


def test_no_module_is_imported_by_a_computed_name(root: Path, packages: list[str]) -> None:
    """import-linter reads import statements only; anything else would go unseen."""
    computed = re.compile(r"\b(import_module|__import__|runpy|spec_from_file_location)\b")
    for path in sources(root, packages):
        assert not computed.search(path.read_text(encoding="utf-8")), path
