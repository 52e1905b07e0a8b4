"""What bad input gets, asked as people ask: a code, whose fault, the fix; nothing sent or lost.

Every case goes through the command line to real daemons. After each of them the same federation
does the right thing when it is asked the right thing.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from cli.authority import COORDINATOR_ORG
from cli.ca import issue
from cli.init import init_node
from contract.errors import (
    BadRequest,
    BadSetting,
    DataError,
    ForeignCertificate,
    MiheError,
    NodeAbsent,
    Refused,
    UnknownColumn,
    UnknownDataset,
    UnknownJob,
    UnknownOrganisation,
    UnknownSetting,
    WrongRole,
)
from contract.lifecycle import State
from tests.federation.banks import BANKS, CREDIT, Banks, End, question
from tests.federation.federation import Federation, eventually, short_folder

POLICY = """
[[allow]]
dataset = "loans"
jobs = ["psi", "psi_cardinality"]
on = ["uscc"]
with = ["bank_a"]
receivers = ["bank_a", "bank_b"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
approve = "auto"
"""


@pytest.fixture(scope="module")
def banks() -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder) as running:
        yield running


def _is(asked: CompletedProcess[str], error: type[MiheError], *mentioned: str) -> None:
    """The command has failed with this error, its exit code, its fix and these words."""
    assert f"error {error.code}:" in asked.stderr, asked.stderr
    assert asked.returncode == error.exit_code
    assert "  fix    " in asked.stderr
    for words in mentioned:
        assert words in asked.stderr, asked.stderr


def _jobs(banks: Banks) -> dict[str, int]:
    return {org: _count_jobs(banks, org) for org in BANKS}


def _count_jobs(banks: Banks, org: str) -> int:
    with banks.client(org) as node:
        return len(node.jobs().jobs)


# ── requests ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Request:
    """A mistyped question to the node of bank_a, and what is answered."""

    words: tuple[str, ...]
    error: type[MiheError]
    mentions: tuple[str, ...]


MINE, THEIRS = "bank_a.loans", "bank_b.loans"
TO_ME = ("--to", "bank_a")
REQUESTS = {
    "organisation": Request(
        ("psi", MINE, "bankb.loans", *CREDIT, *TO_ME), UnknownOrganisation, ("'bank_b'?",)
    ),
    "dataset": Request(
        ("psi", MINE, "bank_b.loan", *CREDIT, *TO_ME), UnknownDataset, ("'loans'?", "bank_b")
    ),
    "own dataset": Request(
        ("psi", "bank_a.lones", THEIRS, *CREDIT, *TO_ME), UnknownDataset, ("'loans'?", "bank_a")
    ),
    "column": Request(
        ("psi", MINE, THEIRS, *CREDIT, *TO_ME, "--on", "uscc=ucss"), UnknownColumn, ("'uscc'?",)
    ),
    "no key": Request(
        ("psi", MINE, THEIRS, *CREDIT, *TO_ME, "--on", "loan_balance"),
        UnknownColumn,
        ("is not a key column",),
    ),
    "receiver": Request(
        ("psi", MINE, THEIRS, *CREDIT, "--to", "bank_aa"), UnknownOrganisation, ("'bank_a'?",)
    ),
    "basis": Request(
        ("psi", *question("bank_a"), "--basis", "SYNTETIC_TEST"), BadRequest, ("SYNTHETIC_TEST",)
    ),
    "purpose": Request(
        ("psi", *question("bank_a"), "--purpose", "credit"), BadRequest, ("CREDIT_MICRO",)
    ),
    "reference": Request(("psi", "loans", THEIRS, *CREDIT, *TO_ME), BadRequest, ("bank_a.loans",)),
    "one owner": Request(("psi", MINE, MINE, *CREDIT, *TO_ME), BadRequest, ("one organisation",)),
    "job": Request(("show", "abcdef0123"), UnknownJob, ("mihe jobs",)),
    "option": Request(("catalog", "--jsn"), BadRequest, ("--help",)),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_mistyped_request_is_answered_with_what_there_is(banks: Banks, request_: Request) -> None:
    before = _jobs(banks)
    _is(banks.run_cli("bank_a", *request_.words), request_.error, *request_.mentions)
    assert _jobs(banks) == before


# ── policies ────────────────────────────────────────────────────────────────────────────────────

DENIALS = {
    "purpose": ('purposes = ["CREDIT_MICRO"]', 'purposes = ["CREDIT_MACRO"]', "purpose"),
    "basis": ('bases = ["SYNTHETIC_TEST"]', 'bases = ["GOV_SHARING"]', "legal basis"),
    "receiver": ('receivers = ["bank_a", "bank_b"]', 'receivers = ["bank_b"]', "receivers"),
    "other party": ('with = ["bank_a"]', 'with = ["tax"]', "other parties"),
    "kind": ('jobs = ["psi", "psi_cardinality"]', 'jobs = ["psi_cardinality"]', "kind"),
    "dataset": ('dataset = "loans"', 'dataset = "deposits"', "unlisted"),
}


@pytest.mark.parametrize(("listed", "instead", "what"), DENIALS.values(), ids=DENIALS)
def test_an_owner_who_does_not_list_it_refuses_and_both_sides_say_so(
    banks: Banks, listed: str, instead: str, what: str
) -> None:
    kept = banks.home("bank_b").policy.read_text(encoding="utf-8")
    assert listed in POLICY
    banks.allow("bank_b", POLICY.replace(listed, instead))
    try:
        asked = banks.ask()
    finally:
        banks.allow("bank_b", kept)
    _is(asked, Refused, what, "party  bank_b", "policy.toml: ")
    job = json.loads(asked.stdout)["job"]
    assert banks.end_of(job) == End(State.REFUSED, "REFUSED", "bank_b")
    causes = [banks.view(org, job).cause for org in BANKS]
    assert causes[0] == causes[1]


@pytest.mark.parametrize(
    "asked",
    [("--purpose", "MARKETING"), ("--basis", "GOV_SHARING")],
    ids=["purpose", "basis"],
)
def test_ones_own_policy_refuses_before_anybody_hears_of_it(
    banks: Banks, asked: tuple[str, str]
) -> None:
    before = _jobs(banks)
    _is(banks.ask("bank_a", *asked), Refused, "party  bank_a", "policy.toml: allow[1]")
    assert _jobs(banks) == before


@pytest.mark.parametrize("org", BANKS)
def test_a_broken_policy_allows_nothing_and_only_its_owner_is_told_why(
    banks: Banks, org: str
) -> None:
    kept = banks.home(org).policy.read_text(encoding="utf-8")
    banks.allow(org, POLICY.replace("purposes", "purpose"))
    try:
        asked = banks.ask()
    finally:
        banks.allow(org, kept)
    _is(asked, Refused, f"party  {org}", "policy.toml: unreadable")
    logged = banks.log(org).read_text(encoding="utf-8")
    for told in ("policy.toml:8", "'purposes'?"):
        assert told in logged
        assert told not in asked.stderr


# ── settings ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "file", "mistyped", "meant"),
    [
        ("bank_a", "node.toml", "peer_pateince_seconds = 3", "peer_patience_seconds"),
        ("bank_a", "policy.toml", "[[alow]]", "allow"),
        (COORDINATOR_ORG, "coordinator.toml", "node_grase_seconds = 3", "node_grace_seconds"),
    ],
)
def test_an_unknown_key_keeps_a_daemon_from_starting(
    banks: Banks, name: str, file: str, mistyped: str, meant: str
) -> None:
    home = banks.home(name)
    with short_folder() as folder:
        shutil.copytree(home.folder, folder / name, ignore=shutil.ignore_patterns("*.sock", "data"))
        settings = folder / name / file
        settings.write_text(f"{mistyped}\n{settings.read_text('utf-8')}", encoding="utf-8")
        started = banks.run_cli("bank_a", home.name, "run", "--config", str(folder / name))
    assert started.returncode == UnknownSetting.exit_code
    assert f"{UnknownSetting.code}: " in started.stderr
    assert f"{file}:1" in started.stderr
    assert f"'{meant}'?" in started.stderr


# ── datasets ────────────────────────────────────────────────────────────────────────────────────

DATASET = """
name = "deposits"
source = "deposits.csv"

[[column]]
name = "uscc"
type = "key"
key = "uscc"
level = 2

[[column]]
name = "balance"
type = "decimal"
decimals = 2
level = 3
"""
VALID, INVALID, CELL = "91110000600037341L", "91110000600037341M", "73119055284.6X"
SOURCES = {
    "invalid key": (f"uscc,balance\n{VALID},1.00\n{INVALID},2.00\n", DataError, "INVALID_KEY"),
    "invalid number": (f"uscc,balance\n{VALID},{CELL}\n", DataError, "BAD_VALUE"),
    "repeated row": (f"uscc,balance\n{VALID},1.00\n{VALID},1.00\n", DataError, "DUPLICATE_ROWS"),
    "missing column": (f"USCC,balance\n{VALID},1.00\n", DataError, "MISSING_COLUMN"),
    "no file": (None, DataError, "UNREADABLE_SOURCE"),
}


@pytest.mark.parametrize(("source", "error", "code"), SOURCES.values(), ids=SOURCES)
def test_a_file_with_faults_is_refused_whole_and_no_cell_is_shown(
    banks: Banks, tmp_path: Path, source: str | None, error: type[MiheError], code: str
) -> None:
    (tmp_path / "deposits.toml").write_text(DATASET, encoding="utf-8")
    if source is not None:
        (tmp_path / "deposits.csv").write_text(source, encoding="utf-8")
    added = banks.run_cli("bank_a", "dataset", "add", str(tmp_path / "deposits.toml"))
    assert added.returncode == error.exit_code, added.stderr
    assert f"error {code}:" in added.stderr
    assert "party  bank_a" in added.stderr
    assert "  fix    " in added.stderr
    log = banks.log("bank_a").read_text(encoding="utf-8")
    for secret in (VALID, INVALID, CELL):
        assert secret not in added.stdout + added.stderr + log
    offered = banks.run_cli("bank_a", "catalog", "--json").stdout
    assert "deposits" not in offered
    assert "loans" in offered


def test_an_unknown_key_in_a_description_is_named_with_file_and_line(
    banks: Banks, tmp_path: Path
) -> None:
    description = tmp_path / "deposits.toml"
    description.write_text(f'invalid_key = "warn"{DATASET}', encoding="utf-8")
    added = banks.run_cli("bank_a", "dataset", "add", str(description))
    _is(added, UnknownSetting, "deposits.toml:1", "'invalid_keys'?")
    absent = banks.run_cli("bank_a", "dataset", "add", str(tmp_path / "nothing.toml"))
    _is(absent, BadSetting, "nothing.toml")


# ── daemons that are not there, or not who they say ─────────────────────────────────────────────


def test_a_node_that_is_not_there_is_named_with_the_command_that_starts_it(banks: Banks) -> None:
    banks.stop("bank_a")
    try:
        for words in (("catalog",), ("status",), ("psi", *question("bank_a"))):
            _is(banks.run_cli("bank_a", *words), NodeAbsent, "mihe node run")
    finally:
        banks.start("bank_a")
        banks.wait_attached()
    nowhere = banks.run_cli("bank_a", "catalog", "--node", str(banks.folder / "nowhere"))
    _is(nowhere, BadSetting, "mihe init node")


def test_a_node_of_another_consortium_is_told_so(banks: Banks) -> None:
    with short_folder() as folder:
        foreign = Federation(folder, "tax")
        foreign.build()
        config = foreign.home("tax").config
        ours = banks.home("bank_a").config.read_text(encoding="utf-8")
        (address,) = (line for line in ours.splitlines() if line.startswith("coordinator = "))
        text = config.read_text(encoding="utf-8").splitlines()
        text = [address if line.startswith("coordinator = ") else line for line in text]
        config.write_text("\n".join(text), encoding="utf-8")
        try:
            foreign.start("tax")
            refused = eventually(lambda: _unless(foreign.run_cli("tax", "catalog"), NodeAbsent))
            _is(refused, ForeignCertificate, "mihe ca show")
        finally:
            foreign.stop_all()
    assert "tax" not in banks.run_cli("bank_a", "catalog", "--json").stdout


def _unless(asked: CompletedProcess[str], error: type[MiheError]) -> CompletedProcess[str] | None:
    """None while the answer is only that nobody has come so far."""
    return None if error.code in asked.stderr or "COORDINATOR_ABSENT" in asked.stderr else asked


@pytest.mark.parametrize(
    ("of", "error"), [("another CA", ForeignCertificate), ("the coordinator", WrongRole)]
)
def test_a_node_does_not_start_with_a_certificate_that_is_not_a_members(
    banks: Banks, of: str, error: type[MiheError]
) -> None:
    with short_folder() as folder:
        init_node(
            folder / "tax",
            "tax",
            "11330000700000036H",
            "127.0.0.1:7450",
            authority=banks.home("bank_a").authority.read_bytes(),
        )
        certificate, key = folder / "tax" / "node.pem", folder / "tax" / "node.key"
        if of == "another CA":
            foreign = Federation(folder / "foreign", "tax")
            foreign.build()
            shutil.copy(foreign.home("tax").certificate, certificate)
        else:
            coordinator = banks.home(COORDINATOR_ORG)
            shutil.copy(coordinator.certificate, certificate)
            shutil.copy(coordinator.key, key)
        started = banks.run_cli("bank_a", "node", "run", "--config", str(folder / "tax"))
    assert started.returncode == error.exit_code
    assert f"{error.code}: " in started.stderr
    assert "Fix: " in started.stderr


# ── a certificate that was renewed ──────────────────────────────────────────────────────────────


def _renew(banks: Banks, org: str) -> None:
    """Give a node that is stopped a new key and certificate of the same CA."""
    with short_folder() as folder:
        init_node(folder / org, org, "91330000700000060R", "127.0.0.1:7450")
        issue(folder / org / "node.csr", banks.folder / "ca", folder / org / "node.pem")
        home = banks.home(org)
        shutil.copy(folder / org / "node.pem", home.certificate)
        shutil.copy(folder / org / "node.key", home.key)


def test_a_renewed_certificate_ends_what_names_the_old_one_and_serves_from_then_on(
    banks: Banks,
) -> None:
    banks.stop("bank_b")
    proposed = banks.propose()
    _renew(banks, "bank_b")
    banks.start("bank_b")
    assert banks.end_of(proposed) == End(State.FAILED, "FINGERPRINT_CHANGED", "bank_b")
    with banks.halted("bank_b", "frame.open.evaluated") as running:
        banks.kill("bank_b")
        _renew(banks, "bank_b")
    banks.start("bank_b")
    assert banks.end_of(running) == End(State.FAILED, "FINGERPRINT_CHANGED", "bank_b")
    banks.wait_attached()
    banks.must_work()


def test_the_federation_still_works(banks: Banks) -> None:
    banks.must_work()
