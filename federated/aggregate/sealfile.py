"""Hands bytes to SEAL, whose Python interface reads from a path and from nothing else.

The path names an anonymous file in memory: no disk and no directory ever holds it, no other process
can open it, and it is gone when this one ends, however it ends. What passes is what this process
laid out itself from numbers that it had checked, and only public keys, plaintext polynomials and
ciphertexts; a decryption key never does.

The only module of the protocols that may import `os` (contract `pure` in pyproject.toml;
docs/decisions/0006).
"""

import os
from collections.abc import Callable


def read_by(reader: Callable[[str], None], content: bytes) -> None:
    """Call `reader` with a path under which it finds `content`."""
    with open(os.memfd_create("seal", os.MFD_CLOEXEC), "wb", buffering=0) as file:
        file.write(content)
        reader(f"/proc/self/fd/{file.fileno()}")
