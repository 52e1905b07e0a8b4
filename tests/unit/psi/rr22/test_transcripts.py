"""What the messages of real runs look like: to the peer, to each other, to chance.

Secrets come from the operating system, so no seed can be fixed. Each bound is one that chance
passes with probability below 2^-30, by the inequality that is named.
"""

from collections import Counter
from collections.abc import Iterable
from math import log, sqrt
from random import Random

import pytest

from contract.job import JobKind
from contract.suites import Suite
from psi.rr22.messages import Common, Masked, Piece, Reply, Tags
from psi.two_party import Agreed
from tests.unit.psi.two_roles import TwoRoles

SIZE = 4096
LEAST = 31 * log(2)
"""-ln of the probability that a bound may be passed with."""

Y = [f"uscc:{number:018}".encode() for number in range(SIZE)]
DISJOINT = [f"card:{number:018}".encode() for number in range(SIZE)]
CHOICES = {"disjoint": DISJOINT, "equal": Y, "one": Y[:1], "none": []}


def transcript(
    x: list[bytes], y: list[bytes] = Y, *, size: int = SIZE, both: bool = True
) -> dict[type[Piece], bytes]:
    agreed = Agreed(
        suite=Suite.PSI_RR22,
        kind=JobKind.PSI,
        run_id=bytes([5] * 32),
        receiver_size=size,
        sender_size=size,
        both=both,
    )
    roles = TwoRoles(agreed, (x, y), batch=SIZE)
    roles.results()
    return {type(one): one.content for _, one in roles.sent if isinstance(one, Piece)}


@pytest.fixture(scope="module")
def seen() -> dict[str, dict[type[Piece], bytes]]:
    """Runs of one run id and one sender's set, with receivers' sets of every kind."""
    return {name: transcript(x) for name, x in CHOICES.items()}


def most_of_chi_square(degrees: int) -> float:
    """Chernoff: P[χ² ≥ degrees · x] ≤ (x · e^(1 - x))^(degrees / 2)."""
    times = 1.0
    while degrees / 2 * (times - 1 - log(times)) < LEAST:
        times += 0.01
    return degrees * times


def is_uniform(content: bytes) -> bool:
    counts, expected = Counter(content), len(content) / 256
    statistic = sum((counts[byte] - expected) ** 2 / expected for byte in range(256))
    return statistic < most_of_chi_square(255)


def are_alike(one: bytes, other: bytes) -> bool:
    """Two samples of equal size, from whatever distribution."""
    counts, others = Counter(one), Counter(other)
    both = [(counts[byte], others[byte]) for byte in range(256) if counts[byte] + others[byte]]
    statistic = sum((first - second) ** 2 / (first + second) for first, second in both)
    return len(one) == len(other) and statistic < most_of_chi_square(255)


class TestWhatTheSenderSees:
    @pytest.mark.parametrize("name", CHOICES)
    @pytest.mark.parametrize("message", [Reply, Masked])
    def test_bytes_are_uniform_whatever_the_receiver_has(
        self, seen: dict[str, dict[type[Piece], bytes]], name: str, message: type[Piece]
    ) -> None:
        assert is_uniform(seen[name][message])

    @pytest.mark.parametrize("name", ["disjoint", "one", "none"])
    def test_it_is_as_for_equal_sets(
        self, seen: dict[str, dict[type[Piece], bytes]], name: str
    ) -> None:
        for message in (Reply, Masked):
            assert are_alike(seen[name][message], seen["equal"][message])

    def test_no_column_of_a_store_comes_twice(
        self, seen: dict[str, dict[type[Piece], bytes]]
    ) -> None:
        """Birthdays: of 2^15 columns two are equal with probability 2^-99."""
        stores = [run[Masked] for run in seen.values()]
        columns = [store[at : at + 16] for store in stores for at in range(0, len(store), 16)]
        assert len(set(columns)) == len(columns)

    def test_a_store_that_is_not_masked_would_be_seen(self) -> None:
        assert not is_uniform(bytes(30_000) + Random(1).randbytes(60_000))
        assert not are_alike(Random(1).randbytes(90_000), bytes(9000) + Random(2).randbytes(81_000))


class TestWhatTheReceiverSees:
    @pytest.mark.parametrize("name", CHOICES)
    def test_tags_are_uniform(self, seen: dict[str, dict[type[Piece], bytes]], name: str) -> None:
        assert is_uniform(seen[name][Tags])

    @pytest.mark.parametrize("name", ["first half", "even places", "last quarter"])
    def test_the_order_of_tags_is_not_that_of_items(self, name: str) -> None:
        """Hoeffding, for draws without replacement: P[|share - 1/2| ≥ t] ≤ 2·exp(-2·k·t²)."""
        chosen = {
            "first half": Y[: SIZE // 2],
            "even places": Y[::2],
            "last quarter": Y[-SIZE // 4 :],
        }[name]
        places = marked(transcript(chosen)[Common])
        assert len(places) == len(chosen)
        most = sqrt((LEAST + log(2)) / (2 * len(places)))
        for inside in (
            sum(place < SIZE // 2 for place in places),
            sum(place % 2 == 0 for place in places),
            sum(place // 64 % 2 == 0 for place in places),
        ):
            assert abs(inside / len(places) - 0.5) < most

    def test_items_lie_anywhere_among_those_that_fill_up(self) -> None:
        few = Y[: SIZE // 4]
        places = marked(transcript(few, few)[Common])
        most = sqrt((LEAST + log(2)) / (2 * len(places)))
        assert abs(sum(place < SIZE // 2 for place in places) / len(places) - 0.5) < most


def marked(common: bytes) -> list[int]:
    return [place for place in range(8 * len(common)) if common[place // 8] >> place % 8 & 1]


def windows(contents: Iterable[bytes]) -> set[bytes]:
    return {content[at : at + 8] for content in contents for at in range(len(content) - 7)}


def test_two_runs_of_the_same_sets_share_no_eight_bytes_anywhere() -> None:
    """Of fewer than 2^17 windows each two are equal by chance with probability 2^-30."""
    one, two = (transcript(Y[:256], Y[:256], size=256, both=False) for _ in range(2))
    assert sum(map(len, one.values())) < 2**17
    assert not windows(one.values()) & windows(two.values())
