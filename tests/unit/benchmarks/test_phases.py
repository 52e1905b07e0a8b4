"""What nodes say of their progress, as spells of time."""

from types import SimpleNamespace
from typing import cast

from benchmarks.psi.measured import RECEIVER, SENDER, Phase
from benchmarks.psi.phases import BEFORE, Phases
from contract.lifecycle import State
from contract.views import JobView, PhaseProgress


def view(state: State, *progress: tuple[str, str, int, int]) -> JobView:
    told = tuple(PhaseProgress(org=o, phase=p, done=d, total=t) for o, p, d, t in progress)
    # Contract and leakage statement are no part of what is read here.
    return cast("JobView", SimpleNamespace(state=state, progress=told))


def test_a_phase_lasts_until_another_one_s_progress_changes() -> None:
    phases = Phases({"bank_a": RECEIVER, "bank_b": SENDER})
    phases.spell(RECEIVER, "import", 0.0, 1.0)
    phases.begin(1.0)
    load, tags = ("bank_a", "load", 0, 1), ("bank_a", "tags", 5, 9)
    phases.see(view(State.PROPOSED), 1.5)
    phases.see(view(State.RUNNING, load), 2.0)
    phases.see(view(State.RUNNING, load, ("bank_b", "load", 0, 1)), 2.5)
    phases.see(view(State.RUNNING, ("bank_a", "load", 1, 1), tags), 4.0)
    phases.see(view(State.RELEASING, ("bank_a", "load", 1, 1), tags), 5.0)
    phases.see(view(State.DONE, ("bank_a", "load", 1, 1), tags), 6.0)
    assert phases.all() == (
        Phase(RECEIVER, "import", 0.0, 1.0),
        Phase(RECEIVER, BEFORE, 1.0, 2.0),
        Phase(RECEIVER, "load", 2.0, 4.0),
        Phase(RECEIVER, "tags", 4.0, 6.0),
        Phase(SENDER, BEFORE, 1.0, 2.5),
        Phase(SENDER, "load", 2.5, 6.0),
    )


def test_what_comes_back_later_is_a_spell_of_its_own() -> None:
    phases = Phases({"bank_a": RECEIVER})
    phases.begin(0.0)
    for now, told in enumerate([(0, 0), (1, 0), (1, 1), (1, 1)], start=1):
        work, wait = told
        progress = ("bank_a", "evaluate", work, 9), ("bank_a", "reply", wait, 9)
        phases.see(view(State.RUNNING, *progress), float(now))
    phases.see(view(State.FAILED), 9.0)
    names = [(spell.name, spell.begin, spell.end) for spell in phases.all()]
    assert ("evaluate", 2.0, 3.0) in names
    assert ("reply", 3.0, 9.0) in names
