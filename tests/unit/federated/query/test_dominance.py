"""Which numbers of a plan have bands, and what a list shows of them."""

from collections.abc import Callable

import numpy as np

from federated.join.bands import bands_of
from federated.join.codes import encode, stand_ins
from federated.query.dominance import amounts, shown_bands
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
