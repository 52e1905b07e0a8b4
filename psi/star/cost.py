"""What a star will cost, before anybody consents to it.

Bytes are exact: those of the messages, without the links' frames and seal. Seconds come from a
small run timed on this machine; every party is taken to have one as fast.
"""

from dataclasses import dataclass
from typing import Final

from native._core import star_store_bytes
from psi.cost import Timer
from psi.star import contributor, pivot, receiver
from psi.star.messages import Key, Store
from psi.star.parameters import KEY_BYTES, Parameters, comparison
from psi.step import Message

_SAMPLE: Final = 2**14


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of the star: whose, to whom, how large."""

    message: type[Message]
    sender: str
    receiver: str
    size: int


def messages(parameters: Parameters) -> tuple[Sent, ...]:
    """What is sent before the two-party part, in order (psi/star/SPEC.md §3)."""
    contributors = parameters.contributors
    keys = [(parameters.receiver, contributor) for contributor in contributors]
    keys += [(one, later) for one in contributors for later in parameters.later_than(one)]
    stores = [
        Sent(
            Store,
            contributor,
            parameters.pivot,
            star_store_bytes(len(contributors), parameters.sizes[contributor]),
        )
        for contributor in contributors
    ]
    return (*(Sent(Key, one, other, KEY_BYTES) for one, other in keys), *stores)


def seconds(parameters: Parameters, processors: int) -> float:
    """The time of one run, the two-party part included, by small runs: some 0.3 s. Blocking.

    Contributors make their stores side by side; the pivot reads one after the other.
    """
    contributed, gathered = _sample_seconds()
    own = parameters.sizes[parameters.pivot]
    largest = max(parameters.sizes[contributor] for contributor in parameters.contributors)
    before = contributed * largest + gathered * own * len(parameters.contributors)
    return before + comparison(parameters).estimate(processors).seconds


def _sample_seconds() -> tuple[float, float]:
    """Of a contributor, and of the pivot for one store, each for one of its keys."""
    sizes = dict.fromkeys(("r", "p", "c"), _SAMPLE)
    parameters = Parameters(run_id=bytes(32), receiver="r", pivot="p", sizes=sizes)
    items = [str(number).encode() for number in range(_SAMPLE)]
    _, keys = receiver.Fresh(parameters, items).begin()
    timer = Timer()
    awaits, _ = contributor.Fresh(parameters, "c", items).begin()
    ready = awaits.advance("r", keys["c"])
    assert isinstance(ready, contributor.Contributed)
    _, store = ready.store()
    contributed = timer.seconds
    pivot.Fresh(parameters, items).begin().advance("c", store)
    return contributed / _SAMPLE, (timer.seconds - contributed) / _SAMPLE
