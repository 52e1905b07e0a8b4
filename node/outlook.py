"""What a contract means before it runs: the digest of its plan, and what it will cost.

One entry for every kind of job: intersections are planned in node/plan.py, queries in
federated/query/agreed.py.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from contract.dataset import COMPUTED_NOISE, ColumnType
from contract.job import Contract, suites_for
from contract.leakage import leakage_of
from contract.suites import Aggregation, Family, Matching, Suite
from contract.views import PlanView
from federated.aggregate.wire import KEY_BYTES, MERGING_BYTES, result_bytes
from federated.join.parameters import CONTRIBUTION_BYTES, POINT_BYTES
from federated.paillier.parameters import KEY_BYTES as PAILLIER_BYTES
from federated.paillier.parameters import SLOTS
from federated.query.agreed import (
    digest_of_query,
    plan_of,
    plan_of_union,
    sums_of,
    unlike_in,
)
from federated.query.noise import counter_of, deviations
from federated.query.plan import QueryPlan
from federated.query.shared import lists_of
from federated.query.sizes import chunks_of, cut, largest_message_bytes, share_bytes
from federated.query.table import Output, Table
from federated.query.union import ROWS_BITS
from federated.query.union_plan import UnionPlan
from federated.query.values import SENT_BITS
from federated.union.parameters import Attempt
from federated.words import WORD_BYTES
from node.plan import Stream, compile_match, compile_plan
from node.star_plan import compile_star
from node.wire.joins import ROW_BYTES
from psi.ecdh import cost as ecdh_cost
from psi.engine import reason
from psi.star import cost as star_cost
from psi.star.parameters import Parameters

# Of queries, by `make bench` on two idle cores (docs/benchmarks.md): what is not the curve's, whose
# speed is measured here. A start; a key of a list, and a value of it that is shared; a ciphertext,
# encrypted, masked and added; an encrypted sum of a row of the result.
_PROCESS_SECONDS = 2.0
_KEY_SECONDS = 1.2e-6
_PAD_SECONDS = 2e-7
_ENCRYPTED_SECONDS = 0.14
_OPENED_SECONDS = 0.016
_MEMORY_FACTOR = 4
# Of a row of a list, beside what is handed in: its points, or its key and group; and each value.
_POINTS_MEMORY = 8 * POINT_BYTES
_KEYED_MEMORY = 64
_VALUE_MEMORY = 8
# Of a sum over UNION ALL: some rounds through the coordinator's log; a word under a mask.
_ROUNDS_SECONDS = 1.0
_WORD_SECONDS = 2e-8
# Of the same under Paillier's encryption, without GMP: processes and a key; of one ciphertext.
_PAILLIER_SECONDS = 2.0
_CIPHERTEXT_SECONDS = 0.4
_DECRYPT_SECONDS = 0.12
_FIRST_ROUND = 10.0
_WORTH_SAYING = 2.0
"""How many times faster another engine must be to be named to who asked for none."""


def digest_of(contract: Contract) -> str:
    """Hex SHA-256 of the plan that this node compiles from a contract; raises what refuses it."""
    match contract.family:
        case Family.QUERY | Family.UNION:
            return digest_of_query(contract)
        case Family.MATCH:
            return compile_match(contract).digest
        case Family.TWO_PARTY:
            return compile_plan(contract).digest
        case Family.STAR:
            return compile_star(contract).digest


def outlook(contract: Contract) -> PlanView:
    """Plan, leakage, bytes and seconds of a job; measures this machine for some 0.1 s. Blocking."""
    match contract.family:
        case Family.QUERY:
            return _of_query(contract)
        case Family.UNION:
            return _of_union(contract)
        case Family.MATCH:
            return _of_match(contract)
        case Family.TWO_PARTY:
            return _of_intersection(contract)
        case Family.STAR:
            return _of_star(contract)


def _of_intersection(contract: Contract) -> PlanView:
    plan = compile_plan(contract)
    cost = plan.agreed(bytes(32)).estimate(_processors())
    return _of_streams(contract, plan.streams, cost.seconds)


def _processors() -> int:
    """As many as this process may use."""
    return len(os.sched_getaffinity(0))


def _seconds(estimate: float) -> str:
    """No more digits than there can be in an estimate."""
    return f"{estimate:.2f}" if estimate < _FIRST_ROUND else f"{estimate:.0f}"


def _described(stream: Stream) -> str:
    each = f" for each of {stream.buckets} buckets" if stream.buckets > 1 else ""
    return f"{stream.sender} → {stream.receiver}: {stream.name}, {stream.size} bytes{each}"


def _of_star(contract: Contract) -> PlanView:
    seconds = star_cost.seconds(Parameters.of(contract, bytes(32)), _processors())
    return _of_streams(contract, compile_star(contract).all_streams, seconds)


def _of_streams(contract: Contract, streams: tuple[Stream, ...], seconds: float) -> PlanView:
    return PlanView(
        contract=contract,
        engine=_why(contract),
        leakage=leakage_of(contract),
        streams=tuple(_described(stream) for stream in streams),
        bytes_on_the_wire=sum(stream.total for stream in streams),
        seconds=_seconds(seconds),
        memory_bytes=_MEMORY_FACTOR * sum(stream.size for stream in streams),
    )


def _why(contract: Contract) -> str:
    sizes = tuple(party.size for party in contract.parties)
    return reason(contract.kind, sizes, contract.crypto.suite)


def _of_match(contract: Contract) -> PlanView:
    plan = compile_match(contract)
    lists = dict(zip(plan.owners, plan.sizes, strict=True))
    travel = _travel(contract, lists)
    handed = [
        f"{org} → coordinator: {plan.token_bytes * size} bytes" for org, size in lists.items()
    ]
    return PlanView(
        contract=contract,
        engine=_beside_a_star(contract, travel.seconds),
        leakage=leakage_of(contract),
        streams=(*travel.streams, *handed),
        bytes_on_the_wire=travel.bytes + plan.token_bytes * sum(plan.sizes),
        seconds=_seconds(travel.seconds),
        memory_bytes=(_beside(contract) + _MEMORY_FACTOR * plan.token_bytes) * max(plan.sizes),
    )


def _beside(contract: Contract) -> int:
    """The memory that a row of a list takes, beside what is handed in and its values."""
    return _KEYED_MEMORY if contract.matching is Matching.KEYED else _POINTS_MEMORY


@dataclass(frozen=True, slots=True)
class _Travel:
    """What goes between parties for a step of a job, and what it takes."""

    streams: tuple[str, ...]
    bytes: int
    seconds: float


def _travel(contract: Contract, lists: Mapping[str, int]) -> _Travel:
    others, keys = len(lists) - 1, sum(lists.values())
    if contract.matching is Matching.KEYED:
        each = f"each owner → each other owner: {CONTRIBUTION_BYTES} bytes"
        sent = CONTRIBUTION_BYTES * len(lists) * others
        return _Travel((each,), sent, keys * _KEY_SECONDS)
    streams = tuple(
        f"{org} → each other owner and back: {2 * POINT_BYTES * size} bytes"
        for org, size in lists.items()
    )
    speed = ecdh_cost.measure("ristretto255", _processors())
    seconds = keys * (_KEY_SECONDS + speed.blind + (1 + others) * speed.evaluate)
    return _Travel(streams, 2 * POINT_BYTES * keys * others, seconds)


def _beside_a_star(contract: Contract, seconds: float) -> str:
    """Why a job is matched by the coordinator, and what the other way would gain and give up."""
    why = _why(contract)
    possible = suites_for(contract.kind, len(contract.parties), len(contract.receivers))
    if Suite.PSI_STAR not in possible:
        return why
    faster = seconds / star_cost.seconds(Parameters.of(contract, bytes(32)), _processors())
    if faster < _WORTH_SAYING:
        return why
    pair = f"{contract.receivers[0]} and {contract.pivot}"
    times = f"{float(f'{faster:.0e}'):.0f}"  # one digit: it is an estimate over an estimate
    return f"{why}; --engine star is some {times} times faster, if {pair} never collude"


def _steps(plan: QueryPlan, receiver: str, aggregation: Aggregation) -> Iterator[str]:
    """What each party does with data, in words."""
    for part in plan.owners:
        yield f"{part.org} runs on its own {' and '.join(part.names)}: {part.sql}"
    numbers = f"{len(plan.summands)} numbers, and how many entities"
    yield f"added up for each cell, {aggregation.value}: {numbers}"
    if plan.largest_share is not None:
        yield (
            "folded: cells in which, by bands that each line shows the coordinator, one entity may"
            f" have more than {plan.largest_share} % of a sum"
        )
    if plan.noise is not None:
        yield (
            f"noise: epsilon {plan.noise.epsilon} is split over {plan.noise.draws} numbers of each"
            f" row; {counter_of(plan)} draws that of counts and of {receiver}'s columns, each"
            f" owner but {receiver} that of its own"
        )
    if plan.left is not None:
        yield f"{receiver} adds up its own rows, matched or not, and sends none: {plan.left.sql}"
    yield _computes(receiver, plan.table, deviations(plan))


def _shown(output: Output, noise: str | None) -> str:
    if noise is not None:
        sigma = "of numbers with noise" if noise == COMPUTED_NOISE else f"noise: sigma {noise}"
        return f"{output.name} ({sigma})"
    if output.within is not None:
        return f"{output.name} (± {output.within})"
    if output.type is ColumnType.DECIMAL:
        digits = "12 digits" if output.decimals is None else f"{output.decimals} decimals"
        return f"{output.name} ({digits})"
    return output.name


def _of_query(contract: Contract) -> PlanView:
    plan, aggregation = plan_of(contract), contract.aggregation
    assert aggregation is not None
    travel = _travel(contract, {part.org: part.size for part in plan.owners})
    shares = {
        part.org: share_bytes(plan, owner, aggregation) for owner, part in enumerate(plan.owners)
    }
    handed = [
        f"{org} → coordinator: {size} bytes{_in_messages(plan, owner, aggregation)}"
        for owner, (org, size) in enumerate(shares.items())
    ]
    adding = (_shared if aggregation is Aggregation.SHARED else _encrypted)(contract, plan)
    longest = max(part.size for part in plan.owners)
    return PlanView(
        contract=contract,
        leakage=leakage_of(contract),
        steps=tuple(_steps(plan, contract.receivers[0], aggregation)),
        streams=(*travel.streams, *handed, *adding.streams),
        bytes_on_the_wire=travel.bytes + sum(shares.values()) + adding.bytes,
        seconds=_seconds(travel.seconds + adding.seconds + _PROCESS_SECONDS),
        memory_bytes=_MEMORY_FACTOR * largest_message_bytes(plan, aggregation)
        + (_beside(contract) + _VALUE_MEMORY * max(part.sent for part in plan.owners)) * longest,
    )


def _in_messages(plan: QueryPlan, owner: int, aggregation: Aggregation) -> str:
    messages = len(cut(plan, owner)) if aggregation is Aggregation.SHARED else 1
    return f" in {messages} messages" if messages > 1 else ""


def _encrypted(contract: Contract, plan: QueryPlan) -> _Travel:
    """The receiver's key, what it is told of each cell, and the proof that it can be."""
    (receiver,) = contract.receivers
    sums = sums_of(plan)
    bounds, together = sums.prove(), 1 << sums.merges
    merging = MERGING_BYTES if sums.merges else 0
    chunks = sum(part.sent * chunks_of(part.size) for part in plan.owners)
    opened = together * len(plan.summands) * _OPENED_SECONDS
    told = [
        f"coordinator → {receiver}: {len(plan.summands) * result_bytes(together)} bytes for"
        f" {_cells(together)}, {opened:.2f} s of work each time"
    ]
    streams = (
        f"{receiver} → coordinator → each other owner: one-time key, {KEY_BYTES} bytes",
        *([f"{receiver} → coordinator: merging keys, {merging} bytes"] if merging else []),
        *(told if plan.summands else []),
        f"exact: sums stay below 2^58; flooding {bounds.flood_bits} bits over"
        f" {bounds.noise_bits} bits of noise, {bounds.spare_bits} bits to spare",
    )
    keys = KEY_BYTES * len(plan.owners) + merging
    return _Travel(streams, keys, chunks * _ENCRYPTED_SECONDS + opened)


def _cells(together: int) -> str:
    return f"every {together} cells" if together > 1 else "each cell"


def _shared(contract: Contract, plan: QueryPlan) -> _Travel:
    """What receiver and helper are told of lists, and the receiver of each cell."""
    (receiver,) = contract.receivers
    told = {
        org: sum(ROW_BYTES * plan.owners[owner].size for owner in lists_of(plan, receiver, org))
        for org in (receiver, contract.helper)
    }
    streams = (
        *(f"coordinator → {org}: {size} bytes of rows" for org, size in told.items()),
        f"{receiver} → {contract.helper}: the seed of its pads",
        f"coordinator → {receiver}: {len(plan.summands) * WORD_BYTES} bytes for each cell",
        "exact: sums stay below 2^127",
    )
    values = sum(part.sent * part.size for part in plan.owners)
    return _Travel(streams, sum(told.values()), values * _PAD_SECONDS)


def _steps_of_union(plan: UnionPlan, receiver: str, unlike: str | None) -> Iterator[str]:
    if unlike is None:
        yield "the SELECTs read alike: they differ in the organisation alone"
    else:
        yield f"the SELECTs do not read alike: {unlike}"
    for part in plan.parts:
        yield f"{part.org} selects from its own {part.dataset}: {part.sql}"
    yield f"each adds up what it selects: {plan.sql_of_totals}"
    if plan.sql_of_picks is not None:
        yield f"each but {receiver} counts subjects in branches, for itself: {plan.sql_of_picks}"
    yield _computes(receiver, plan.table)


def _computes(receiver: str, table: Table, noises: Sequence[str | None] | None = None) -> str:
    shown = map(_shown, table.outputs, noises or [None] * len(table.outputs))
    return f"{receiver} computes from these: {', '.join(shown)}"


def _of_union(contract: Contract) -> PlanView:
    plan, number = plan_of_union(contract), len(contract.orgs)
    attempt = plan.attempt(bytes(32), 1, contract.orgs)
    handed, (receiver,) = attempt.masked_bytes, contract.receivers
    opening = attempt.opening_bytes(plan.cells)
    encrypting = _by_paillier(attempt) if attempt.encrypted else _Travel((), 0, 0.0)
    streams = (
        f"each → coordinator: sealed shares and masked words, {handed} bytes",
        *encrypting.streams,
        f"coordinator → each: the others' sealed shares, {attempt.shares_bytes} bytes",
        f"each → coordinator → {receiver}: what opens the rows, at most {opening} bytes",
        f"cells: {plan.cells}, each with {plan.totals} totals, zeros included",
        f"exact: totals stay below 2^{ROWS_BITS + SENT_BITS + number.bit_length()}, words are"
        " mod 2^128",
    )
    seconds = _ROUNDS_SECONDS + number * attempt.words * _WORD_SECONDS + encrypting.seconds
    return PlanView(
        contract=contract,
        leakage=leakage_of(contract),
        steps=tuple(_steps_of_union(plan, receiver, unlike_in(contract))),
        streams=streams,
        bytes_on_the_wire=number * (handed + attempt.shares_bytes + 2 * opening) + encrypting.bytes,
        seconds=_seconds(seconds),
        memory_bytes=4 * number * handed,
    )


def _by_paillier(attempt: Attempt) -> _Travel:
    """The receiver's key, and what is encrypted under it; members encrypt side by side."""
    number, receiver = attempt.ciphertexts, attempt.receiver
    streams = (
        f"of these the sums, masked and then encrypted: {number} ciphertexts by Paillier, 3072 bit,"
        f" {SLOTS} sums in each",
        f"{receiver} → coordinator → each other: one-time key, {PAILLIER_BYTES} bytes",
        f"coordinator → {receiver}: totals, {attempt.sums_bytes} bytes, all but the opened rows"
        " covered",
    )
    sent = PAILLIER_BYTES * len(attempt.members) + attempt.sums_bytes
    seconds = _PAILLIER_SECONDS + number * (_CIPHERTEXT_SECONDS + _DECRYPT_SECONDS)
    return _Travel(streams, sent, seconds)
