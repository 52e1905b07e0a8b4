"""docs/notebook.md as its reader types it: every block, in order, against real daemons.

In a running event loop, as Jupyter has one; and what comes out is compared with the clear answer.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from re import DOTALL, findall
from typing import Any

import pyarrow as pa
import pytest

from contract.keys import KeyKind
from mihe.result import text_of
from scenarios.oracle import keys_of
from tests.federation.banks import keys_in
from tests.federation.federation import short_folder
from tests.federation.owners import Owners
from tests.federation.queried import DEMO, ORGS


@pytest.fixture(scope="module")
def owners() -> Iterator[Owners]:
    with short_folder() as folder, Owners(folder, *ORGS, "bank_b") as running:
        yield running


@pytest.fixture(scope="module")
def read(root: Path, owners: Owners) -> tuple[dict[str, Any], str]:
    """What the page's blocks leave behind, and what they print."""
    blocks = findall(r"```python\n(.*?)```", (root / "docs/notebook.md").read_text("utf-8"), DOTALL)
    assert len(blocks) >= 6
    names: dict[str, Any] = {}
    printed: list[str] = []
    names["print"] = lambda *words: printed.append(" ".join(map(str, words)))

    async def cells() -> None:
        for block in blocks:
            exec(compile(block, "docs/notebook.md", "exec"), names)  # noqa: S102  # our own page

    before = Path.cwd(), os.environ.get("MIHE_NODE")
    os.chdir(owners.folder)
    os.environ["MIHE_NODE"] = str(owners.folder / "bank_a")
    try:
        asyncio.run(cells())
    finally:
        os.chdir(before[0])
        os.environ.pop("MIHE_NODE")
        if before[1] is not None:
            os.environ["MIHE_NODE"] = before[1]
    return names, "\n".join(printed)


def test_who_learns_what_was_printed_before_anything_was_proposed(
    read: tuple[dict[str, Any], str],
) -> None:
    _, printed = read
    # Watching begins when the job may already be further; it ends as it must.
    assert printed.index("Who learns what") < printed.index("\ndone")
    assert "nothing is sent yet" in printed


def test_the_table_is_the_clear_answer_with_exact_types(
    owners: Owners, read: tuple[dict[str, Any], str]
) -> None:
    names, _ = read
    table = names["table"]
    assert table.schema.types == [
        pa.string(),
        pa.int64(),
        *(pa.decimal128(38, scale) for scale in (2, 7, 2)),
        pa.bool_(),
    ]
    clear = owners.clear(DEMO)
    shown = {
        tuple(map(text_of, list(row.values())[:-1]))
        for row in table.to_pylist()
        if not row["remainder"]
    }
    assert shown == clear.rows
    assert shown
    rest = [tuple(map(text_of, list(row.values())[:-1])) for row in names["rest"]]
    assert rest == ([] if clear.remainder is None else [clear.remainder])
    assert names["result"].folded == clear.folded
    frame = names["frame"]
    assert all(isinstance(value, Decimal) for value in frame["loans"].dropna())


def test_the_intersection_is_the_clear_one_and_lies_beside_its_terms(
    owners: Owners, read: tuple[dict[str, Any], str]
) -> None:
    names, _ = read
    one, other = (
        keys_of(owners.world / org / "loans.csv", "uscc", KeyKind.USCC)
        for org in ("bank_a", "bank_b")
    )
    assert names["common"].count == len(one & other) > 0
    assert keys_in(owners.folder / "common.csv") == one & other
    note = json.loads((owners.folder / "common.csv.json").read_text("utf-8"))
    assert note["terms"]["purpose"] == "CREDIT_MICRO"


def test_the_refusal_has_its_code_and_fix(read: tuple[dict[str, Any], str]) -> None:
    names, printed = read
    assert "REFUSED" in printed
    assert names["node"].org == "bank_a"
