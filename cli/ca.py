"""`mihe ca`: the consortium's offline CA, as files in a folder that only its officer can read."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli import terminal
from cli.authority import MEMBER_DAYS, Paper, new_authority, read, sign
from cli.options import JsonOption
from contract.identity import Authority, pem_to_der
from mihe import files

KEY_FILE = "ca.key"
CERTIFICATE_FILE = "ca.pem"

app = typer.Typer(no_args_is_help=False, help="The consortium's CA: who is a member, and as what.")


def create_authority(folder: Path, name: str) -> Path:
    """A new CA in `folder`; the path of its certificate."""
    key, certificate = folder / KEY_FILE, folder / CERTIFICATE_FILE
    files.require_absent(key, certificate)
    key_pem, certificate_pem = new_authority(name)
    files.write_new(key, key_pem, files.SECRET)
    files.write_new(certificate, certificate_pem)
    return certificate


def issue(csr: Path, ca: Path, out: Path, days: int = MEMBER_DAYS) -> Paper:
    """Sign a request with the CA in `ca`, into `out`; what was issued."""
    files.require_absent(out)
    certificate = sign(
        files.read(ca / KEY_FILE, "the CA's key"),
        files.read(ca / CERTIFICATE_FILE, "the CA's certificate"),
        files.read(csr, "the request"),
        days,
    )
    files.write_new(out, certificate)
    return read(certificate)


@app.command("new")
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for ca.key and ca.pem.")],
    name: Annotated[str, typer.Option(help="The consortium's name, shown in certificates.")] = (
        "mihe consortium CA"
    ),
    as_json: JsonOption = False,
) -> None:
    """Make a new CA: a key that signs members, and the certificate that every member trusts.

    Do this on a machine that stays off the network. ca.key never leaves it; ca.pem goes to every
    member, over a channel on which nobody can exchange it.
    """
    certificate = create_authority(folder, name)
    paper = read(certificate.read_bytes())
    terminal.answer(paper, shown(paper), as_json=as_json)
    terminal.say(f"Keep {folder / KEY_FILE} offline. Give {certificate} to every member.")


@app.command("sign")
def sign_request(
    csr: Annotated[Path, typer.Argument(metavar="CSR", help="The member's .csr file.")],
    ca: Annotated[Path, typer.Option(metavar="DIR", help="The folder that `mihe ca new` made.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the certificate.")],
    days: Annotated[int, typer.Option(min=1, max=MEMBER_DAYS, help="How long it is valid.")] = (
        MEMBER_DAYS
    ),
    as_json: JsonOption = False,
) -> None:
    """Certify a member: check its request and sign it.

    The request is checked for form: its own signature, one organisation, a valid USCC, one role.
    Whether it comes from that organisation only you can know: compare the key fingerprint that
    this command asks about with the one that `mihe init` showed there, by telephone or in person.
    """
    request = read(files.read(csr, "the request"))
    terminal.show(shown(request))
    terminal.ask("Is this the key fingerprint that the organisation reads out?")
    paper = issue(csr, ca, out, days)
    terminal.answer(paper, shown(paper), as_json=as_json)
    terminal.say(f"Send {out} and {ca / CERTIFICATE_FILE} to {paper.name}.")


@app.command("show")
def show_paper(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .pem or .csr file.")],
    ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A ca.pem: check that it signed this certificate."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say in plain words whose certificate or request a file is, and until when it is valid."""
    pem = files.read(file, "the certificate")
    paper = read(pem)
    if ca is not None:
        Authority.from_pem(files.read(ca, "the CA's certificate")).admit(pem_to_der(pem))
    terminal.answer(paper, shown(paper), as_json=as_json)


def shown(paper: Paper) -> Table:
    """A certificate or request, for people who compare it."""
    kinds = {
        "authority": "certificate of a consortium's CA",
        "certificate": f"certificate of a {paper.role or 'member of unknown role'}",
        "request": f"request to become a {paper.role}, not signed by a CA yet",
    }
    return terminal.facts(
        [
            ("what", kinds[paper.what]),
            ("name" if paper.what == "authority" else "organisation", paper.name),
            ("USCC", paper.uscc),
            ("key fingerprint", grouped(paper.key_fingerprint)),
            ("fingerprint", paper.fingerprint and grouped(paper.fingerprint)),
            ("valid until", paper.expires and f"{paper.expires:%Y-%m-%d %H:%M} UTC"),
            ("issued by", paper.issuer),
        ]
    )


def grouped(fingerprint: str) -> str:
    """A fingerprint in groups of four, as people read it out."""
    return " ".join(fingerprint[i : i + 4] for i in range(0, len(fingerprint), 4))
