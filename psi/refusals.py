"""What protocols refuse alike, as errors of the tree: by the core's word, by a length, by a size.

They say whose fault it is: the peer's, the own dataset's, or a defect of ours. No secret is here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import BadMessage, BadPoint, DatasetOutgrown, OurError
from native import _core

_CHECKED = "Ask the peer's operator; what an honest node sends passes every check."
_FIXED_LENGTHS = "Ask the peer's operator; the contract fixes how long each message is."


@contextmanager
def faults(rule: str, party: str | None = None, *, checks: str | None = None) -> Iterator[None]:
    """The core's exceptions as errors of the tree; its texts hold counts and indices only.

    `rule` is what a peer, `party` if it is known here, has not kept; `checks` stands for it where a
    check has failed.
    """
    try:
        yield
    except _core.PointRefused as refused:
        raise BadPoint(
            str(refused),
            fix="Ask the peer's operator; an honest node never sends such a point.",
            party=party,
            rule=rule,
        ) from None
    except _core.CheckFailed as failed:
        raise BadMessage(
            str(failed), fix=_CHECKED, party=party, rule=rule if checks is None else checks
        ) from None
    except _core.MessageRefused as refused:
        raise BadMessage(str(refused), fix=_FIXED_LENGTHS, party=party, rule=rule) from None
    except (_core.Spent, _core.Misused, _core.Defect) as defect:
        raise OurError(str(defect), fix="Report this; start the job again.") from None


def require_length(what: str, content: bytes, length: int, rule: str) -> None:
    """That a message, `what` in words, is as long as was agreed. Raises BadMessage."""
    if len(content) != length:
        raise BadMessage(
            f"{what} has {len(content)} bytes where {length} are agreed",
            fix=_FIXED_LENGTHS,
            rule=rule,
        )


def require_room(keys: int, size: int, rule: str, party: str | None = None) -> None:
    """That a set of so many keys is no larger than agreed. Raises DatasetOutgrown."""
    if keys > size:
        raise DatasetOutgrown(
            f"the dataset has more keys than the {size} that the contract was made for",
            fix="Propose the job again; it will be made for the dataset's present size.",
            party=party,
            rule=rule,
        )
