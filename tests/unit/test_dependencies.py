"""Every package that an installation declares, extras included, really loads on this Python."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement

MODULES = {
    "adbc-driver-manager": "adbc_driver_manager.dbapi",
    "adbc-driver-postgresql": "adbc_driver_postgresql.dbapi",
    "alembic": "alembic.migration",
    "cryptography": "cryptography.hazmat.bindings._rust",
    "duckdb": "duckdb",
    "grpcio": "grpc.aio",
    "grpcio-health-checking": "grpc_health.v1.health_pb2_grpc",
    "grpcio-reflection": "grpc_reflection.v1alpha.reflection",
    "numpy": "numpy",
    "opendp": "opendp.measurements",
    "pandas": "pandas",
    "phe": "phe.paillier",
    "protobuf": "google.protobuf.message",
    "psycopg": "psycopg",
    "pyarrow": "pyarrow",
    "pydantic": "pydantic",
    "rfc8785": "rfc8785",
    "rich": "rich.console",
    "sqlalchemy": "sqlalchemy.orm",
    "sqlglot": "sqlglot.optimizer.qualify",
    "tenseal": "tenseal.sealapi",
    "tree-sitter": "tree_sitter",
    "tree-sitter-toml": "tree_sitter_toml",
    "typer": "typer",
}


def test_every_declared_package_is_tried(root: Path) -> None:
    with (root / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    assert {Requirement(text).name for group in groups for text in group} == MODULES.keys()


@pytest.mark.parametrize("package", MODULES)
def test_it_imports(package: str) -> None:
    import_module(MODULES[package])
