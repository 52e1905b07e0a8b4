"""An owner's policy: which jobs may touch which dataset. Unlisted means denied.

Read by its own node from its own file before anything leaves; nothing that a contract or a
coordinator says can relax it.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contract.canonical import Frozen, Name, OrgId, Unfit
from contract.epsilon import DEFAULT_EPSILON_DAYS, EPSILON_DECIMALS, LEAST_EPSILON, Epsilon
from contract.job import FEWEST_CONTRIBUTORS, MOST_CONTRIBUTORS, MOST_SHARE, Basis, JobKind, Purpose
from contract.suites import (
    STRONGEST_AGGREGATION,
    STRONGEST_MATCHING,
    Aggregation,
    Dominance,
    Matching,
)


class Use(StrEnum):
    """What a query does with a column."""

    JOIN = "join"
    """matches on it"""
    FILTER = "filter"
    """leaves rows out by it"""
    GROUP = "group"
    """shows its values as a dimension of the result, or groups its owner's own rows by it"""
    COUNT = "count"
    """counts where it is not NULL"""
    SUM = "sum"
    AVG = "avg"
    VARIANCE = "variance"
    """shows sum and sum of squares: of two values both, of more their spread"""
    QUANTILE = "quantile"
    """MEDIAN, MIN and the like: shows how many values lie in each of 32 bands, however few"""


class Selects(StrEnum):
    """How the SELECTs of a sum over UNION ALL must read."""

    ALIKE = "alike"
    """the same text, but for the organisation"""
    ANY = "any"
    """each with a dataset, columns, expressions and conditions of its own"""


class Allow(Frozen):
    """One permission. A job passes if for each dataset one rule lists all that is asked of it.

    It runs under the first of the file that does, wholly: what that rule limits is limited, and
    what others ask of the jobs that they allow is nothing to this one.
    """

    dataset: Name = Field(description="the dataset that the rule is about")
    jobs: Annotated[tuple[JobKind, ...], Field(min_length=1)] = Field(
        description="kinds of job: psi, psi_cardinality, query"
    )
    on: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        description="columns that may be matched on: of a key of several, each must be listed"
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
        default=None,
        ge=1,
        description="most keys, padding included, that the other side may bring; where that side"
        " is the receiver, the engine must be one that holds it to that: of two parties ECDH, of"
        " more not the star",
    )
    columns: dict[Name, tuple[Use, ...]] | None = Field(
        default=None,
        description="what a query may do with each column: join, filter, group, count, sum, avg,"
        " variance, quantile; a column or use that is not listed is denied",
    )
    matching: tuple[Matching, ...] = Field(
        default=(STRONGEST_MATCHING,),
        description="how the coordinator may match lists: blind, which it always may; keyed, where"
        " it and any one party together can find out every identifier of every list",
    )
    aggregation: tuple[Aggregation, ...] = Field(
        default=(STRONGEST_AGGREGATION,),
        description="how a query's values may be added up. In a join: encrypted, as they always"
        " may; shared, where the receiver and an owner together see which of that owner's keys are"
        " in a cell. Over UNION ALL: masked, as they may where neither of the two is listed;"
        " paillier, where the masked sums are encrypted too (ISO/IEC 18033-6), and must be where"
        " masked is not listed beside it",
    )
    dominance: Annotated[tuple[Dominance, ...], Field(min_length=1)] = Field(
        default=(Dominance.OFF,),
        description="how a query may check in the join that one entity has nearly all of a sum:"
        " off, not at all; bands, where the coordinator sees how large each line's values are, to"
        " a quarter of an octave. `bands` alone asks for that check",
    )
    largest_share: int | None = Field(
        default=None,
        ge=1,
        le=MOST_SHARE,
        description="percent of a sum that one key may have. A query that checks shares in the join"
        " must limit them to this or less. In any other, the node folds those of its own groups in"
        " which one key has more, and refuses if its whole list or all that is folded is such a"
        " group; what the join and other owners' groups leave of one is not seen",
    )
    min_group: int = Field(
        default=10, ge=2, description="fewest entities in a row of a query's result"
    )
    min_join: int = Field(
        default=10, ge=2, description="fewest entities that a query's join must have in all"
    )
    min_change: int | None = Field(
        default=None,
        ge=2,
        le=10**6,
        description="fewest of this dataset's subjects by which a row that a query is given may"
        " differ from a row of an earlier answer to the same receiver, unless by none; without it"
        " answers are not compared",
    )
    max_epsilon: Epsilon | None = Field(
        default=None,
        description="a query must have noise on every count and sum, of this epsilon or less;"
        " 0.5 is a common start. Without it and `epsilon_budget` answers may be exact",
    )
    epsilon_budget: Decimal | None = Field(
        default=None,
        ge=LEAST_EPSILON,
        le=1000,
        decimal_places=EPSILON_DECIMALS,
        description="a query must have noise, and what this dataset's answers to one receiver have"
        " cost in `epsilon_days` adds up to this at most; 4 is a common start",
    )
    epsilon_days: int = Field(
        default=DEFAULT_EPSILON_DAYS,
        ge=1,
        le=3660,
        description="days after which what an answer has cost is not counted any more",
    )
    receivers_own: bool = Field(
        default=True,
        description="whether a query that this dataset takes part in may add up its receiver's own"
        " columns: a receiver that chose its values can tell from a sum which of them are in it",
    )
    min_contributors: int | None = Field(
        default=None,
        ge=FEWEST_CONTRIBUTORS,
        le=MOST_CONTRIBUTORS,
        description="fewest organisations whose rows a sum over UNION ALL must hold; without it no"
        " such sum may hold this dataset's",
    )
    selects: Selects = Field(
        default=Selects.ALIKE,
        description="how the SELECTs of a sum over UNION ALL must read: alike, the same text but"
        " for the organisation, with the same names of dataset and columns; any, each with columns,"
        " expressions and conditions of its own, by which a statement can make all parts nothing"
        " but this dataset's, and so its result that part",
    )
    approve: Literal["auto"] = Field(
        description="auto: the node approves by itself; the only approval there is yet"
    )

    @property
    def asks_noise(self) -> bool:
        """Whether a query has to have noise."""
        return self.max_epsilon is not None or self.epsilon_budget is not None

    @model_validator(mode="after")
    def _days_of_a_budget(self) -> Self:
        if self.epsilon_budget is None and self.epsilon_days != DEFAULT_EPSILON_DAYS:
            raise Unfit("`epsilon_days` stands with `epsilon_budget`")
        return self


class Policy(Frozen):
    """The whole file."""

    allow: tuple[Allow, ...] = Field(
        default=(),
        description="one permission; a job runs under the first that lists all that it asks for",
    )
