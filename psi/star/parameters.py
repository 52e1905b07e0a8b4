"""What all parties agreed before the first message of a star: who is what, and how large.

Receiver and pivot are those of the contract (`Contract.pivot`); everybody else is a contributor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from contract.errors import BadRequest
from contract.job import Contract, JobKind
from contract.sizes import is_size
from contract.suites import Suite
from psi.two_party import Agreed

LARGEST_SIZE: Final = 2**24
"""Items of one set: the most that one store takes, which its contributor sends in one message."""

RUN_ID_BYTES: Final = 32
KEY_BYTES: Final = 16
FEWEST_PARTIES: Final = 3

Role = Literal["receiver", "pivot", "contributor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The same everywhere: each party compiles it from the signed contract and start record.

    `sizes` has every party, in the contract's order, with the most items that it may have. Raises
    BadRequest.
    """

    run_id: bytes
    receiver: str
    pivot: str
    sizes: Mapping[str, int]

    def __post_init__(self) -> None:
        _require(len(self.run_id) == RUN_ID_BYTES, "a run id has 32 bytes")
        _require(len(self.sizes) >= FEWEST_PARTIES, "it takes three parties or more")
        _require(
            self.receiver != self.pivot and {self.receiver, self.pivot} <= set(self.sizes),
            "receiver and pivot are two of the parties",
        )
        for size in self.sizes.values():
            _require(
                size <= LARGEST_SIZE and is_size(size),
                f"a set's size is one that sets are padded to, at most {LARGEST_SIZE}",
            )

    @classmethod
    def of(cls, contract: Contract, run_id: bytes) -> "Parameters":
        """Those of one run of a contract."""
        _require(len(contract.receivers) == 1, "it has one receiver")
        return cls(
            run_id=run_id,
            receiver=contract.receivers[0],
            pivot=contract.pivot,
            sizes={party.org: party.size for party in contract.parties},
        )

    @property
    def contributors(self) -> tuple[str, ...]:
        """Everybody else, in the contract's order."""
        return tuple(org for org in self.sizes if org not in (self.receiver, self.pivot))

    def role_of(self, org: str) -> Role:
        """The role that `org` plays."""
        if org == self.receiver:
            return "receiver"
        return "pivot" if org == self.pivot else "contributor"

    def later_than(self, org: str) -> tuple[str, ...]:
        """The contributors after this one: those to whom it sends a key."""
        contributors = self.contributors
        return contributors[contributors.index(org) + 1 :]


def comparison(parameters: Parameters) -> Agreed:
    """The two-party part: the receiver's blocks against the pivot's."""
    return Agreed(
        suite=Suite.PSI_RR22,
        kind=JobKind.PSI,
        run_id=parameters.run_id,
        receiver_size=parameters.sizes[parameters.receiver],
        sender_size=parameters.sizes[parameters.pivot],
        both=False,
    )


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise BadRequest(
            f"these parameters make no star: {rule}",
            fix="Propose the job again with parties and sizes that the protocol has.",
            rule="psi/star/SPEC.md §2",
        )
