"""What facts mean to a preflight: a table of cases for each judgement, limits included."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from contract import checks
from contract.canonical import canonical_bytes, parse
from contract.checks import Check, Finding, Outcome, Report, Subject
from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import BY_CODE, BadSetting, NodeAbsent
from contract.job import JobKind
from contract.keys import KeyKind
from contract.policy import Allow, Policy, Use
from contract.standing import Notice, Whose
from contract.suites import Aggregation
from contract.toml import parse as parse_toml

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OK, WARNING, PROBLEM = Outcome.OK, Outcome.WARNING, Outcome.PROBLEM


@pytest.mark.parametrize(
    ("days", "outcome"), [(400, OK), (30, OK), (29, WARNING), (1, WARNING), (0, WARNING)]
)
def test_a_certificate_is_warned_of_thirty_days_ahead(days: int, outcome: Outcome) -> None:
    found = checks.lifetime("it", NOW + timedelta(days=days), NOW, fix="renew")
    assert found.outcome is outcome
    assert f"{days} days" in found.what
    assert (found.fix == "renew") == (outcome is WARNING)


@pytest.mark.parametrize("whose", Whose)
def test_what_a_daemon_knows_of_others_is_told_once(whose: Whose) -> None:
    notice = Notice(
        whose=whose, name="bank_b", fingerprint="ab" * 32, what="it ends", ends=NOW, fix="renew"
    )
    found = checks.noticed(notice)
    if whose in (Whose.OWN, Whose.AUTHORITY):
        assert found is None
        return
    assert found is not None
    assert (found.check, found.outcome, found.fix) == (Check.LIFETIME, WARNING, "renew")
    assert "bank_b" in found.what


@pytest.mark.parametrize(
    ("free", "outcome"),
    [
        (checks.LITTLE_ROOM, OK),
        (checks.LITTLE_ROOM - 1, WARNING),
        (checks.NO_ROOM, WARNING),
        (checks.NO_ROOM - 1, PROBLEM),
        (0, PROBLEM),
    ],
)
def test_room(free: int, outcome: Outcome) -> None:
    assert checks.room(free, "/data").outcome is outcome


@pytest.mark.parametrize(
    ("mode", "others_may", "outcome"),
    [
        (0o100600, 0, OK),
        (0o40700, 0, OK),
        (0o40750, 0, WARNING),
        (0o100644, 0o044, OK),
        (0o100664, 0o044, WARNING),
        (0o100606, 0o044, WARNING),
    ],
)
def test_who_else_may(mode: int, others_may: int, outcome: Outcome) -> None:
    assert checks.private(Check.DATA, "/x", mode, others_may=others_may).outcome is outcome


@pytest.mark.parametrize(
    ("theirs", "outcome", "way"),
    [
        (1, OK, "agrees"),
        (0, OK, "agrees"),
        (2, OK, "agrees"),
        (-5, OK, "5 s ahead of"),
        (7, OK, "5 s behind"),
        (-6, WARNING, "ahead of"),
        (8, WARNING, "behind"),
        (-600, WARNING, "ahead of"),
        (602, WARNING, "behind"),
        (-601, PROBLEM, "ahead of"),
        (603, PROBLEM, "behind"),
    ],
)
def test_clocks_are_compared_as_far_as_the_answer_took(
    theirs: int, outcome: Outcome, way: str
) -> None:
    """The question was asked at 0 s and answered at 2 s of this machine's clock."""
    at = NOW + timedelta(seconds=theirs)
    found = checks.clock(at, NOW, NOW + timedelta(seconds=2))
    assert (found.outcome, way in found.what) == (outcome, True)


def test_versions() -> None:
    assert checks.versions("0.1.0", "0.1.0", "the other's").outcome is OK
    assert checks.versions("0.1.0", "0.2.0", "the other's").outcome is WARNING


ENTRY = CatalogueEntry(
    org="bank_a",
    name="loans",
    columns=(
        CatalogueColumn(name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=256),
        CatalogueColumn(name="balance", type=ColumnType.INTEGER, level=3),
    ),
    refreshed=date(2026, 3, 1),
)
RULE = parse_toml(
    Policy,
    """
[[allow]]
dataset = "loans"
jobs = ["psi"]
on = ["uscc"]
with = ["bank_b"]
receivers = ["bank_a"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
approve = "auto"
""",
    "policy.toml",
).allow[0]


def changed(**fields: object) -> Allow:
    return RULE.model_copy(update=fields)


POLICIES: dict[str, tuple[tuple[Allow, ...], list[str]]] = {
    "as it should be": ((RULE,), []),
    "its last day": ((changed(until=NOW.date()),), []),
    "nothing": ((), ["allows nothing"]),
    "over": ((RULE, changed(until=date(2026, 2, 28))), ["allow[2] ended on 2026-02-28"]),
    "queries and no columns": ((RULE, changed(jobs=(JobKind.QUERY,))), ["allow[2] lists queries"]),
    "queries and columns": (
        (changed(jobs=(JobKind.QUERY,), columns={"uscc": (Use.JOIN,)}),),
        [],
    ),
    "no such dataset": ((changed(dataset="laons"),), ["'laons', which is not imported. Did you"]),
    "no such key": ((changed(on=("usc",)),), ["names 'usc'"]),
    "no such columns": (
        (changed(columns={"balanec": (Use.SUM,), "a": (), "uscc": (Use.JOIN,)}),),
        ["'a'", "'balanec'"],
    ),
}


@pytest.mark.parametrize(("rules", "mentions"), POLICIES.values(), ids=POLICIES)
def test_what_a_policy_names(rules: tuple[Allow, ...], mentions: list[str]) -> None:
    found = checks.policy(Policy(allow=rules), {"loans": ENTRY}, NOW.date())
    warned = [one for one in found if one.outcome is WARNING]
    assert len(warned) == len(mentions)
    assert len(found) == max(1, len(mentions))
    for one, words in zip(warned, mentions, strict=True):
        assert words in one.what


def test_a_dataset_that_no_permission_is_about() -> None:
    firms = ENTRY.model_copy(update={"name": "firms"})
    found = checks.policy(Policy(allow=(RULE,)), {"loans": ENTRY, "firms": firms}, NOW.date())
    assert [(one.outcome, one.what.split(":")[0]) for one in found] == [
        (WARNING, "no permission is about 'firms'")
    ]


QUERY = changed(jobs=(JobKind.PSI, JobKind.QUERY))
NOISY = QUERY.model_copy(update={"max_epsilon": Decimal("0.5")})
BUDGET = QUERY.model_copy(update={"epsilon_budget": Decimal(4)})
PAILLIER = QUERY.model_copy(update={"aggregation": (Aggregation.MASKED, Aggregation.PAILLIER)})


@pytest.mark.parametrize(
    ("org", "installed", "rules", "mentions"),
    [
        ("bank_b", (), (QUERY,), []),
        ("bank_b", (), (QUERY, NOISY, RULE, BUDGET), ["allow[2], allow[4]: noise"]),
        ("bank_b", (), (PAILLIER, NOISY), ["allow[2]: noise", "allow[1]: paillier"]),
        ("bank_b", ("noise",), (PAILLIER, NOISY), ["allow[1]: paillier"]),
        ("bank_b", ("noise", "paillier"), (PAILLIER, NOISY), []),
        # A receiver draws none, and an intersection has none.
        ("bank_a", (), (NOISY,), []),
        ("bank_b", (), (NOISY.model_copy(update={"jobs": (JobKind.PSI,)}),), []),
    ],
)
def test_what_a_permission_takes_is_missed(
    org: str, installed: tuple[str, ...], rules: tuple[Allow, ...], mentions: list[str]
) -> None:
    found = checks.extras(Policy(allow=rules), org, installed)
    assert {one.outcome for one in found} == {WARNING if mentions else OK}
    assert len(found) == max(1, len(mentions))
    for one, words in zip(found, mentions, strict=False):
        extra = words.rpartition(" ")[2]
        assert words in one.what
        assert f"pip install 'mihe[{extra}]'" in (one.fix or "")


def test_members() -> None:
    rules = Policy(allow=(RULE,))
    assert checks.members(rules, {"bank_a", "bank_b", "tax"}).outcome is OK
    found = checks.members(rules, {"bank_a", "bank_bb"})
    assert found.outcome is WARNING
    assert "bank_b. Did you mean 'bank_bb'?" in found.what


def test_leftovers() -> None:
    later, earlier = NOW + timedelta(hours=1), NOW - timedelta(seconds=1)
    assert checks.leftovers([("aaaaaa", later), ("bbbbbb", NOW)], NOW).outcome is OK
    found = checks.leftovers([("aaaaaa", later), ("bbbbbb", earlier)], NOW)
    assert found.outcome is WARNING
    assert found.what.startswith("1 ")
    assert "bbbbbb" in found.what


def report(*findings: Finding) -> Report:
    return Report(subject=Subject.NODE, org="bank_a", findings=findings)


def test_the_exit_code_is_the_first_problems() -> None:
    fine = checks.ok(Check.DATA, "fine")
    warned = checks.warning(Check.DATA, "soon", "act")
    absent = checks.problem(Check.RUNNING, NodeAbsent("away", fix="start it"))
    bad = checks.problem(Check.POLICY, BadSetting("bad", fix="correct it"))
    assert report().exit_code == report(fine, warned).exit_code == 0
    assert report(warned, absent, bad).exit_code == NodeAbsent.exit_code
    assert report(bad, absent).exit_code == BadSetting.exit_code


def test_every_problem_fits_its_finding_and_has_an_exit_code() -> None:
    for error in BY_CODE.values():
        found = report(checks.problem(Check.POLICY, error("w" * 900, fix="f" * 900)))
        assert parse(Report, canonical_bytes(found)) == found
        assert found.exit_code == error.exit_code != 0
