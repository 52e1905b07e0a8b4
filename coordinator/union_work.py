"""What the coordinator computes in a sum over UNION ALL, of the parts that it was handed.

Implements  federated/SPEC.md §5.3, §5.4
Learns      of every cell how many subjects all organisations but the receiver have in it together,
            and how many organisations have any; no sum, no organisation's own count
            (federated/SPEC.md §5.7)
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

from contract.attempts import Collected, Contribution, Of, Opened, Tallied
from contract.errors import BadMessage
from contract.ledger import Ledger
from coordinator.he_keys import HE_KEY
from coordinator.union_steps import Holds, helpers, part
from federated.paillier.wire import read_ciphertexts, read_key
from federated.query.agreed import plan_of_union
from federated.union import tally
from federated.union.covered import covered_totals
from federated.union.messages import Contribution as Masked
from federated.union.messages import (
    Outcome,
    read_contribution,
    read_opening,
    read_sealed_shares,
    read_seed,
    read_shares,
    write_outcome,
)

Read = Callable[[str, str], bytes]
Receipt = Callable[[str, str], str]


class Handed:
    """What the coordinator computes of the parts that it was handed in one attempt."""

    def __init__(self, ledger: Ledger, read: Read, receipt: Receipt, holds: Holds) -> None:
        """`read`: the content of a part; `receipt`: the hex digest of the receipt for it."""
        assert ledger.run is not None
        assert ledger.attempts is not None
        self._attempts, self._query = ledger.attempts, ledger.contract.query
        self._plan = plan_of_union(ledger.contract)
        self._attempt = self._plan.attempt(
            ledger.run, ledger.attempts.number, ledger.attempts.members
        )
        self._read, self._receipt, self._holds = read, receipt, holds

    def collected(self) -> tuple[Collected, dict[str, bytes]]:
        """Whose contributions there are; and what everybody sealed for each member."""
        attempts, attempt, name = self._attempts, self._attempt, part("masked", self._attempts)
        raw = {org: self._read(org, name) for org in attempts.members}
        handed = {org: read_contribution(raw[org], attempt, org) for org in raw}
        boxes = {org: one.boxes for org, one in handed.items()}
        if attempt.encrypted:
            modulus = self._modulus()
            for org, one in handed.items():
                read_ciphertexts(one.sums, attempt.ciphertexts, modulus, org)
        shares = {
            org: b"".join(boxes[peer][org] for peer in attempt.others(org))
            for org in attempts.members
        }
        said = Collected(
            run=attempts.run,
            attempt=attempts.number,
            contributions=tuple(
                Contribution(
                    org=org,
                    digest=sha256(raw[org]).hexdigest(),
                    receipt=self._receipt(org, name),
                )
                for org in attempts.members
            ),
        )
        return said, shares

    def tallied(self) -> Tallied:
        """Which cells pass."""
        found, attempts = self._tally(), self._attempts
        parts = [(org, part("counts", attempts)) for org in self._counting]
        helping = helpers(attempts, Of.COUNTS, self._holds) if self._absent(Of.COUNTS) else ()
        parts += [(org, part("count_shares", attempts)) for org in helping]
        return Tallied(
            run=attempts.run,
            attempt=attempts.number,
            passing=found.passing,
            remainder=found.remainder,
            receipts=self._receipts(parts),
        )

    def opened(self) -> tuple[Opened, bytes]:
        """What the receiver fetches, and the statement that names it."""
        found, attempts, attempt = self._tally(), self._attempts, self._attempt
        rows, absent = len(found.passing) + found.remainder, self._absent(Of.SUMS)
        name, helping = part("opening", attempts), part("sum_shares", attempts)
        others = [org for org in attempt.others(attempt.receiver) if org not in absent]
        standing = helpers(attempts, Of.SUMS, self._holds) if absent else ()
        outcome = Outcome(
            found.folded,
            self._totals(found),
            {org: read_opening(self._read(org, name), attempt, rows, org) for org in others},
            {org: read_sealed_shares(self._read(org, helping), absent, org) for org in standing},
        )
        content = write_outcome(outcome, attempt)
        parts = [(org, name) for org in others] + [(org, helping) for org in standing]
        said = Opened(
            run=attempts.run,
            attempt=attempts.number,
            result=sha256(content).hexdigest(),
            receipts=self._receipts(parts),
        )
        return said, content

    def _tally(self) -> tally.Tally:
        assert self._query is not None, "what has attempts has a statement"
        attempts, absent = self._attempts, self._absent(Of.COUNTS)
        name = part("counts", attempts)
        seeds = {org: read_seed(self._read(org, name), org) for org in self._counting}
        if absent:
            helping = part("count_shares", attempts)
            shares = {
                org: read_shares(self._read(org, helping), absent, org)
                for org in helpers(attempts, Of.COUNTS, self._holds)
            }
            seeds |= tally.seeds_of(self._attempt, shares, absent)
        most = self._plan.most_subjects
        masked = (one.counts for _, one in self._contributions())
        counts = tally.counted(self._attempt, masked, seeds, most=most)
        return tally.tally(counts, k=self._query.min_group, min_join=self._query.min_join)

    @property
    def _counting(self) -> tuple[str, ...]:
        absent = self._absent(Of.COUNTS)
        return tuple(org for org in self._attempts.members if org not in absent)

    def _absent(self, of: Of) -> tuple[str, ...]:
        return self._attempts.absent.get(of, ())

    def _totals(self, found: tally.Tally) -> bytes:
        """What the sums add up to, as the receiver gets it."""
        attempt, parts = self._attempt, self._contributions()
        if not attempt.encrypted:
            return tally.totals(attempt, (one.sums for _, one in parts), found)
        modulus, count = self._modulus(), attempt.ciphertexts
        many = (read_ciphertexts(one.sums, count, modulus, org) for org, one in parts)
        return covered_totals(modulus, many, attempt, found)

    def _contributions(self) -> Iterator[tuple[str, Masked]]:
        name, attempt = part("masked", self._attempts), self._attempt
        for org in attempt.members:
            yield org, read_contribution(self._read(org, name), attempt, org)

    def _modulus(self) -> int:
        """The receiver's public key; BadMessage if it has handed in none."""
        receiver = self._attempts.receiver
        if not self._holds(receiver, HE_KEY):
            raise BadMessage(
                "sums came before the key that they are said to be encrypted under",
                party=receiver,
                phase="union",
                fix="that node is not following the protocol: compare versions",
                rule="federated/SPEC.md §5.8",
            )
        return read_key(self._read(receiver, HE_KEY), receiver)

    def _receipts(self, parts: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        return tuple(sorted(self._receipt(org, name) for org, name in parts))
