"""Commands against a real gRPC server on a Unix socket: what is asked, shown, and returned."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event

import pytest

from cli.local import cli_command
from cli.main import main
from contract.canonical import Frozen, canonical_bytes
from contract.cause import cause_of
from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import (
    BY_CODE,
    Aborted,
    ContractExpired,
    InvalidKey,
    MiheError,
    PartyLost,
    Refused,
    UnknownDataset,
    Withheld,
)
from contract.job import Contract
from contract.keys import KeyKind
from contract.leakage import leakage_of
from contract.lifecycle import TERMINAL, State
from contract.views import (
    CatalogueView,
    JobLine,
    JobList,
    JobView,
    NodeStatus,
    OrgCatalogue,
    PhaseProgress,
    PlanView,
    ResultView,
)
from protos import admin_pb2
from tests.unit.cli.canned import Node

ASK = [
    *("psi", "bank_a.loans", "bank_b.loans", "--on", "uscc", "--to", "bank_a"),
    *("--purpose", "CREDIT_MICRO", "--basis", "SYNTHETIC_TEST"),
]
CSV = b"uscc,loan_balance\nX,1.00\n"
Said = pytest.CaptureFixture[str]


@pytest.fixture
def plan(contract: Contract) -> PlanView:
    return PlanView(
        contract=contract,
        leakage=leakage_of(contract),
        streams=("bank_a → bank_b: blinded, 32768 bytes",),
        bytes_on_the_wire=57_344,
        seconds="0.07",
        memory_bytes=229_376,
    )


@pytest.fixture
def status(node: Node) -> NodeStatus:
    view = NodeStatus(
        org="bank_a",
        version="0.1.0",
        fingerprint="ab" * 32,
        certificate_expires=datetime(2028, 1, 1, tzinfo=UTC),
        coordinator="127.0.0.1:7450",
        attached=True,
        datasets=1,
        jobs_open=0,
    )
    node.answers["Status"] = view
    return view


def _at(job: JobView, state: State, error: MiheError | None = None) -> JobView:
    return job.model_copy(update={"state": state, "cause": error and cause_of(error)})


def _done(job: JobView) -> JobView:
    result = ResultView(count=243, rows=250, file="/data/results/1.csv")
    return job.model_copy(update={"state": State.DONE, "result": result})


def _runs_to(node: Node, plan: PlanView, job: JobView, end: JobView) -> None:
    running = job.model_copy(
        update={
            "state": State.RUNNING,
            "progress": (PhaseProgress(org="bank_a", phase="blinded", done=512, total=1024),),
        }
    )
    node.answers |= {"Plan": plan, "Propose": job, "Watch": [job, running, end], "Result": [CSV]}


# ── psi ─────────────────────────────────────────────────────────────────────────────────────────


def test_psi_from_question_to_rows(
    node: Node, plan: PlanView, job: JobView, folder: Path, capsys: Said
) -> None:
    _runs_to(node, plan, job, _done(job))
    out = folder / "common.csv"
    assert main([*ASK, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert out.read_bytes() == CSV
    assert out.stat().st_mode & 0o777 == 0o600
    note = json.loads((folder / "common.csv.json").read_bytes())
    assert (note["job"], note["rows"], note["columns"]) == (job.job, 250, {})
    assert "243" in said.out
    assert "running" in said.err
    assert said.err.index("Who learns what") < said.err.index("Proposed as job")


def test_psi_asks_what_was_typed(node: Node, plan: PlanView, job: JobView) -> None:
    _runs_to(node, plan, job, _done(job))
    words = ["--to", "bank_b", "--cardinality", "--expires", "12h", "--engine", "ecdh"]
    assert main([*ASK, *words, "--on", "uscc=credit_code"]) == 0
    planned, proposed = node.asked[:2]
    assert isinstance(proposed, admin_pb2.JobRequest)
    assert proposed.shown == plan.contract.substance.hex()
    proposed.shown = ""
    assert planned == proposed
    assert planned == admin_pb2.JobRequest(
        kind="psi_cardinality",
        datasets=["bank_a.loans", "bank_b.loans"],
        on=["uscc", "credit_code"],
        receivers=["bank_a", "bank_b"],
        purpose="CREDIT_MICRO",
        basis="SYNTHETIC_TEST",
        expires_in_seconds=43_200,
        engine="ecdh",
        matching="blind",
    )


@pytest.mark.parametrize(
    ("typed", "on"),
    [
        ("uscc,period", ["uscc,period"]),
        ("uscc, period = code ,month", ["uscc,period", "code,month"]),
        ("uscc，period", ["uscc,period"]),
    ],
)
def test_a_key_of_several_columns_may_be_typed(
    node: Node, plan: PlanView, typed: str, on: list[str]
) -> None:
    node.answers["Plan"] = plan
    assert main([*ASK, "--on", typed, "--dry-run"]) == 0
    (asked,) = node.asked
    assert isinstance(asked, admin_pb2.JobRequest)
    assert asked.on == on


@pytest.mark.parametrize("typed", ["uscc,", ",period", "uscc,,period", "a=b=c", "uscc="])
def test_what_is_no_key_is_not_asked_for(node: Node, typed: str) -> None:
    assert main([*ASK, "--on", typed, "--dry-run"]) == 2
    assert not node.asked


def test_a_dry_run_shows_plan_and_leakage_and_proposes_nothing(
    node: Node, plan: PlanView, capsys: Said
) -> None:
    node.answers["Plan"] = plan
    assert main([*ASK, "--dry-run"]) == 0
    said = capsys.readouterr()
    assert len(node.asked) == 1
    for words in ("blinded, 32768 bytes", "57.3 kB", "0.07 s", "nothing of the result"):
        assert words in said.out
    assert said.err == ""


def test_json_is_canonical_and_alone_on_stdout(
    node: Node, plan: PlanView, job: JobView, capsys: Said
) -> None:
    end = _done(job)
    _runs_to(node, plan, job, end)
    assert main([*ASK, "--json"]) == 0
    assert capsys.readouterr().out.encode() == canonical_bytes(end) + b"\n"
    assert main([*ASK, "--json", "--dry-run"]) == 0
    assert capsys.readouterr().out.encode() == canonical_bytes(plan) + b"\n"


def test_detach_waits_for_nothing(node: Node, plan: PlanView, job: JobView, capsys: Said) -> None:
    node.answers |= {"Plan": plan, "Propose": job}
    assert main([*ASK, "--detach"]) == 0
    assert job.job in capsys.readouterr().out


ENDS: list[tuple[State, MiheError | None, int]] = [
    (State.DONE, None, 0),
    (State.REFUSED, Refused("no rule", party="bank_b", rule="policy", fix="ask"), 3),
    (State.REFUSED, UnknownDataset("gone", fix="ask"), 2),
    (State.WITHHELD, Withheld("withdrawn", fix="ask"), 4),
    (State.EXPIRED, ContractExpired("late", fix="again"), 3),
    (State.ABORTED, Aborted("stopped", fix="again"), 8),
    (State.FAILED, PartyLost("gone", party="bank_b", phase="running", fix="again"), 5),
    (State.FAILED, InvalidKey("a key", fix="correct"), 7),
    (State.FAILED, None, 70),
]


@pytest.mark.parametrize(("state", "error", "code"), ENDS)
def test_the_exit_code_is_the_jobs_end(
    node: Node,
    plan: PlanView,
    job: JobView,
    capsys: Said,
    state: State,
    error: MiheError | None,
    code: int,
) -> None:
    _runs_to(node, plan, job, _at(job, state, error))
    assert main(ASK) == code
    said = capsys.readouterr()
    assert state.value in said.out
    assert ("error" in said.err) == (code != 0)
    if error is not None:
        assert f"error {error.code}: {error.what}" in said.err


def test_every_end_has_an_exit_code() -> None:
    assert {state for state, _, _ in ENDS} == TERMINAL


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--cardinality", "--out", "x.csv"], "releases no rows"),
        (["--detach", "--out", "x.csv"], "does not wait"),
        (["--expires", "soon"], "not a time"),
        (["--on", "a=b=c"], "one key"),
        (["--on", "uscc="], "one key"),
        (["--basis", "BECAUSE"], "BECAUSE"),
    ],
)
def test_what_can_not_work_is_said_before_anybody_is_asked(
    node: Node, words: list[str], why: str, capsys: Said
) -> None:
    assert main([*ASK, *words]) == 2
    assert node.asked == []
    assert why in capsys.readouterr().err


def test_rows_for_somebody_else_can_not_be_written_here(node: Node, capsys: Said) -> None:
    ask = list(ASK)
    ask[ask.index("--to") + 1] = "bank_b"
    assert main([*ask, "--out", "x.csv"]) == 2
    assert node.asked == []
    assert "add --to bank_a" in capsys.readouterr().err


def test_a_dataset_is_named_with_its_organisation(node: Node, capsys: Said) -> None:
    assert main([ASK[0], "loans", *ASK[2:]]) == 2
    assert node.asked == []
    assert "bank_a.loans" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["there.csv", "there.csv.json"])
@pytest.mark.parametrize("words", [ASK, ["result", "abcdef"]], ids=["psi", "result"])
def test_rows_and_their_note_are_never_written_over_a_file(
    node: Node, folder: Path, capsys: Said, words: list[str], name: str
) -> None:
    there = folder / name
    there.write_text("mine")
    assert main([*words, "--out", str(folder / "there.csv")]) == 2
    assert node.asked == []
    assert there.read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {"bank_a", name}


@pytest.fixture
def in_the_foreground() -> Iterator[None]:
    """Commands start as a shell would start them, with SIGINT heeded, whatever started the tests.

    Not by subprocess's preexec_fn: that forks, and gRPC's threads in here may abort the fork.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("in_the_foreground")
@pytest.mark.parametrize("attempt", range(5))
def test_ctrl_c_while_following_leaves_the_job_running(
    node: Node, plan: PlanView, job: JobView, attempt: int
) -> None:
    """Several times: the signal comes as early as it can, when the stream is hardly open."""
    ended = Event()

    def watch() -> Iterator[JobView]:
        yield job
        following.send_signal(signal.SIGINT)
        ended.wait()

    node.answers |= {"Plan": plan, "Propose": job, "Watch": watch()}
    with subprocess.Popen(
        cli_command(*ASK),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        try:
            _, said = following.communicate(timeout=60)
        finally:
            ended.set()
            following.kill()
    assert following.returncode == 130
    assert f"mihe show {job.job[:12]} --follow" in said
    assert f"mihe abort {job.job[:12]}" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("in_the_foreground")
def test_ctrl_c_while_the_node_works_ends_the_command(node: Node) -> None:
    ended = Event()

    def work() -> NodeStatus:
        asking.send_signal(signal.SIGINT)
        ended.wait()
        raise AssertionError

    node.answers["Status"] = work
    with subprocess.Popen(
        cli_command("status"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as asking:
        try:
            _, said = asking.communicate(timeout=60)
        finally:
            ended.set()
            asking.kill()
    assert asking.returncode == 130
    assert "Traceback" not in said


# ── the other commands ──────────────────────────────────────────────────────────────────────────


def test_status(node: Node, status: NodeStatus, capsys: Said) -> None:
    assert main(["status"]) == 0
    assert "127.0.0.1:7450, attached" in capsys.readouterr().out
    node.answers["Status"] = status.model_copy(update={"attached": False})
    assert main(["status"]) == 0
    assert "NOT attached" in capsys.readouterr().out


def test_catalogue(node: Node, capsys: Said) -> None:
    key = CatalogueColumn(
        name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=1024, title="代码"
    )
    money = CatalogueColumn(
        name="balance", type=ColumnType.DECIMAL, level=3, decimals=2, unit="CNY"
    )
    entry = CatalogueEntry(
        org="bank_b", name="loans", columns=(key, money), refreshed=date(2026, 3, 1)
    )
    away = OrgCatalogue(org="bank_b", attached=False, entries=(entry,))
    node.answers["Catalogue"] = CatalogueView(organisations=(away,))
    assert main(["catalog"]) == 0
    shown = capsys.readouterr().out
    for words in ("bank_b", "away", "bank_b.loans", "≤ 1,024", "代码", "balance", "CNY"):
        assert words in shown
    node.answers["Catalogue"] = CatalogueView(organisations=())
    assert main(["catalog"]) == 0
    assert "No organisation offers" in capsys.readouterr().out


def test_jobs(node: Node, capsys: Said) -> None:
    line = JobLine(
        job="ab" * 32,
        state=State.REFUSED,
        kind="psi",
        datasets=("bank_a.loans", "bank_b.loans"),
        receivers=("bank_a",),
        purpose="CREDIT_MICRO",
        created=datetime(2026, 3, 1, tzinfo=UTC),
        code="REFUSED",
    )
    node.answers["Jobs"] = JobList(jobs=(line,))
    assert main(["jobs"]) == 0
    shown = capsys.readouterr().out
    assert "abababababab " in shown
    assert "REFUSED" in shown
    node.answers["Jobs"] = JobList(jobs=())
    assert main(["jobs"]) == 0
    assert "No job yet" in capsys.readouterr().out


def test_show_is_a_question_and_follow_ends_as_the_job_does(
    node: Node, job: JobView, capsys: Said
) -> None:
    ended = _at(job, State.ABORTED, Aborted("stopped", fix="again"))
    node.answers |= {"Show": ended, "Watch": [job, ended]}
    assert main(["show", "ABCDEF"]) == 0
    assert "error ABORTED" in capsys.readouterr().err
    assert 'job: "abcdef"' in str(node.asked[0])
    assert main(["show", "abcdef", "--follow"]) == 8


def test_who_is_no_receiver_is_told_so(node: Node, job: JobView, capsys: Said) -> None:
    contract = job.contract.model_copy(update={"receivers": ("bank_b",)})
    node.answers["Show"] = job.model_copy(update={"state": State.DONE, "contract": contract})
    assert main(["show", "abcdef"]) == 0
    assert "not for bank_a: bank_b received it" in capsys.readouterr().out


def test_abort(node: Node, job: JobView, capsys: Said) -> None:
    node.answers["Abort"] = _at(job, State.RUNNING)
    assert main(["abort", "abcdef"]) == 0
    assert "on the way" in capsys.readouterr().err


def test_result_to_a_file_and_to_stdout(
    node: Node, job: JobView, folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    node.answers |= {"Show": _done(job), "Result": [CSV, CSV]}
    out = folder / "rows.csv"
    assert main(["result", "abcdef", "--out", str(out)]) == 0
    assert out.read_bytes() == CSV + CSV
    assert json.loads((folder / "rows.csv.json").read_bytes())["job"] == job.job
    capfdbinary.readouterr()
    assert main(["result", "abcdef", "--out", "-"]) == 0
    assert capfdbinary.readouterr().out == CSV + CSV


def test_half_a_result_is_no_file(node: Node, job: JobView, folder: Path, capsys: Said) -> None:
    node.answers |= {"Show": _done(job), "Result": [CSV, Withheld("withdrawn", fix="ask")]}
    assert main(["result", "abcdef", "--out", str(folder / "rows.csv")]) == 4
    assert [path.name for path in folder.iterdir()] == ["bank_a"]


@pytest.mark.parametrize("job", ["", "abc", "xyzxyz", "ab" * 33, "abcdef\n"])
def test_a_job_is_named_by_digits(node: Node, job: str) -> None:
    assert main(["show", job]) == 2
    assert node.asked == []


def test_every_error_of_a_node_arrives_as_it_was(node: Node, capsys: Said) -> None:
    for code, kind in BY_CODE.items():
        node.answers["Jobs"] = kind("what", fix="fix it", party="tax", phase="plan", rule="r 1")
        assert main(["jobs"]) == kind.exit_code
        assert capsys.readouterr().err == (
            f"error {code}: what\n  party  tax\n  phase  plan\n  rule   r 1\n  fix    fix it\n"
        )


def test_every_command_that_answers_has_json(
    node: Node, status: NodeStatus, job: JobView, capsys: Said
) -> None:
    answers: dict[str, tuple[list[str], Frozen]] = {
        "Status": (["status"], status),
        "Catalogue": (["catalog"], CatalogueView(organisations=())),
        "Jobs": (["jobs"], JobList(jobs=())),
        "Show": (["show", "abcdef"], job),
        "Abort": (["abort", "abcdef"], job),
    }
    for name, (words, view) in answers.items():
        node.answers[name] = view
        assert main([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == json.loads(canonical_bytes(view))


# ── a node that is not there ────────────────────────────────────────────────────────────────────


def test_a_node_that_is_not_there(home: Path, capsys: Said) -> None:
    assert main(["status"]) == 6
    said = capsys.readouterr()
    assert said.out == ""
    assert "error NODE_ABSENT" in said.err
    assert f"mihe node run --config {home / 'node.toml'}" in said.err


def test_a_socket_that_nobody_listens_on_any_more(node: Node, home: Path, capsys: Said) -> None:
    os.rename(home / "admin.sock", home / "kept")
    (home / "admin.sock").touch()
    assert main(["status"]) == 6
    assert "error NODE_ABSENT" in capsys.readouterr().err


def test_no_configuration_where_one_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.delenv("MIHE_NODE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["status"]) == 2
    assert "mihe init node" in capsys.readouterr().err


def test_the_option_comes_before_the_environment(
    node: Node, status: NodeStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIHE_NODE", str(tmp_path))
    assert main(["status"]) == 2
    for given in (node.folder, node.folder / "node.toml"):
        assert main(["status", "--node", str(given)]) == 0


def test_a_socket_path_that_is_too_long_is_said_with_its_fix(tmp_path: Path, capsys: Said) -> None:
    folder = tmp_path / ("long" * 30)
    words = ["--uscc", "91330000700000052Y", "--coordinator", "h:1", "--dir", str(folder)]
    assert main(["init", "node", "--org", "bank_a", *words]) == 0
    capsys.readouterr()
    assert main(["status", "--node", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "error BAD_SETTING" in said
    assert "107" in said
    assert "admin =" in said


def test_a_mistyped_setting_is_said_with_file_and_line(home: Path, capsys: Said) -> None:
    file = home / "node.toml"
    file.write_text(file.read_text().replace("coordinator =", "cordinator ="))
    assert main(["status"]) == 2
    said = capsys.readouterr().err
    assert "error UNKNOWN_SETTING" in said
    assert f"{file}:" in said
    assert "Did you mean 'coordinator'" in said
