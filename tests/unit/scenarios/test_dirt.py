"""Dirt as real files have it: in the shares announced, counted truly, and harmless to truth."""

from collections.abc import Callable
from unicodedata import normalize

import pytest

from scenarios.synthetic.economy import COVERAGE
from scenarios.world import World

Check = Callable[[str], bool]


def clean(raw: str) -> str:
    return normalize("NFKC", raw).strip().upper()


@pytest.mark.parametrize(
    ("size", "reference"),
    [
        ("std", "registry.enterprises"),
        ("std", "bank_a.loans"),
        ("std", "bank_b.loans"),
        ("mini", "tax.returns"),
        ("mini", "power.meters"),
    ],
)
def test_shares_are_as_announced_and_as_counted(
    size: str, reference: str, request: pytest.FixtureRequest, uscc_is_valid: Check
) -> None:
    world: World = request.getfixturevalue(size)
    lines = world.path(reference, "csv").read_text(encoding="utf-8").splitlines()[1:]
    keys = [line.partition(",")[0] for line in dict.fromkeys(lines)]
    found = {
        "rows": len(lines),
        "other_form": sum(key.strip() != clean(key) for key in keys),
        "trailing_spaces": sum(key != key.rstrip() for key in keys),
        "wrong_check": sum(not uscc_is_valid(clean(key)) for key in keys),
        "duplicates": len(lines) - len(keys),
    }
    counted = world.answers("dirt")["datasets"][reference]
    assert found == {kind: counted[kind] for kind in found}
    shares = {"other_form": 0.01, "trailing_spaces": 0.005, "wrong_check": 0.003}
    for kind, share in {**shares, "duplicates": 0.002}.items():
        assert found[kind] == pytest.approx(share * len(keys), rel=0.1, abs=1)


def test_both_other_forms_occur(std: World) -> None:
    keys = [row["uscc"] for row in std.rows("bank_a.loans")]
    assert any(key.isascii() and key != key.upper() for key in keys)
    assert any(not key.isascii() for key in keys)


@pytest.mark.parametrize("reference", ["tax.returns", "power.meters"])
def test_one_month_in_a_hundred_is_missing(std: World, reference: str) -> None:
    counted = std.answers("dirt")["datasets"][reference]
    sent = counted["rows"] - counted["duplicates"]
    assert counted["missing_months"] / (sent + counted["missing_months"]) == pytest.approx(
        0.01, rel=0.1
    )
    if reference == "tax.returns":
        taxpayers = round(std.size * COVERAGE["tax"])
        assert sent + counted["missing_months"] == 24 * taxpayers


@pytest.mark.parametrize("reference", ["registry.enterprises", "bank_a.loans", "bank_b.loans"])
def test_every_kind_occurs_in_the_smallest_world(mini: World, reference: str) -> None:
    counted = mini.answers("dirt")["datasets"][reference]
    assert min(count for kind, count in counted.items() if kind != "missing_months") >= 1


def test_a_renamed_borrower_keeps_its_old_name_at_the_bank(std: World) -> None:
    former = {
        clean(row["uscc"]): row["former_name"]
        for row in std.rows("registry.enterprises")
        if row["former_name"]
    }
    at_bank = {clean(row["uscc"]): row["borrower_name"] for row in std.rows("bank_a.loans")}
    both = former.keys() & at_bank.keys()
    assert len(both) > 50
    assert all(at_bank[code] == former[code] for code in both)
