"""One owner of a join under a common key: contributions go round, then the list is hashed at home.

start_keyed(…) → AwaitContributions → … → Keyed, whose `list` is the end: tokens for the coordinator

Implements  federated/SPEC.md §1.13
Learns      nothing: an owner is sent random bytes by each other one
Secrets     32 bytes contributed by every owner, which travel sealed between owners and are let go
            of with the state; the key that they make exists in the core only, while it hashes
Not safe    if the coordinator ever has the key, or an owner the tokens: then every identifier of
            every list is found by trying all that there are (SPEC §1.13)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from contract.errors import OurError
from federated.join import secret
from federated.join.messages import Contribution
from federated.join.owner import TokenList
from federated.join.parameters import JoinParameters


@dataclass(frozen=True, slots=True, repr=False)
class Keyed:
    """Every owner's contribution is here."""

    parameters: JoinParameters
    me: str
    drawn: tuple[bytes, ...]

    def list(self, keys: Sequence[bytes]) -> TokenList:
        """The tokens of canonical keys, distinct, in a fresh order. Raises DatasetOutgrown."""
        tokens, order = secret.keyed_list(self.parameters, self.me, self.drawn, keys)
        return TokenList(tokens, order)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitContributions:
    """Of some of the others nothing has come; they may come in any order."""

    awaits: ClassVar[type[Contribution]] = Contribution

    parameters: JoinParameters
    me: str
    drawn: Mapping[str, bytes]

    def advance(self, owner: str, message: Contribution) -> "AwaitContributions | Keyed":
        """One more of them. Raises BadMessage."""
        if owner in self.drawn or owner not in self.parameters.owners:
            raise OurError(
                "a contribution was passed on of somebody of whom none is awaited",
                fix="Report this; start the job again.",
            )
        drawn = {**self.drawn, owner: secret.require_contribution(message.content)}
        if len(drawn) < len(self.parameters.owners):
            return AwaitContributions(self.parameters, self.me, drawn)
        ordered = tuple(drawn[one] for one in self.parameters.owners)
        return Keyed(self.parameters, self.me, ordered)


def start_keyed(parameters: JoinParameters, me: str) -> tuple[AwaitContributions, Contribution]:
    """Draw the own contribution; the message is for every other owner."""
    own = secret.contribution()
    return AwaitContributions(parameters, me, {me: own}), Contribution(own)
