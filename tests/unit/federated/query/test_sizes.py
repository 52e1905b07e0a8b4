"""The size of a share that the plan states is the size that a node sends."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from contract.errors import BadMessage
from contract.job import JOIN_AGGREGATIONS, Aggregation
from coordinator.wire import share_from
from federated.aggregate.wire import CIPHERTEXT_BYTES
from federated.join.bands import BANDS
from federated.join.codes import encode
from federated.query.agreed import join_of
from federated.query.plan import QueryPlan
from federated.query.sizes import most_share_bytes, share_bytes
from federated.words import WORD_BYTES
from node.wire import share_to_bytes
from protos.join_pb2 import JoinShare

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
        bands=[bytes(part.size)] * plan.banded(owner),
        blinding=bytes(32),
    )


@pytest.mark.parametrize("sql", QUERIES)
@pytest.mark.parametrize("groups", [1, 90, 1024])
@pytest.mark.parametrize("adding", JOIN_AGGREGATIONS)
@pytest.mark.parametrize("largest_share", [None, 60])
def test_a_share_has_its_size_and_never_more_than_the_most(
    planned: Callable[[str], QueryPlan],
    sql: str,
    groups: int,
    adding: Aggregation,
    largest_share: int | None,
) -> None:
    plan = planned(sql).model_copy(update={"largest_share": largest_share})
    for owner in range(len(plan.owners)):
        size = len(share(plan, owner, groups, adding))
        assert share_bytes(plan, owner, adding) < size <= most_share_bytes(plan, owner, adding)
        assert most_share_bytes(plan, owner, adding) < 2 * share_bytes(plan, owner, adding)


def test_a_share_without_its_bands_or_with_others_is_refused(
    planned: Callable[[str], QueryPlan],
) -> None:
    """What the coordinator takes fits the plan, and each band is one that there is."""
    whole = planned(QUERIES[1]).model_copy(update={"largest_share": 60})
    none = planned(QUERIES[1])
    for adding in Aggregation:
        good = share(whole, 0, 1, adding)
        assert [len(one) for one in share_from(good, whole, 0, adding).bands] == [
            whole.owners[0].size
        ] * whole.banded(0)
        with pytest.raises(BadMessage, match="a band missing"):
            share_from(good, none, 0, adding)
        with pytest.raises(BadMessage, match="a band missing"):
            share_from(share(none, 0, 1, adding), whole, 0, adding)
        message = JoinShare.FromString(good)
        message.bands[-1] = bytes(whole.owners[0].size - 1) + bytes([BANDS])
        with pytest.raises(BadMessage, match="a band that there is not"):
            share_from(message.SerializeToString(), whole, 0, adding)
