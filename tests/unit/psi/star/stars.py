"""A whole star in one process, by the product's states, all its messages kept for whoever asks.

The two-party part at its end is played too. There is no network, no policy and no wire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psi.keys import Keys
from psi.star import contributor, pivot, receiver
from psi.star.messages import Key
from psi.star.parameters import Parameters, comparison
from psi.step import Finished, Message, Nothing
from psi.two_party import FROM_RECEIVER
from tests.unit.psi.two_roles import TwoRoles, positions

Sets = Mapping[str, Sequence[bytes]]


def agreed(sets: Sets, *, size: int = 256, run: bytes = bytes([7] * 32)) -> Parameters:
    """The first is the receiver, the second the pivot."""
    first, second, *_ = sets
    return Parameters(run_id=run, receiver=first, pivot=second, sizes=dict.fromkeys(sets, size))


@dataclass
class Star:
    """A run: what was sent by whom to whom, in order, and what each role compared and learned."""

    parameters: Parameters
    sets: Sets
    sent: list[tuple[str, str, Message]] = field(default_factory=list)
    result: Sequence[int] = ()

    def play(self) -> "Star":
        """Play all roles to the end."""
        parameters = self.parameters
        own, keys = receiver.Fresh(parameters, self.sets[parameters.receiver]).begin()
        self._send(parameters.receiver, keys)
        stores = self._contribute(keys)
        state: pivot.AwaitStores | Keys = pivot.Fresh(
            parameters, self.sets[parameters.pivot]
        ).begin()
        for org in reversed(stores):  # in whatever order they come
            assert isinstance(state, pivot.AwaitStores)
            state = state.advance(org, stores[org])
        assert isinstance(state, Keys)
        self._compare(own, state)
        return self

    def common(self) -> list[bytes]:
        """The receiver's items in its result."""
        own = self.sets[self.parameters.receiver]
        return [own[position] for position in self.result]

    def messages(self, kind: type[Message], to: str) -> list[Message]:
        """Those of one type that somebody was sent."""
        return [message for _, other, message in self.sent if other == to and type(message) is kind]

    def _contribute(self, from_receiver: Mapping[str, Key]) -> dict[str, Any]:
        parameters, stores = self.parameters, {}
        inbox: dict[str, dict[str, Key]] = {
            org: {parameters.receiver: key} for org, key in from_receiver.items()
        }
        begun = {}
        for org in parameters.contributors:
            begun[org], keys = contributor.Fresh(parameters, org, self.sets[org]).begin()
            self._send(org, keys)
            for other, key in keys.items():
                inbox[other][org] = key
        for org, state in begun.items():
            ready: contributor.AwaitKeys | contributor.Contributed = state
            for sender, key in inbox[org].items():
                assert isinstance(ready, contributor.AwaitKeys)
                ready = ready.advance(sender, key)
            assert isinstance(ready, contributor.Contributed)
            finished, stores[org] = ready.store()
            assert finished == Finished(Nothing())
            self._send(org, {parameters.pivot: stores[org]})
        return stores

    def _compare(self, own: Keys, others: Keys) -> None:
        orgs = {True: self.parameters.receiver, False: self.parameters.pivot}
        roles = TwoRoles(comparison(self.parameters), (own, others))
        learned, nothing = roles.results()
        for _, message in roles.sent:
            by_receiver = type(message) in FROM_RECEIVER
            self._send(orgs[by_receiver], {orgs[not by_receiver]: message})
        assert nothing == Nothing()
        self.result = positions(learned)

    def _send(self, sender: str, messages: Mapping[str, Message]) -> None:
        self.sent += [(sender, to, message) for to, message in messages.items()]
