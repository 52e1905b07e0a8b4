"""`mihe query` against a canned node: what is asked, shown, written, and returned."""

import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from cli import terminal
from cli.init import POLICY
from cli.main import main
from contract.canonical import canonical_bytes
from contract.cause import cause_of
from contract.dataset import (
    COMPUTED_NOISE,
    CatalogueColumn,
    CatalogueEntry,
    ColumnType,
    ResultColumn,
)
from contract.errors import (
    BadQuery,
    ForeignEncryptionKey,
    KeyInQuery,
    MiheError,
    Refused,
    StorageFull,
    UnknownColumn,
    UnknownOrganisation,
    Withheld,
)
from contract.job import Basis, Contract, Crypto, JobKind, Parameter, Party, Query
from contract.keys import KeyKind
from contract.leakage import leakage_of
from contract.lifecycle import State
from contract.policy import Policy
from contract.suites import Suite
from contract.toml import parse
from contract.views import JobView, Milestone, PlanView, PolicyLine, ResultView
from federated.query.agreed import plan_of
from mihe import sidecar
from mihe.sidecar import REMAINDER
from node.gate import check_policy
from protos import admin_pb2
from tests.unit.cli.canned import Node

SQL = (
    "SELECT r.industry AS industry, COUNT(*) AS firms, SUM(b.loan_balance) AS loans"
    " FROM bank_a.loans AS b JOIN registry.enterprises AS r USING (uscc) GROUP BY r.industry"
)
TERMS = ["--to", "bank_a", "--purpose", "CREDIT_MICRO", "--basis", "SYNTHETIC_TEST"]
ASK = ["query", SQL, *TERMS]
CSV = (
    b"industry,firms,loans,remainder\n"
    b"C17,72,74013641892.82,false\n"
    b"[b]C18[/b],12,,false\n"
    b",12,-0.10,true\n"
)
COLUMNS = (
    ResultColumn(name="industry", type=ColumnType.TEXT),
    ResultColumn(name="firms", type=ColumnType.INTEGER),
    ResultColumn(name="loans", type=ColumnType.DECIMAL, decimals=2, digits=13),
)
BOUNDS = "exact: sums stay below 2^58"
Said = pytest.CaptureFixture[str]


def _entry(reference: str, *columns: CatalogueColumn) -> CatalogueEntry:
    org, name = reference.split(".")
    key = CatalogueColumn(
        name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=1024, rows_per_key=1
    )
    return CatalogueEntry(org=org, name=name, columns=(key, *columns), refreshed=date(2026, 3, 1))


ENTRIES = (
    _entry(
        "bank_a.loans",
        CatalogueColumn(
            name="loan_balance",
            type=ColumnType.DECIMAL,
            decimals=2,
            minimum=Decimal(0),
            maximum=Decimal("100000000.00"),
            level=3,
        ),
    ),
    _entry("registry.enterprises", CatalogueColumn(name="industry", type=ColumnType.TEXT, level=1)),
)


@pytest.fixture
def contract() -> Contract:
    return Contract(
        kind=JobKind.QUERY,
        initiator="bank_a",
        parties=tuple(
            Party(
                org=entry.org,
                fingerprint="ab" * 32,
                dataset=entry.name,
                key_column="uscc",
                key_kind=KeyKind.USCC,
                schema_digest=entry.schema_digest,
                size=1024,
            )
            for entry in ENTRIES
        ),
        receivers=("bank_a",),
        query=Query(statement=SQL, min_group=10, min_join=20, entries=ENTRIES),
        purpose="CREDIT_MICRO",
        basis=Basis.SYNTHETIC_TEST,
        crypto=Crypto(suite=Suite.BLIND_JOIN),
        created=datetime(2026, 3, 1, 8, tzinfo=UTC),
        expires=datetime(2026, 3, 2, 8, tzinfo=UTC),
        nonce="ef" * 32,
    )


@pytest.fixture
def plan(contract: Contract) -> PlanView:
    return PlanView(
        contract=contract,
        leakage=leakage_of(contract),
        streams=("bank_a → coordinator: 369696 bytes", BOUNDS),
        bytes_on_the_wire=4_700_000,
        seconds="2.18",
        memory_bytes=3_500_000,
    )


@pytest.fixture
def done(job: JobView) -> JobView:
    said = (
        Milestone(number=1, org="bank_a", kind="contract"),
        Milestone(number=2, org="registry", kind="approval"),
    )
    result = ResultView(count=3, rows=3, folded=4, file="/data/results/1.csv", columns=COLUMNS)
    return job.model_copy(
        update={"state": State.DONE, "run": "12" * 32, "history": said, "result": result}
    )


@pytest.fixture
def ready(node: Node, plan: PlanView, job: JobView, done: JobView) -> Node:
    """A node at which a query runs to its end."""
    node.answers |= {"Plan": plan, "Propose": job, "Watch": [job, done], "Result": [CSV]}
    return node


# ── what is asked ───────────────────────────────────────────────────────────────────────────────


def _asked(node: Node) -> admin_pb2.JobRequest:
    planned, proposed = node.asked[:2]
    assert isinstance(planned, admin_pb2.JobRequest)
    assert isinstance(proposed, admin_pb2.JobRequest)
    assert proposed.shown
    proposed.shown = ""
    assert planned == proposed
    return planned


def test_it_asks_what_was_typed(ready: Node) -> None:
    assert main([*ASK, "--min-group", "25", "--min-join", "1000", "--expires", "12h"]) == 0
    assert _asked(ready) == admin_pb2.JobRequest(
        kind="query",
        receivers=["bank_a"],
        purpose="CREDIT_MICRO",
        basis="SYNTHETIC_TEST",
        expires_in_seconds=43_200,
        statement=SQL,
        min_group=25,
        min_join=1000,
        matching="blind",
    )


def test_the_fast_dials_are_asked_for_in_so_many_words(ready: Node) -> None:
    assert main([*ASK, "--matching", "keyed", "--aggregation", "shared"]) == 0
    asked = _asked(ready)
    assert (asked.matching, asked.aggregation) == ("keyed", "shared")


def test_the_largest_share_is_asked_for_in_percent(ready: Node) -> None:
    assert main([*ASK, "--largest-share", "60"]) == 0
    assert _asked(ready).largest_share == 60


def test_noise_is_asked_for_by_its_epsilon_and_shown_with_its_deviation(
    ready: Node, job: JobView, done: JobView, capsys: Said, folder: Path
) -> None:
    assert done.result is not None
    noises = (None, "5.66", COMPUTED_NOISE)
    columns = tuple(
        column.model_copy(update={"noise": noise})
        for column, noise in zip(COLUMNS, noises, strict=True)
    )
    noisy = done.model_copy(update={"result": done.result.model_copy(update={"columns": columns})})
    ready.answers["Watch"] = [job, noisy]
    file = folder / "noisy.csv"
    assert main([*ASK, "--noise", "0.5", "--out", str(file)]) == 0
    assert _asked(ready).epsilon == "0.5"
    shown = " ".join(capsys.readouterr().out.split())
    assert "firms (σ 5.66)" in shown
    assert "loans (from noise)" in shown
    note = json.loads(file.with_name("noisy.csv.json").read_text("utf-8"))
    assert note["columns"]["firms"] == "has noise with a standard deviation of 5.66"
    assert note["columns"]["loans"].startswith("computed from counts and sums that have noise; ")


LINES = "SELECT r.industry,\r\n  COUNT(*) AS 户数 -- 损失\r\nFROM …\n"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
def test_the_statement_may_lie_in_a_file(ready: Node, folder: Path, mark: bytes) -> None:
    file = folder / "by industry.sql"
    file.write_bytes(mark + LINES.encode())
    assert main(["query", str(file).replace("by industry", "q"), *TERMS]) == 2
    assert ready.asked == []
    file.rename(folder / "q.sql")
    assert main(["query", str(folder / "q.sql"), *TERMS]) == 0
    assert _asked(ready).statement.splitlines() == LINES.splitlines()


def test_the_statement_may_come_from_stdin(ready: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES.encode())))
    assert main(["query", "-", *TERMS]) == 0
    assert _asked(ready).statement == LINES


NO_TEXT = b"SELECT '\xff\xfe'"


@pytest.mark.parametrize("given", ["typed", "file", "stdin"])
def test_what_is_no_text_is_refused_before_anybody_is_asked(
    node: Node, folder: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    (folder / "q.sql").write_bytes(NO_TEXT)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(NO_TEXT)))
    typed = NO_TEXT.decode(errors="surrogateescape")
    statement = {"typed": typed, "file": str(folder / "q.sql"), "stdin": "-"}[given]
    assert main(["query", statement, *TERMS]) == 2
    assert node.asked == []
    assert "error BAD_REQUEST" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--detach", "--out", "x.csv"], "does not wait"),
        (["--to", "registry", "--out", "x.csv"], "add --to bank_a"),
        (["--out", "x.xlsx"], "no result is written as .xlsx"),
        (["--expires", "soon"], "not a time"),
        (["--basis", "BECAUSE"], "BECAUSE"),
        (["--min-group", "0"], "--min-group"),
        (["--min-group", "-1"], "--min-group"),
        (["--min-join", "0"], "--min-join"),
    ],
)
def test_what_can_not_work_is_said_before_anybody_is_asked(
    node: Node, capsys: Said, words: list[str], why: str
) -> None:
    assert main([*ASK, *words]) == 2
    assert node.asked == []
    assert why in capsys.readouterr().err


# ── what is shown ───────────────────────────────────────────────────────────────────────────────


def test_the_table_has_every_cell_as_it_was_released(ready: Node, capsys: Said) -> None:
    assert main(ASK) == 0
    said = capsys.readouterr()
    rows = [line.split() for line in said.out.splitlines()]
    assert ["industry", "firms", "loans"] in rows
    assert ["C17", "72", "74013641892.82"] in rows
    # What looks like markup is a label like any other.
    assert ["[b]C18[/b]", "12"] in rows
    assert ["12", "-0.10", "all", "smaller", "groups"] in rows
    assert "3 rows, 4 smaller groups folded into one" in said.out
    assert "keys in common" not in said.out
    assert said.err.index("Who learns what") < said.err.index("Proposed as job")


@pytest.mark.parametrize(
    ("count", "folded", "words"),
    [
        (1, 0, "1 row"),
        (12, None, "12 rows"),
        (2, 1, "2 rows, 1 smaller group folded into one"),
        (4000, 1200, "4,000 rows, 1,200 smaller groups folded into one"),
    ],
)
def test_show_counts_rows_and_folded_groups(
    node: Node, done: JobView, capsys: Said, count: int, folded: int | None, words: str
) -> None:
    result = ResultView(count=count, rows=count, folded=folded, file="/data/results/1.csv")
    node.answers["Show"] = done.model_copy(update={"result": result})
    assert main(["show", done.job]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert f"rows of the result  {words}" in lines


def test_show_has_the_statement(node: Node, done: JobView, capsys: Said) -> None:
    node.answers["Show"] = done
    assert main(["show", done.job]) == 0
    assert SQL in " ".join(capsys.readouterr().out.split())


def test_a_dry_run_shows_statement_bounds_and_leakage_and_proposes_nothing(
    node: Node, plan: PlanView, capsys: Said
) -> None:
    node.answers["Plan"] = plan
    assert main([*ASK, "--dry-run"]) == 0
    said = capsys.readouterr()
    assert len(node.asked) == 1
    shown = " ".join(said.out.split())
    learned = [words for one in plan.leakage.parties for words in one.what]
    assert learned
    whose = "about 2.18 s if all parties share one idle machine like this"
    for words in (SQL, BOUNDS, "10 entities", "20 entities", whose, *learned):
        assert words in shown
    assert said.err == ""


def test_explain_is_a_plan_with_what_policies_say_and_proposes_nothing(
    node: Node, plan: PlanView, capsys: Said
) -> None:
    lines = (
        PolicyLine(org="bank_a", what="use of 'loans' for sum", allowed=True, rule="allow[2]"),
        PolicyLine(org="bank_a", what="use of 'id' for group", allowed=False, rule="allow[2]"),
        PolicyLine(org="bank_a", what="any use of 'x'", allowed=False),
        PolicyLine(org="registry", what="use of 'industry' for group"),
    )
    shown = {"policy": lines, "steps": ("bank_a runs on its own loans: SELECT 1",)}
    node.answers["Plan"] = plan.model_copy(update=shown)
    assert main(["query", f"explain\n {SQL}", *TERMS]) == 0
    (asked,) = node.asked
    assert isinstance(asked, admin_pb2.JobRequest)
    # Where something stands in what was typed, it stands in what the node reads.
    assert (asked.statement, asked.explain) == (f"       \n {SQL}", True)
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "bank_a runs on its own loans: SELECT 1",
        "bank_a: use of 'loans' for sum: allowed by policy.toml, allow[2]",
        "bank_a: use of 'id' for group: DENIED by policy.toml, allow[2]",
        "bank_a: any use of 'x': DENIED by policy.toml: no rule is about it",
        "registry: use of 'industry' for group: for registry to say",
    ):
        assert words in said


def test_parameters_are_typed_and_shown(
    node: Node, plan: PlanView, contract: Contract, capsys: Said
) -> None:
    assert contract.query is not None
    worth = (Parameter(name="day", type=ColumnType.DATE, value="2026-01-31"),)
    query = contract.query.model_copy(update={"parameters": worth})
    shown = contract.model_copy(update={"query": query})
    assert shown.job_id != contract.job_id
    node.answers["Plan"] = plan.model_copy(update={"contract": shown})
    assert main([*ASK, "--dry-run", "--param", "Day:date=2026-01-31", "--param", "sign==a b"]) == 0
    (asked,) = node.asked
    assert isinstance(asked, admin_pb2.JobRequest)
    sent = [(one.name, one.type, one.value) for one in asked.parameters]
    assert sent == [("day", "date", "2026-01-31"), ("sign", "", "=a b")]
    assert ":day = 2026-01-31 (date)" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("value", ["7", "007", "7.5"])
def test_a_contract_has_one_way_to_write_a_value(contract: Contract, value: str) -> None:
    assert contract.query is not None
    worth = Parameter(name="least", type=ColumnType.DECIMAL, value=value)
    statement = SQL.replace(" GROUP", " WHERE b.loan_balance > :least GROUP")
    changed = {"statement": statement, "parameters": (worth,)}
    asked = contract.model_copy(update={"query": contract.query.model_copy(update=changed)})
    if value == "007":
        with pytest.raises(BadQuery, match="not written in the one way"):
            plan_of(asked)
    else:
        assert f"> CAST('{value}" in plan_of(asked).owners[0].sql


@pytest.mark.parametrize("words", [["day"], ["1x=2"], ["x=1", "X=2"], ["=3"]])
def test_what_is_no_parameter_is_refused_before_the_node_is_asked(
    node: Node, words: list[str], capsys: Said
) -> None:
    options = [part for word in words for part in ("--param", word)]
    assert main([*ASK, *options]) == 2
    assert "write --param year=2024" in " ".join(capsys.readouterr().err.split())
    assert not node.asked


def test_how_far_a_quantile_may_be_off_stands_in_the_table(
    ready: Node, done: JobView, capsys: Said
) -> None:
    assert done.result is not None
    columns = [one.model_copy(update={"within": "0.50"}) for one in COLUMNS[2:]]
    result = done.result.model_copy(update={"columns": (*COLUMNS[:2], *columns)})
    ready.answers["Watch"] = [done.model_copy(update={"result": result})]
    assert main(ASK) == 0
    assert "loans (± 0.50)" in capsys.readouterr().out


def test_what_is_withheld_says_so_in_the_table_and_in_the_note(
    ready: Node, done: JobView, folder: Path, capsys: Said
) -> None:
    assert done.result is not None
    columns = (*COLUMNS, ResultColumn(name="withheld", type=ColumnType.TEXT))
    changed = {"columns": columns, "withheld": 1}
    ready.answers |= {
        "Watch": [done.model_copy(update={"result": done.result.model_copy(update=changed)})],
        "Result": [
            b"industry,firms,loans,withheld,remainder\n"
            b"C17,72,,,false\n"
            b"C18,7,,loans,false\n"
            b",12,-0.10,,true\n"
        ],
    }
    out = folder / "r.json"
    assert main([*ASK, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in said.splitlines() if line.strip()}
    assert lines["C17"] == ["C17", "72"]
    assert lines["C18"] == ["C18", "7", "withheld"]
    assert "with values withheld" in " ".join(said.split())
    rows = json.loads(out.read_text("utf-8"))
    assert [row["withheld"] for row in rows] == [None, "loans", None]
    note = json.loads((folder / "r.json.json").read_text("utf-8"))
    assert "neither 0 nor NULL" in note["columns"]["withheld"]


def test_json_is_canonical_and_alone_on_stdout(
    ready: Node, plan: PlanView, done: JobView, capsys: Said
) -> None:
    assert main([*ASK, "--json"]) == 0
    assert capsys.readouterr().out.encode() == canonical_bytes(done) + b"\n"
    assert main([*ASK, "--json", "--dry-run"]) == 0
    assert capsys.readouterr().out.encode() == canonical_bytes(plan) + b"\n"


def test_who_is_no_receiver_sees_no_table(ready: Node, done: JobView, capsys: Said) -> None:
    contract = done.contract.model_copy(update={"receivers": ("registry",)})
    ready.answers["Watch"] = [
        done.model_copy(update={"contract": contract, "result": None}),
    ]
    assert main([*ASK, "--to", "registry"]) == 0
    assert "not for bank_a: registry received it" in capsys.readouterr().out
    assert not any(isinstance(asked, admin_pb2.JobName) for asked in ready.asked[3:])


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("line 1, column 8", ["SELECT 行业, x", "       ^"]),
        ("line 1, column 10", ["SELECT 行业, x", "           ^"]),
        ("line 2, column 62", ["a" * 40 + "b FROM t", " " * 40 + "^"]),
        ("line 2, column 70", ["a" * 32 + "b FROM t", " " * 40 + "^"]),
        ("line 3, column 1", []),
    ],
)
def test_a_person_is_shown_the_place_in_what_was_typed(
    node: Node, capsys: Said, monkeypatch: pytest.MonkeyPatch, place: str, shown: list[str]
) -> None:
    statement = "SELECT 行业, x\r\n" + "a" * 61 + "b FROM t"
    node.answers["Plan"] = UnknownColumn(f"{place}: not there", fix="write another")
    assert main(["query", statement, *TERMS]) == 2
    assert "^" not in capsys.readouterr().err  # a log, perhaps
    screen = Console(stderr=True, force_terminal=True, color_system=None, width=80)
    monkeypatch.setattr(terminal, "err", lambda: screen)
    assert main(["query", statement, *TERMS]) == 2
    before, _, _ = capsys.readouterr().err.partition("error UNKNOWN_COLUMN")
    assert before.splitlines() == [f"  {line}" for line in shown]
    node.answers["Plan"] = KeyInQuery(f"{place}: it is a key", fix="leave it out")
    assert main(["query", statement, *TERMS]) == 2
    assert capsys.readouterr().err.startswith("error KEY_IN_QUERY")


# ── what is written ─────────────────────────────────────────────────────────────────────────────


def test_beside_the_rows_lies_what_they_are_and_may_be_used_for(
    ready: Node, contract: Contract, done: JobView, folder: Path
) -> None:
    out = folder / "result.csv"
    assert main([*ASK, "--out", str(out)]) == 0
    assert out.read_bytes() == CSV
    beside = folder / "result.csv.json"
    assert beside.stat().st_mode & 0o777 == 0o600
    written = beside.read_bytes()
    note = json.loads(written)
    assert written == _canonical(note) + b"\n"
    assert note == {
        "version": 1,
        "result": "result.csv",
        "job": done.job,
        "run": "12" * 32,
        "contract": json.loads(canonical_bytes(contract)),
        "plan_digest": plan_of(contract).digest,
        "signed": [json.loads(canonical_bytes(one)) for one in done.history],
        "sources": [
            {"dataset": f"{party.org}.{party.dataset}", "snapshot_of": day, "most_keys": party.size}
            for party, day in zip(
                contract.parties,
                (entry["refreshed"] for entry in note["contract"]["query"]["entries"]),
                strict=True,
            )
        ],
        "rows": 3,
        "folded": 4,
        "columns": {
            "loans": "rounded half-even to 2 decimals, if it has more",
            "remainder": REMAINDER,
        },
        "leakage": json.loads(canonical_bytes(done.leakage)),
        "terms": {
            "purpose": "CREDIT_MICRO",
            "basis": "SYNTHETIC_TEST",
            "receivers": ["bank_a"],
        },
    }
    assert note["contract"]["query"]["statement"] == SQL


def test_rows_are_never_without_their_note(done: JobView, folder: Path) -> None:
    def rows() -> Iterator[bytes]:
        assert (folder / "result.csv.json").exists()
        yield CSV
        raise OSError

    with pytest.raises(StorageFull):
        sidecar.write(folder / "result.csv", done, rows())
    assert not list(folder.glob("*result.csv*"))


def _canonical(note: object) -> bytes:
    return json.dumps(note, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("name", ["result.csv", "result.csv.json"])
def test_nothing_is_written_over(node: Node, folder: Path, name: str) -> None:
    (folder / name).write_text("mine")
    assert main([*ASK, "--out", str(folder / "result.csv")]) == 2
    assert node.asked == []
    assert (folder / name).read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {"bank_a", name}


def test_a_query_that_fails_writes_nothing(ready: Node, job: JobView, folder: Path) -> None:
    ready.answers["Watch"] = [job.model_copy(update={"state": State.FAILED})]
    assert main([*ASK, "--out", str(folder / "result.csv")]) == 70
    assert {path.name for path in folder.iterdir()} == {"bank_a"}


# ── what the policy that `mihe init` explains lets through ──────────────────────────────────────


@pytest.mark.parametrize(
    ("statement", "min_group", "denied"),
    [
        (SQL, 10, None),
        (SQL.replace("SUM(", "AVG("), 10, None),
        (SQL.replace("SUM(", "COUNT("), 10, "use of 'loan_balance' for count"),
        (SQL.replace(" GROUP", " WHERE b.loan_balance > 5 GROUP"), 10, "'loan_balance' for filter"),
        (SQL, 9, "groups of fewer than 10"),
    ],
)
def test_the_example_of_a_policy_means_what_it_says(
    contract: Contract, statement: str, min_group: int, denied: str | None
) -> None:
    lines = POLICY.splitlines()
    example = "\n".join(line.removeprefix("# ") for line in lines[lines.index("# [[allow]]") :])
    example = example.replace('with = ["bank_b"]', 'with = ["registry"]')
    policy = parse(Policy, example, "policy.toml")
    assert contract.query is not None
    wish = {"statement": statement, "min_group": min_group}
    noise = policy.allow[0].max_epsilon
    query = contract.query.model_copy(update={**wish, "epsilon": noise})
    changed = {"query": query, "basis": policy.allow[0].bases[0]}
    asked = contract.model_copy(update=changed)
    if denied is None:
        check_policy(asked, "bank_a", policy, date(2026, 3, 1))
        return
    with pytest.raises(Refused, match=denied):
        check_policy(asked, "bank_a", policy, date(2026, 3, 1))


# ── how it ends ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", [[], ["--dry-run"]], ids=["proposed", "dry run"])
def test_a_statement_is_refused_with_its_place(node: Node, capsys: Said, words: list[str]) -> None:
    node.answers["Plan"] = BadQuery(
        "line 1, column 8: MEDIAN has no place in a query",
        fix="Take COUNT, SUM or AVG.",
        phase="plan",
        rule="the language of queries",
    )
    assert main([*ASK, *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "error BAD_QUERY: line 1, column 8: MEDIAN has no place in a query\n"
        "  phase  plan\n"
        "  rule   the language of queries\n"
        "  fix    Take COUNT, SUM or AVG.\n"
    )
    assert len(node.asked) == 1


def test_a_receiver_that_is_nobody_is_refused_by_the_node(node: Node, capsys: Said) -> None:
    node.answers["Plan"] = UnknownOrganisation("no organisation 'bank_c'", fix="name bank_a")
    assert main([*ASK, "--to", "bank_c"]) == 2
    assert "error UNKNOWN_ORGANISATION" in capsys.readouterr().err


ENDS: list[tuple[State, MiheError, int]] = [
    (State.REFUSED, Refused("no rule", party="registry", rule="policy.toml", fix="ask"), 3),
    (State.WITHHELD, Withheld("withdrawn", fix="ask"), 4),
    (State.FAILED, ForeignEncryptionKey("another key", party="coordinator", fix="again"), 5),
]


@pytest.mark.parametrize(("state", "error", "code"), ENDS)
def test_the_exit_code_is_the_querys_end(
    ready: Node, job: JobView, capsys: Said, state: State, error: MiheError, code: int
) -> None:
    ready.answers["Watch"] = [job.model_copy(update={"state": state, "cause": cause_of(error)})]
    assert main(ASK) == code
    said = capsys.readouterr()
    assert f"error {error.code}: {error.what}" in said.err
    assert "firms" not in said.out
