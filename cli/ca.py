"""`mihe ca`: the consortium's offline CA, as files in a folder that only its officer can read."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli import terminal
from cli.authority import MEMBER_DAYS, Paper, new_authority, read, sign
from cli.options import JsonOption
from cli.revocation import LIST_DAYS, Revocations, describe, next_list
from contract.identity import Authority, pem_to_der
from mihe import files

KEY_FILE = "ca.key"
CERTIFICATE_FILE = "ca.pem"
LIST_FILE = "ca.crl"
ISSUED = "issued"

LIST_MOST_DAYS = 366

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
    paper = read(certificate)
    # The member's own copy may be gone on the day on which it has to be revoked.
    assert paper.fingerprint is not None
    files.write_new(ca / ISSUED / f"{paper.name}-{paper.fingerprint[:16]}.pem", certificate)
    return paper


def revoke_next(ca: Path, certificate: Path | None, days: int = LIST_DAYS) -> Revocations:
    """The CA's next revocation list, in the place of the one before; what it says."""
    target = ca / LIST_FILE
    latest = files.read(target, "the newest list") if target.exists() else None
    pem = next_list(
        files.read(ca / KEY_FILE, "the CA's key"),
        files.read(ca / CERTIFICATE_FILE, "the CA's certificate"),
        latest,
        None if certificate is None else files.read(certificate, "the certificate to revoke"),
        days,
    )
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    files.write_new(partial, pem)
    files.move_over(partial, target)
    return describe(pem)


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


@app.command("revoke")
def revoke(
    certificate: Annotated[
        Path,
        typer.Argument(metavar="PEM", help="The member's certificate; issued/ holds a copy."),
    ],
    ca: Annotated[Path, typer.Option(metavar="DIR", help="The folder that `mihe ca new` made.")],
    days: Annotated[
        int, typer.Option(min=1, max=LIST_MOST_DAYS, help="When the next list is due.")
    ] = LIST_DAYS,
    as_json: JsonOption = False,
) -> None:
    """Take a certificate back: its key was lost, stolen, or its holder has left the consortium.

    Writes the CA's next revocation list, ca.crl. From the moment that the list lies at the
    coordinator, the certificate is refused everywhere within a minute, and its jobs end.
    """
    pem = files.read(certificate, "the certificate to revoke")
    terminal.show(shown(read(pem)))
    terminal.ask("Is this the certificate to revoke? It can't be taken back.")
    made = revoke_next(ca, certificate, days)
    terminal.answer(made, _listed(made), as_json=as_json)
    _say_where_to(ca)


@app.command("crl")
def crl(
    ca: Annotated[Path, typer.Option(metavar="DIR", help="The folder that `mihe ca new` made.")],
    days: Annotated[
        int, typer.Option(min=1, max=LIST_MOST_DAYS, help="When the next list is due.")
    ] = LIST_DAYS,
    as_json: JsonOption = False,
) -> None:
    """Issue the revocation list anew, with nobody added, before its next one is due.

    Whoever has no newer list by then is warned that somebody may be withholding it.
    """
    made = revoke_next(ca, None, days)
    terminal.answer(made, _listed(made), as_json=as_json)
    _say_where_to(ca)


def _listed(made: Revocations) -> Table:
    return terminal.facts(
        [
            ("list number", made.number),
            ("certificates revoked", made.entries),
            ("next list due", f"{made.due:%Y-%m-%d %H:%M} UTC"),
        ]
    )


def _say_where_to(ca: Path) -> None:
    terminal.say(f"Put {ca / LIST_FILE} beside coordinator.toml (`revocations` in [identity]);")
    terminal.say("the coordinator passes it on within seconds. It holds no secret: send it to the")
    terminal.say("nodes as well, so that nobody has to rely on the coordinator for it.")


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
