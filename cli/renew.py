"""`mihe init renew`: another key and certificate for a node or coordinator that is there already.

Typed twice. The first time it makes a key and a request beside the ones in use, and says where to
send the request; once the CA's answer lies there, it checks it and puts both in place. A daemon
that runs sees that within seconds and goes on with the new pair; docs/certificates.md tells more.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cli import terminal
from cli.authority import COORDINATOR_ORG, Paper, read, request
from cli.ca import grouped, shown
from cli.init import Made
from cli.options import JsonOption
from contract.config import CertificateFiles, CoordinatorConfig, NodeConfig
from contract.credentials import credentials_from
from contract.errors import BadSetting
from contract.identity import Role
from contract.toml import parse
from mihe import files
from mihe.where import COORDINATOR_FILE, NODE_FILE


@dataclass(frozen=True, slots=True)
class Renewing:
    """The files of a daemon whose certificate is renewed: those in use, and those beside them."""

    key: Path
    certificate: Path
    authority: Path

    @staticmethod
    def of(folder: Path) -> "Renewing":
        """As the configuration in `folder` names them; BadSetting if there is none, or two."""
        found = [folder / name for name in (NODE_FILE, COORDINATOR_FILE)]
        found = [file for file in found if file.is_file()]
        if len(found) != 1:
            raise BadSetting(
                f"{folder} is not the folder of one node or one coordinator",
                fix="name the folder that `mihe init` made with --dir",
            )
        named = _named(found[0])
        return Renewing(folder / named.key, folder / named.certificate, folder / named.authority)

    @property
    def new_key(self) -> Path:
        """The key that is not in use yet."""
        return _beside(self.key, self.key.suffix)

    @property
    def request(self) -> Path:
        """The request for it."""
        return _beside(self.key, ".csr")

    @property
    def new_certificate(self) -> Path:
        """Where the CA's answer is awaited."""
        return _beside(self.certificate, self.certificate.suffix)


def begin(renewing: Renewing) -> Made:
    """Make a key and a request beside those in use, unless they are there already."""
    current = read(files.read(renewing.certificate, "the certificate in use"))
    if not renewing.new_key.exists():
        if current.role is None or current.uscc is None:
            raise BadSetting(
                f"{renewing.certificate} is no member's certificate",
                fix="correct [identity] in the configuration",
            )
        key, csr = request(current.role, current.name, current.uscc)
        files.require_absent(renewing.request)
        files.write_new(renewing.new_key, key, files.SECRET)
        files.write_new(renewing.request, csr)
    asked = read(files.read(renewing.request, "the request"))
    made = (str(renewing.new_key), str(renewing.request))
    return Made(files=made, key_fingerprint=asked.key_fingerprint)


def finish(renewing: Renewing) -> Paper:
    """Put a new key and the certificate that answers it in place, once they are checked."""
    certificate = files.read(renewing.new_certificate, "the new certificate")
    # Broken off between the two moves, the key is in its place already.
    key = renewing.new_key if renewing.new_key.exists() else renewing.key
    paper = read(certificate)
    current = read(files.read(renewing.certificate, "the certificate in use"))
    credentials_from(
        certificate,
        files.read(key, "the new key"),
        files.read(renewing.authority, "the CA's certificate"),
        org=current.name,
        role=Role.COORDINATOR if current.name == COORDINATOR_ORG else Role.NODE,
    )
    if key != renewing.key:
        files.move_over(key, renewing.key)
    files.move_over(renewing.new_certificate, renewing.certificate)
    renewing.request.unlink(missing_ok=True)
    return paper


def renew(
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="The folder that `mihe init` made.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Renew a certificate: type it once for a new key and request, and again for the answer.

    A running node or coordinator takes the new pair within seconds, without a restart. Jobs that
    were approved before are finished under the certificate that they name.
    """
    renewing = Renewing.of(folder)
    if renewing.new_certificate.exists():
        paper = finish(renewing)
        terminal.answer(paper, shown(paper), as_json=as_json)
        terminal.say("In place. A running daemon takes it within seconds; for a node,")
        terminal.say("`mihe status` shows its fingerprint then. The earlier key is gone from disk.")
        return
    made = begin(renewing)
    terminal.answer(made, terminal.lines(made.files), as_json=as_json)
    terminal.say()
    terminal.say("Next:")
    terminal.say(f"  1. Send {renewing.request} to the consortium's CA, which runs `mihe ca sign`,")
    terminal.say("     and read out this key fingerprint to it by telephone:")
    terminal.say(f"     {grouped(made.key_fingerprint)}")
    terminal.say(f"  2. Save the certificate that comes back as {renewing.new_certificate}.")
    terminal.say(f"  3. mihe init renew --dir {folder}")


def _named(file: Path) -> CertificateFiles:
    text = files.read(file, "the configuration").decode("utf-8", "replace")
    if file.name == NODE_FILE:
        return parse(NodeConfig, text, str(file)).identity
    return parse(CoordinatorConfig, text, str(file)).identity


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(f"{file.stem}.new{suffix}")
