"""The life of a job, as one table: which event leads from which state to which.

Implements  docs/lifecycle.md, whose diagram is rendered from this table
Learns      nobody: states and events name no data. The coordinator and every node keep the state as
            a durable row before they act on it, and each advances by this same table.
Not for     deciding whether an event happened: whoever calls `advance` has checked the signatures.

Every way out of the happy path is final and says who ended it: an owner before anything ran
(refused) or before anything was released (withheld), the clock (expired), a person (aborted), or a
fault (failed). Three rules give the table its shape:

* An owner may change its mind until the start record is signed by all; the contract may expire
  until then, too. What started in time may finish.
* What is released is decided at one point, when every owner's gate has said yes. Before it, a job
  can be withheld or aborted and no result has been released. After it, a receiver may already
  hold the result, so neither is possible any more: to call such a job aborted would be untrue.
* Until the job is done it can fail. In releasing, failed says that the evidence isn't complete,
  and not that nothing was released.
"""

from enum import StrEnum

from contract.errors import BadMessage, JobFinished, MiheError


class State(StrEnum):
    """Where a job stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    READY = "ready"
    RUNNING = "running"
    RELEASING = "releasing"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHHELD = "withheld"
    ABORTED = "aborted"
    FAILED = "failed"


class Event(StrEnum):
    """What moves a job."""

    PROPOSED = "proposed"
    """The initiator's signed contract arrived."""
    ALL_APPROVED = "all_approved"
    """Every organisation has signed the contract."""
    ALL_PREPARED = "all_prepared"
    """Every node has compiled the plan, loaded its snapshot and sent its share of the start."""
    ALL_SIGNED = "all_signed"
    """Every node has checked and signed the start record."""
    ALL_GATED = "all_gated"
    """Every owner's release gate said yes."""
    ALL_EVIDENCED = "all_evidenced"
    """Every party has countersigned the evidence."""
    REFUSED = "refused"
    """An owner's policy says no."""
    EXPIRED = "expired"
    """The contract's time is over."""
    WITHHELD = "withheld"
    """An owner's release gate said no."""
    ABORTED = "aborted"
    """A person stopped the job."""
    FAILED = "failed"
    """A fault of a party, the network, the data or mihe ended it."""


_BEFORE_START = (State.PROPOSED, State.APPROVED, State.READY)
_BEFORE_RELEASE = (*_BEFORE_START, State.RUNNING)
_BEFORE_DONE = (*_BEFORE_RELEASE, State.RELEASING)

TRANSITIONS: dict[tuple[State | None, Event], State] = {
    (None, Event.PROPOSED): State.PROPOSED,
    (State.PROPOSED, Event.ALL_APPROVED): State.APPROVED,
    (State.APPROVED, Event.ALL_PREPARED): State.READY,
    (State.READY, Event.ALL_SIGNED): State.RUNNING,
    (State.RUNNING, Event.ALL_GATED): State.RELEASING,
    (State.RELEASING, Event.ALL_EVIDENCED): State.DONE,
    (State.RUNNING, Event.WITHHELD): State.WITHHELD,
    **{(state, Event.REFUSED): State.REFUSED for state in _BEFORE_START},
    **{(state, Event.EXPIRED): State.EXPIRED for state in _BEFORE_START},
    **{(state, Event.ABORTED): State.ABORTED for state in _BEFORE_RELEASE},
    **{(state, Event.FAILED): State.FAILED for state in _BEFORE_DONE},
}
"""State and event → next state. None stands for a job that isn't there yet."""

TERMINAL = frozenset(State) - {state for state, _ in TRANSITIONS}
"""The states that nothing leads out of."""


def advance(state: State | None, event: Event) -> State:
    """The state after `event`.

    Raises JobFinished when the job has ended, BadMessage when the event doesn't belong here.
    """
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise _out_of_turn(state, event)
    return following


def mermaid() -> str:
    """The table as a Mermaid state diagram."""
    rows = [
        f"    {state or '[*]'} --> {following}: {event}"
        for (state, event), following in TRANSITIONS.items()
    ]
    ends = [f"    {state} --> [*]" for state in State if state in TERMINAL]
    return "\n".join(["stateDiagram-v2", *rows, *ends])


def _out_of_turn(state: State | None, event: Event) -> MiheError:
    if state in TERMINAL:
        return JobFinished(
            f"the job is {state}: nothing can change it any more",
            fix="Look at the job with mihe show; propose a new one if you need another result.",
            phase=state,
            rule=f"{event} is not possible in {state}",
        )
    return BadMessage(
        f"{event} came out of turn: the job is {state or 'not known here'}",
        fix="Compare what each side holds with mihe show; a party that repeats this is at fault.",
        phase=state,
        rule="docs/lifecycle.md",
    )
