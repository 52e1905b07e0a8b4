"""What all owners and the coordinator agreed before the first message (federated/SPEC.md §1.2)."""

from dataclasses import dataclass
from typing import Final

from contract.errors import BadRequest
from contract.job import Contract
from contract.sizes import is_size
from contract.suites import Aggregation, Matching

LARGEST_SIZE: Final = 2**20
"""Places in one list of points, or of encrypted values; docs/decisions/0039 says why."""

LARGEST_LIGHT: Final = 2**24
"""Places in one list of keyed tokens, with values as shares or with none."""

POINT_BYTES: Final = 32
RUN_ID_BYTES: Final = 32
CONTRIBUTION_BYTES: Final = 32

_STATISTICAL_BITS: Final = 40


@dataclass(frozen=True, slots=True)
class JoinParameters:
    """The same everywhere: each party compiles it from the signed contract and start record.

    Owners stand in the contract's order; `sizes` are what each sends, dummies included. Raises
    BadRequest.
    """

    run_id: bytes
    owners: tuple[str, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        _require(len(self.run_id) == RUN_ID_BYTES, "a run id has 32 bytes")
        _require(len(self.owners) > 1, "a join has two owners or more")
        _require(len(set(self.owners)) == len(self.owners), "an owner is named twice")
        _require(len(self.sizes) == len(self.owners), "every owner has one size")
        for size in self.sizes:
            _require(
                size <= LARGEST_LIGHT and is_size(size),
                f"a list's size is one that sets are padded to, at most {LARGEST_LIGHT}",
            )

    @classmethod
    def of(cls, contract: Contract, run_id: bytes) -> "JoinParameters":
        """Those of one run of a contract whose parties are the owners."""
        require_short(contract)
        return cls(
            run_id=run_id,
            owners=contract.orgs,
            sizes=tuple(party.size for party in contract.parties),
        )

    @property
    def token_bytes(self) -> int:
        """⌈(40 + 2·log2 Σn) / 8⌉: somewhere in all lists two keys collide with 2^-41."""
        total = sum(self.sizes)
        return -(-(_STATISTICAL_BITS + (total**2 - 1).bit_length()) // 8)

    def size_of(self, owner: str) -> int:
        """Places in the list of `owner`."""
        return self.sizes[self.owners.index(owner)]

    def others(self, owner: str) -> tuple[str, ...]:
        """Every owner but this one, in the contract's order: the way of its list."""
        return tuple(other for other in self.owners if other != owner)


def require_short(contract: Contract) -> None:
    """Raise BadRequest if a list is longer than what is done with it allows."""
    encrypted = contract.aggregation is Aggregation.ENCRYPTED
    light = contract.matching is Matching.KEYED and not encrypted
    most = LARGEST_LIGHT if light else LARGEST_SIZE
    longest = max(contract.parties, key=lambda party: party.size)
    if longest.size > most:
        fix = "Prepare a dataset of fewer keys"
        if not light:
            dials = "--matching keyed" + (" --aggregation shared" if contract.query else "")
            fix += f"; or ask with {dials}, for {LARGEST_LIGHT}"
        raise BadRequest(
            f"{longest.org} would send {longest.size} keys, padding included, and what is asked"
            f" takes {most} at most",
            fix=f"{fix}.",
            rule="federated/SPEC.md §1.2",
        )


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise BadRequest(
            f"these parameters make no blind join: {rule}",
            fix="Propose the job again with owners and sizes that the protocol has.",
            rule="federated/SPEC.md §1.2",
        )
