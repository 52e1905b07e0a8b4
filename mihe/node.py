"""A person's own node, from a program: plan, read who learns what, propose, take the result.

    from mihe.node import Node

    with Node.open() as node:
        plan = node.query("SELECT …", to="bank_a", purpose="CREDIT_MICRO", basis="SYNTHETIC_TEST")
        print(plan)                 # who would learn what; nothing was sent yet
        job = plan.propose()        # the organisation's signature: this is where a person agrees
        table = job.result().arrow()

Consent     is a value: only a `Plan` can be proposed, and its text is what one agrees to. The node
            refuses if the contract would no longer be what that plan has shown
Defaults    are the command line's (contract/job.py); the command line uses these same objects
Errors      are MiheError (contract/errors.py): code, fix, whose fault; nothing personal
Not for     several people: whoever may open the node's socket speaks for the organisation
"""

import os
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from contract.errors import BadRequest
from contract.job import DEFAULT_GROUP, DEFAULT_JOIN, Contract
from contract.learns import LeakageStatement
from contract.views import CatalogueView, JobList, NodeStatus, PlanView
from mihe import explain, proposal
from mihe.client import NodeClient
from mihe.job import Job
from mihe.proposal import Expiry, Parameters, Proposal
from mihe.where import NODE_VARIABLE, OwnNode, own_node


class Plan:
    """What a job would do and let others learn; nobody else knows of it yet."""

    def __init__(self, client: NodeClient, asked: Proposal, view: PlanView) -> None:
        self._client = client
        self._asked = asked
        self.view = view

    def __repr__(self) -> str:
        return self.explain()

    @property
    def contract(self) -> Contract:
        """The contract as it would be signed, but for its times and nonce."""
        return self.view.contract

    @property
    def leakage(self) -> LeakageStatement:
        """Who would learn what."""
        return self.view.leakage

    def explain(self) -> str:
        """What is asked, what it costs, and who would learn what, as text."""
        return explain.plan(self.view)

    def propose(self) -> Job:
        """Sign it for the organisation and send it to every party."""
        if self._asked.explain:
            raise BadRequest(
                "this plan was asked for to be explained", fix="ask for it without EXPLAIN"
            )
        return Job(self._client, self._client.propose(self._asked, shown=self.view))


class Node:
    """The node of one's own organisation; use it in a `with`, or close it."""

    def __init__(self, own: OwnNode) -> None:
        self.own = own
        self.client = NodeClient(own.socket, start_with=f"mihe node run --config {own.file}")

    @classmethod
    def open(cls, place: Path | str | None = None) -> Self:
        """The node of a folder or a node.toml; without one, MIHE_NODE, else ./node.toml."""
        given = place if place is not None else os.environ.get(NODE_VARIABLE)
        return cls(own_node(Path(given) if given else None))

    def __repr__(self) -> str:
        return f"node of {self.org} at {self.own.file}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; jobs go on."""
        self.client.close()

    @property
    def org(self) -> str:
        """The organisation's id."""
        return self.own.config.org

    def status(self) -> NodeStatus:
        """Whether the node is up, and whether it reaches the coordinator."""
        return self.client.status()

    def catalogue(self) -> CatalogueView:
        """What every organisation offers."""
        return self.client.catalogue()

    def query(
        self,
        sql: str,
        *,
        to: str,
        purpose: str,
        basis: str,
        min_group: int = DEFAULT_GROUP,
        min_join: int = DEFAULT_JOIN,
        matching: str = proposal.STRONGEST_MATCHING,
        aggregation: str = proposal.USUAL_AGGREGATION,
        largest_share: int = 0,
        noise: Decimal | str | None = None,
        min_contributors: int = 0,
        parameters: Parameters | None = None,
        expires: Expiry = None,
    ) -> Plan:
        """Plan joint statistics in SQL, of which nobody learns who is in them."""
        return self.plan(
            proposal.question(
                sql,
                to=to,
                purpose=purpose,
                basis=basis,
                min_group=min_group,
                min_join=min_join,
                matching=matching,
                aggregation=aggregation,
                largest_share=largest_share,
                noise=noise,
                min_contributors=min_contributors,
                parameters=parameters,
                expires=expires,
            )
        )

    def psi(
        self,
        *datasets: str,
        on: str,
        to: str | tuple[str, ...] | list[str],
        purpose: str,
        basis: str,
        cardinality: bool = False,
        engine: str = proposal.ANY_ENGINE,
        matching: str = proposal.STRONGEST_MATCHING,
        expires: Expiry = None,
    ) -> Plan:
        """Plan an intersection: which of its own rows does a receiver share with all the others."""
        return self.plan(
            proposal.intersection(
                datasets,
                on=on,
                to=(to,) if isinstance(to, str) else to,
                purpose=purpose,
                basis=basis,
                cardinality=cardinality,
                engine=engine,
                matching=matching,
                expires=expires,
            )
        )

    def plan(self, asked: Proposal) -> Plan:
        """What a proposal would do; nothing is sent to anybody."""
        return Plan(self.client, asked, self.client.plan(asked))

    def job(self, id: str) -> Job:  # noqa: A002  # the word that people use, and Job.id
        """A job by its id, or the beginning of it: 6 digits or more."""
        return Job(self.client, self.client.show(job_name(id)))

    def jobs(self) -> JobList:
        """Every job that this node has heard of, newest first."""
        return self.client.jobs()


def job_name(text: str) -> str:
    """The id, or beginning of one, that was typed; BadRequest for what is none."""
    digits = text.lower()
    if not 6 <= len(digits) <= 64 or set(digits) - set("0123456789abcdef"):
        raise BadRequest(
            "a job is named by its id or the first digits of it",
            fix="copy 6 digits or more from `mihe jobs`",
            rule="hexadecimal digits",
        )
    return digits
