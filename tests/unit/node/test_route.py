"""Which way leads to a peer: both decide the same, and whoever knows why nobody came says so."""

from itertools import product

from node.route import Direction
from tests.unit.node.lines import Member


def test_both_parties_come_to_the_same_direction(bank_a: Member, bank_b: Member) -> None:
    for a_at, b_at in product((None, "a:7451"), (None, "b:7451")):
        a, b = bank_a.share(address=a_at), bank_b.share(address=b_at)
        mine, theirs = Direction.between(a, b), Direction.between(b, a)
        if a_at is b_at is None:
            assert mine == theirs == Direction(None, listens=False)  # both dial the relay
        else:
            assert mine.listens != theirs.listens
            dialler, at = (mine, b_at) if theirs.listens else (theirs, a_at)
            assert dialler.direct == at
        assert theirs.listens == (b_at is not None)  # where both could, the smaller id dials
