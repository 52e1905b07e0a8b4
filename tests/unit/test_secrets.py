"""A file that makes or holds a secret scalar or a decryption key is called secret.py, and no other.

What is secret is read off the stub of the Rust core: its classes that are not exceptions, and every
function that returns one; of SEAL, what makes, holds or uses a decryption key; of cryptography, a
private key of X25519; of Python, objects that refuse to be pickled. The contract `blind` in
pyproject.toml then keeps the coordinator away.
"""

import ast
from pathlib import Path

PROTOCOLS = ("psi", "federated")
SEAL_SECRETS = {"KeyGenerator", "SecretKey", "Decryptor"}
KEYS = {"X25519PrivateKey"}


def names_in(tree: ast.AST | None) -> set[str]:
    nodes = ast.walk(tree) if tree else ()
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def secret_names(root: Path) -> set[str]:
    stub = ast.parse((root / "native" / "_core.pyi").read_text(encoding="utf-8"))
    classes: set[str] = set()
    exceptions = {"Exception", "ValueError", "RuntimeError"}
    for node in stub.body:
        if isinstance(node, ast.ClassDef):
            bases = {name for base in node.bases for name in names_in(base)}
            (exceptions if bases & exceptions else classes).add(node.name)
    makers = {
        node.name
        for node in stub.body
        if isinstance(node, ast.FunctionDef) and names_in(node.returns) & classes
    }
    return classes | makers


def used_of_native(path: Path) -> set[str]:
    """The names that a file takes from the core: `from native._core import x` or `_core.x`."""
    used: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            # `import native` hides what is used; there is one way to write it.
            assert not any(alias.name.split(".")[0] == "native" for alias in node.names), path
        elif isinstance(node, ast.ImportFrom) and node.module in ("native", "native._core"):
            assert not any(alias.asname for alias in node.names), path
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and "_core" in names_in(node.value):
            used.add(node.attr)
    return used


def used_of_seal(path: Path) -> set[str]:
    """The names that a file takes from SEAL: `seal.X`, and no other way to write it."""
    used: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            seal = [alias for alias in node.names if alias.name.split(".")[0] == "tenseal"]
            assert all((a.name, a.asname) == ("tenseal.sealapi", "seal") for a in seal), path
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] != "tenseal", path
        elif isinstance(node, ast.Attribute) and "seal" in names_in(node.value):
            used.add(node.attr)
    return used


def used_of_cryptography(path: Path) -> set[str]:
    """The names that a file takes from the cryptography library, by `from … import x` alone."""
    used: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] == "cryptography" for alias in node.names), path
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cryptography"):
            used |= {alias.name for alias in node.names}
    return used


def refuses_to_be_pickled(path: Path) -> bool:
    """Whether a class says so of itself; the one that others inherit it from is no secret."""
    classes = [
        node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.ClassDef)
    ]
    return any(
        any(isinstance(base, ast.Name) and base.id == "Unserialised" for base in node.bases)
        or (
            node.name != "Unserialised"
            and any(
                isinstance(one, ast.FunctionDef) and one.name == "__reduce__" for one in node.body
            )
        )
        for node in classes
    )


def draws_noise(path: Path) -> bool:
    """Whether it imports what draws: who knows a draw knows the exact number."""
    return any(
        (node.module or "").split(".")[0] == "opendp"
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ImportFrom)
    )


def test_the_core_has_secrets_to_name(root: Path) -> None:
    assert {"blind", "Blinding"} <= secret_names(root)
    assert "Spent" not in secret_names(root)


def test_secrets_live_in_files_called_secret(root: Path) -> None:
    """Also the other way round: the contract `blind` must not protect an empty name."""
    secret = secret_names(root)
    holders = {
        path
        for package in PROTOCOLS
        for path in (root / package).rglob("*.py")
        if secret & used_of_native(path)
        or SEAL_SECRETS & used_of_seal(path)
        or KEYS & used_of_cryptography(path)
        or refuses_to_be_pickled(path)
        or draws_noise(path)
    }
    named = {path for package in PROTOCOLS for path in (root / package).rglob("secret.py")}
    assert holders == named
    assert root / "psi" / "ecdh" / "secret.py" in named
    assert root / "federated" / "aggregate" / "secret.py" in named
