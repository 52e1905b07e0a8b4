"""The table of refusals, case by case through real daemons; the table has every code of the tree.

What is asked of each case: the command ends with the code, the party, the phase, the rule, a fix
and the exit code that stand in the table; all sides of the job tell the same cause, word for word;
no process, lock, half file or personal datum remains; and when the last case of a code is over,
the same federation does the right thing.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.cause import Cause
from contract.errors import BY_CODE, MiheError
from contract.lifecycle import TERMINAL, State
from tests.federation.banks import Banks
from tests.federation.directed import Directed
from tests.federation.federation import short_folder
from tests.federation.owners import Owners
from tests.federation.refusals.case import Case, Told, cause_told
from tests.federation.refusals.declarations import DECLARED, declaration, grid
from tests.federation.refusals.table import ELSEWHERE, TABLE
from tests.federation.remains import Remains, search_of
from tests.federation.traces import Search

ORGS = ("registry", "tax", "bank_a")
LAST_OF_ITS_CODE = {(case.error, case.at): case for case in TABLE}


@pytest.fixture(scope="module")
def banks() -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder) as running:
        running.add("bank_b", "declared", DECLARED, f"number\n{declaration(1)}\n")
        running.must_work()
        yield running


@pytest.fixture(scope="module")
def owners() -> Iterator[Owners]:
    with (
        short_folder() as folder,
        Owners(folder, *ORGS, extra=grid) as running,
    ):
        running.must_work()
        yield running


@pytest.fixture(scope="module")
def searches() -> dict[Path, Search]:
    """By the folder of its world, made once."""
    return {}


def test_every_code_has_its_case_and_no_other() -> None:
    here, elsewhere = {case.error.code for case in TABLE}, {error.code for error in ELSEWHERE}
    assert here | elsewhere == set(BY_CODE)
    assert not here & elsewhere
    names = [case.name for case in TABLE]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("error", "test"), ELSEWHERE.items())
def test_what_is_elsewhere_is_there(
    error: type[MiheError], test: tuple[str, str], root: Path
) -> None:
    file, name = test
    text = (root / file).read_text("utf-8")
    assert f"def {name}(" in text
    assert error.code in text


def test_what_is_searched_for_would_be_found(banks: Banks) -> None:
    search = search_of(banks.folder / "world")
    assert search.find((banks.folder / "world" / "bank_a" / "loans.csv").read_bytes())


@pytest.mark.parametrize("case", TABLE, ids=[case.name for case in TABLE])
def test_a_refusal_is_the_same_on_all_sides_and_leaves_nothing(
    case: Case, request: pytest.FixtureRequest, searches: dict[Path, Search]
) -> None:
    federation: Directed = request.getfixturevalue(case.at)
    world = federation.folder / "world"
    search = searches.get(world) or searches.setdefault(world, search_of(world))
    before = Remains(federation, search)
    told = case.provoke(federation)
    cause = cause_told(told.by.stderr)
    _is_as_the_table_says(case, told, cause)
    for words in case.only_logged:
        assert words in federation.log(case.party or "").read_text("utf-8")
    if told.job is None:
        assert not before.new_jobs()
    else:
        assert before.new_jobs() == {told.job}
        _is_told_by_all(federation, told.job, cause)
    before.check(told.by.stdout, told.by.stderr, secrets=told.secrets)
    if LAST_OF_ITS_CODE[case.error, case.at] is case:
        federation.must_work()  # type: ignore[attr-defined]


def _is_as_the_table_says(case: Case, told: Told, cause: Cause) -> None:
    expected = (case.error.code, case.party, case.phase, case.rule)
    assert (cause.code, cause.party, cause.phase, cause.rule) == expected, cause
    assert told.by.returncode == case.error.exit_code
    assert cause.fix.strip()
    for words in case.mentions:
        assert words in told.by.stderr
    for words in case.only_logged:
        assert words not in told.by.stderr


def _is_told_by_all(federation: Directed, job: str, cause: Cause) -> None:
    views = [federation.view_at_end(org, job) for org in federation.orgs_of(job)]
    assert {view.cause for view in views} == {cause}
    (state,) = {view.state for view in views}
    assert state in TERMINAL - {State.DONE}
    federation.end_of(job)  # type: ignore[attr-defined]
