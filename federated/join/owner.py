"""One owner of a blind join: its list goes to every other owner in turn, and comes home.

    start(…) → AwaitServed → AwaitServed → … → TokenList          the own list
               Serving.serve(Blinded, owner) → Served             each other owner's list, once

Both go on side by side, in any interleaving: they share one scalar and no state.

Implements  federated/SPEC.md §1
Learns      nothing: of every other list it sees points blinded by a scalar that occurs nowhere else
Secrets     two scalars, an order and dummies per attempt, inside the core; never serialised
Not safe    against owners that spoil what they serve: the result is then incomplete, SPEC §1.7
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from contract.errors import OurError
from federated.join import secret
from federated.join.messages import Blinded, Served, Tokens
from federated.join.parameters import JoinParameters


@dataclass(frozen=True, slots=True, repr=False)
class Serving:
    """The own scalar, for the others' lists."""

    parameters: JoinParameters
    me: str
    scalar: secret.Serving

    def serve(self, blinded: Blinded, owner: str) -> Served:
        """What `owner` asked for; a second list of the same owner is refused.

        Raises BadPoint, BadMessage.
        """
        if owner not in self.parameters.others(self.me):
            raise OurError(
                "a list was passed on for somebody who is no other owner of this join",
                fix="Report this; start the job again.",
            )
        return Served(secret.serve(self.parameters, self.scalar, owner, blinded.points))


@dataclass(frozen=True, slots=True, repr=False)
class TokenList:
    """The end of the own list: the tokens that go to the coordinator, and what does not.

    tokens  `token_bytes` a place
    order   index into the keys of the key at each place, −1 for a dummy; the owner's alone
    """

    tokens: bytes
    order: secret.Order


@dataclass(frozen=True, slots=True, repr=False)
class AwaitServed:
    """The own list is at `to`, and goes to `later` after that."""

    awaits: ClassVar[type[Served]] = Served

    to: str
    later: tuple[str, ...]
    journey: secret.Journey

    def advance(self, message: Served) -> "tuple[AwaitServed, Blinded] | tuple[TokenList, Tokens]":
        """On to the next owner, or home. Raises BadPoint, BadMessage."""
        if self.later:
            journey = secret.forward(self.journey, self.to, message.points)
            return AwaitServed(self.later[0], self.later[1:], journey), Blinded(message.points)
        tokens, order = secret.finish(self.journey, self.to, message.points)
        return TokenList(tokens, order), Tokens(tokens)


@dataclass(frozen=True, slots=True, repr=False)
class Started:
    """An owner's two chains, and the message for `state.to`."""

    state: AwaitServed
    message: Blinded
    serving: Serving


def start(parameters: JoinParameters, me: str, keys: Sequence[bytes]) -> Started:
    """Blind the list of `me`: canonical keys, distinct. Raises DatasetOutgrown."""
    scalar, journey, points = secret.blind(parameters, me, keys)
    first, *later = parameters.others(me)
    return Started(
        state=AwaitServed(first, tuple(later), journey),
        message=Blinded(points),
        serving=Serving(parameters, me, scalar),
    )
