"""Certificates that are renewed and revoked while daemons run and jobs are under way.

Every end is checked at both nodes and at the coordinator (Banks.end_of): one end, one cause, and
the right result or none. Deadlines are bounds on behaviour, `SECONDS` of federation.py.
"""

import json
import shutil
from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cli.authority import COORDINATOR_ORG
from cli.ca import LIST_FILE, issue, revoke_next
from cli.renew import Renewing
from contract.errors import CertificateRevoked
from contract.identity import Authority, pem_to_der
from contract.lifecycle import State
from contract.revocation import list_to_der
from contract.signing import Kind, Statement, verify, verify_at
from tests.federation.banks import BANKS, Banks, End, question
from tests.federation.federation import eventually, short_folder
from tests.federation.orders import WAIT

DONE = End(State.DONE)
IN_MID_RUN = ("frame.chunk.evaluated.0", "frame.chunk.blinded.0")
"""Where bank_b waits, as sender and as receiver, with a link up and nothing of a result sent."""


@pytest.fixture(params=[False, True], ids=["relayed", "direct"])
def banks(request: pytest.FixtureRequest) -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder, direct=request.param) as running:
        yield running


@pytest.fixture
def relayed() -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder) as running:
        yield running


# ── what people do ──────────────────────────────────────────────────────────────────────────────


def renew(banks: Banks, name: str) -> str:
    """Renew a daemon's certificate as its people and the CA's officer do; its fingerprint."""
    home = banks.home(name)
    renewing = Renewing.of(home.folder)
    type_renew(banks, name)
    issue(renewing.request, banks.folder / "ca", renewing.new_certificate)
    type_renew(banks, name)
    return fingerprint_in(home.certificate)


def type_renew(banks: Banks, name: str) -> None:
    typed = banks.run_cli("bank_a", "init", "renew", "--dir", str(banks.home(name).folder))
    assert typed.returncode == 0, typed.stderr


def revoke(banks: Banks, name: str) -> Path:
    """Revoke a daemon's present certificate; the CA's list."""
    ca = banks.folder / "ca"
    revoke_next(ca, banks.home(name).certificate)
    return ca / LIST_FILE


def give(list_file: Path, banks: Banks, *names: str) -> None:
    """Put the list into daemons' folders."""
    for name in names:
        arriving = banks.home(name).folder / "arriving"
        shutil.copy(list_file, arriving)
        arriving.rename(banks.home(name).folder / LIST_FILE)


def fingerprint_in(certificate: Path) -> str:
    return sha256(pem_to_der(certificate.read_bytes())).hexdigest()


def fingerprint_of(banks: Banks, org: str) -> str | None:
    """The certificate under which a node is attached; None while it is not."""
    with banks.client(org) as node:
        status = node.status()
    return status.fingerprint if status.attached else None


def attached_under(banks: Banks, org: str, fingerprint: str) -> bool:
    return fingerprint_of(banks, org) == fingerprint


def plans(banks: Banks, org: str) -> bool:
    """Whether a job of both banks can be planned at `org`, which has heard of every certificate."""
    return banks.run_cli(org, "psi", *question("bank_a"), "--dry-run", "--json").returncode == 0


def says(log: Path, words: str) -> bool:
    return words in log.read_text("utf-8")


def refusal(banks: Banks, org: str) -> str:
    """The code with which a job of both banks can't be planned at `org`."""
    planned = banks.run_cli(org, "psi", *question("bank_a"), "--dry-run", "--json")
    assert planned.returncode, "it was planned"
    return planned.stderr.split()[1].rstrip(":")


def statements(banks: Banks, org: str, job: str) -> list[Statement]:
    """Everything signed in a job's evidence."""
    file = banks.folder / org / "data" / "evidence" / f"{job}.json"
    evidence = json.loads(eventually(lambda: file.read_text() if file.exists() else None))
    return [_statement(one) for one in (*evidence["statements"], *evidence["receipts"])]


def _statement(entry: dict[str, Any]) -> Statement:
    return Statement(
        Kind(entry["kind"]),
        entry["org"],
        bytes.fromhex(entry["subject"]),
        entry["body"].encode(),
        b64decode(entry["signature"]),
        b64decode(entry["certificate"]),
    )


def authority_of(banks: Banks, *, revoked: bool = False) -> Authority:
    """What somebody who checks evidence has: the CA's certificate, and its newest list."""
    ca = banks.folder / "ca"
    authority = Authority.from_pem((ca / "ca.pem").read_bytes())
    if revoked:
        authority.take(list_to_der((ca / LIST_FILE).read_bytes()))
    return authority


# ── renewed ─────────────────────────────────────────────────────────────────────────────────────


def test_a_node_renews_in_the_middle_of_several_jobs(banks: Banks) -> None:
    before = fingerprint_of(banks, "bank_b")
    for point in IN_MID_RUN:
        banks.order("bank_b", point, WAIT)
    jobs = [banks.propose(to=to) for to in (("bank_a",), ("bank_b",), BANKS)]
    for point in IN_MID_RUN:
        banks.wait_halted("bank_b", point)
    new = renew(banks, "bank_b")
    assert new != before
    eventually(lambda: attached_under(banks, "bank_b", new))
    banks.dismiss("bank_b")
    assert [banks.end_of(job) for job in jobs] == [DONE] * len(jobs)
    later = banks.must_work()
    assert banks.view("bank_a", later).contract.party("bank_b").fingerprint == new
    authority = authority_of(banks)
    for job in jobs:
        said = statements(banks, "bank_a", job)
        contract = banks.view("bank_a", job).contract
        assert contract.party("bank_b").fingerprint == before
        by_b = {verify_at(one, authority, contract.created).fingerprint for one in said
                if one.org == "bank_b"}  # fmt: skip
        assert by_b == {before}


def test_a_node_that_ends_after_its_renewal_can_not_finish(relayed: Banks) -> None:
    """The earlier key was in memory alone: what was approved under it has an end all the same."""
    with relayed.halted("bank_b", IN_MID_RUN[0]) as job:
        new = renew(relayed, "bank_b")
        eventually(lambda: attached_under(relayed, "bank_b", new))
        relayed.kill("bank_b")
    relayed.start("bank_b")
    assert relayed.end_of(job) == End(State.FAILED, "FINGERPRINT_CHANGED", "bank_b")
    relayed.must_work()


def test_half_a_pair_and_a_foreign_one_change_nothing(relayed: Banks) -> None:
    home, before = relayed.home("bank_b"), fingerprint_of(relayed, "bank_b")
    log = relayed.log("bank_b")

    def refused_times() -> int:
        return log.read_text("utf-8").count("not taken: BAD_SETTING")

    renewing = Renewing.of(home.folder)
    type_renew(relayed, "bank_b")
    issue(renewing.request, relayed.folder / "ca", renewing.new_certificate)
    old_key = home.key.read_bytes()
    renewing.new_key.rename(home.key)  # and not the certificate
    eventually(lambda: refused_times() == 1)
    relayed.must_work()
    assert fingerprint_of(relayed, "bank_b") == before
    others = relayed.home("bank_a")
    shutil.copy(others.key, home.folder / "other.key")
    (home.folder / "other.key").rename(home.key)
    shutil.copy(others.certificate, home.folder / "other.pem")
    (home.folder / "other.pem").rename(home.certificate)
    eventually(lambda: refused_times() >= 2)
    relayed.must_work()
    assert fingerprint_of(relayed, "bank_b") == before
    assert old_key != home.key.read_bytes()


def test_the_coordinator_renews_and_nobody_notices(relayed: Banks) -> None:
    with relayed.halted("bank_b", IN_MID_RUN[0]) as job:
        renew(relayed, COORDINATOR_ORG)
        log = relayed.log(COORDINATOR_ORG)
        eventually(partial(says, log, "event=renewed"))
    assert relayed.end_of(job) == DONE
    for org in BANKS:
        relayed.restart(org)  # dials anew, and meets the new certificate
    relayed.wait_attached()
    relayed.must_work()


# ── revoked ─────────────────────────────────────────────────────────────────────────────────────


def test_a_revoked_node_is_out_everywhere(banks: Banks) -> None:
    earlier = banks.must_work()
    with banks.halted("bank_b", IN_MID_RUN[0]) as job:
        give(revoke(banks, "bank_b"), banks, COORDINATOR_ORG)
        for org in BANKS:  # while bank_b still waits in the middle of the run
            banks.view_at_end(org, job)
    assert banks.end_of(job) == End(State.FAILED, "CERTIFICATE_REVOKED", "bank_b")
    eventually(lambda: not banks.is_attached("bank_b"))
    assert refusal(banks, "bank_a") == "CERTIFICATE_REVOKED"
    assert refusal(banks, "bank_b") == "CERTIFICATE_REVOKED"
    with banks.client("bank_b") as node:
        assert "revoked" in node.status().notices[0].what

    # No restart lets it in again, be it with the list gone from where the operator had put it.
    (banks.home(COORDINATOR_ORG).folder / LIST_FILE).unlink()
    banks.restart(COORDINATOR_ORG)
    banks.restart("bank_a")
    banks.wait_attached("bank_a")
    assert refusal(banks, "bank_a") == "CERTIFICATE_REVOKED"
    assert not banks.is_attached("bank_b")

    # What was signed before stays good for whoever checks it, as of then.
    authority = authority_of(banks, revoked=True)
    contract = banks.view("bank_a", earlier).contract
    for one in statements(banks, "bank_a", earlier):
        assert verify_at(one, authority, contract.created).org == one.org
        if one.org == "bank_b":
            with pytest.raises(CertificateRevoked):
                verify(one, authority)
    assert banks.evidence("bank_a", earlier)["job"]["state"] == "done"

    new = renew(banks, "bank_b")
    eventually(lambda: attached_under(banks, "bank_b", new))
    eventually(lambda: plans(banks, "bank_a"))
    assert banks.end_of(job) == End(State.FAILED, "CERTIFICATE_REVOKED", "bank_b")
    banks.must_work()


def test_a_node_that_is_given_the_list_needs_no_coordinator_for_it(relayed: Banks) -> None:
    with relayed.halted("bank_b", IN_MID_RUN[0]) as job:
        give(revoke(relayed, "bank_b"), relayed, "bank_a")
        assert relayed.end_of(job) == End(State.FAILED, "CERTIFICATE_REVOKED", "bank_b")
    assert refusal(relayed, "bank_a") == "CERTIFICATE_REVOKED"
    assert relayed.is_attached("bank_b")  # the coordinator knows nothing yet


def test_an_older_list_takes_nothing_back(relayed: Banks) -> None:
    ca = relayed.folder / "ca"
    revoke_next(ca, None)
    empty = shutil.copy(ca / LIST_FILE, relayed.folder / "empty.crl")
    give(revoke(relayed, "bank_b"), relayed, COORDINATOR_ORG)
    eventually(lambda: not relayed.is_attached("bank_b"))
    give(Path(empty), relayed, COORDINATOR_ORG, "bank_a")
    for name in (COORDINATOR_ORG, "bank_a"):
        eventually(partial(says, relayed.log(name), "older than the one in force"))
    assert refusal(relayed, "bank_a") == "CERTIFICATE_REVOKED"
    assert not relayed.is_attached("bank_b")
