"""Whether SELECTs over UNION ALL read alike: the same texts do, and where others first differ."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable

import pytest

from contract.dataset import CatalogueColumn, ColumnType
from federated.query.parameters import Given
from federated.query.union import Union, parse
from tests.unit.federated.query.catalogue import Catalogue, entry, key, number, plain

TRADE = CatalogueColumn(name="trade", type=ColumnType.TEXT, level=2, domain=("farming", "retail"))
FLAG = plain("flag", ColumnType.BOOLEAN)
DAYS = number("days", None, "100")
OFFERS: Catalogue = {
    **{
        org: {
            name: entry(
                f"{org}.{name}", key("uscc"), TRADE, number("balance", 2, "1000"), FLAG, DAYS
            )
            for name in ("loans", "old_loans")
        }
        for org in "ab"
    },
    # Of the same names, and otherwise declared.
    "c": {
        "loans": entry(
            "c.loans",
            DAYS,
            number("balance", 3, "90000", nullable=True),
            number("euros", 2, "1000"),
            FLAG,
            TRADE,
            key("code", rows=None),
        )
    },
}
FIRST = "trade, balance FROM a.loans WHERE days < 30 AND NOT flag"
THIRD = FIRST.replace("a.loans", "c.loans")


def understood(second: str, third: str = THIRD, **given: str) -> Union:
    selects = (FIRST, second, third)
    rows = "\nUNION ALL ".join(f"SELECT {one}" for one in selects)
    values = {name: Given(value) for name, value in given.items()}
    return parse(f"SELECT trade, SUM(balance) FROM ({rows}) GROUP BY trade", OFFERS, values)


@pytest.mark.parametrize(
    "second",
    [
        "trade, balance FROM b.loans WHERE days < 30 AND NOT flag",
        "loans.trade, b.loans.balance FROM b.loans WHERE loans.days < 30 AND NOT flag",
        "x.trade, balance AS balance FROM b.loans AS x WHERE x.days < 30 AND NOT x.flag",
        'TRADE, "balance" -- of theirs\n  from b.loans as "from" where "from".days<30 and not flag',
        "trade trade, balance FROM b.loans balance WHERE balance.days < 30 AND NOT balance.flag",
    ],
)
def test_the_same_but_for_the_organisation_reads_alike(second: str) -> None:
    union = understood(second)
    assert union.unlike is None
    assert parse(union.sql, OFFERS).unlike is None


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ("trade, ▸0 * balance AS balance FROM b.loans WHERE days < 30 AND NOT flag", "'balance'"),
        ("trade, -▸balance AS balance FROM b.loans WHERE days < 30 AND NOT flag", "'balance'"),
        ("trade, ▸days AS balance FROM b.loans WHERE days < 30 AND NOT flag", "'balance'"),
        ("▸LEFT(trade, 64) AS trade, balance FROM b.loans WHERE days < 30 AND NOT flag",
         "'trade'"),
        ("trade, balance FROM b.loans WHERE days < ▸31 AND NOT flag", "conditions"),
        ("trade, balance FROM b.loans WHERE days < ▸30.0 AND NOT flag", "conditions"),
        ("trade, balance FROM b.loans WHERE days < ▸:most AND NOT flag", "conditions"),
        ("trade, balance FROM b.loans WHERE ▸days <= 30 AND NOT flag", "conditions"),
        ("trade, balance FROM b.loans WHERE ▸balance < 30 AND NOT flag", "conditions"),
        ("trade, balance FROM b.loans WHERE days < 30 AND ▸flag", "conditions"),
        ("trade, balance FROM b.loans WHERE NOT ▸flag AND days < 30", "conditions"),
        ("trade, balance FROM b.loans WHERE ▸days < 30", "conditions"),
        ("trade, balance FROM b.loans WHERE ▸days < 30 AND NOT flag AND trade = 'retail'",
         "conditions"),
        ("▸trade, balance FROM b.loans", "conditions"),
        ("trade, balance FROM ▸b.old_loans WHERE days < 30 AND NOT flag", "another name"),
    ],
)  # fmt: skip
def test_what_differs_first_is_said_with_its_place(
    second: str, what: str, marked: Callable[[str], tuple[str, str]]
) -> None:
    second, place = marked(f"SELECT {FIRST})\nUNION ALL SELECT {second}")
    second = second.partition("UNION ALL SELECT ")[2]
    union = understood(second, **({"most": "30"} if ":most" in second else {}))
    assert union.unlike is not None
    assert union.unlike.startswith(place)
    assert "SELECT 2, of b." in union.unlike
    assert union.unlike.endswith("than SELECT 1, of a.loans")
    assert what in union.unlike
    # The text that a contract carries says the same, at another place.
    given = {"most": Given("30")} if ":most" in second else {}
    again = parse(union.sql, OFFERS, given).unlike
    assert again is not None
    assert again.partition(": ")[2] == union.unlike.partition(": ")[2]


def test_every_select_is_held_against_the_first_one() -> None:
    second = FIRST.replace("a.loans", "b.loans")
    assert understood(second).unlike is None
    renamed = understood(second, THIRD.replace("balance", "euros AS balance"))
    assert renamed.unlike is not None
    assert "SELECT 3, of c.loans, gives another 'balance'" in renamed.unlike
    plain_first = parse(
        "SELECT COUNT(*) FROM (SELECT flag FROM a.loans UNION ALL SELECT flag FROM b.loans"
        " UNION ALL SELECT flag FROM c.loans WHERE NOT flag)",
        OFFERS,
    )
    assert plain_first.unlike is not None
    assert "SELECT 3, of c.loans, has other conditions" in plain_first.unlike


def test_what_all_of_them_leave_out_is_alike() -> None:
    parameters = [one.replace("30", ":most") for one in (FIRST, FIRST.replace("a.", "b."), THIRD)]
    rows = " UNION ALL ".join(f"SELECT {one}" for one in parameters)
    union = parse(f"SELECT SUM(balance) FROM ({rows})", OFFERS, {"most": Given("7")})
    assert union.unlike is None


def test_no_literal_is_quoted() -> None:
    second = "trade, balance FROM b.loans WHERE days < 30 AND NOT flag AND trade = 'retail'"
    assert "retail" not in str(understood(second).unlike)
