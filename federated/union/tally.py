"""The coordinator's part: it takes the counts' masks off their total, says which cells pass, and
adds up the sums of those, which stay masked.

Implements  federated/SPEC.md §5.4
Learns      of every cell how many subjects the organisations other than the receiver have in it,
            all together, and how many organisations have any; of no organisation which, and no sum
Not safe    if it lies: its counts are signed, not proved
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contract.errors import BadMessage
from federated.union.counts import FEWEST_ORGANISATIONS, Count, read_total
from federated.union.masks import counts_of, rows_of
from federated.union.parameters import Attempt
from federated.union.shamir import joined
from federated.words import Words, of_bytes, subtracted, to_bytes, to_integers, total


def seeds_of(
    attempt: Attempt, shares: Mapping[str, Mapping[str, bytes]], absent: Sequence[str]
) -> dict[str, bytes]:
    """The absent ones' seeds of counts, of the shares of T members. Raises BadMessage."""
    places = {helper: attempt.members.index(helper) + 1 for helper in shares}
    return {
        org: joined({places[helper]: held[org] for helper, held in shares.items()})
        for org in absent
    }


@dataclass(frozen=True, slots=True)
class Tally:
    """Which cells are opened one by one, whether all others are opened together, how many fold."""

    passing: tuple[int, ...]
    remainder: bool
    folded: int


def counted(
    attempt: Attempt, masked: Iterable[Words], seeds: Mapping[str, bytes], *, most: int
) -> list[Count]:
    """What there is in each cell, of the members' masked counts.

    Raises BadMessage if that can't be so. Whose words or seed are wrong does not show: that is what
    masks are for.
    """
    left = total(masked, attempt.cells)
    for member in attempt.members:
        left = subtracted(left, counts_of(seeds[member], attempt))
    counts = [read_total(word) for word in to_integers(left)]
    others = len(attempt.members) - 1
    possible = all(
        min(one.subjects, 1) <= one.organisations <= min(one.subjects, others) for one in counts
    )
    if not possible or sum(one.subjects for one in counts) > most:
        raise BadMessage(
            "the counts that were opened are none: a member's words or its seed are wrong",
            party="coordinator",
            phase="tally",
            fix="Run the job again; if it recurs, compare the versions of all parties.",
            rule="federated/SPEC.md §5.4",
        )
    return counts


def tally(counts: Sequence[Count], *, k: int, min_join: int) -> Tally:
    """What may be opened: cells of enough subjects and organisations, and the others as one row."""
    nothing = Tally((), remainder=False, folded=0)
    if sum(one.subjects for one in counts) < min_join:
        return nothing
    passing = [cell for cell, one in enumerate(counts) if _are_enough([one], k)]
    small = [c for c, one in enumerate(counts) if one.subjects and not _are_enough([one], k)]
    if small and (len(small) < 2 or not _are_enough([counts[cell] for cell in small], k)):
        if not passing:
            return nothing
        # Of one small cell, or of too few subjects, the remainder would say too much.
        joining = min(passing, key=lambda cell: (counts[cell].subjects, cell))
        passing.remove(joining)
        small.append(joining)
    return Tally(tuple(passing), remainder=bool(small), folded=len(small))


def _are_enough(together: Sequence[Count], k: int) -> bool:
    """Whether cells may be shown as one row. That two cells are of two organisations is not known:
    one of them has to be."""
    subjects = sum(one.subjects for one in together)
    return subjects >= k and max(o.organisations for o in together) >= FEWEST_ORGANISATIONS


def totals(attempt: Attempt, masked: Iterable[bytes], found: Tally) -> bytes:
    """The sums of the rows that are opened, under the members' self-masks, as they travel."""
    sums = total(map(of_bytes, masked), attempt.sums)
    return to_bytes(rows_of(sums, attempt, found.passing, remainder=found.remainder))
