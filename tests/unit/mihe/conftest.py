"""A node on a socket that answers what a test lays out, as for the command line's own tests."""

from tests.unit.cli.conftest import contract, folder, home, job, node

__all__ = ["contract", "folder", "home", "job", "node"]
