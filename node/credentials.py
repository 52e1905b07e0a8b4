"""The node's certificate, key and CA: where node.toml says they lie, read and checked."""

import os
from pathlib import Path

from contract.config import NodeConfig
from contract.credentials import Credentials, credentials_from, is_private
from contract.errors import BadSetting
from contract.identity import Role


def load_credentials(config: NodeConfig, folder: Path) -> Credentials:
    """The checked credentials of node.toml in `folder`; raises what does not fit."""
    return credentials_from(*read_files(config, folder), org=config.org, role=Role.NODE)


def read_files(config: NodeConfig, folder: Path) -> tuple[bytes, bytes, bytes]:
    """Certificate, key and CA as they lie there now; BadSetting if one is unreadable."""
    files = config.identity
    key = _read(folder / files.key, "private key")
    state = (folder / files.key).stat()
    if not is_private(state.st_mode, state.st_uid, os.geteuid()):
        raise BadSetting(
            "the private key file can be read by other users of this machine",
            party=config.org,
            fix="chmod 600 the key file; if others may have read it, make a new key",
        )
    certificate = _read(folder / files.certificate, "certificate")
    return certificate, key, _read(folder / files.authority, "CA certificate")


def _read(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise BadSetting(
            f"the {what} file can't be read: {file}",
            fix="have node.csr signed (`mihe ca sign`) and put the files where node.toml says",
        ) from None
