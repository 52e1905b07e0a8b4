"""Where the time of our own runs goes: what the nodes say of their progress, as spells of time.

A node tells how far it is in each phase of a job (contract/views.py, PhaseProgress), and the
receiver's node tells so of both parties. A party is taken to be at the phase whose progress changed
last. So a spell is as exact as the telling, a tenth of a second, and holds what a party waits
for the other as well as what it does itself.
"""

from dataclasses import dataclass, field

from benchmarks.psi.measured import Phase
from contract.lifecycle import TERMINAL
from contract.views import JobView

BEFORE = "agree"
"""From the proposal until the first phase: contract, signatures, start."""


@dataclass(slots=True)
class Phases:
    """Spells of both parties; `parties` has the name to give to each organisation."""

    parties: dict[str, str]
    _spells: list[Phase] = field(default_factory=list)
    _open: dict[str, tuple[str, float]] = field(default_factory=dict)
    _told: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def spell(self, party: str, name: str, begin: float, end: float) -> None:
        """A spell that is known as a whole."""
        self._spells.append(Phase(party, name, begin, end))

    def begin(self, now: float) -> None:
        """A job is about to be proposed."""
        self._open = dict.fromkeys(self.parties.values(), (BEFORE, now))

    def see(self, view: JobView, now: float) -> None:
        """Take note of what a job's node says now."""
        for one in view.progress:
            party, told = self.parties[one.org], (one.done, one.total)
            # All that was heard of a job comes again with every view.
            if self._told.get((party, one.phase)) != told:
                self._told[party, one.phase] = told
                self._turn(party, one.phase, now)
        if view.state in TERMINAL:
            for party in self.parties.values():
                self._turn(party, "", now)

    def all(self) -> tuple[Phase, ...]:
        """Every spell that has ended, by party and beginning."""
        return tuple(sorted(self._spells, key=lambda spell: (spell.party, spell.begin)))

    def _turn(self, party: str, name: str, now: float) -> None:
        before, begin = self._open[party]
        if name != before:
            self.spell(party, before, begin, now)
            self._open[party] = (name, now)
