"""Queries over a blind join through real daemons: equal to the clear answer, or a coded refusal.

Random queries and worlds are in tests/flow and tests/property; here are the ways that differ in
who takes part and in what is shown, and everything that is asked is typed as people type it.
"""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from contract.errors import (
    BadQuery,
    BadRequest,
    KeyInQuery,
    MiheError,
    Refused,
    UnknownColumn,
    UnknownDataset,
    UnknownOrganisation,
)
from contract.lifecycle import State
from scenarios.sql_oracle import Clear
from tests.federation.banks import End
from tests.federation.federation import short_folder
from tests.federation.owners import RECEIVER, TERMS, Owners, Table
from tests.federation.queried import DEMO, ORGS, balances


@pytest.fixture(scope="module")
def owners() -> Iterator[Owners]:
    with short_folder() as folder, Owners(folder, *ORGS, extra=balances) as running:
        yield running


# ── the right answer ────────────────────────────────────────────────────────────────────────────

LOANS_AND_BALANCES = "FROM bank_a.loans AS b JOIN power.balances AS p USING (uscc)"
LOANS_AND_RETURNS = "FROM bank_a.loans AS b JOIN tax.returns AS t USING (uscc)"

SHOWN = {
    "two owners, NULL, negative, NULL as a group": f"""
        SELECT p.zone, COUNT(*) AS n, COUNT(p.delta) AS known, SUM(p.delta) AS delta,
               AVG(p.delta) AS mean, SUM(b.loan_balance) AS loans
        {LOANS_AND_BALANCES}
        WHERE p.delta < 3000000 AND b.loan_balance > 1000
        GROUP BY p.zone""",
    "three owners, grouped by the columns of two": f"""
        SELECT p.zone, b.five_class, COUNT(*) AS n, SUM(r.reg_capital) AS capital
        {LOANS_AND_BALANCES} JOIN registry.enterprises AS r USING (uscc)
        WHERE p.delta IS NOT NULL
        GROUP BY p.zone, b.five_class""",
    "ratios, rows left out, in order": f"""
        SELECT b.five_class, COUNT(*) AS n, ROUND(100.0 * COUNT(p.delta) / COUNT(*), 1) AS known,
               SUM(b.loan_balance) / SUM(p.delta) AS ratio, SUM(p.delta) - AVG(p.delta) AS rest,
               STDDEV(p.delta) AS spread, COUNT(DISTINCT uscc) AS firms,
               ROUND(MEDIAN(p.kind), 1) AS kind
        {LOANS_AND_BALANCES} GROUP BY b.five_class
        HAVING COUNT(*) > 12 AND SUM(b.loan_balance) > 0 ORDER BY ratio DESC, 1 LIMIT 3""",
    "grouped by what two owners compute, and CASE in sums": f"""
        SELECT CASE WHEN r.region < '3303' THEN LEFT(r.region, 4) ELSE 'others' END AS city,
               COALESCE(p.zone, 'none') AS place, COUNT(*) AS n, AVG(ABS(p.delta)) AS moved,
               SUM(CASE WHEN r.status = '存续' THEN r.reg_capital ELSE -0.5 END) AS capital
        {LOANS_AND_BALANCES} JOIN registry.enterprises AS r USING (uscc)
        WHERE YEAR(r.est_date) >= 1980
        GROUP BY city, 2""",
    "many rows per key": f"""
        SELECT p.zone, COUNT(*) AS returns, COUNT(DISTINCT b.uscc) AS firms,
               SUM(t.vat_paid) AS vat_paid, AVG(t.vat_paid) AS a_return
        {LOANS_AND_BALANCES} JOIN tax.returns AS t USING (uscc)
        WHERE t.period >= 202510 GROUP BY p.zone""",
    "one cell": f"SELECT COUNT(*) AS n, SUM(p.delta) AS delta, AVG(b.util) AS util"
    f" {LOANS_AND_BALANCES}",
}
UNSHOWN = {
    "everything in the remainder": f"""
        SELECT p.rare, b.five_class, COUNT(*) AS n, SUM(p.delta) AS delta
        {LOANS_AND_BALANCES} GROUP BY p.rare, b.five_class""",
    "too few for the join": f"""
        SELECT p.zone, COUNT(*) AS n, SUM(p.delta) AS delta
        {LOANS_AND_BALANCES} WHERE p.rare < 3 GROUP BY p.zone""",
    "nobody": f"""
        SELECT p.zone, COUNT(*) AS n, SUM(p.delta) AS delta
        {LOANS_AND_BALANCES} WHERE p.rare < 30 AND p.rare > 40 GROUP BY p.zone""",
}


def test_the_demonstrations_question_over_four_owners(owners: Owners) -> None:
    table = owners.answer(DEMO)
    assert table.rows
    assert table == owners.clear(DEMO)


@pytest.mark.parametrize("sql", SHOWN.values(), ids=SHOWN)
def test_it_equals_the_clear_answer(owners: Owners, sql: str) -> None:
    table = owners.answer(sql)
    assert table.rows
    assert table == owners.clear(sql)


@pytest.mark.parametrize("sql", UNSHOWN.values(), ids=UNSHOWN)
def test_what_may_not_be_shown_is_not(owners: Owners, sql: str) -> None:
    table = owners.answer(sql)
    assert not table.rows
    assert table == owners.clear(sql)


def test_a_standing_query_is_one_text_and_its_values_vary(owners: Owners) -> None:
    sql = f"""SELECT p.zone, COUNT(*) AS n, SUM(p.delta) AS delta {LOANS_AND_BALANCES}
        WHERE p.rare > :least AND b.loan_balance > :balance AND p.zone = :zone GROUP BY p.zone
        HAVING COUNT(*) > :least"""
    said = {}
    for least, zone in (("20", "east"), ("15", "west")):
        values = {"least": least, "balance": "1000.5", "zone": zone}
        job = owners.propose(
            sql, *(word for one in values.items() for word in ("--param", "=".join(one)))
        )
        assert owners.end_of(job) == End(State.DONE)
        plain = sql.replace(":least", least).replace(":balance", "1000.5")
        table = owners.table(job)
        assert table.rows
        assert table == owners.clear(plain.replace(":zone", f"'{zone}'"))
        said[job] = owners.view("power", job).contract.query
    first, second = said.values()
    assert first is not None
    assert second is not None
    assert first.statement == second.statement
    assert [one.value for one in first.parameters or ()] == ["1000.5", "20", "east"]
    assert [one.value for one in second.parameters or ()] == ["1000.5", "15", "west"]


LEFT_JOINED = f"""
    SELECT b.five_class, COUNT(*) AS firms, SUM(b.loan_balance) AS loans, COUNT(p.delta) AS known,
           SUM(p.delta) AS delta
    {LOANS_AND_BALANCES.replace("JOIN", "LEFT JOIN")} GROUP BY b.five_class"""


LEFT_JOINED_BY_MONTH = """
    SELECT b.period, COUNT(*) AS n, SUM(b.amount) AS repaid, COUNT(t.levied) AS known,
           SUM(t.levied) AS levied
    FROM bank_a.repaid AS b LEFT JOIN (SELECT uscc, period, SUM(amount) AS levied FROM tax.levied
    GROUP BY uscc, period) AS t USING (period, uscc) GROUP BY b.period"""
LEFT_JOINED_DATASETS = """
    SELECT b.guarantee_type, COUNT(*) AS n, SUM(r.amount - 0.5 * b.loan_balance) AS rest,
           COUNT(DISTINCT p.uscc) AS known
    FROM bank_a.repaid AS r JOIN bank_a.loans AS b USING (uscc)
    LEFT JOIN power.balances AS p USING (uscc) GROUP BY b.guarantee_type"""


def is_left_joined(owners: Owners, sql: str, *words: str, k: int = 10) -> None:
    must_be_left_joined(owners, owners.answer(sql, *words), sql, k=k)


def must_be_left_joined(owners: Owners, table: Table, sql: str, *, k: int = 10) -> None:
    """Every row of the receiver counts; what is not told is named, and never 0.

    Three columns are the receiver's own, its label first.
    """
    clear = Clear(owners.world)
    inner = clear.answer(sql.replace("LEFT JOIN", "JOIN"), k=k, min_join=k)
    opened = {row[0] for row in inner.rows}
    assert opened
    assert table.columns[-1] == "withheld"
    others = table.columns[3:-1]
    expected = set()
    for row in clear.as_duckdb_says(sql):
        values = ["" if value is None else str(value) for value in row]
        untold = [*[""] * len(others), " ".join(others)]
        expected.add((*values[:3], *([*values[3:], ""] if row[0] in opened else untold)))
    assert len(expected) > len(opened)
    assert table.rows == expected
    if inner.remainder is None:
        assert table.remainder is None
    else:
        assert table.remainder is not None
        assert table.remainder[3:] == (*map(str, inner.remainder[3:]), "")


@pytest.mark.parametrize(
    ("sql", "k"),
    [(LEFT_JOINED, 10), (LEFT_JOINED_BY_MONTH, 37)],
    ids=["by a key", "by company and month, of which some rows have none"],
)
def test_a_left_join_counts_every_row_of_the_receiver(owners: Owners, sql: str, k: int) -> None:
    is_left_joined(owners, sql, k=k)


BY_MONTH = """
SELECT b.period, COUNT(*) AS n, SUM(t.amount) AS levied, AVG(t.amount) AS mean
FROM bank_a.repaid AS b JOIN tax.levied AS t USING (uscc, period)
WHERE b.period > 202501 GROUP BY b.period
"""


@pytest.mark.parametrize(
    ("engine", "others"),
    [
        ("ecdh", ["tax.levied"]),
        ("rr22", ["tax.levied"]),
        ("auto", ["tax.levied", "power.drawn"]),
        pytest.param("ecdh-sm2", ["tax.levied"], marks=pytest.mark.long),
        pytest.param("rr22-active", ["tax.levied"], marks=pytest.mark.long),
        ("star", ["tax.levied", "power.drawn"]),
    ],
    ids=["ecdh", "rr22", "blind join", "ecdh-sm2", "rr22-active", "star"],
)
def test_an_intersection_by_two_columns_leaves_out_rows_without_one(
    owners: Owners, tmp_path: Path, engine: str, others: list[str]
) -> None:
    out = tmp_path / "common.csv"
    words = ("bank_a.repaid", *others, "--on", "period,uscc", "--to", RECEIVER)
    asked = owners.run_cli(RECEIVER, "psi", *words, *TERMS, "--engine", engine, "--out", str(out))
    assert asked.returncode == 0, asked.stderr
    theirs = [{(row["uscc"], row["period"]) for row in owners.rows(other)} for other in others]
    expected = [
        row
        for row in owners.rows("bank_a.repaid")
        if row["period"] and all((row["uscc"], row["period"]) in keys for keys in theirs)
    ]
    with out.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == expected
    result = owners.view(RECEIVER, str(json.loads(asked.stdout)["job"])).result
    assert result is not None
    assert (result.count, result.rows) == (len(expected), len(expected))
    assert 0 < len(expected) < len(owners.rows("bank_a.repaid"))


def test_a_key_of_two_columns_with_many_rows_of_it_at_one_owner(owners: Owners) -> None:
    table = owners.answer(BY_MONTH.replace("b.period", "period"))
    assert table.rows
    # A company has four rows at the bank, so that 37 months are known to be of ten companies.
    assert table == owners.clear(BY_MONTH, k=37, min_join=37)
    explained = owners.ask(f"EXPLAIN {BY_MONTH}")
    assert explained.returncode == 0, explained.stderr
    said = json.loads(explained.stdout)["leakage"]["not_covered"]
    assert any("from 37 keys on" in line for line in said)


BY_ZONE = """
SELECT p.zone, COUNT(*) AS months, COUNT(DISTINCT m.uscc) AS firms, SUM(m.kwh_total) AS kwh,
       AVG(p.delta - m.kwh_total) AS rest
FROM power.balances AS p JOIN bank_a.loans AS b USING (uscc) JOIN power.meters AS m USING (uscc)
WHERE m.period >= 202510 AND p.delta < m.kwh_total GROUP BY p.zone
"""


def test_an_owner_joins_two_of_its_datasets(owners: Owners, tmp_path: Path) -> None:
    out = tmp_path / "result.csv"
    table = owners.answer(BY_ZONE, "--out", str(out))
    assert table.rows
    assert table == owners.clear(BY_ZONE)
    note = json.loads(out.with_name("result.csv.json").read_text("utf-8"))
    assert [one["dataset"] for one in note["sources"]] == [
        "power.balances",
        "power.meters",
        "bank_a.loans",
    ]
    assert all(one["snapshot_of"] for one in note["sources"])

    with owners.client("power") as node:
        roots = {one.entry.name: one.root for one in node.datasets().datasets}
        lines = [one.datasets for one in node.jobs().jobs if one.job == note["job"]]
    assert lines == [("power.balances", "power.meters", "bank_a.loans")]
    evidence = owners.folder / "bank_a" / "data" / "evidence" / f"{note['job']}.json"
    starts = [
        json.loads(one["body"])
        for one in json.loads(evidence.read_text("utf-8"))["statements"]
        if one["kind"] == "start"
    ]
    assert len(starts) == 2
    found = owners.evidence("power", note["job"])
    assert found["job"]["state"] == "done"
    assert {one["org"] for one in found["signed"]} == {"bank_a", "coordinator", "power"}
    for start in starts:
        (power,) = [one for one in start["parties"] if one["org"] == "power"]
        assert power["snapshot_root"] == roots["balances"]
        assert power["joined_roots"] == [roots["meters"]]


def test_each_of_its_datasets_needs_a_rule(owners: Owners) -> None:
    sql = BY_ZONE.replace("m.period >= 202510", "m.meter_no <> 'x'")
    explained = owners.ask(f"EXPLAIN {sql}")
    assert explained.returncode == 0, explained.stderr
    shown = json.loads(explained.stdout)
    asked = [one["what"] for one in shown["policy"] if one["org"] == "power"]
    assert "balances: use of 'zone' for group" in asked
    assert "meters: use of 'meter_no' for filter" in asked
    assert any(
        step.startswith("power runs on its own balances and meters:") for step in shown["steps"]
    )
    mentions = ("power", "policy for 'meters'", "use of 'meter_no' for filter")
    _is(owners.ask(sql), Refused, Question(sql, Refused, mentions))


# ── what bad input gets ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Question:
    """A query that is answered by an error, and whose fault that is."""

    sql: str
    error: type[MiheError]
    mentions: tuple[str, ...]
    words: tuple[str, ...] = ()
    to: str = RECEIVER


COUNT = f"SELECT COUNT(*) AS n {LOANS_AND_BALANCES}"

REFUSED = {
    "a key where a name stands": Question(
        f"{COUNT} WHERE p.zone = '91110000600037341L'", KeyInQuery, ()
    ),
    "no statement": Question("DROP TABLE bank_a.loans", BadQuery, ("line 1",)),
    "an owner's datasets, joined by another column": Question(
        BY_ZONE.replace("m USING (uscc)", "m USING (meter_no)"),
        BadQuery,
        ("line 4", "'meter_no' is another key than 'uscc'", "power can prepare one dataset"),
    ),
    "two owners' columns compared": Question(
        f"{COUNT} WHERE b.loan_balance > p.delta", BadQuery, ("line 1",)
    ),
    "column": Question(
        f"SELECT SUM(p.dleta) AS s {LOANS_AND_BALANCES}", UnknownColumn, ("'delta'?",)
    ),
    "dataset": Question(
        "SELECT COUNT(*) AS n FROM bank_a.loans AS b JOIN power.balance AS p USING (uscc)",
        UnknownDataset,
        ("'balances'?", "power"),
    ),
    "organisation": Question(
        "SELECT COUNT(*) AS n FROM bank_a.loans AS b JOIN powr.balances AS p USING (uscc)",
        UnknownOrganisation,
        ("'power'?",),
    ),
    "a key that an owner does not declare": Question(
        "SELECT COUNT(*) AS n FROM bank_a.repaid AS b JOIN tax.returns AS t USING (uscc, period)",
        UnknownColumn,
        ("tax.returns declares no key of uscc, period", "[[key]] columns"),
    ),
    "a receiver that is no owner": Question(COUNT, BadRequest, ("bank_a, power",), to="registry"),
    "a receiver that is nobody": Question(COUNT, BadRequest, ("bank_a, power",), to="bank_aa"),
    "rows of which there are several": Question(
        f"SELECT SUM(b.loan_balance) AS loans {LOANS_AND_RETURNS}",
        BadQuery,
        ("up to 24 rows per key", "FROM tax.returns GROUP BY uscc"),
    ),
    "own column, another use": Question(
        f"SELECT b.dpd_max_12m, COUNT(*) AS n {LOANS_AND_BALANCES} GROUP BY b.dpd_max_12m",
        Refused,
        ("bank_a", "use of 'dpd_max_12m' for group", "policy.toml: allow["),
    ),
    "a parameter of another type": Question(
        f"{COUNT} WHERE p.rare > :least",
        BadQuery,
        ("line 1", ":least", "a whole number", "from 0 to 9999"),
        ("--param", "least=many"),
    ),
    "a LEFT JOIN for the other owner": Question(
        LEFT_JOINED, BadQuery, ("line 4", "only bank_a", "--to bank_a"), to="power"
    ),
    "own groups too small": Question(
        COUNT, Refused, ("bank_a", "groups of fewer than 10"), ("--min-group", "9")
    ),
}


@pytest.mark.parametrize("question", REFUSED.values(), ids=REFUSED)
def test_bad_questions_end_where_they_are_asked(owners: Owners, question: Question) -> None:
    before = _jobs(owners)
    _is(owners.ask(question.sql, *question.words, to=question.to), question.error, question)
    assert _jobs(owners) == before


@contextmanager
def allowing(owners: Owners, listed: str) -> Iterator[None]:
    """While every rule of every owner lists this, too."""
    kept = {org: owners.home(org).policy.read_text("utf-8") for org in ORGS}
    for org, policy in kept.items():
        owners.allow(org, policy.replace('approve = "auto"', f'{listed}\napprove = "auto"'))
    try:
        yield
    finally:
        for org, policy in kept.items():
            owners.allow(org, policy)


FAST = ("--matching", "keyed", "--aggregation", "shared")


@pytest.mark.parametrize(
    ("words", "denied"),
    [(FAST[:2], "keyed matching"), (FAST[2:], "shared aggregation")],
    ids=["matching", "aggregation"],
)
def test_a_weaker_dial_is_refused_unless_it_is_listed(
    owners: Owners, words: tuple[str, str], denied: str
) -> None:
    question = Question(COUNT, Refused, (f"does not allow its {denied}", "policy.toml: allow["))
    _is(owners.ask(COUNT, *words), Refused, question)


def test_both_dials_fast_answer_the_same_where_every_owner_lists_them(owners: Owners) -> None:
    with allowing(owners, 'matching = ["keyed"]\naggregation = ["shared"]'):
        for sql in SHOWN.values():
            assert owners.answer(sql, *FAST) == owners.clear(sql)
        assert owners.answer(BY_ZONE, *FAST) == owners.clear(BY_ZONE)
        is_left_joined(owners, LEFT_JOINED, *FAST)
        is_left_joined(owners, LEFT_JOINED_DATASETS, *FAST)
        sql = SHOWN["two owners, NULL, negative, NULL as a group"]
        assert owners.answer(sql, *FAST[2:]) == owners.clear(sql)


def test_shares_are_limited_where_every_owner_lists_bands(owners: Owners) -> None:
    """Nobody has 60 % of a zone's sum; somebody has 1 % of each, and nobody of all together."""
    sql = (
        f"SELECT p.zone, COUNT(*) AS n, SUM(p.delta) AS delta {LOANS_AND_BALANCES} GROUP BY p.zone"
    )
    limit = ("--largest-share", "60")
    _is(owners.ask(sql, *limit), Refused, Question(sql, Refused, ("dominance bands", "allow[")))
    clear = owners.clear(sql)
    with allowing(owners, 'dominance = ["off", "bands"]\naggregation = ["shared"]'):
        assert owners.answer(sql, *limit) == owners.answer(sql, *limit, *FAST[2:]) == clear
        table = owners.answer(sql, "--largest-share", "1")
    assert (table.rows, table.folded) == (frozenset(), len(clear.rows))
    assert table.remainder is not None
    assert int(table.remainder[1]) == sum(int(row[1]) for row in clear.rows)


@pytest.mark.parametrize(
    ("sql", "use"),
    [
        (f"{COUNT} WHERE p.vast > 0", "filter"),
        (f"SELECT VAR_POP(p.vast) AS v {LOANS_AND_BALANCES}", "variance"),
    ],
    ids=["filter", "variance"],
)
def test_what_another_owner_refuses_ends_with_one_cause(owners: Owners, sql: str, use: str) -> None:
    before = _jobs(owners)
    mentions = ("power", f"use of 'vast' for {use}", "policy.toml: allow[")
    question = Question(sql, Refused, mentions)
    _is(owners.ask(question.sql), question.error, question)
    (job,) = _jobs(owners) - before
    assert owners.end_of(job) == End(State.REFUSED, "REFUSED", "power")


def test_explain_shows_what_policies_say_before_anybody_is_asked(owners: Owners) -> None:
    before = _jobs(owners)
    sql = f"SELECT COUNT(*) AS n, SUM(p.delta) AS d {LOANS_AND_BALANCES} WHERE b.dpd_max_12m > 3"
    asked = owners.ask(f"EXPLAIN {sql} GROUP BY b.dpd_max_12m")
    assert asked.returncode == 0, asked.stderr
    shown = json.loads(asked.stdout)
    said = {(one["org"], one["what"]): one.get("allowed") for one in shown["policy"]}
    assert said["bank_a", "use of 'dpd_max_12m' for filter"] is True
    assert said["bank_a", "use of 'dpd_max_12m' for group"] is False
    assert said["power", "use of 'delta' for sum"] is None
    assert shown["leakage"]
    assert _jobs(owners) == before


def test_after_all_that_it_goes_on(owners: Owners) -> None:
    assert owners.answer(COUNT) == owners.clear(COUNT)


def _jobs(owners: Owners) -> set[str]:
    with owners.client(RECEIVER) as node:
        return {job.job for job in node.jobs().jobs}


def _is(asked: CompletedProcess[str], error: type[MiheError], question: Question) -> None:
    """The command has failed with this error, its exit code, its fix and these words."""
    assert f"error {error.code}:" in asked.stderr, asked.stderr
    assert asked.returncode == error.exit_code
    assert "  fix    " in asked.stderr
    for words in question.mentions:
        assert words in asked.stderr, asked.stderr
