"""What a person reads before agreeing, as plain text: for a notebook, which draws no tables.

Pure: a view in, text out. Names and statements come from other organisations: no control character
of theirs reaches a screen.
"""

from collections.abc import Iterable

from contract.errors import clean
from contract.job import Contract, Query, keys_for
from contract.learns import LeakageStatement, Learns
from contract.suites import Family
from contract.views import JobView, PlanView, PolicyLine


def who_learns_what(statement: LeakageStatement) -> str:
    """The leakage statement, a line for each thing that somebody learns."""
    covered = [*statement.parties, *statement.coalitions]
    rest = Learns(who="not covered", what=statement.not_covered)
    return "\n".join(["Who learns what", *(line for one in (*covered, rest) for line in _of(one))])


def plan(view: PlanView) -> str:
    """A job before it is proposed: what, for whom, why, at what cost, and who learns what."""
    contract = view.contract
    facts = [
        *_asked(view),
        f"result to {', '.join(contract.receivers)}; {contract.purpose}, {contract.basis.value}",
        f"{time_of(view)}; {view.bytes_on_the_wire:,} bytes; nothing is sent yet",
    ]
    asked = [*map(clean, view.steps), *map(policy_line, view.policy)]
    return "\n".join([*facts, *asked, "", who_learns_what(view.leakage)])


def time_of(view: PlanView) -> str:
    """How long a job would take, and on what."""
    if view.contract.family in (Family.QUERY, Family.MATCH):
        return f"about {view.seconds} s if all parties share one idle machine like this"
    return f"about {view.seconds} s if each party has an idle machine like this"


def policy_line(line: PolicyLine) -> str:
    """What a job asks of an owner's policy, and what is known of the answer."""
    if line.allowed is None:
        verdict = f"for {line.org} to say"
    else:
        by = f"policy.toml, {line.rule}" if line.rule else "policy.toml: no rule is about it"
        verdict = f"{'allowed' if line.allowed else 'DENIED'} by {by}"
    return clean(f"{line.org}: {line.what}: {verdict}")


def job(view: JobView) -> str:
    """How a job stands, in a line or two."""
    head = f"job {view.job[:12]} {view.state.value}"
    if view.cause is None:
        return head
    return clean(f"{head}: {view.cause.code}: {view.cause.what} Fix: {view.cause.fix}")


def _asked(view: PlanView) -> list[str]:
    contract = view.contract
    sources = " × ".join(party.matched for party in contract.parties)
    head = [f"{contract.kind.value} of {sources}"]
    query = contract.query
    if query is None:
        return head
    least = f"rows of {query.min_group:,} entities or more, joins of {query.min_join:,} or more"
    if query.largest_share is not None:
        least += f", nobody with more than {query.largest_share} % of a sum"
    if query.epsilon is not None:
        least += f", noise of epsilon {query.epsilon} on every count and sum"
    return [
        *head,
        *map(clean, query.statement.splitlines()),
        *parameter_lines(query),
        least,
        *_threshold(contract),
    ]


def parameter_lines(query: Query) -> list[str]:
    """What the parameters of a statement are worth, a line each."""
    return [clean(f":{one.name} = {one.value} ({one.type})") for one in query.parameters or ()]


def _threshold(contract: Contract) -> list[str]:
    """What a threshold of entities comes to where one of them may have several keys."""
    query, most = contract.query, contract.keys_per_subject or 1
    if query is None or most == 1:
        return []
    key = contract.parties[0].key
    return [
        f"up to {most:,} keys ({', '.join(key)}) may be of one entity, so that a row has at least"
        f" {keys_for(query.min_group, most):,} of them, and the join"
        f" {keys_for(query.min_join, most):,}"
    ]


def _of(one: Learns) -> Iterable[str]:
    yield f"  {clean(one.who)}"
    yield from (f"    {clean(line)}" for line in one.what)
