"""`mihe evidence`: what a job's evidence file proves to whoever has the CA's certificate."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group

from cli import terminal, views
from cli.ca import grouped
from cli.options import JsonOption
from contract import evidence_file
from contract.evidence_file import Proven
from contract.identity import Authority
from contract.lifecycle import TERMINAL
from contract.revocation import list_to_der
from mihe import files


def evidence(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The evidence file.", show_default=False)
    ],
    ca: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="The consortium's ca.pem; one that you know to be it.",
            show_default=False,
        ),
    ],
    crl: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The CA's newest ca.crl, if it has revoked anybody.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check what remains of a job, without a node: every signature, and that all follows.

    A node keeps a file for each job that has ended, DATA/evidence/JOB.json; `mihe show` says where.
    Any party's will do. What was signed is checked as of the day on which the job was proposed:
    certificates that have ended since, or were revoked later, still count.

    Ends with 0 if nothing speaks against the file, however the job itself ended.
    """
    authority = Authority.from_pem(files.read(ca, "the CA's certificate"))
    if crl is not None:
        authority.take(list_to_der(files.read(crl, "the revocation list")))
    found = evidence_file.proven(files.read(file, "the evidence"), authority)
    terminal.answer(found, _shown(found), as_json=as_json)
    if found.job.cause is not None:
        terminal.say("Why the job ended, as it was signed:")
        terminal.show_cause(found.job.cause)
    if found.job.state not in TERMINAL:
        terminal.say("The file does not hold the job's end: a statement or more is missing.")


def _shown(found: Proven) -> Group:
    signers = [
        (one.org, one.role.value, one.uscc, one.signatures, grouped(one.fingerprint))
        for one in found.signed
    ]
    columns = ("signed by", "as", "USCC", "signatures>", "certificate")
    return Group(
        # As a receiver would see it: what others are told of a result is no evidence.
        views.job(found.job, own=found.job.contract.receivers[0]),
        terminal.table(columns, signers),
        terminal.facts([("receipts", found.receipts), ("every signature", "holds")]),
    )
