"""The plan: what a contract means, message by message. Every node compiles it for itself.

The same contract and planner give the same plan at every party; its digest stands in the start
record, so two nodes that read a contract differently find out before anything is sent.
"""

from collections.abc import Iterable

from contract.canonical import Compiled, Frozen, OrgId
from contract.errors import BadRequest
from contract.job import Contract, JobKind
from contract.ledger import role_of
from contract.statements import RunRole
from contract.suites import Family, Suite
from federated.join.parameters import JoinParameters
from psi.cost import Sent
from psi.two_party import FILED, FROM_RECEIVER, MODES, STREAMS, Agreed, Role


class MatchPlan(Compiled):
    """An intersection of three or more by the coordinator's matching: whose lists, how large."""

    planner: int
    suite: str
    kind: JobKind
    owners: tuple[OrgId, ...]
    sizes: tuple[int, ...]
    receivers: tuple[OrgId, ...]
    token_bytes: int


# Protobuf's field headers around the bytes of a message.
_ENVELOPE_BYTES = 64


class Stream(Frozen):
    """A message of the protocol: who sends it to whom, under which name, how large; how often.

    One of every bucket, or, with buckets = 0, one of the run.
    """

    name: str
    sender: OrgId
    receiver: OrgId
    size: int
    buckets: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names on the link."""
        if not self.buckets:
            return (self.name,)
        return tuple(f"{self.name}_{bucket}" for bucket in range(self.buckets))

    @property
    def total(self) -> int:
        """Bytes of all of them."""
        return self.size * max(self.buckets, 1)


class Plan(Compiled):
    """What runs: the roles, and the messages in order."""

    planner: int
    suite: str
    kind: JobKind
    receiver: OrgId
    sender: OrgId
    receiver_size: int
    sender_size: int
    both: bool
    streams: tuple[Stream, ...]

    def agreed(self, run: bytes) -> Agreed:
        """What the protocol is told of one run."""
        return Agreed(
            suite=Suite(self.suite),
            kind=self.kind,
            run_id=run,
            receiver_size=self.receiver_size,
            sender_size=self.sender_size,
            both=self.both,
        )

    @property
    def buckets(self) -> int:
        """Into how many the sets are cut; 0 if they are played in one piece."""
        return max(stream.buckets for stream in self.streams)

    def role_of(self, org: str) -> Role:
        """The role that `org` plays."""
        return "receiver" if org == self.receiver else "sender"

    def incoming(self, org: str, attempt: int = 1) -> dict[str, int]:
        """The streams that `org` will be sent, with the most bytes that each may have."""
        streams = most_bytes(stream for stream in self.streams if stream.receiver == org)
        filed = {name: size + _ENVELOPE_BYTES for name, size in FILED.items()}
        return streams | filed if attempt > 1 else streams

    def place_of(self, name: str) -> tuple[Stream, int]:
        """The stream that has this name on the link, and its bucket."""
        for stream in self.streams:
            if name == stream.name:
                return stream, 0
            if stream.buckets and name.startswith(f"{stream.name}_"):
                return stream, int(name.removeprefix(f"{stream.name}_"))
        raise KeyError(name)


def most_bytes(streams: Iterable[Stream]) -> dict[str, int]:
    """The names of streams on the link, with the most bytes that each may have there."""
    return {name: stream.size + _ENVELOPE_BYTES for stream in streams for name in stream.names}


def compile_plan(contract: Contract) -> Plan:
    """The plan of a contract, a pure function of it; BadRequest if it asks for no intersection."""
    _require_intersection(contract.kind)
    roles = {role_of(contract, org): contract.party(org) for org in contract.orgs}
    receiver, sender = roles[RunRole.RECEIVER], roles[RunRole.SENDER]
    agreed = Agreed(
        suite=contract.crypto.suite,
        kind=contract.kind,
        run_id=bytes(32),
        receiver_size=receiver.size,
        sender_size=sender.size,
        both=len(contract.receivers) == 2,
    )
    return plan_of_pair(agreed, planner=contract.planner, receiver=receiver.org, sender=sender.org)


def is_resumable(contract: Contract) -> bool:
    """Whether a run may have further attempts: each bucket that is done, is done."""
    return contract.family is Family.TWO_PARTY and compile_plan(contract).buckets > 1


def plan_of_pair(agreed: Agreed, *, planner: int, receiver: str, sender: str) -> Plan:
    """The plan of what two parties have agreed, whose run is none yet."""
    return Plan(
        planner=planner,
        suite=agreed.suite,
        kind=agreed.kind,
        receiver=receiver,
        sender=sender,
        receiver_size=agreed.receiver_size,
        sender_size=agreed.sender_size,
        both=agreed.both,
        streams=tuple(_stream(sent, receiver, sender) for sent in agreed.messages()),
    )


def compile_match(contract: Contract) -> MatchPlan:
    """The plan of an intersection of three or more, a pure function of its contract."""
    _require_intersection(contract.kind)
    parameters = JoinParameters.of(contract, bytes(32))
    return MatchPlan(
        planner=contract.planner,
        suite=contract.crypto.suite,
        kind=contract.kind,
        owners=parameters.owners,
        sizes=parameters.sizes,
        receivers=contract.receivers,
        token_bytes=parameters.token_bytes,
    )


def _require_intersection(kind: JobKind) -> None:
    if kind not in MODES:
        raise BadRequest(
            f"a job of kind '{kind.value}' is no intersection of sets",
            fix=f"propose one of: {', '.join(known.value for known in MODES)}",
        )


def _stream(sent: Sent, receiver: str, sender: str) -> Stream:
    come, go = (receiver, sender) if sent.message in FROM_RECEIVER else (sender, receiver)
    return Stream(
        name=STREAMS[sent.message], sender=come, receiver=go, size=sent.size, buckets=sent.buckets
    )
