"""Refusals of the request itself: what was typed, written in a file, or asked in SQL."""

import shutil
from collections.abc import Callable
from typing import Any

from cli.authority import COORDINATOR_ORG
from contract.errors import (
    AlreadyThere,
    BadQuery,
    BadRequest,
    BadSetting,
    JobFinished,
    KeyInQuery,
    KeyKindMismatch,
    TooManyResults,
    UnknownColumn,
    UnknownDataset,
    UnknownJob,
    UnknownOrganisation,
    UnknownSetting,
    UnprovenSum,
)
from contract.lifecycle import State
from tests.federation.banks import CREDIT, Banks, question
from tests.federation.federation import short_folder
from tests.federation.owners import Owners
from tests.federation.refusals.case import Case, Told, typed, with_job

MINE, THEIRS = "bank_a.loans", "bank_b.loans"
TO_ME = ("--to", "bank_a")
IN_TWOS = ("--min-group", "2", "--min-join", "2")
NOT_IN_HEX = "zzzzzz"
KNOWN = "every key is known"
GRID = "FROM bank_a.grid AS a JOIN tax.grid AS b USING (number)"


def _mistyped_settings(name: str, file: str, mistyped: str) -> Callable[[Banks], Told]:
    """A daemon is started on a copy of another's files, with one key more."""

    def provoke(banks: Banks) -> Told:
        home = banks.home(name)
        with short_folder() as folder:
            left_out = shutil.ignore_patterns("*.sock", "data")
            shutil.copytree(home.folder, folder / name, ignore=left_out)
            settings = folder / name / file
            settings.write_text(f"{mistyped}\n{settings.read_text('utf-8')}", "utf-8")
            return Told(banks.run_cli("bank_a", home.name, "run", "--config", str(folder / name)))

    return provoke


def _mistyped_description(banks: Banks) -> Told:
    with short_folder() as folder:
        description = folder / "loans.toml"
        world = banks.folder / "world" / "bank_a" / "loans.toml"
        description.write_text(f'invalid_key = "warn"\n{world.read_text("utf-8")}', "utf-8")
        return Told(banks.run_cli("bank_a", "dataset", "add", str(description)))


def _finished(banks: Banks) -> str:
    with banks.client("bank_a") as node:
        return next(line.job for line in node.jobs().jobs if line.state is State.DONE)


def about_a_finished_job(*words: str, by: str) -> Callable[[Banks], Told]:
    """A command about a job that is done long since."""

    def provoke(banks: Banks) -> Told:
        command, *options = words
        return Told(banks.run_cli(by, command, _finished(banks), *options))

    return provoke


def _second_node(banks: Banks) -> Told:
    config = str(banks.home("bank_a").config)
    return Told(banks.run_cli("bank_a", "node", "run", "--config", config))


def _files_over_files(banks: Banks) -> Told:
    words = ("init", "node", "--dir", str(banks.home("bank_a").folder), "--org", "bank_a")
    where = ("--uscc", "91330000700000060R", "--coordinator", "127.0.0.1:7450")
    return Told(banks.run_cli("bank_a", *words, *where))


def _asked(sql: str, *words: str) -> Callable[[Owners], Told]:
    return lambda owners: Told(owners.ask(sql, *words))


def _asked_to_the_end(sql: str, *words: str) -> Callable[[Owners], Told]:
    return lambda owners: with_job(owners.ask(sql, *words))


def _psi(*words: str) -> Callable[[Any], Told]:
    return typed("psi", *words)


TYPED = (
    Case(
        UnknownOrganisation,
        "of a dataset",
        _psi(MINE, "bankb.loans", *CREDIT, *TO_ME),
        mentions=("'bank_b'?",),
    ),
    Case(
        UnknownOrganisation,
        "receiver",
        _psi(MINE, THEIRS, *CREDIT, "--to", "bank_aa"),
        mentions=("'bank_a'?",),
    ),
    Case(
        UnknownDataset,
        "of a peer",
        _psi(MINE, "bank_b.loan", *CREDIT, *TO_ME),
        party="bank_b",
        mentions=("'loans'?",),
    ),
    Case(
        UnknownDataset,
        "own",
        _psi("bank_a.lones", THEIRS, *CREDIT, *TO_ME),
        party="bank_a",
        mentions=("'loans'?",),
    ),
    Case(
        UnknownColumn,
        "misspelt",
        _psi(MINE, THEIRS, *CREDIT, *TO_ME, "--on", "uscc=ucss"),
        party="bank_b",
        mentions=("'uscc'?",),
    ),
    Case(
        UnknownColumn,
        "no key",
        _psi(MINE, THEIRS, *CREDIT, *TO_ME, "--on", "loan_balance"),
        party="bank_a",
        mentions=("is not a key column",),
    ),
    Case(UnknownJob, "shown", typed("show", "abcdef0123"), mentions=("mihe jobs",)),
    Case(
        UnknownJob,
        "rows of others",
        about_a_finished_job("result", "--out", "-", by="bank_b"),
        phase="release",
    ),
    Case(
        KeyKindMismatch,
        "companies and declarations",
        _psi(MINE, "bank_b.declared", *CREDIT, *TO_ME, "--on", "uscc=number"),
        mentions=("uscc keys", "declaration keys"),
    ),
    Case(
        BadRequest,
        "legal basis",
        _psi(*question("bank_a"), "--basis", "SYNTETIC_TEST"),
        mentions=("SYNTHETIC_TEST",),
    ),
    Case(
        BadRequest,
        "purpose",
        _psi(*question("bank_a"), "--purpose", "credit"),
        mentions=("CREDIT_MICRO",),
    ),
    Case(
        BadRequest,
        "reference",
        _psi("loans", THEIRS, *CREDIT, *TO_ME),
        rule="ORG.DATASET, lower case",
        mentions=("bank_a.loans",),
    ),
    Case(
        BadRequest,
        "one owner twice",
        _psi(MINE, MINE, *CREDIT, *TO_ME),
        mentions=("one organisation",),
    ),
    Case(BadRequest, "option", typed("catalog", "--jsn"), mentions=("--help",)),
    Case(
        BadRequest,
        "job",
        typed("show", NOT_IN_HEX),
        rule="hexadecimal digits",
        mentions=("mihe jobs",),
    ),
    Case(JobFinished, "aborted", about_a_finished_job("abort", by="bank_a")),
)
WRITTEN = (
    Case(
        UnknownSetting,
        "of a node",
        _mistyped_settings("bank_a", "node.toml", "peer_pateince_seconds = 3"),
        rule=KNOWN,
        mentions=("node.toml:1", "'peer_patience_seconds'?"),
    ),
    Case(
        UnknownSetting,
        "of a policy",
        _mistyped_settings("bank_a", "policy.toml", "[[alow]]"),
        rule=KNOWN,
        mentions=("policy.toml:1", "'allow'?"),
    ),
    Case(
        UnknownSetting,
        "of the coordinator",
        _mistyped_settings(COORDINATOR_ORG, "coordinator.toml", "node_grase_seconds = 3"),
        rule=KNOWN,
        mentions=("coordinator.toml:1", "'node_grace_seconds'?"),
    ),
    Case(
        UnknownSetting,
        "of a dataset",
        _mistyped_description,
        party="bank_a",
        phase="import",
        rule=KNOWN,
        mentions=("loans.toml:1", "'invalid_keys'?"),
    ),
    Case(
        BadSetting,
        "no node there",
        typed("catalog", "--node", "/nowhere"),
        mentions=("mihe init node",),
    ),
    Case(
        BadSetting,
        "no description there",
        typed("dataset", "add", "/nowhere/loans.toml"),
        party="bank_a",
        phase="import",
        mentions=("loans.toml",),
    ),
    Case(
        BadSetting,
        "no path",
        _mistyped_settings("bank_a", "node.toml", "admin = 7"),
        rule="values fit their key",
        mentions=("node.toml:1",),
    ),
    Case(AlreadyThere, "a second node", _second_node),
    Case(AlreadyThere, "files over files", _files_over_files, mentions=("node.key",)),
)
IN_SQL = (
    Case(
        BadQuery,
        "not in the language",
        _asked("SELECT MODE(b.util) AS m FROM bank_a.loans AS b"),
        at="owners",
        phase="plan",
        rule="the language of queries",
        mentions=("line 1, column 8",),
    ),
    Case(
        KeyInQuery,
        "as a literal",
        _asked(
            "SELECT COUNT(*) AS n FROM bank_a.loans AS b JOIN registry.enterprises AS r"
            " USING (uscc) WHERE b.uscc = '91110000600037341L'"
        ),
        at="owners",
        phase="plan",
        rule="no literal that is a key, or is compared with one",
    ),
    Case(
        UnprovenSum,
        "beyond what is exact",
        _asked(f"SELECT SUM(a.vast * 1000) AS s {GRID}"),
        at="owners",
        phase="plan",
        rule="rows × bound × 10^scale is proven to be exact",
        mentions=("line 1",),
    ),
    Case(
        TooManyResults,
        "known when matched",
        _asked_to_the_end(f"SELECT a.x, b.y, COUNT(*) AS n {GRID} GROUP BY a.x, b.y", *IN_TWOS),
        at="owners",
        party=COORDINATOR_ORG,
        phase="match",
    ),
)
CASES = (*TYPED, *WRITTEN, *IN_SQL)
