"""The committed stubs are what `make proto` would write from protos/*.proto today."""

import subprocess
import sys
from pathlib import Path


def stubs(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*_pb2*.py*")}


def test_regenerating_changes_nothing(root: Path, tmp_path: Path) -> None:
    sources = sorted(path.relative_to(root) for path in (root / "protos").glob("*.proto"))
    assert sources
    plugins = [
        f"--plugin=protoc-gen-{name}={Path(sys.executable).with_name(f'protoc-gen-{name}')}"
        for name in ("mypy", "mypy_grpc")
    ]
    outputs = [
        f"--{kind}_out={tmp_path}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")
    ]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I.", *plugins, *outputs, *sources],
        cwd=root,
        check=True,
    )
    assert stubs(tmp_path / "protos") == stubs(root / "protos")
