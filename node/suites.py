"""Which suite a job is proposed with: by what it does, and by the dials as a person set them.

An empty dial is the usual one: the strong way, or the engine that suits the sizes. What does not
go together is refused before anybody is asked.
"""

from dataclasses import dataclass
from typing import TypeVar

from contract.errors import BadRequest, nearest
from contract.job import JobKind
from contract.suites import (
    JOIN_AGGREGATIONS,
    MATCH_SUITES,
    QUERY_SUITES,
    STRONGEST_AGGREGATION,
    STRONGEST_MATCHING,
    UNION_SUITES,
    Aggregation,
    Family,
    Matching,
    Suite,
)
from psi.engine import Engine, choose

W = TypeVar("W", Matching, Aggregation)


@dataclass(frozen=True, slots=True)
class Dials:
    """What was asked for, as typed; empty where nothing was."""

    engine: str
    matching: str
    aggregation: str


def suite_of_lists(kind: JobKind, sizes: tuple[int, ...], receivers: int, dials: Dials) -> Suite:
    """Of a job that matches lists of these sizes. Raises BadRequest."""
    known = [engine.value for engine in Engine]
    if dials.engine not in ("", *known):
        raise BadRequest(
            f"no such engine.{nearest(dials.engine, known)}", fix=f"one of: {', '.join(known)}"
        )
    asked = Engine(dials.engine or Engine.AUTO)
    return _matched(dials, choose(kind, sizes, asked, receivers).suite)


def suite_of_union(dials: Dials) -> Suite:
    """Of a sum over UNION ALL, which matches nothing. Raises BadRequest."""
    adding = _way(Aggregation, "aggregation", dials.aggregation or Aggregation.MASKED)
    if adding not in UNION_SUITES:
        raise BadRequest(
            f"no sum over UNION ALL is {adding.value}",
            fix=f"leave --aggregation out, or give one of: {', '.join(UNION_SUITES)}",
        )
    return _unmatched(dials, UNION_SUITES[adding])


def _matched(dials: Dials, chosen: Suite) -> Suite:
    """The suite that matches and adds as was asked; the strong way unless another was asked for."""
    matching = _way(Matching, "matching", dials.matching or STRONGEST_MATCHING)
    adding = _way(Aggregation, "aggregation", dials.aggregation or STRONGEST_AGGREGATION)
    if chosen.family is Family.QUERY:
        if adding in UNION_SUITES:
            raise BadRequest(
                f"no join is {adding.value}: that is for sums over UNION ALL",
                fix=f"leave --aggregation out, or give one of: {', '.join(JOIN_AGGREGATIONS)}",
            )
        return QUERY_SUITES[matching, adding]
    if adding is not STRONGEST_AGGREGATION:
        raise BadRequest(
            "nothing is added up in an intersection",
            fix="leave --aggregation out; it is for queries",
        )
    if chosen.family is Family.MATCH:
        return MATCH_SUITES[matching]
    return _unmatched(dials, chosen)


def _unmatched(dials: Dials, chosen: Suite) -> Suite:
    """The suite of a job for which the coordinator matches nothing."""
    matching = _way(Matching, "matching", dials.matching or STRONGEST_MATCHING)
    if matching is not STRONGEST_MATCHING:
        raise BadRequest(
            f"the coordinator does not match this job, so that no matching is {matching.value}",
            fix="leave --matching out; it is for queries, and for intersections of three or more"
            " without --engine",
        )
    return chosen


def _way(dial: type[W], name: str, asked: str) -> W:
    ways = [way.value for way in dial]
    if asked not in ways:
        raise BadRequest(f"no such {name}.{nearest(asked, ways)}", fix=f"one of: {', '.join(ways)}")
    return dial(asked)
