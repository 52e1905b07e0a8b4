"""Refusals of another party: who deviates from the protocol, or is not who it should be.

A party that deviates is a daemon on stage (staged.py), honest up to the one bad message.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from cli.authority import COORDINATOR_ORG
from cli.ca import create_authority, issue
from cli.demo import USCCS
from cli.init import init_node
from contract.errors import (
    BadMessage,
    BadPoint,
    BadReceipt,
    BadSignature,
    ContractAltered,
    FingerprintChanged,
    ForeignCertificate,
    ForeignCiphertext,
    ForeignEncryptionKey,
    ForeignFrame,
    ForeignStart,
    FrameOutOfOrder,
    FrameRepeated,
    FrameTooLarge,
    MiheError,
    PartyLost,
    PartyRestarted,
    VersionMismatch,
    WrongRole,
)
from tests.federation.banks import BANKS, Banks
from tests.federation.federation import Federation, eventually, short_folder
from tests.federation.owners import PLAIN, RECEIVER, Owners
from tests.federation.refusals.case import Case, Told, with_job

OF_POINTS, CHECKS = "psi/SPEC.md §5", "psi/rr22/SPEC.md §10"
LISTS, CIPHERTEXTS = "federated/SPEC.md §1.6", "federated/SPEC.md §2.4"
MID_RUN = "frame.chunk.evaluated.0"
"""bank_b, the sender, has computed everything and has sent nothing of it."""


# ── in a run of two ─────────────────────────────────────────────────────────────────────────────


def _deviates(org: str, point: str, deed: str, *words: str) -> Callable[[Banks], Told]:
    def provoke(banks: Banks) -> Told:
        banks.order(org, point, deed)
        return with_job(banks.ask("bank_a", *words, to=BANKS))

    return provoke


def _in_a_run(
    error: type[MiheError],
    org: str,
    point: str,
    deed: str,
    phase: str,
    rule: str | None = None,
) -> Case:
    how = f"{point} of {org}, {deed}"
    return Case(error, how, _deviates(org, point, deed), party=org, phase=phase, rule=rule)


def _in_a_checked_run(org: str, stream: str, read_in: str) -> Case:
    deviates = _deviates(org, f"send.{stream}", "last bit", "--engine", "rr22-active")
    how = f"{stream} of {org}, last bit"
    return Case(BadMessage, how, deviates, party=org, phase=read_in, rule=CHECKS)


RUNS = (
    _in_a_run(BadPoint, "bank_a", "send.blinded", "identity", "blinded", OF_POINTS),
    _in_a_run(BadPoint, "bank_a", "send.blinded", "malformed", "blinded", OF_POINTS),
    _in_a_run(BadPoint, "bank_a", "send.blinded", "low order", "blinded", OF_POINTS),
    _in_a_run(BadPoint, "bank_a", "send.blinded", "repeated", "blinded", OF_POINTS),
    _in_a_run(BadPoint, "bank_b", "send.evaluated", "identity", "evaluated", OF_POINTS),
    _in_a_run(BadPoint, "bank_b", "send.evaluated", "repeated", "evaluated", OF_POINTS),
    _in_a_run(BadMessage, "bank_a", "send.blinded", "too few", "blinded", OF_POINTS),
    _in_a_checked_run("bank_a", "reply_0", "reply_0"),
    _in_a_checked_run("bank_b", "trees_0", "answer_0"),
    _in_a_checked_run("bank_b", "answer_0", "answer_0"),
    _in_a_checked_run("bank_a", "common_0", "common_0"),
    _in_a_run(ForeignFrame, "bank_a", "frame.hello", "another run", "link"),
    _in_a_run(ForeignFrame, "bank_b", MID_RUN, "another stream", "link"),
    _in_a_run(FrameRepeated, "bank_a", "frame.chunk.blinded.0", "twice", "blinded"),
    _in_a_run(FrameRepeated, "bank_b", "frame.open.evaluated", "twice", "evaluated"),
    _in_a_run(FrameOutOfOrder, "bank_a", "frame.chunk.blinded.0", "skipped", "blinded"),
    _in_a_run(FrameTooLarge, "bank_b", "frame.open.evaluated", "too large", "evaluated"),
    _in_a_run(BadReceipt, "bank_a", "frame.receipted.blinded", "forged", "blinded"),
    _in_a_run(BadSignature, "bank_b", "keep.approval", "altered", "proposed"),
    _in_a_run(BadSignature, "bank_a", "keep.gate", "altered", "running"),
    _in_a_run(BadSignature, "bank_a", "keep.evidence", "altered", "releasing"),
    _in_a_run(ForeignStart, "bank_b", "say.start", "next run", "ready"),
)


# ── in a query ──────────────────────────────────────────────────────────────────────────────────


def _misdone(name: str, point: str, deed: str) -> Callable[[Owners], Told]:
    def provoke(owners: Owners) -> Told:
        owners.order(name, point, deed)
        return with_job(owners.ask(PLAIN))

    return provoke


def _share(error: type[MiheError], deed: str, rule: str | None = None) -> Case:
    return Case(
        error,
        f"a share, {deed}",
        _misdone("registry", "contribute.share", deed),
        at="owners",
        party="registry",
        phase="match",
        rule=rule,
    )


QUERIES = (
    _share(BadMessage, "tokens twice", LISTS),
    _share(BadMessage, "tokens too few", LISTS),
    _share(BadMessage, "code out of range", LISTS),
    _share(BadMessage, "codes too few"),
    _share(BadMessage, "columns too few"),
    _share(BadMessage, "blinding too short"),
    _share(BadMessage, "ciphertext cut", CIPHERTEXTS),
    _share(ForeignCiphertext, "ciphertext of another key", CIPHERTEXTS),
    Case(
        ForeignEncryptionKey,
        "the receiver hands in another than it signs",
        _misdone(RECEIVER, "contribute.he_key", "another key"),
        at="owners",
        party=RECEIVER,
        phase="query",
    ),
    Case(
        ForeignEncryptionKey,
        "the coordinator gives out another",
        _misdone(COORDINATOR_ORG, "serve.he_key", "another key"),
        at="owners",
        party=COORDINATOR_ORG,
        phase="encrypt",
    ),
)


# ── before a run ────────────────────────────────────────────────────────────────────────────────


def _proposes(point: str, deed: str) -> Callable[[Banks], Told]:
    """bank_a proposes what reaches nobody."""

    def provoke(banks: Banks) -> Told:
        banks.order("bank_a", point, deed)
        asked = banks.ask()
        banks.dismiss("bank_a")
        return Told(asked)

    return provoke


def _of_another_version(banks: Banks) -> Told:
    banks.order("bank_a", "hello", "99")
    banks.restart("bank_a")
    try:
        return Told(eventually(lambda: _unless("COORDINATOR_ABSENT", banks.ask())))
    finally:
        banks.dismiss("bank_a")
        banks.wait_attached()


def _unless(code: str, asked: CompletedProcess[str]) -> CompletedProcess[str] | None:
    """None while the answer is only that the line is not up, or no node so far."""
    return None if code in asked.stderr or "NODE_ABSENT" in asked.stderr else asked


def _of_another_consortium(banks: Banks) -> Told:
    with short_folder() as folder:
        foreign = Federation(folder, "tax")
        foreign.build()
        config = foreign.home("tax").config
        ours = banks.home("bank_a").config.read_text("utf-8")
        (address,) = (line for line in ours.splitlines() if line.startswith("coordinator = "))
        text = config.read_text("utf-8").splitlines()
        text = [address if line.startswith("coordinator = ") else line for line in text]
        config.write_text("\n".join(text), "utf-8")
        try:
            foreign.start("tax")
            asked = foreign.run_cli
            return Told(eventually(lambda: _unless("COORDINATOR_ABSENT", asked("tax", "catalog"))))
        finally:
            foreign.stop_all()


def _starts_with(papers: Callable[[Banks, Path], None]) -> Callable[[Banks], Told]:
    """A node is started with other papers than its own."""

    def provoke(banks: Banks) -> Told:
        with short_folder() as folder:
            authority = banks.home("bank_a").authority.read_bytes()
            address = banks.config("bank_a").coordinator
            init_node(folder / "tax", "tax", USCCS["tax"], address, authority=authority)
            papers(banks, folder / "tax")
            return Told(banks.run_cli("bank_a", "node", "run", "--config", str(folder / "tax")))

    return provoke


def _of_another_authority(_: Banks, home: Path) -> None:
    create_authority(home / "foreign", "another CA")
    issue(home / "node.csr", home / "foreign", home / "node.pem")


def _the_coordinators(banks: Banks, home: Path) -> None:
    coordinator = banks.home(COORDINATOR_ORG)
    shutil.copy(coordinator.certificate, home / "node.pem")
    shutil.copy(coordinator.key, home / "node.key")


STRANGERS = (
    Case(
        BadSignature,
        "a contract, altered",
        _proposes("keep.contract", "altered"),
        party="bank_a",
        phase="propose",
    ),
    Case(
        ContractAltered,
        "another contract than the id's",
        _proposes("say.contract", "for another purpose"),
        party="bank_a",
        phase="propose",
    ),
    Case(
        FingerprintChanged,
        "a contract that names an old certificate",
        _proposes("draft", "of old certificates"),
        party="bank_b",
        phase="propose",
    ),
    Case(
        VersionMismatch,
        "a node of another release",
        _of_another_version,
        party="bank_a",
        phase="attach",
    ),
    Case(
        ForeignCertificate,
        "a node of another consortium",
        _of_another_consortium,
        party=COORDINATOR_ORG,
        phase="attach",
        mentions=("mihe ca show",),
    ),
    Case(
        ForeignCertificate,
        "a certificate of another CA",
        _starts_with(_of_another_authority),
        party="tax",
    ),
    Case(
        WrongRole,
        "the coordinator's certificate at a node",
        _starts_with(_the_coordinators),
        party="tax",
    ),
)


# ── who goes away ───────────────────────────────────────────────────────────────────────────────


def _followed(banks: Banks, job: str) -> Told:
    banks.end_of(job)
    return Told(banks.run_cli("bank_a", "show", job, "--follow"), job)


def _killed(killed: str, point: str) -> Callable[[Banks], Told]:
    def provoke(banks: Banks) -> Told:
        with banks.halted(killed, point) as job:
            banks.kill(killed)
        banks.start(killed)
        banks.wait_attached()
        return _followed(banks, job)

    return provoke


def _stays_away(banks: Banks) -> Told:
    banks.set_grace(1)
    try:
        with banks.halted("bank_b", MID_RUN) as job:
            banks.kill("bank_b")
        eventually(lambda: banks.ended("bank_a", job))
        banks.start("bank_b")
        return _followed(banks, job)
    finally:
        banks.set_grace(30)


def _renew(banks: Banks, org: str) -> None:
    """Give a node that is stopped a new key and certificate of the same CA."""
    with short_folder() as folder:
        init_node(folder / org, org, USCCS[org], "127.0.0.1:7450")
        issue(folder / org / "node.csr", banks.folder / "ca", folder / org / "node.pem")
        home = banks.home(org)
        shutil.copy(folder / org / "node.pem", home.certificate)
        shutil.copy(folder / org / "node.key", home.key)


def _renewed_before_a_run(banks: Banks) -> Told:
    banks.stop("bank_b")
    job = banks.propose()
    _renew(banks, "bank_b")
    banks.start("bank_b")
    banks.wait_attached()
    return _followed(banks, job)


def _renewed_in_a_run(banks: Banks) -> Told:
    with banks.halted("bank_b", "frame.open.evaluated") as job:
        banks.kill("bank_b")
        _renew(banks, "bank_b")
    banks.start("bank_b")
    banks.wait_attached()
    return _followed(banks, job)


GONE = (
    Case(
        PartyRestarted,
        "the receiver was killed",
        _killed("bank_a", "frame.receipted.blinded"),
        party="bank_a",
        phase="running",
    ),
    Case(
        PartyRestarted,
        "the sender was killed",
        _killed("bank_b", MID_RUN),
        party="bank_b",
        phase="running",
    ),
    Case(PartyLost, "it stays away", _stays_away, party="bank_b", phase="running"),
    Case(
        FingerprintChanged,
        "it renewed its certificate before the run",
        _renewed_before_a_run,
        party="bank_b",
        phase="proposed",
    ),
    Case(
        FingerprintChanged,
        "it renewed its certificate in the run",
        _renewed_in_a_run,
        party="bank_b",
        phase="running",
    ),
)
CASES = (*RUNS, *STRANGERS, *GONE, *QUERIES)
