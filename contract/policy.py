"""An owner's policy: which jobs may touch which dataset. Unlisted means denied.

Read by its own node from its own file before anything leaves; nothing that a contract or a
coordinator says can relax it.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from contract.canonical import Frozen, Name, OrgId
from contract.job import Basis, JobKind, Purpose


class Allow(Frozen):
    """One permission. A job passes if a single rule lists everything that the job asks for."""

    dataset: Name = Field(description="the dataset that the rule is about")
    jobs: Annotated[tuple[JobKind, ...], Field(min_length=1)] = Field(
        description="kinds of job: psi, psi_cardinality"
    )
    on: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        description="key columns that may be matched on"
    )
    # The word that an officer reads; `with` is reserved in Python.
    others: Annotated[tuple[OrgId, ...], Field(min_length=1)] = Field(
        alias="with", description="every other party of the job must be listed"
    )
    receivers: Annotated[tuple[OrgId, ...], Field(min_length=1)] = Field(
        description="who may learn a result"
    )
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1)] = Field(
        description="purpose codes"
    )
    bases: Annotated[tuple[Basis, ...], Field(min_length=1)] = Field(description="legal bases")
    until: date | None = Field(default=None, description="last day of the permission")
    largest_peer_set: int | None = Field(
        default=None, ge=1, description="most keys, padding included, that the other side may bring"
    )
    approve: Literal["auto"] = Field(
        description="auto: the node approves by itself; the only approval there is yet"
    )


class Policy(Frozen):
    """The whole file."""

    allow: tuple[Allow, ...] = ()
