"""Which protocol a job takes: by the sizes, or as asked; and what can't do a job is refused."""

from itertools import product

import pytest

from contract.errors import BadRequest
from contract.job import JobKind, suites_for
from contract.suites import Suite
from psi.engine import MEETING_SIZE, Engine, choose, reason
from psi.rr22.parameters import LARGEST_SIZE

RR22, ECDH = Suite.PSI_RR22, Suite.PSI_ECDH


@pytest.mark.parametrize(
    ("sizes", "suite"),
    [
        ((256, 256), ECDH),
        ((MEETING_SIZE // 2, MEETING_SIZE // 2), ECDH),
        ((MEETING_SIZE, 256), RR22),
        ((256, MEETING_SIZE), RR22),
        ((LARGEST_SIZE, LARGEST_SIZE), RR22),
        ((2 * LARGEST_SIZE, 256), RR22),  # which refuses it in its own words
    ],
)
def test_the_larger_set_decides(sizes: tuple[int, int], suite: Suite) -> None:
    assert choose(JobKind.PSI, sizes, Engine.AUTO).suite is suite


def test_what_is_asked_for_is_taken() -> None:
    for sizes in ((256, 256), (LARGEST_SIZE, 256)):
        assert choose(JobKind.PSI, sizes, Engine.RR22).suite is RR22
        assert choose(JobKind.PSI, sizes, Engine.RR22_ACTIVE).suite is Suite.PSI_RR22_ACTIVE
        assert choose(JobKind.PSI, sizes, Engine.ECDH).suite is ECDH
        for kind in (JobKind.PSI, JobKind.PSI_CARDINALITY):
            assert choose(kind, sizes, Engine.ECDH_SM2).suite is Suite.PSI_ECDH_SM2


@pytest.mark.parametrize(
    ("kind", "parties", "asked"),
    [
        *product((JobKind.PSI_CARDINALITY,), (2,), (Engine.RR22, Engine.RR22_ACTIVE)),
        *product(
            (JobKind.PSI, JobKind.PSI_CARDINALITY),
            (3,),
            (Engine.RR22, Engine.RR22_ACTIVE, Engine.ECDH, Engine.ECDH_SM2),
        ),
        *product((JobKind.QUERY,), (2, 4), tuple(Engine)[1:]),
        (JobKind.PSI, 2, Engine.STAR),
        (JobKind.PSI_CARDINALITY, 3, Engine.STAR),
    ],
)
def test_what_cannot_do_the_job_is_refused(kind: JobKind, parties: int, asked: Engine) -> None:
    with pytest.raises(BadRequest) as refused:
        choose(kind, (256,) * parties, asked)
    assert asked.value in refused.value.what


@pytest.mark.parametrize(("kind", "parties"), [*product(JobKind, (2, 3, 8))])
def test_whatever_is_chosen_is_possible(kind: JobKind, parties: int) -> None:
    for size in (256, MEETING_SIZE, 2 * LARGEST_SIZE):
        chosen = choose(kind, (size,) * parties, Engine.AUTO)
        assert chosen.suite in suites_for(kind, parties)
        assert chosen.why
        assert reason(kind, (size,) * parties, chosen.suite) == chosen.why


def test_a_contract_that_was_not_chosen_by_size_was_asked_for() -> None:
    assert reason(JobKind.PSI, (256, 256), RR22) == "asked for"
    assert reason(JobKind.PSI, (MEETING_SIZE, 256), ECDH) == "asked for"


def test_a_star_is_taken_when_it_is_asked_for() -> None:
    sizes = (LARGEST_SIZE,) * 3
    assert choose(JobKind.PSI, sizes, Engine.AUTO).suite is Suite.BLIND_MATCH
    assert choose(JobKind.PSI, sizes, Engine.STAR).suite is Suite.PSI_STAR
    assert reason(JobKind.PSI, sizes, Suite.PSI_STAR) == "asked for"
    with pytest.raises(BadRequest):
        choose(JobKind.PSI, sizes, Engine.STAR, receivers=2)
