"""The coordinator's certificate, key and CA, read and checked before it listens.

contract/credentials.py checks that the three belong together; here are the files and their modes.
"""

import os
from pathlib import Path

from contract.config import CertificateFiles
from contract.credentials import Credentials, credentials_from, is_private
from contract.errors import BadSetting
from contract.identity import Authority, Role, pem_to_der


def load_credentials(files: CertificateFiles, folder: Path) -> Credentials:
    """The checked credentials; paths are relative to `folder`. Raises what does not fit."""
    certificate, key, authority = read_files(files, folder)
    # coordinator.toml names no organisation: the certificate alone says who runs the coordinator.
    org = Authority.from_pem(authority).admit(pem_to_der(certificate)).org
    return credentials_from(certificate, key, authority, org=org, role=Role.COORDINATOR)


def read_files(files: CertificateFiles, folder: Path) -> tuple[bytes, bytes, bytes]:
    """Certificate, key and CA as they lie there now; BadSetting if one is unreadable."""
    certificate = _read(folder / files.certificate, "certificate")
    authority = _read(folder / files.authority, "CA certificate")
    key = _read(folder / files.key, "private key")
    state = (folder / files.key).stat()
    if not is_private(state.st_mode, state.st_uid, os.geteuid()):
        raise BadSetting(
            "the private key file can be read by other users of this machine",
            fix="chmod 600 the key file; if others may have read it, make a new key",
        )
    return certificate, key, authority


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise BadSetting(
            f"the {what} file can't be read: {path}",
            fix="correct [identity] in coordinator.toml, or the file's owner and mode",
        ) from None
