"""The plan of a star: who is what, and every message of it. A pure function of the contract."""

from contract.canonical import Compiled, OrgId
from contract.errors import BadRequest
from contract.job import Contract, JobKind
from node.plan import Plan, Stream, most_bytes, plan_of_pair
from psi.star.cost import messages
from psi.star.messages import Key, Store
from psi.star.parameters import Parameters, comparison
from psi.step import Message

STREAMS: dict[type[Message], str] = {Key: "shared_key", Store: "store"}
"""The stream in which each message travels; those of the two-party part have others."""


class StarPlan(Compiled):
    """What runs: the roles, the messages in order, and the two-party part at their end."""

    planner: int
    suite: str
    receiver: OrgId
    pivot: OrgId
    contributors: tuple[OrgId, ...]
    streams: tuple[Stream, ...]
    comparison: Plan

    @property
    def all_streams(self) -> tuple[Stream, ...]:
        """Those of the two-party part, too."""
        return (*self.streams, *self.comparison.streams)

    def incoming(self, org: str, peer: str) -> dict[str, int]:
        """The streams that `peer` opens to `org`, with the most bytes that each may have."""
        return most_bytes(
            stream for stream in self.all_streams if (stream.sender, stream.receiver) == (peer, org)
        )


def compile_star(contract: Contract) -> StarPlan:
    """The plan of a contract; BadRequest if it asks for something that no star computes."""
    if contract.kind is not JobKind.PSI:
        raise BadRequest("a star only intersects", fix="propose the job without --engine")
    parameters = Parameters.of(contract, bytes(32))
    return StarPlan(
        planner=contract.planner,
        suite=contract.crypto.suite,
        receiver=parameters.receiver,
        pivot=parameters.pivot,
        contributors=parameters.contributors,
        streams=tuple(
            Stream(
                name=STREAMS[sent.message],
                sender=sent.sender,
                receiver=sent.receiver,
                size=sent.size,
            )
            for sent in messages(parameters)
        ),
        comparison=plan_of_pair(
            comparison(parameters),
            planner=contract.planner,
            receiver=parameters.receiver,
            sender=parameters.pivot,
        ),
    )
