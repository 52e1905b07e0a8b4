"""A member's side of one attempt.

    Fresh → AwaitKeys → AwaitSums → AwaitSet → AwaitGates → AwaitTally → Open

Implements  federated/SPEC.md §5.3 (Bonawitz et al., CCS 2017, with stricter rules)
Learns      a member: which cells pass; the receiver: of those the sums, of all the others together
            one more sum. Nobody learns another member's part.
Secrets     one `MemberSecret` an attempt; it masks once and releases once
Not safe    as the gate itself: the owner's policy decides before `AwaitGates.release`, and that
            every member has signed the same set is the ledger's to know (contract/attempts.py)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from contract.errors import BadMessage, MiheError
from federated import words as word
from federated.union.masks import rows_of, sums_of
from federated.union.messages import Outcome, read_shares
from federated.union.parameters import BOX_BYTES, Attempt
from federated.union.secret import MemberKey, MemberSecret
from federated.union.shamir import joined
from federated.words import Words


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Nothing is said yet."""

    attempt: Attempt
    me: str
    words: Words
    """The count of every cell, then column after column: not masked."""

    def begin(self) -> tuple["AwaitKeys", bytes]:
        """The public key for this attempt."""
        key = MemberKey(self.attempt, self.me)
        return AwaitKeys(self, key), key.public


@dataclass(frozen=True, slots=True, repr=False)
class AwaitKeys:
    """The own key is out."""

    fresh: Fresh
    key: MemberKey

    def advance(self, keys: Mapping[str, bytes]) -> tuple["AwaitSums", bytes]:
        """With every member's key: the masked sums, which may travel as they are or encrypted."""
        secret, cells = self.key.meet(keys), self.fresh.attempt.cells
        masked = secret.masked(self.fresh.words)
        head = b"".join(secret.boxes()) + word.to_bytes(masked[:cells])
        return AwaitSums(self.fresh, secret, head), word.to_bytes(masked[cells:])


@dataclass(frozen=True, slots=True, repr=False)
class AwaitSums:
    """All is masked."""

    fresh: Fresh
    secret: MemberSecret
    head: bytes

    def advance(self, sums: bytes) -> tuple["AwaitSet", bytes]:
        """With the masked sums as they travel: the contribution, for the coordinator."""
        assert len(sums) == self.fresh.attempt.sums_bytes
        content = self.head + sums
        return AwaitSet(self.fresh, self.secret, sha256(content).hexdigest()), content


@dataclass(frozen=True, slots=True, repr=False)
class AwaitSet:
    """The own contribution is with the coordinator."""

    fresh: Fresh
    secret: MemberSecret
    digest: str

    def advance(self, digest: str, boxes: bytes) -> "AwaitGates":
        """With the digest that was published as one's own, and everybody's shares for this member.

        Raises BadMessage; what is signed after it says that this member is in, as it meant to be,
        and can stand in for whoever vanishes.
        """
        attempt, me = self.fresh.attempt, self.fresh.me
        if digest != self.digest:
            raise _coordinators("what was published of a contribution is not what was handed in")
        if len(boxes) != attempt.shares_bytes:
            raise _coordinators("the members' shares are not as long as they are")
        held = {}
        for place, peer in enumerate(attempt.others(me)):
            held[peer] = self.secret.shares_in(peer, boxes[place * BOX_BYTES :][:BOX_BYTES])
        return AwaitGates(self.fresh, self.secret, held)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitGates:
    """The set is signed by this member. From here on it takes part in no other attempt."""

    fresh: Fresh
    secret: MemberSecret
    held: Mapping[str, tuple[bytes, bytes]]

    def release(self) -> tuple["AwaitTally", bytes]:
        """When all have signed the same set and every gate said yes: what opens own counts."""
        return AwaitTally(self.fresh, self.secret, self.held), self.secret.count_seed()


@dataclass(frozen=True, slots=True, repr=False)
class AwaitTally:
    """The counts are the coordinator's to add up."""

    fresh: Fresh
    secret: MemberSecret
    held: Mapping[str, tuple[bytes, bytes]]
    helped: tuple[str, ...] | None = None

    def stand_in(self, absent: Sequence[str]) -> tuple["AwaitTally", bytes]:
        """This member's shares of the absent ones' seeds of counts, once, for the coordinator."""
        _check_absent(self.fresh, absent)
        if self.helped is not None:
            raise _coordinators("shares of counts are asked for twice")
        shares = b"".join(self.held[org][0] for org in absent)
        return AwaitTally(self.fresh, self.secret, self.held, tuple(absent)), shares

    def advance(self, passing: Sequence[int], *, remainder: bool) -> tuple["Open", bytes]:
        """With the cells that pass: what opens them, sealed for the receiver; empty if this is it.

        Raises BadMessage for cells that there are not.
        """
        attempt = self.fresh.attempt
        if passing and passing[-1] >= attempt.cells:
            raise _coordinators("a cell passes that there is not")
        mask = rows_of(self.secret.sum_mask(), attempt, passing, remainder=remainder)
        rows = len(passing) + remainder
        done = Open(self.fresh, self.secret, self.held, tuple(passing), remainder, rows, mask)
        if self.fresh.me == attempt.receiver:
            return done, b""
        return done, self.secret.seal_opening(word.to_bytes(mask))


@dataclass(frozen=True, slots=True, repr=False)
class Open:
    """All that this member had to release is released."""

    fresh: Fresh
    secret: MemberSecret
    held: Mapping[str, tuple[bytes, bytes]]
    passing: tuple[int, ...]
    remainder: bool
    rows: int
    mask: Words

    def stand_in(self, absent: Sequence[str]) -> bytes:
        """This member's shares of the absent ones' seeds of sums, once, for the receiver alone."""
        _check_absent(self.fresh, absent)
        return self.secret.seal_shares(b"".join(self.held[org][1] for org in absent))

    def opened(
        self, outcome: Outcome, absent: Sequence[str], decrypted: bytes | None = None
    ) -> list[tuple[int, ...]]:
        """At the receiver: the sums of each passing cell, then of the remainder, if it is opened.

        `decrypted`: what the totals are, where they came encrypted. Raises BadMessage.
        """
        attempt = self.fresh.attempt
        if decrypted is None:
            total = word.of_bytes(outcome.totals)
        else:
            # Covers of cells that are not shown add up to nothing (federated/union/covered.py).
            total = self._rows(word.of_bytes(decrypted))
        total = word.subtracted(total, self.mask)
        for peer, sealed in outcome.openings.items():
            opening = word.of_bytes(self.secret.opening_of(peer, sealed))
            total = word.subtracted(total, opening)
        for seed in self._seeds(outcome, absent):
            total = word.subtracted(total, self._rows(sums_of(seed, attempt)))
        return _by_rows(total, attempt.columns, self.rows)

    def _rows(self, words: Words) -> Words:
        return rows_of(words, self.fresh.attempt, self.passing, remainder=self.remainder)

    def _seeds(self, outcome: Outcome, absent: Sequence[str]) -> list[bytes]:
        """The absent ones' seeds of sums, of the others' shares and this member's own."""
        if not absent:
            return []
        members = self.fresh.attempt.members
        by_helper = {
            helper: read_shares(self.secret.shares_of(helper, sealed), absent, helper)
            for helper, sealed in outcome.shares.items()
        }
        by_helper[self.fresh.me] = {org: self.held[org][1] for org in absent}
        return [
            joined({members.index(one) + 1: shares[org] for one, shares in by_helper.items()})
            for org in absent
        ]

    def own_rest(self) -> tuple[int, ...]:
        """At the receiver: its own sums over the cells that are not shown."""
        attempt, cells = self.fresh.attempt, self.fresh.attempt.cells
        rows = rows_of(self.fresh.words[cells:], attempt, self.passing, remainder=True)
        return _by_rows(rows, attempt.columns, len(self.passing) + 1)[-1]


def _check_absent(fresh: Fresh, absent: Sequence[str]) -> None:
    """Whoever is asked for shares asks first: not of itself, and of fewer than a third."""
    attempt = fresh.attempt
    others = set(attempt.others(fresh.me)) - {attempt.receiver}
    few = len(absent) <= len(attempt.members) - attempt.threshold
    if not few or not others.issuperset(absent) or len(set(absent)) != len(absent):
        raise _coordinators("shares are asked for of members who can't be absent")


def _by_rows(words: Words, columns: int, rows: int) -> list[tuple[int, ...]]:
    values = word.to_integers(words)
    return [tuple(values[row * columns :][:columns]) for row in range(rows)]


def _coordinators(what: str) -> MiheError:
    return BadMessage(
        what,
        party="coordinator",
        fix="The coordinator is not following the protocol: compare versions.",
        rule="federated/SPEC.md §5.3",
    )
