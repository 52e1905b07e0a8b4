"""The size of a share that the plan states is the size that a node sends."""

import os
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import BadMessage, BadQuery
from contract.suites import JOIN_AGGREGATIONS, Aggregation
from coordinator.wire import share_from
from federated.aggregate.wire import CIPHERTEXT_BYTES
from federated.join.bands import BANDS
from federated.join.codes import encode
from federated.query.plan import QueryPlan, join_of
from federated.query.planning import compile_statement
from federated.query.sizes import (
    CUT_BYTES,
    MOST_FURTHER,
    cut,
    most_further_bytes,
    most_share_bytes,
    require_room,
    share_bytes,
)
from federated.query.statement import by_name, parse
from federated.words import WORD_BYTES
from node.wire.joins import share_to_bytes
from protos.join_pb2 import JoinShare
from tests.unit.federated.query.catalogue import CATALOGUE


def compiled(sql: str) -> QueryPlan:
    """As the fixture `planned`, for whoever draws examples."""
    return compile_statement(parse(sql, by_name(CATALOGUE)), receivers=["bank"], k=10)


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


def of_keys(plan: QueryPlan, size: int) -> QueryPlan:
    """A plan over lists of another size."""
    owners = tuple(part.model_copy(update={"size": size}) for part in plan.owners)
    return plan.model_copy(update={"owners": owners})


def with_columns(plan: QueryPlan, columns: int) -> QueryPlan:
    """A plan with so many columns of its first owner."""
    first, *others = plan.owners
    value = first.values[0].model_copy(update={"limbs": 1})
    owners = (first.model_copy(update={"values": (value,) * columns}), *others)
    return plan.model_copy(update={"owners": owners})


@given(st.integers(0, 200), st.sampled_from([256, 2**12, 2**16, 10 * 2**16, 2**20, 2**24]))
def test_every_column_goes_once_in_order_and_no_message_is_longer_than_one_may_be(
    columns: int, size: int
) -> None:
    plan = with_columns(of_keys(compiled(QUERIES[2]), size), columns)
    first, *further = cut(plan, 0)
    assert [number for which in (first, *further) for number in which] == list(range(columns))
    column = WORD_BYTES * size
    shown = share_bytes(plan, 0, Aggregation.SHARED) - columns * column
    assert not first or shown + len(first) * column <= CUT_BYTES
    for number, which in enumerate(further, 1):
        assert which
        assert len(which) == 1 or len(which) * column <= CUT_BYTES
        assert len(which) * column < most_further_bytes(plan, 0, number)
    # No message is added that those before it had room for.
    assert not further or shown + (len(first) + 1) * column > CUT_BYTES
    assert all((len(which) + 1) * column > CUT_BYTES for which in further[:-1])


def test_what_no_messages_hold_is_refused_before_anybody_begins(
    planned: Callable[[str], QueryPlan],
) -> None:
    """As many columns of 2^24 keys as there may be further messages; of ciphertexts some 18."""
    plan = planned(QUERIES[2])
    require_room(with_columns(of_keys(plan, 2**24), MOST_FURTHER), Aggregation.SHARED)
    require_room(with_columns(of_keys(plan, 2**20), 16 * MOST_FURTHER), Aggregation.SHARED)
    with pytest.raises(BadQuery, match=r"bank would hand in 65 columns.* 65 messages") as refused:
        require_room(with_columns(of_keys(plan, 2**24), MOST_FURTHER + 1), Aggregation.SHARED)
    assert f"some {MOST_FURTHER} columns now" in refused.value.fix
    require_room(with_columns(of_keys(plan, 2**20), 18), Aggregation.ENCRYPTED)
    many = with_columns(of_keys(plan, 2**20), 24)
    with pytest.raises(BadQuery, match=r"would hand in [0-9]+ bytes in one message") as refused:
        require_room(many, Aggregation.ENCRYPTED)
    assert "--aggregation shared" in refused.value.fix
    require_room(many, Aggregation.SHARED)


def test_bands_alone_may_be_too_many_for_a_message(planned: Callable[[str], QueryPlan]) -> None:
    plan = with_columns(of_keys(planned(QUERIES[2]), 2**24), 60)
    plan = plan.model_copy(update={"largest_share": 60})
    with pytest.raises(BadQuery, match="in one message") as refused:
        require_room(plan, Aggregation.SHARED)
    assert "shared" not in refused.value.fix
