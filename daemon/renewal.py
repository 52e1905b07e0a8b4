"""What is renewed on disk while a daemon runs: certificate and key, the CA, the revocation list.

The files are looked at every second, and read when one looks changed. A certificate and a key count
when both are there and fit each other, the CA and the organisation; until then the pair in use
stays in use, and whoever reads the log learns why. A revocation list that is in force is kept in
the data folder, so that neither a restart nor an older file can take it back.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from contract.credentials import Credentials, renewed
from contract.errors import BadMessage, MiheError, StorageFull
from contract.revocation import MAX_LIST_BYTES, Taken, list_to_der

LOOK_SECONDS = 1.0
_KEPT = "revoked"
# PEM takes four bytes for three, and a little for lines and frame.
_MAX_FILE_BYTES = 2 * MAX_LIST_BYTES


@dataclass(frozen=True, slots=True)
class News:
    """What a look has brought: whether the credentials or a list are new, and what was refused."""

    credentials: bool
    lists: bool
    refused: tuple[MiheError, ...]


class Renewal:
    """One daemon's credentials, kept up with its files."""

    def __init__(
        self,
        credentials: Credentials,
        read: Callable[[], tuple[bytes, bytes, bytes]],
        files: Sequence[Path],
        revocations: Path,
        data: Path,
    ) -> None:
        """`read` gives certificate, key and CA out of `files`; `revocations` is the CA's list."""
        self._credentials = credentials
        self._authority = credentials.authority
        self._read = read
        self._files = files
        self._revocations = revocations
        self._folder = data / _KEPT
        self._kept: dict[str, int] = {}
        self._seen: list[object] = []
        self._seen_list: object = None

    def begin(self) -> News:
        """Put in force what an earlier process kept, then look at the files. Blocking."""
        refused: list[MiheError] = []
        for file in sorted(self._folder.glob("*.crl")):
            try:
                self._authority.take(file.read_bytes())
            except OSError:
                refused.append(_unreadable(file))
            except MiheError as error:
                refused.append(error)
        self._kept = {ca: one.number for ca, one in self._authority.lists.items()}
        news = self.look()
        return News(news.credentials, bool(self._kept), (*refused, *news.refused))

    def look(self) -> News:
        """Use what has changed on disk, as far as it is fit for use. Blocking."""
        refused: list[MiheError] = []
        fresh = newer = False
        try:
            fresh = self._look_at_credentials()
        except MiheError as error:
            refused.append(error)
        try:
            newer = self._look_at_list()
        except MiheError as error:
            refused.append(error)
        return News(fresh, newer, tuple(refused))

    def take(self, raw: bytes) -> Taken:
        """A revocation list from wherever: in force if it is newer, and kept. Blocking.

        Raises BadMessage or BadSignature for one that is no list of this consortium's CA, and
        StorageFull for one that is in force but could not be kept.
        """
        taken = self._authority.take(raw)
        if taken is Taken.NEWER:
            self._keep()
        return taken

    def _look_at_credentials(self) -> bool:
        looks: list[object] = [_looks(file) for file in self._files]
        if looks == self._seen:
            return False
        self._seen = looks
        newer = renewed(self._credentials, *self._read())
        if newer is not None:
            self._credentials.renew(newer)
        return newer is not None

    def _look_at_list(self) -> bool:
        looks = _looks(self._revocations)
        if looks == self._seen_list:
            return False
        self._seen_list = looks
        if looks is None:
            return False
        try:
            with self._revocations.open("rb") as file:
                content = file.read(_MAX_FILE_BYTES + 1)
        except OSError:
            raise _unreadable(self._revocations) from None
        taken = self.take(list_to_der(content))
        if taken is Taken.OLDER:
            raise BadMessage(
                f"the revocation list in {self._revocations} is older than the one in force",
                fix="put the newest ca.crl of the CA there; the newer list stays in force",
            )
        return taken is Taken.NEWER

    def _keep(self) -> None:
        for ca, one in self._authority.lists.items():
            if self._kept.get(ca) == one.number:
                continue
            target = self._folder / f"{ca}.crl"
            partial = target.with_suffix(".partial")
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                with open(
                    os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
                ) as out:
                    out.write(one.raw)
                    out.flush()
                    os.fsync(out.fileno())
                partial.replace(target)
            except OSError:
                raise StorageFull(
                    "the revocation list is in force, but can't be kept in the data folder",
                    fix="free space in the data folder, or make it writable",
                ) from None
            self._kept[ca] = one.number


def server_credentials(credentials: Credentials) -> grpc.ServerCredentials:
    """Mutual TLS under the consortium's CA, with the pair that is in use at the time."""
    last = (credentials.pair, credentials.authority_pem)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        # Asked by gRPC before every handshake; None: go on as before.
        nonlocal last
        present = (credentials.pair, credentials.authority_pem)
        if present == last:
            return None
        last = present
        return _configuration(credentials)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(credentials),
        fetch,  # type: ignore[arg-type]  # None is in gRPC's documentation, not in its stubs
        require_client_authentication=True,
    )


def _configuration(credentials: Credentials) -> grpc.ServerCertificateConfiguration:
    pair = credentials.pair
    return grpc.ssl_server_certificate_configuration(
        [(pair.key_pem, pair.certificate_pem)], root_certificates=credentials.authority_pem
    )


def _looks(file: Path) -> tuple[int, ...] | None:
    """By what a changed file is told from the one before; None while there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def _unreadable(file: Path) -> MiheError:
    return BadMessage(
        f"the revocation list in {file} can't be read", fix="check the file's owner and mode"
    )
