"""What lies beside a result: `result.csv.json`, so that rows never travel without their terms.

Canonical JSON (RFC 8785). It says which job and run the rows came from, what was agreed and who
signed, what the plan was, what anybody learned, and for what the rows may be used.

Not for     proof: it is the receiver's own note. The signatures themselves are in the evidence file
            that each node keeps.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Final, Literal

from contract.canonical import Frozen, Hex32, OrgId, canonical_bytes
from contract.dataset import COMPUTED_NOISE, ColumnType, ResultColumn
from contract.job import Basis, Contract, JobKind, Purpose
from contract.learns import LeakageStatement
from contract.views import JobView, Milestone, ResultView
from mihe import files

REMAINDER: Final = (
    "true in the one row, if there is one, that adds up all groups too small to be shown alone; "
    "its labels are empty"
)


WITHHELD: Final = (
    "names the columns of this row that are not told, because too few match, or too few do not;"
    " they are empty, which is neither 0 nor NULL"
)


class Terms(Frozen):
    """For what the rows may be used, and by whom: nothing else was agreed to."""

    purpose: Purpose
    basis: Basis
    receivers: tuple[OrgId, ...]


class Source(Frozen):
    """What one owner's rows were."""

    dataset: str
    """org.dataset"""
    snapshot_of: date | None = None
    """Of a query: the day that the rows were taken, as the catalogue said when it was planned."""
    most_keys: int
    """The padded size, of joined datasets that of all together: real numbers are not told."""


class Sidecar(Frozen):
    """The note beside a result."""

    version: Literal[1] = 1
    result: str
    """The name of the file that this is about."""
    job: Hex32
    run: Hex32 | None = None
    contract: Contract
    plan_digest: Hex32 | None = None
    """Of a query: what every party compiled from the contract and signed at the start."""
    signed: tuple[Milestone, ...]
    sources: tuple[Source, ...]
    rows: int | None = None
    folded: int | None = None
    """Of a query: how many cells are in the remainder."""
    left_out: int | None = None
    """Of a query: how many rows HAVING, LIMIT and OFFSET left out; the node saw them."""
    contributors: tuple[OrgId, ...] | None = None
    """Of a sum over UNION ALL: whose rows are in it."""
    columns: dict[str, str]
    """What columns mean whose names don't say it: how they are rounded, how exact they are, how
    much noise they have."""
    leakage: LeakageStatement
    terms: Terms


def beside(result: Path) -> Path:
    """Where the note about a result lies."""
    return result.with_name(f"{result.name}.json")


def require_absent(result: Path) -> None:
    """AlreadyThere if the rows or their note could not be written."""
    files.require_absent(result, beside(result))


def write(result: Path, job: JobView, rows: Iterable[bytes]) -> None:
    """Write the rows of a finished job, and before them the note: rows are never without it."""
    require_absent(result)
    files.write_whole(beside(result), [canonical_bytes(sidecar_of(result.name, job)) + b"\n"])
    try:
        files.write_whole(result, rows)
    except BaseException:
        beside(result).unlink(missing_ok=True)
        raise


def sidecar_of(name: str, job: JobView) -> Sidecar:
    """The note about a job's result in the file `name`."""
    contract, result = job.contract, job.result
    is_query = contract.kind is JobKind.QUERY
    return Sidecar(
        result=name,
        job=job.job,
        run=job.run,
        contract=contract,
        plan_digest=_plan_digest(contract) if is_query else None,
        signed=job.history,
        sources=tuple(_sources(contract)),
        rows=result.rows if result else None,
        folded=result.folded if result else None,
        left_out=result.left_out if result else None,
        contributors=result.contributors if result else None,
        columns=_meanings(result) if is_query else {},
        leakage=job.leakage,
        terms=Terms(purpose=contract.purpose, basis=contract.basis, receivers=contract.receivers),
    )


def _sources(contract: Contract) -> Iterator[Source]:
    entries = contract.query.entries if contract.query else ()
    days = {(entry.org, entry.name): entry.refreshed for entry in entries}
    for party in contract.parties:
        for one in party.datasets:
            yield Source(
                dataset=f"{party.org}.{one.dataset}",
                snapshot_of=days.get((party.org, one.dataset)),
                most_keys=party.size,
            )


def _meanings(result: ResultView | None) -> dict[str, str]:
    said = {column.name: _meaning(column) for column in (result.columns if result else ())}
    known = {name: meaning for name, meaning in said.items() if meaning}
    if result is not None and result.withheld is not None:
        known |= {result.columns[-1].name: WITHHELD}
    return {**known, "remainder": REMAINDER}


def _meaning(column: ResultColumn) -> str:
    return "; ".join(one for one in (_noise(column), _rounding(column)) if one)


def _noise(column: ResultColumn) -> str:
    if column.noise is None:
        return ""
    if column.noise == COMPUTED_NOISE:
        return "computed from counts and sums that have noise"
    return f"has noise with a standard deviation of {column.noise}"


def _rounding(column: ResultColumn) -> str:
    if column.within is not None:
        return f"known to a band: the middle of one, right to ± {column.within}"
    if column.significant is not None:
        return f"rounded half-even to {column.significant} significant digits"
    if column.type is ColumnType.DECIMAL:
        return f"rounded half-even to {column.decimals} decimals, if it has more"
    return ""


def _plan_digest(contract: Contract) -> str:
    # Its imports are heavy, and no other command needs them.
    from federated.query.agreed import digest_of_query

    return digest_of_query(contract)
