"""What a node shows to the people of its own organisation: the answers of its admin socket."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from contract.canonical import Frozen, Hex32, OrgId, Timestamp
from contract.cause import Cause
from contract.dataset import CatalogueEntry, Changes, QualityReport, ResultColumn
from contract.job import Contract
from contract.learns import LeakageStatement
from contract.lifecycle import State
from contract.standing import Notice


class NodeStatus(Frozen):
    """Whether a node is up, and whom it reaches."""

    org: OrgId
    version: str
    fingerprint: Hex32
    certificate_expires: Timestamp
    coordinator: str
    attached: bool
    datasets: int
    jobs_open: int
    jobs_again: int = Field(default=0, description="open jobs in a further attempt")
    notices: tuple[Notice, ...] = Field(
        default=(), description="certificates and lists that somebody should see to"
    )


class OrgCatalogue(Frozen):
    """One organisation's datasets, and whether its node is attached now."""

    org: OrgId
    attached: bool
    entries: tuple[CatalogueEntry, ...]


class CatalogueView(Frozen):
    """What every organisation offers."""

    organisations: tuple[OrgCatalogue, ...]


class Spent(Frozen):
    """What answers with noise to one receiver have cost a dataset."""

    receiver: OrgId
    epsilon: Decimal


class Budget(Frozen):
    """What a permission lets answers to one receiver cost, and what is left of it."""

    receiver: OrgId
    rule: str = Field(description="of the own policy: allow[2]")
    epsilon: Decimal
    days: int
    left: Decimal


class OwnDataset(Frozen):
    """A dataset of this node, with what only its own people may know of it."""

    entry: CatalogueEntry = Field(description="what others see")
    root: Hex32
    report: QualityReport
    changes: Changes | None = Field(
        default=None, description="by the last import, against the one before"
    )
    described: str | None = Field(default=None, description="path of its description")
    jobs_open: int
    spent: tuple[Spent, ...] = Field(
        default=(), description="by answers with noise, in the days of a budget that names none"
    )
    budgets: tuple[Budget, ...] = Field(
        default=(), description="of the policy as it stands: what answers with noise may still cost"
    )


class OwnDatasets(Frozen):
    """Every dataset of this node."""

    datasets: tuple[OwnDataset, ...]


class PolicyLine(Frozen):
    """One thing that a job asks of an owner, and what is known of that owner's answer."""

    org: OrgId
    what: str = Field(description="as an officer would say it: 'use of 'loan_balance' for sum'")
    allowed: bool | None = Field(default=None, description="absent: the owner's node alone knows")
    rule: str | None = Field(default=None, description="of the own policy: allow[2], the closest")


class PlanView(Frozen):
    """What a job would do, before it is proposed."""

    contract: Contract
    engine: str | None = Field(default=None, description="why this crypto suite, where several do")
    leakage: LeakageStatement
    policy: tuple[PolicyLine, ...] = Field(
        default=(), description="of a query: what it does with each owner's columns"
    )
    steps: tuple[str, ...] = Field(
        default=(), description="of a query: what each owner runs, what is added up, what is shown"
    )
    streams: tuple[str, ...] = Field(description="the messages in order: 'a → b: name, bytes'")
    bytes_on_the_wire: int
    seconds: str = Field(description="estimate for this machine, decimal seconds")
    memory_bytes: int


class PhaseProgress(Frozen):
    """How far a party is in a phase, in units of padded sizes or bytes."""

    org: OrgId
    phase: str
    done: int
    total: int


class ResultView(Frozen):
    """What a receiver's own people see of a released result."""

    count: int = Field(description="keys in common; of a query, rows of the result")
    rows: int | None = Field(default=None, description="the receiver's own rows with these keys")
    folded: int | None = Field(default=None, description="of a query, cells in the remainder row")
    left_out: int | None = Field(
        default=None, description="of a query, rows that HAVING, LIMIT and OFFSET leave out"
    )
    withheld: int | None = Field(
        default=None,
        description="of a LEFT JOIN, rows whose values of the other owner are not told",
    )
    contributors: tuple[OrgId, ...] | None = Field(
        default=None, description="of a sum over UNION ALL, whose rows are in it"
    )
    file: str | None = Field(default=None, description="where the rows lie on the node's machine")
    columns: tuple[ResultColumn, ...] = Field(
        default=(), description="what the rows hold, in order; of a query, before `remainder`"
    )


class Milestone(Frozen):
    """A signed statement in a job's history."""

    number: int
    org: str
    kind: str
    detail: str = Field(default="", description="of an answer, which: approved, refused, release …")


class JobView(Frozen):
    """A job as one node sees it."""

    job: Hex32
    run: Hex32 | None = None
    attempt: int = Field(default=1, description="of the run: more than 1 after a process ended")
    state: State
    contract: Contract
    leakage: LeakageStatement
    history: tuple[Milestone, ...]
    progress: tuple[PhaseProgress, ...] = ()
    cause: Cause | None = None
    result: ResultView | None = None
    evidence: str | None = Field(
        default=None, description="of a job that has ended: where all that was signed lies"
    )


class JobLine(Frozen):
    """A job in the list of all."""

    job: Hex32
    state: State
    attempt: int = 1
    kind: str
    datasets: Annotated[tuple[str, ...], Field(min_length=1)]
    receivers: tuple[OrgId, ...]
    purpose: str
    created: Timestamp
    code: str | None = None


class JobList(Frozen):
    """Every job that this node has heard of, newest first."""

    jobs: tuple[JobLine, ...]
