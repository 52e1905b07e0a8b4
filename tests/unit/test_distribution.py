"""What `pip install` gets: one wheel with every package and the built core, that needs no sources.

The other tests run on an editable install: only this one would notice a file missing in the wheel.
"""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

# Builds share the source tree's cargo target folder: seconds where `make` has built before.
PIP: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


def tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def packages(root: Path) -> set[str]:
    with (root / "pyproject.toml").open("rb") as file:
        return set(tomllib.load(file)["tool"]["maturin"]["python-packages"])


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    # The build back end looks for maturin on PATH.
    return {**os.environ, "PATH": f"{tool('python').parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def wheel(
    root: Path, tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]
) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, root]
    subprocess.run(command, env=environment, check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_serves_every_python_from_3_11(wheel: Path) -> None:
    name, _, python, abi, _ = wheel.stem.split("-")
    assert (name, python, abi) == ("mihe", "cp311", "abi3")


def test_the_wheel_holds_the_packages_and_nothing_else(root: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == packages(root)
    assert [name for name in names if name.endswith((".rs", ".lock"))] == []
    python = {
        str(path.relative_to(root))
        for package in packages(root)
        for path in (root / package).rglob("*.py*")
        if path.suffix in {".py", ".pyi"} and "target" not in path.parts
    }
    assert python - set(names) == set()


def test_the_wheel_works_far_from_the_sources(root: Path, wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run([*PIP, "install", "--no-deps", "--target", site, wheel], check=True)
    names = sorted(packages(root) | {"native._core"})
    script = (
        f"import {', '.join(names)}\nprint(*({'.__file__, '.join(names)}.__file__,), sep='\\n')"
    )
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(loaded) == len(names)
    assert [path for path in loaded if not Path(path).is_relative_to(site)] == []
    subprocess.run(
        [site / "bin" / "mihe", "--help"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def test_the_source_distribution_can_be_built_from(
    root: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Everything that cargo needs is inside; nothing that cargo made is."""
    subprocess.run(
        [tool("maturin"), "sdist", "--out", tmp_path],
        cwd=root,
        env=environment,
        check=True,
    )
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    rust = {
        str(path.relative_to(root))
        for path in (root / "native").rglob("*")
        if (path.suffix == ".rs" or path.name in {"Cargo.toml", "Cargo.lock"})
        and (root / "native" / "target") not in path.parents
    }
    assert len(rust) > 3
    assert rust - names == set()
    assert {"pyproject.toml", "LICENSE", "PKG-INFO"} <= names
    assert [name for name in names if name.startswith("native/target")] == []
