"""The coordinator's computation for a blind join, in a process of its own: match, divide, add.

Parts on disk → which cells may be opened, and for each of them one blinded ciphertext a sum. A
function of the contract and the parts, so a coordinator that was restarted computes it again.

Learns      what federated/SPEC.md says of the coordinator; it holds no key that opens anything
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from contract.errors import PeerError, TooManyResults
from contract.job import Contract, JobKind, Query, keys_for
from contract.statements import MOST_CELLS
from contract.suites import Aggregation
from coordinator import wire
from coordinator.collection import put
from coordinator.wire import CellSums, Share
from federated.aggregate.add import Adder, MaskedCell
from federated.aggregate.blinding import blind_of, blinded_count, count_blind, share_blind
from federated.aggregate.wire import key_id, read_ciphertext
from federated.join.cells import Cell, Cells, Remainder, cells
from federated.join.matching import match
from federated.join.parameters import JoinParameters
from federated.query.agreed import plan_of, sums_of
from federated.query.plan import QueryPlan, join_of
from federated.query.release import REMAINDER
from federated.query.shared import add_columns
from federated.shares.rows import RowNumbers, rows_of
from federated.words import MODULUS, WORD_BYTES, Words

Named = Sequence[tuple[tuple[int, ...], Cell | Remainder]]
"""The rows of a result by their names."""
Sums = tuple[bytes, ...]
"""Of one row, its blinded sums as they go to the receiver."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told which rows of the result the places of whose lists are in, and where it lies."""

    org: str
    owners: tuple[int, ...]
    file: Path


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be computed, and where its parts lie."""

    run: bytes
    contract: Contract
    key_file: Path
    """Of encrypted sums; of shares there is none."""
    share_files: tuple[tuple[Path, ...], ...]
    """Of each owner its share; behind it, by shares, the further columns that had no room there."""
    sums_file: Path
    merging_file: Path | None = None
    """Of encrypted sums that are put together."""
    told: tuple[Told, ...] = ()
    """By shares: the receiver and its helper."""

    @property
    def query(self) -> Query:
        """What is asked."""
        assert self.contract.query is not None
        return self.contract.query

    @property
    def adding(self) -> Aggregation:
        """How sums are hidden."""
        assert self.contract.aggregation is not None
        return self.contract.aggregation


@dataclass(frozen=True, slots=True)
class Outcome:
    """What every party is told, one bit a cell; and the digest of what the receiver may fetch."""

    passing: tuple[tuple[int, ...], ...]
    remainder: bool
    sums_digest: str
    rows_digests: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MatchOrder:
    """An intersection of three or more: what is to be matched, and where for whom it goes."""

    run: bytes
    contract: Contract
    share_files: tuple[Path, ...]
    match_files: tuple[tuple[str, Path], ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """What lies ready for each receiver, by its digest."""

    digests: tuple[tuple[str, str], ...]


def match_lists(order: MatchOrder) -> Ready:
    """Match the lists, and write for each receiver what it asked for."""
    contract = order.contract
    parameters = JoinParameters.of(contract, order.run)
    lists = [
        wire.tokens_from(file.read_bytes(), org)
        for file, org in zip(order.share_files, contract.orgs, strict=True)
    ]
    matched = match(parameters, lists)
    digests = []
    for org, file in order.match_files:
        places = matched.of(org) if contract.kind is JobKind.PSI else None
        digests.append((org, put(file, wire.match_to_bytes(places, matched.count))))
    return Ready(tuple(digests))


def match_and_add(order: Order) -> Outcome:
    """Compute, write the sums, and say which cells pass."""
    plan = plan_of(order.contract)
    parameters = join_of(plan, order.run)
    shares = [_lines_of(order, plan, owner) for owner in range(len(plan.owners))]
    divided = _divided(order, plan, parameters, shares)
    _require_few(len(divided.passing))
    named: list[tuple[tuple[int, ...], Cell | Remainder]] = [
        (cell.codes, cell) for cell in divided.passing
    ]
    if divided.remainder is not None:
        named.append((REMAINDER, divided.remainder))
    betas = [share.blinding for share in shares]
    if order.adding is Aggregation.SHARED:
        del shares  # where each line lies is in the rows; what it holds is read owner by owner
        rows = _rows(named, parameters)
        sums, packs, told = _shared_sums(order, named, rows, plan, betas), [], _tell(order, rows)
    else:
        sums, packs, told = [()] * len(named), _encrypted_sums(order, named, plan, shares), ()
    summed = [
        CellSums(
            blinded_count=blinded_count(row.count, [count_blind(beta, name) for beta in betas]),
            sums=of_row,
        )
        for (name, row), of_row in zip(named, sums, strict=True)
    ]
    content = wire.sums_to_bytes(summed, folded=divided.folded, packs=packs)
    return Outcome(
        passing=tuple(cell.codes for cell in divided.passing),
        remainder=divided.remainder is not None,
        sums_digest=put(order.sums_file, content),
        rows_digests=told,
    )


def _lines_of(order: Order, plan: QueryPlan, owner: int) -> Share:
    """What lines say beside their shares, which are not kept while lists are matched."""
    return replace(_handed_in(order, plan, owner), shares=())


def _handed_in(order: Order, plan: QueryPlan, owner: int) -> Share:
    share_file = order.share_files[owner][0]
    return wire.share_from(share_file.read_bytes(), plan, owner, order.adding)


def _columns(order: Order, plan: QueryPlan, owner: int) -> Iterator[Words]:
    """All columns of an owner's shares; one message of them is held at a time."""
    yield from _handed_in(order, plan, owner).shares
    for number, file in enumerate(order.share_files[owner][1:], 1):
        yield from wire.further_from(file.read_bytes(), plan, owner, number)


def _divided(
    order: Order, plan: QueryPlan, parameters: JoinParameters, shares: Sequence[Share]
) -> Cells:
    return cells(
        match(parameters, [share.tokens for share in shares]),
        codes=[share.codes for share in shares],
        other=[share.other for share in shares],
        real_sizes=[share.keys_per_code for share in shares],
        k=plan.k,
        min_join=keys_for(order.query.min_join, plan.per_subject),
        public=[False] * len(shares),
        bands=[share.bands for share in shares],
        largest_share=plan.largest_share,
    )


def _encrypted_sums(
    order: Order, named: Named, plan: QueryPlan, shares: Sequence[Share]
) -> list[bytes]:
    """Summand by summand."""
    (receiver,), key = order.contract.receivers, order.key_file.read_bytes()
    merging_keys = order.merging_file.read_bytes() if order.merging_file else None
    try:
        return _sums(named, plan, shares, Adder(key, sums_of(plan), merging_keys))
    except PeerError as error:
        raise error.at(party=_sender_of_unreadable(plan, shares, key) or receiver) from None


def _rows(named: Named, parameters: JoinParameters) -> list[RowNumbers]:
    """Of every owner's list, which row of the result each place is in."""
    return [
        rows_of(size, [row.positions[:, owner] for _, row in named])
        for owner, size in enumerate(parameters.sizes)
    ]


def _tell(order: Order, rows: Sequence[RowNumbers]) -> tuple[tuple[str, str], ...]:
    """Write for the receiver and its helper what each is told of lists; the digests."""
    digests = []
    for told in order.told:
        content = wire.rows_to_bytes([rows[owner] for owner in told.owners])
        digests.append((told.org, put(told.file, content)))
    return tuple(digests)


def _shared_sums(
    order: Order,
    named: Named,
    rows: Sequence[RowNumbers],
    plan: QueryPlan,
    betas: Sequence[bytes],
) -> list[Sums]:
    totals = [
        [
            sum(share_blind(beta, name, place) for beta in betas) % MODULUS
            for place in range(len(plan.summands))
        ]
        for name, _ in named
    ]
    for owner, part in enumerate(plan.owners):
        if part.sent:
            add_columns(totals, plan, owner, _columns(order, plan, owner), rows[owner])
    return [tuple(one.to_bytes(WORD_BYTES, "little") for one in total) for total in totals]


def _sender_of_unreadable(plan: QueryPlan, shares: Sequence[Share], key: bytes) -> str | None:
    """Whose ciphertexts are not such, or not under the key; None if all are."""
    identity = key_id(key)
    for part, share in zip(plan.owners, shares, strict=True):
        try:
            for column in share.columns:
                for chunk in column:
                    read_ciphertext(identity, chunk)
        except PeerError:
            return part.org
    return None


def _sums(named: Named, plan: QueryPlan, shares: Sequence[Share], adder: Adder) -> list[bytes]:
    betas = [share.blinding for share in shares]
    results = []
    for place, summand in enumerate(plan.summands):
        masked = [
            MaskedCell(
                positions=tuple(
                    np.ascontiguousarray(row.positions[:, term.owner]) for term in summand.terms
                ),
                blinding=sum(blind_of(beta, name, place) for beta in betas),
            )
            for name, row in named
        ]
        columns = [shares[term.owner].columns[term.column] for term in summand.terms]
        results += adder.sums(columns, masked)
    return results


def _require_few(passing: int) -> None:
    if passing > MOST_CELLS - 1:
        raise TooManyResults(
            f"the query's result has more than {MOST_CELLS - 1} cells",
            party="coordinator",
            phase="match",
            fix="group by fewer columns, or by coarser ones",
        )
