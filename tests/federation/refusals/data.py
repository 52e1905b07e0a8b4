"""Refusals because of an owner's own data or disk."""

import resource
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

from contract.errors import (
    BadValue,
    DatasetOutgrown,
    DrasticChange,
    DuplicateRows,
    InvalidKey,
    LargeShare,
    MissingColumn,
    QueryTooLong,
    SeveralRows,
    SmallBranch,
    SnapshotChanged,
    StateTooNew,
    StorageFull,
    UnreadableSource,
)
from tests.federation.banks import Banks
from tests.federation.federation import short_folder
from tests.federation.orders import WAIT
from tests.federation.owners import PLAIN, Owners
from tests.federation.refusals.case import Case, Told, with_job
from tests.federation.refusals.requests import about_a_finished_job
from tests.unit.node.stations import uscc

DEPOSITS = """
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
A_LITTLE = 4096
"""Bytes: less than a snapshot or a statement takes."""

SEVERAL = """
SELECT SUM(b.loan_balance) AS s FROM bank_a.loans AS b JOIN tax.returns AS t USING (uscc)
WHERE t.period BETWEEN 202510 AND 202512
"""

SMALL = """
SELECT COUNT(*) AS n, SUM(CASE b.five_class WHEN '次级' THEN 1 ELSE 0 END) AS substandard
FROM bank_a.loans AS b JOIN registry.enterprises AS r USING (uscc)
"""


def _added(source: str | None) -> Callable[[Banks], Told]:
    def provoke(banks: Banks) -> Told:
        with short_folder() as folder:
            (folder / "deposits.toml").write_text(DEPOSITS, "utf-8")
            if source is not None:
                (folder / "deposits.csv").write_text(source, "utf-8")
            words = ("dataset", "add", str(folder / "deposits.toml"))
            return Told(banks.run_cli("bank_a", *words), secrets=(VALID, INVALID, CELL))

    return provoke


def _changed_meanwhile(change: Callable[[Banks, Path], None]) -> Callable[[Banks], Told]:
    """bank_b imports its loans anew, and before others hear of it somebody proposes a job."""

    def provoke(banks: Banks) -> Told:
        world = banks.folder / "world" / "bank_b"
        with short_folder() as folder:
            for name in ("loans.toml", "loans.csv"):
                (folder / name).write_bytes((world / name).read_bytes())
            change(banks, folder)
            banks.order("bank_b", "say.catalogue", WAIT)
            words = ("dataset", "add", str(folder / "loans.toml"))
            importing = Thread(target=banks.run_cli, args=("bank_b", *words))
            importing.start()
            banks.wait_halted("bank_b", "say.catalogue")
            job = banks.propose()
            banks.go_on("bank_b", "say.catalogue")
            importing.join()
        banks.end_of(job)
        banks.dismiss("bank_b")
        loans = str(world / "loans.toml")
        restored = banks.run_cli("bank_b", "dataset", "add", loans, "--accept")
        assert restored.returncode == 0, restored.stderr
        return Told(banks.run_cli("bank_a", "show", job, "--follow"), job)

    return provoke


def _one_column_less(_: Banks, folder: Path) -> None:
    description = folder / "loans.toml"
    head, *columns = description.read_text("utf-8").split("[[column]]")
    description.write_text("[[column]]".join([head, *columns[:-1]]), "utf-8")


def _more_keys(banks: Banks, folder: Path) -> None:
    loans = banks.folder / "world" / "bank_b" / "loans.csv"
    head, first, *rest = loans.read_text("utf-8").splitlines()
    _, _, cells = first.partition(",")
    more = [f"{key},{cells}" for key in map(uscc, range(1500))]
    (folder / "loans.csv").write_text("\n".join([head, first, *rest, *more, ""]), "utf-8")


def _broken_off(banks: Banks) -> Told:
    """An export of bank_a's loans has ended after its first rows."""
    world = banks.folder / "world" / "bank_a"
    with short_folder() as folder:
        (folder / "loans.toml").write_bytes((world / "loans.toml").read_bytes())
        first = (world / "loans.csv").read_text("utf-8").splitlines()[:10]
        (folder / "loans.csv").write_text("\n".join([*first, ""]), "utf-8")
        return Told(banks.run_cli("bank_a", "dataset", "add", str(folder / "loans.toml")))


def _damaged(banks: Banks) -> Told:
    """The snapshot's file is overwritten between bank_b's consent and its run."""
    snapshots = banks.folder / "bank_b" / "data" / "snapshots"
    with banks.halted("bank_b", "say.start") as job:
        (parquet,) = (snapshots / "loans").glob("*.parquet")
        kept = parquet.read_bytes()
        parquet.write_bytes(kept[: len(kept) // 2])
    banks.end_of(job)
    parquet.write_bytes(kept)
    return Told(banks.run_cli("bank_a", "show", job, "--follow"), job)


def _on_a_full_disk(banks: Banks) -> Told:
    """The kernel lets bank_a's node write next to nothing into any file."""
    process = banks.process_id("bank_a")
    kept = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (A_LITTLE, kept[1]))
    try:
        description = banks.folder / "world" / "bank_a" / "loans.toml"
        return Told(banks.run_cli("bank_a", "dataset", "add", str(description)))
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, kept)


def _of_a_newer_release(banks: Banks) -> Told:
    """A node is started on a copy of bank_a's state that a later release has opened."""
    home = banks.home("bank_a")
    with short_folder() as folder:
        copy = folder / "bank_a"
        shutil.copytree(home.folder, copy, ignore=shutil.ignore_patterns("*.sock", "data"))
        (copy / "data").mkdir(mode=0o700)
        with (
            closing(sqlite3.connect(home.folder / "data" / "state.sqlite")) as kept,
            closing(sqlite3.connect(copy / "data" / "state.sqlite")) as newer,
        ):
            kept.backup(newer)
            newer.execute("UPDATE alembic_version SET version_num = 'node_99'")
            newer.commit()
        return Told(banks.run_cli("bank_a", "node", "run", "--config", str(copy)))


def _too_long(owners: Owners) -> Told:
    owners.order("registry", "local", "endless")
    return with_job(owners.ask(PLAIN))


def _several(owners: Owners) -> Told:
    return with_job(owners.ask(SEVERAL))


def _small(owners: Owners) -> Told:
    return with_job(owners.ask(SMALL))


def _large(owners: Owners) -> Told:
    """The bank lets nobody see a sum of which one key has a hundredth."""
    policy = owners.home("bank_a").policy
    kept = policy.read_text("utf-8")
    strict = 'largest_share = 1\napprove = "auto"'
    owners.allow("bank_a", kept.replace('approve = "auto"', strict))
    try:
        told = with_job(owners.ask(PLAIN))
        assert told.job is not None
        owners.end_of(told.job)
        return told
    finally:
        owners.allow("bank_a", kept)


IMPORTS = tuple(
    Case(error, "in a file", _added(source), party="bank_a", phase="import", rule=rule)
    for error, rule, source in (
        (
            InvalidKey,
            "invalid_keys = strict",
            f"uscc,balance\n{VALID},1.00\n{INVALID},2.00\n",
        ),
        (BadValue, "decimal", f"uscc,balance\n{VALID},{CELL}\n"),
        (
            DuplicateRows,
            "duplicates = error",
            f"uscc,balance\n{VALID},1.00\n{VALID},1.00\n",
        ),
        (
            MissingColumn,
            "columns are found by their exact name in the source",
            f"USCC,balance\n{VALID},1.00\n",
        ),
        (UnreadableSource, None, None),
    )
)
JOBS = (
    Case(
        SnapshotChanged,
        "imported anew with other columns",
        _changed_meanwhile(_one_column_less),
        party="bank_b",
        phase="approve",
    ),
    Case(
        SnapshotChanged,
        "damaged",
        _damaged,
        party="bank_b",
        phase="running",
        rule="a run uses the snapshot it is pinned to, byte by byte",
    ),
    Case(
        DatasetOutgrown,
        "imported anew with more keys",
        _changed_meanwhile(_more_keys),
        party="bank_b",
        phase="approve",
    ),
    Case(StorageFull, "the node's", _on_a_full_disk, party="bank_a", phase="import"),
    Case(
        StorageFull,
        "the person's own",
        about_a_finished_job("result", "--out", "/dev/full/rows.csv", by="bank_a"),
        mentions=("rows.csv",),
    ),
    Case(
        DrasticChange,
        "most rows are gone",
        _broken_off,
        party="bank_a",
        phase="import",
        rule="no refresh loses more than half of the rows by itself",
        mentions=("--accept",),
    ),
    Case(StateTooNew, "of a later release", _of_a_newer_release),
    Case(
        SeveralRows,
        "known when read",
        _several,
        at="owners",
        party="tax",
        phase="running",
        rule="one row per key and owner",
        mentions=("GROUP BY uscc",),
    ),
    Case(
        SmallBranch,
        "known when read",
        _small,
        at="owners",
        party="bank_a",
        phase="running",
        rule="k = 10",
        mentions=("GROUP BY the CASE",),
    ),
    Case(
        LargeShare,
        "known when read",
        _large,
        at="owners",
        party="bank_a",
        phase="running",
        rule="policy.toml: largest_share = 1",
        mentions=("--largest-share 1",),
    ),
    Case(
        QueryTooLong,
        "at a peer",
        _too_long,
        at="owners",
        party="registry",
        phase="running",
        rule="0 seconds",
    ),
)
CASES = (*IMPORTS, *JOBS)
