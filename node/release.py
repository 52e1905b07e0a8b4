"""Release: the only way out for a result. Result × consent × policy as it stands now → Released.

An owner passes here twice at most: before it sends the message from which a receiver computes the
result (`may_release`), and, if it is a receiver, before its own people may see what came out
(`release`). `Released` is the only type that the admin socket turns into a result, and only this
file makes one. A policy that was withdrawn while the job ran withholds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from contract.canonical import parse
from contract.errors import MiheError, Withheld
from contract.lifecycle import State
from contract.policy import Allow, Policy
from contract.views import ResultView
from node import gate
from node.gate import Consent

_only_here = object()


@dataclass(frozen=True, slots=True, repr=False)
class Released:
    """A result that its receiver's own people may see."""

    view: ResultView
    made_by: object

    def __post_init__(self) -> None:
        if self.made_by is not _only_here:
            raise TypeError("only node.release releases results")


def may_release(consent: Consent, policy: Callable[[], Policy], today: date) -> tuple[Allow, ...]:
    """For each dataset the rule under which the job runs, as the owner's file stands now.

    Raises Withheld if the policy is unreadable, or no longer allows what it consented to.
    """
    try:
        now = gate.readable(policy, consent.org)
        return gate.check_policy(consent.contract, consent.org, now, today)
    except MiheError as refusal:
        raise _withdrawn(consent, refusal) from None


def _withdrawn(consent: Consent, refusal: MiheError) -> Withheld:
    return Withheld(
        f"{consent.org} withdrew its permission while the job ran",
        party=consent.org,
        phase="release",
        rule=refusal.rule,
        fix=refusal.fix,
    )


def release(view: ResultView, consent: Consent) -> Released:
    """The result of a run whose owner's gate said yes, for a receiver that the contract names."""
    if consent.org not in consent.contract.receivers:
        raise Withheld(
            f"{consent.org} is not a receiver of this job",
            party=consent.org,
            phase="release",
            fix="propose a job that names it as a receiver",
        )
    return Released(view, _only_here)


def released_by(state: State, stored: str | None) -> Released | None:
    """The result of a job that is done, read back from the node's state; None for any other."""
    if state is not State.DONE or stored is None:
        return None
    return Released(parse(ResultView, stored.encode()), _only_here)
