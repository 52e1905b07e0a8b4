"""The lifecycle, exhaustively from its own table, and the page drawn from it."""

from itertools import product
from pathlib import Path

import pytest

from contract.errors import BadMessage, JobFinished
from contract.lifecycle import TERMINAL, TRANSITIONS, Event, State, advance, mermaid

PAGE = Path(__file__).parents[3] / "docs" / "lifecycle.md"
EVERY_PAIR = list(product([None, *State], Event))
HAPPY_PATH = [
    Event.PROPOSED,
    Event.ALL_APPROVED,
    Event.ALL_PREPARED,
    Event.ALL_SIGNED,
    Event.ALL_GATED,
    Event.ALL_EVIDENCED,
]


@pytest.mark.parametrize(("state", "event"), EVERY_PAIR)
def test_every_pair_of_state_and_event(state: State | None, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert advance(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(JobFinished if state in TERMINAL else BadMessage) as caught:
            advance(state, event)
        assert event in str(caught.value)


def test_the_happy_path_ends_in_done() -> None:
    walked = []
    state = None
    for event in HAPPY_PATH:
        state = advance(state, event)
        walked.append(state)
    assert walked == [
        State.PROPOSED,
        State.APPROVED,
        State.READY,
        State.RUNNING,
        State.RELEASING,
        State.DONE,
    ]


def test_terminal_states_are_the_six_named_ones() -> None:
    assert {
        State.DONE,
        State.REFUSED,
        State.EXPIRED,
        State.WITHHELD,
        State.ABORTED,
        State.FAILED,
    } == TERMINAL


def test_every_state_is_reachable_and_every_event_used() -> None:
    reached: set[State | None] = {None}
    while grown := {to for (state, _), to in TRANSITIONS.items() if state in reached} - reached:
        reached |= grown
    assert reached == {None, *State}
    assert {event for _, event in TRANSITIONS} == set(Event)


@pytest.mark.parametrize("state", sorted(set(State) - TERMINAL))
def test_a_job_that_has_not_ended_can_fail(state: State) -> None:
    assert advance(state, Event.FAILED) is State.FAILED


def test_a_person_can_abort_until_the_release_is_decided() -> None:
    can = {state for state, event in TRANSITIONS if event is Event.ABORTED}
    assert can == set(State) - TERMINAL - {State.RELEASING}


def test_nothing_is_refused_or_expires_once_bytes_flow() -> None:
    late = {State.RUNNING, State.RELEASING}
    assert not late & {s for s, e in TRANSITIONS if e in {Event.REFUSED, Event.EXPIRED}}


def test_withheld_is_possible_only_before_the_release() -> None:
    assert [s for s, e in TRANSITIONS if e is Event.WITHHELD] == [State.RUNNING]


def test_the_page_shows_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    drawn = page.partition("<!-- lifecycle:begin -->\n")[2].partition("<!-- lifecycle:end -->")[0]
    assert drawn == f"```mermaid\n{mermaid()}\n```\n"


@pytest.mark.parametrize("state", State)
def test_the_page_explains_every_state(state: State) -> None:
    assert f"\n| {state} | " in PAGE.read_text(encoding="utf-8")
