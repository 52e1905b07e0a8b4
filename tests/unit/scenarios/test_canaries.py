"""Marked values: 13 digits, unlike anything else, and nowhere but in their owner's dataset."""

import re
from collections import Counter

from scenarios.world import World


def test_each_is_thirteen_digits_and_unique(mini: World) -> None:
    marked = mini.answers("canaries")
    assert {(one["organisation"], one["column"]) for one in marked} == {
        ("registry", "chattel_mortgage_amt"),
        ("tax", "vat_paid"),
        ("power", "kwh_total"),
        ("bank_a", "loan_balance"),
        ("bank_b", "loan_balance"),
    }
    assert all(len(str(one["scaled"])) == 13 for one in marked)
    assert all(one["text"].replace(".", "") == str(one["scaled"]) for one in marked)
    assert len({one["scaled"] for one in marked}) == len(marked)


def test_each_stands_once_in_its_owners_column_and_nowhere_else(mini: World) -> None:
    marked = mini.answers("canaries")
    places = Counter[tuple[str, str, str]]()
    texts = {one["text"] for one in marked} | {str(one["scaled"]) for one in marked}
    for dataset in mini.datasets:
        for row in mini.rows(dataset.reference):
            for column, text in row.items():
                if text in texts:
                    places[dataset.reference, column, text] += 1
    assert places == {
        (f"{one['organisation']}.{one['dataset']}", one["column"], one["text"]): 1 for one in marked
    }


def test_no_part_of_another_organisations_file_reads_like_one(mini: World) -> None:
    for one in mini.answers("canaries"):
        for file in mini.folder.glob("*/*.csv"):
            if file.parent.name not in {one["organisation"], "truth"}:
                assert one["text"].encode() not in file.read_bytes()
                assert str(one["scaled"]).encode() not in file.read_bytes()


def test_no_ordinary_figure_has_thirteen_digits(std: World) -> None:
    marked = {one["text"] for one in std.answers("canaries")}
    large = re.compile(rb"(?<![\d.])\d{10,}\.\d{2,3}(?![\d.])")
    for dataset in std.datasets:
        content = std.path(dataset.reference, "csv").read_bytes()
        found = {text.decode() for text in large.findall(content)}
        assert {text for text in found if len(text) >= 14} <= marked


def test_some_belong_to_customers_of_both_banks(mini: World) -> None:
    keys = [{row["uscc"] for row in mini.rows(f"{bank}.loans")} for bank in ("bank_a", "bank_b")]
    at_banks = [one for one in mini.answers("canaries") if one["column"] == "loan_balance"]
    assert sum({one["uscc"]} <= keys[0] & keys[1] for one in at_banks) >= len(at_banks) - 2
