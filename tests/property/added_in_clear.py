"""Members' own totals, added up in clear and released by the rules: a sum without its masks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import reject

from contract.errors import SmallBranch
from federated.query.result import Result
from federated.query.union_plan import UnionPlan
from federated.query.union_result import result_of_union
from federated.union.counts import FEWEST_ORGANISATIONS, Count, read_total
from federated.union.tally import Tally, tally
from federated.words import to_integers, total
from node.union_rows import OwnTotals, run_union


def added(
    plan: UnionPlan, snapshots: Mapping[str, Path], *, min_join: int, receiver: str | None
) -> tuple[Result, int]:
    """The result, and how many cells it folds; the receiver's own subjects do not count.

    Without a receiver a cell may be of one organisation: what DuckDB shows is shown.
    """
    parts = {org: _own(plan, org, snapshots[org], receives=org == receiver) for org in snapshots}
    words = [one.words for one in parts.values()]
    integers = to_integers(total(words, plan.cells * (1 + plan.totals)))
    words_of_counts, *columns = (
        integers[first : first + plan.cells] for first in range(0, len(integers), plan.cells)
    )
    counts = [read_total(word) for word in words_of_counts]
    if receiver is None:
        counts = [replace(one, organisations=FEWEST_ORGANISATIONS) for one in counts]
    found = tally(counts, k=plan.k, min_join=min_join)
    _require_no_tie(counts, found, plan.k)
    others = set(range(plan.cells)) - set(found.passing)
    own = parts[receiver].cells & others if receiver else set()
    shown = [tuple(column[cell] for column in columns) for cell in found.passing]
    rest = None
    if found.remainder or (found.passing and own):
        rest = tuple(sum(column[cell] for cell in others) for column in columns)
    return result_of_union(plan, found.passing, shown, rest), found.folded


def _own(plan: UnionPlan, org: str, parquet: Path, *, receives: bool) -> OwnTotals:
    try:
        return run_union(plan, org, parquet, receives=receives)
    except SmallBranch:
        assert plan.k > 1
        reject()


def _require_no_tie(counts: Sequence[Count], found: Tally, k: int) -> None:
    """Which of two cells of one size is folded depends on the order of the cells."""
    shown = {counts[cell].subjects for cell in found.passing}
    folded = {
        one.subjects
        for cell, one in enumerate(counts)
        if one.subjects >= k and cell not in found.passing
    }
    if shown & folded:
        reject()
