"""The size of a share that the plan states is the size that a node sends."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from contract.job import Aggregation
from federated.aggregate.wire import CIPHERTEXT_BYTES
from federated.join.codes import encode
from federated.query.agreed import join_of
from federated.query.plan import QueryPlan
from federated.query.sizes import most_share_bytes, share_bytes
from federated.words import WORD_BYTES
from node.wire import share_to_bytes

FIRMS = "(SELECT code AS uscc, industry FROM registry.firms)"
FROM = f"FROM bank.loans AS b JOIN {FIRMS} AS r USING (uscc)"
QUERIES = (
    f"SELECT COUNT(*) AS n {FROM}",
    f"SELECT r.industry, SUM(b.balance) AS s, AVG(b.limit_left) AS m {FROM} GROUP BY r.industry",
    f"SELECT b.class, SUM(b.days) AS s {FROM} GROUP BY b.class",
)


def share(plan: QueryPlan, owner: int, groups: int, aggregation: Aggregation) -> bytes:
    """An owner's share with as many keys as fit, in so many groups of its own."""
    part, shared = plan.owners[owner], aggregation is Aggregation.SHARED
    labels = [number % groups for number in range(part.size)]
    coded = encode(labels, np.arange(part.size).tolist(), plan.k, os.urandom(32))
    return share_to_bytes(
        tokens=bytes(join_of(plan, bytes(32)).token_bytes * part.size),
        codes=coded.message if part.groups else None,
        keys=part.size,
        columns=[] if shared else [[bytes(CIPHERTEXT_BYTES)]] * part.sent,
        shares=[bytes(WORD_BYTES * part.size)] * part.sent if shared else [],
        blinding=bytes(32),
    )


@pytest.mark.parametrize("sql", QUERIES)
@pytest.mark.parametrize("groups", [1, 90, 1024])
@pytest.mark.parametrize("adding", Aggregation)
def test_a_share_has_its_size_and_never_more_than_the_most(
    planned: Callable[[str], QueryPlan], sql: str, groups: int, adding: Aggregation
) -> None:
    plan = planned(sql)
    for owner in range(len(plan.owners)):
        size = len(share(plan, owner, groups, adding))
        assert share_bytes(plan, owner, adding) < size <= most_share_bytes(plan, owner, adding)
        assert most_share_bytes(plan, owner, adding) < 2 * share_bytes(plan, owner, adding)
