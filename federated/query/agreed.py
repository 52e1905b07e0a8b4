"""What a query's contract means, to everybody who reads it: the plan, the join, the ring.

Pure functions of the contract: every node and the coordinator compile for themselves, and the
plan's digest in the start record tells them whether they read the same.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from contract.errors import BadQuery, BadRequest
from contract.job import Contract, KeyedDataset, Parameter, Query
from contract.statements import MOST_CELLS
from contract.suites import Aggregation, Family
from federated.aggregate.parameters import MERGES, BfvParameters, Term
from federated.join.parameters import require_short
from federated.query import union
from federated.query.parameters import given
from federated.query.plan import LocalDataset, LocalPart, QueryPlan
from federated.query.planning import compile_statement
from federated.query.sizes import require_room
from federated.query.statement import by_name, parse
from federated.query.union import Union
from federated.query.union_part import UnionPart
from federated.query.union_plan import UnionPlan, compile_union

_FIX: Final = "propose the query again with the same version of mihe at every party"


@lru_cache(maxsize=16)
def plan_of(contract: Contract) -> QueryPlan:
    """The plan; raises what the statement, the schemas or the parties are refused for."""
    # Asked for at every decision and for every part that comes in; SQL takes milliseconds to read.
    query = _query_of(contract)
    statement = parse(query.statement, by_name(query.entries), given(query.parameters or ()))
    _require_written(query, statement.sql, statement.parameters, rule="federated/SPEC.md §3.1")
    plan = compile_statement(
        statement,
        receivers=contract.receivers,
        k=query.min_group,
        largest_share=query.largest_share,
        epsilon=query.epsilon,
    )
    _require_parties(contract, plan.owners, "owners")
    require_short(contract)
    if contract.aggregation is not None:
        require_room(plan, contract.aggregation)
    return plan


@lru_cache(maxsize=16)
def _union_of(contract: Contract) -> Union:
    # With a hundred SELECTs in it a statement takes long to read, and is asked for at every step.
    query = _query_of(contract)
    values = given(query.parameters or ())
    statement = union.parse(query.statement, by_name(query.entries), values)
    _require_written(query, statement.sql, statement.parameters, rule="federated/SPEC.md §5.5")
    return statement


def unlike_in(contract: Contract) -> str | None:
    """What of the SELECTs of a sum over UNION ALL does not read alike, and where; None: nothing."""
    return _union_of(contract).unlike


@lru_cache(maxsize=16)
def plan_of_union(contract: Contract) -> UnionPlan:
    """The same of a sum over UNION ALL."""
    query = _query_of(contract)
    plan = compile_union(
        _union_of(contract),
        receivers=contract.receivers,
        k=query.min_group,
        encrypted=contract.aggregation is Aggregation.PAILLIER,
    )
    _require_parties(contract, plan.parts, "organisations")
    return plan


def digest_of_query(contract: Contract) -> str:
    """The digest of the plan of a query of either kind."""
    if contract.family is Family.UNION:
        return plan_of_union(contract).digest
    return plan_of(contract).digest


def largest_of(plan: QueryPlan, owner: int) -> list[int]:
    """Largest absolute value of each column that an owner sends, in order."""
    ranges = [range_ for value in plan.owners[owner].values for range_ in value.ranges]
    return [max(abs(low), abs(high)) for low, high in ranges]


def sums_of(plan: QueryPlan) -> BfvParameters:
    """The encrypted sums of a query; their proof rests on the plan's bounds alone."""
    largest = [largest_of(plan, owner) for owner in range(len(plan.owners))]
    return BfvParameters(
        sums=tuple(
            tuple(
                Term(rows=plan.rows, largest=largest[term.owner][term.column])
                for term in summand.terms
            )
            for summand in plan.summands
        ),
        cells=MOST_CELLS,
        merges=MERGES if plan.summands and any(part.groups for part in plan.owners) else 0,
    )


def _query_of(contract: Contract) -> Query:
    if contract.query is None:
        raise BadRequest("this contract has no statement", fix="propose a query")
    return contract.query


def _require_written(
    query: Query, sql: str, parameters: tuple[Parameter, ...], *, rule: str
) -> None:
    """A comment, say, could hold what no contract may."""
    if sql != query.statement or parameters != (query.parameters or ()):
        raise BadQuery(
            "the statement of the contract, or a parameter's value, is not written in the one way"
            " there is",
            fix=_FIX,
            rule=rule,
        )


def _require_parties(
    contract: Contract, parts: Sequence[LocalPart | UnionPart], called: str
) -> None:
    planned = [(p.org, p.dataset, p.key, p.size, _keys_of(p.joined)) for p in parts]
    agreed = [(p.org, p.dataset, p.key, p.size, _keys_of(p.joined)) for p in contract.parties]
    if planned != agreed:
        raise BadRequest(
            f"the parties of the contract are not the {called} that its statement names", fix=_FIX
        )


def _keys_of(
    joined: Sequence[LocalDataset | KeyedDataset] | None,
) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.dataset, one.key) for one in joined or ()]
