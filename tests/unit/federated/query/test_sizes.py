"""The size of a share that the plan states is the size that a node sends."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from contract.errors import BadMessage, BadQuery
from contract.suites import JOIN_AGGREGATIONS, Aggregation
from coordinator.wire import share_from
from federated.aggregate.wire import CIPHERTEXT_BYTES
from federated.join.bands import BANDS
from federated.join.codes import encode
from federated.query.plan import QueryPlan, join_of
from federated.query.sizes import most_share_bytes, require_room, share_bytes
from federated.words import WORD_BYTES
from node.wire.joins import share_to_bytes
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
    for adding in JOIN_AGGREGATIONS:
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


def test_no_more_codes_are_taken_than_groups_of_k_keys_can_have(
    planned: Callable[[str], QueryPlan],
) -> None:
    """A thousand keys in groups of ten: a hundred groups, which have 128 codes."""
    plan = planned(QUERIES[2])
    good = share(plan, 0, 100, Aggregation.SHARED)
    assert len(share_from(good, plan, 0, Aggregation.SHARED).keys_per_code) == 128
    message = JoinShare.FromString(good)
    message.keys_per_code.extend([0] * 128)
    with pytest.raises(BadMessage, match="too many codes"):
        share_from(message.SerializeToString(), plan, 0, Aggregation.SHARED)


def large(plan: QueryPlan, size: int) -> QueryPlan:
    owners = tuple(part.model_copy(update={"size": size}) for part in plan.owners)
    return plan.model_copy(update={"owners": owners})


def test_what_no_message_holds_is_refused_before_anybody_begins(
    planned: Callable[[str], QueryPlan],
) -> None:
    """Three columns of a list of 15·2^20 keys are not too many; four of one of 2^24 are."""
    averages = "AVG(b.limit_left) AS m, SUM(b.days) AS d"
    plan = planned(f"SELECT {averages} {FROM}")
    assert plan.owners[0].sent == 3
    require_room(large(plan, 2**20), Aggregation.ENCRYPTED)
    require_room(large(plan, 2**20), Aggregation.SHARED)
    require_room(large(plan, 15 * 2**20), Aggregation.SHARED)
    more = large(planned(f"SELECT SUM(b.balance) AS s, {averages} {FROM}"), 2**24)
    with pytest.raises(BadQuery, match=r"would hand in [0-9]+ bytes, for 4 columns") as refused:
        require_room(more, Aggregation.SHARED)
    assert "a query of their own" in refused.value.fix
