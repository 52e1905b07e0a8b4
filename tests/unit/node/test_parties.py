"""Keys of several columns in an intersection: what a contract says of them, what is refused."""

from typing import Any

import pytest

from contract.dataset import CatalogueColumn, CatalogueEntry, CatalogueKey, ColumnType
from contract.errors import BadRequest, KeyKindMismatch, MiheError, UnknownColumn
from contract.job import KeyPart
from contract.keys import MOST_PARTS, BesideKind, KeyKind
from node.parties import Offer, matched
from tests.unit.node.contracts import entry_of, key_column
from tests.unit.node.lines import Member


def plain(name: str, type_: ColumnType) -> CatalogueColumn:
    return CatalogueColumn(name=name, type=type_, level=1)


def key(*columns: str, size: int = 512) -> CatalogueKey:
    return CatalogueKey(columns=columns, size=size)


def offered(org: str, *columns: CatalogueColumn, keys: tuple[CatalogueKey, ...]) -> CatalogueEntry:
    return entry_of(org, *columns).model_copy(update={"keys": keys})


@pytest.fixture
def offers(bank_a: Member, bank_b: Member) -> dict[str, Offer]:
    month, day = plain("month", ColumnType.PERIOD), plain("day", ColumnType.DATE)
    amount = CatalogueColumn(name="amount", type=ColumnType.DECIMAL, decimals=2, level=3)
    a = offered(
        "bank_a",
        key_column(),
        month,
        day,
        amount,
        keys=(key("uscc", "month"), key("day", "uscc", "month")),
    )
    b = offered(
        "bank_b",
        key_column("code"),
        key_column("id_no", key=KeyKind.ID_NUMBER),
        plain("period", ColumnType.PERIOD),
        day,
        keys=(key("period", "code", size=1024), key("id_no", "period"), key("code", "day")),
    )
    return {
        one.org: Offer(one.credentials.signer.identity, {"loans": entry})
        for one, entry in ((bank_a, a), (bank_b, b))
    }


LOANS = ("bank_a.loans", "bank_b.loans")


@pytest.mark.parametrize("on", [("uscc,month", "code,period"), ("month,uscc", "period,code")])
def test_the_identifier_comes_first_however_a_key_is_written(
    offers: dict[str, Offer], on: tuple[str, str]
) -> None:
    a, b = matched(LOANS, on, offers)
    assert (a.key, b.key) == (("uscc", "month"), ("code", "period"))
    assert a.beside == (KeyPart(column="month", kind=BesideKind.PERIOD),)
    assert a.kinds == b.kinds == (KeyKind.USCC, BesideKind.PERIOD)
    assert (a.size, b.size) == (512, 1024)
    assert (a.matched, a.key_in_words) == ("bank_a.loans (uscc, month)", "(uscc, month)")


@pytest.mark.parametrize(
    ("on", "error", "says"),
    [
        (("uscc,month", "code"), BadRequest, "as many in each dataset"),
        (("uscc,uscc", "code,period"), BadRequest, "each named once"),
        ((",".join(["uscc"] * (MOST_PARTS + 1)),) * 2, BadRequest, "1 to 8 columns"),
        (("uscc,mont", "code,period"), UnknownColumn, "Did you mean 'month'?"),
        (("uscc,amount", "code,period"), UnknownColumn, "is a decimal"),
        (("month,day", "period,day"), UnknownColumn, "bank_a.loans.month is not a key column"),
        (
            ("uscc,day", "code,day"),
            UnknownColumn,
            "declares no key of uscc, day. It declares (uscc, month), (day, uscc, month).",
        ),
        (("uscc,month", "id_no,period"), KeyKindMismatch, "bank_b.loans.id_no id_number keys"),
        (("uscc,month", "code,day"), KeyKindMismatch, "the type period and bank_b.loans.day"),
    ],
)
def test_what_is_no_key_of_both_is_named(
    offers: dict[str, Offer], on: tuple[str, str], error: type[MiheError], says: str
) -> None:
    with pytest.raises(error) as refused:
        matched(LOANS, on, offers)
    assert type(refused.value) is error
    assert says in refused.value.what


def test_what_to_declare_is_said(offers: dict[str, Any]) -> None:
    with pytest.raises(UnknownColumn) as refused:
        matched(LOANS, ("uscc,day", "code,day"), offers)
    assert '[[key]] columns = ["uscc", "day"]' in refused.value.fix
    assert refused.value.party == "bank_a"
