"""Which numbers of a plan have bands, and what a list shows of them."""

from collections.abc import Callable, Hashable

import numpy as np
import pytest

from contract.errors import LargeShare
from federated.join.bands import bands_of
from federated.join.codes import encode, stand_ins
from federated.query.dominance import amounts, groups_apart, shown_bands
from federated.query.plan import QueryPlan
from federated.query.planning import compile_statement
from federated.query.statement import Statement

FIRMS = "(SELECT code AS uscc, industry FROM registry.firms)"
FROM = f"FROM bank.loans AS b JOIN {FIRMS} AS r USING (uscc)"
SEED = bytes(range(32))


def test_amounts_have_bands_and_what_is_made_of_them_has_none(
    understood: Callable[[str], Statement],
) -> None:
    sums = "SUM(b.balance) AS s, VAR_POP(b.days) AS v, MEDIAN(b.days) AS m, COUNT(*) AS n"
    sql = f"SELECT {sums} {FROM}"
    plan = compile_statement(understood(sql), receivers=["bank"], k=10, largest_share=50)
    kinds = [value.kind for value in plan.owners[0].values]
    assert {"value", "square", "counted"} <= set(kinds)
    assert [kinds[place] for place in plan.owners[0].amounts] == ["value"] * 2
    assert [plan.banded(owner) for owner in (0, 1)] == [2, 0]


def test_limbs_are_put_together_before_a_band_is_shown(
    planned: Callable[[str], QueryPlan],
) -> None:
    plan = planned(f"SELECT SUM(b.limit_left) AS s, SUM(b.days) AS d {FROM}")
    part = plan.owners[0]
    (wide,) = [value for value in part.values if value.limbs > 1] or [part.values[0]]
    values = np.array([wide.least, -1, 0, 1, wide.most])
    columns = []
    for value in part.values:
        rest = values if value is wide else np.arange(5)
        for _ in range(value.limbs - 1):
            columns.append(rest & ((1 << value.limb_bits) - 1))
            rest = rest >> value.limb_bits
        columns.append(rest)
    found = [one.tolist() for one in amounts(part, columns)]
    assert found == [
        (values if part.values[place] is wide else np.arange(5)).tolist() for place in part.amounts
    ]


def test_a_dummy_shows_code_and_bands_of_one_and_the_same_key(
    understood: Callable[[str], Statement],
) -> None:
    """Else rare pairs, of a group and a size, would tell which lines are nobody's."""
    sql = f"SELECT SUM(b.days) AS d {FROM}"
    plan = compile_statement(understood(sql), receivers=["bank"], k=2, largest_share=50)
    days = np.array([1, 1, 1, 500, 500, 500])
    groups = ["small"] * 3 + ["large"] * 3
    order = np.array([3, -1, 0, -1, -1, 5, 1, 2, 4, -1, -1, -1, -1, -1, -1, -1], dtype=np.int32)
    coded = encode(groups, order, 2, SEED)
    (column,) = shown_bands(plan, 0, [days], order, SEED)
    codes = np.frombuffer(coded.message.codes, dtype="<u4").tolist()
    band = {"small": bands_of(days)[0], "large": bands_of(days)[-1]}
    assert list(column) == [band[str(coded.labels[code])] for code in codes]
    assert set(stand_ins(order, len(days), SEED)[order < 0]) > {0, 5}


def test_without_keys_and_without_a_limit_there_is_nothing_to_show(
    understood: Callable[[str], Statement], planned: Callable[[str], QueryPlan]
) -> None:
    sql, none = f"SELECT SUM(b.days) AS d {FROM}", np.zeros(0, dtype=np.int64)
    plan = compile_statement(understood(sql), receivers=["bank"], k=2, largest_share=50)
    assert shown_bands(plan, 0, [none], np.full(8, -1), SEED) == [bytes(8)]
    assert shown_bands(planned(sql), 0, [np.arange(3)], np.arange(3), SEED) == []


# ── what an owner sees on its own list ──────────────────────────────────────────────────────────

GROUPS = ["north"] * 6 + ["south"] * 5 + ["lake"] * 7 + ["hills"] * 2


def apart(
    plan: QueryPlan, days: list[int], share: int | None = 60, groups: list[str] = GROUPS
) -> frozenset[Hashable]:
    column = np.array(days, dtype=np.int64)
    return groups_apart(plan.owners[0], groups, [column], k=5, share=share)


@pytest.fixture
def summed(planned: Callable[[str], QueryPlan]) -> QueryPlan:
    return planned(f"SELECT SUM(b.days) AS d {FROM}")


def test_a_group_of_which_one_key_has_too_much_does_not_stand_alone(summed: QueryPlan) -> None:
    days = [10] * len(GROUPS)
    assert apart(summed, days) == {"hills"}  # which is too small
    days[GROUPS.index("lake")] = -150
    assert apart(summed, days) == {"hills", "lake", "south"}
    assert apart(summed, days, share=95) == {"hills"}
    assert apart(summed, days, share=None) == set()


def test_the_share_is_exact_where_a_band_would_err(summed: QueryPlan) -> None:
    """60 of 100 is allowed, and 61 of 101 is not."""
    groups = ["north"] * 5
    assert apart(summed, [60, 10, 10, 10, 10], groups=groups) == set()
    with pytest.raises(LargeShare):
        apart(summed, [61, 10, 10, 10, 10], groups=groups)


def test_sums_beyond_64_bits_are_exact(summed: QueryPlan) -> None:
    most = 2**63 - 1
    assert apart(summed, [most] * 5, groups=["north"] * 5) == set()
    assert apart(summed, [most, -most], share=49, groups=["north"] * 2) == set()
    with pytest.raises(LargeShare):
        apart(summed, [most, most - 1, *[0] * 3], share=50, groups=["north"] * 5)


def test_an_owner_of_whose_list_one_key_has_too_much_refuses(summed: QueryPlan) -> None:
    days = [10] * len(GROUPS)
    days[0] = 10_000
    with pytest.raises(LargeShare) as refused:
        apart(summed, days)
    assert refused.value.rule == "policy.toml: largest_share = 60"
    assert "--largest-share 60" in refused.value.fix
    assert "10000" not in str(refused.value)


def test_nobody_has_a_share_where_nothing_is_added_up(
    planned: Callable[[str], QueryPlan],
) -> None:
    plan = planned(f"SELECT COUNT(*) AS n, MEDIAN(b.days) AS m {FROM}")
    assert groups_apart(plan.owners[0], GROUPS, [], k=5, share=1) == set()


def test_what_is_kept_apart_is_coded_as_other() -> None:
    coded = encode(GROUPS, np.arange(len(GROUPS)), 5, SEED, {"lake"})
    assert set(coded.labels.values()) == {"north", "south"}
    codes = np.frombuffer(coded.message.codes, dtype="<u4")
    lake = {int(codes[at]) for at, group in enumerate(GROUPS) if group == "lake"}
    assert lake == {coded.message.other}
