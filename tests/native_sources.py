"""Whether the Rust core that is imported was built from the sources here (binding/build.rs)."""

from hashlib import sha256
from pathlib import Path


def digest(root: Path) -> str:
    """Hex digest of the Rust sources, as the build writes it into the binary."""
    native = root / "native"
    sources = [native / "Cargo.toml", native / "Cargo.lock"]
    for folder in ("crates", "binding"):
        sources += [
            path
            for path in (native / folder).rglob("*")
            if path.is_file() and (path.suffix == ".rs" or path.stem == "Cargo")
        ]
    names = {path.relative_to(native): sha256(path.read_bytes()).hexdigest() for path in sources}
    lines = [f"{digest}  {name.as_posix()}\n" for name, digest in sorted(names.items())]
    assert len(lines) > 10
    return sha256("".join(lines).encode()).hexdigest()
