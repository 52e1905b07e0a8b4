"""Views of the node, drawn as tables for people. Pure: a view in, something to print out."""

from collections import Counter
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.terminal import facts, lines, table
from contract.checks import Outcome, Report
from contract.dataset import CatalogueEntry, Changes, ColumnQuality, QualityReport
from contract.epsilon import DEFAULT_EPSILON_DAYS
from contract.errors import clean
from contract.job import JobKind, Query
from contract.learns import LeakageStatement
from contract.lifecycle import State
from contract.views import (
    CatalogueView,
    JobList,
    JobView,
    NodeStatus,
    OwnDataset,
    OwnDatasets,
    PlanView,
    ResultView,
)
from mihe.explain import parameter_lines, policy_line, time_of

SHORT = 12
"""Digits of a job id that are shown in prose; the node asks for 6."""

_OUTCOMES = {
    Outcome.OK: "green",
    Outcome.WARNING: "bold yellow",
    Outcome.PROBLEM: "bold red",
}
_STYLES = {State.DONE: "bold green", State.FAILED: "bold red", State.REFUSED: "bold yellow"}


def status(view: NodeStatus) -> Table:
    """Whether this node is up, and whom it reaches."""
    reached = "attached" if view.attached else "NOT attached: jobs wait until it is"
    return facts(
        [
            ("organisation", view.org),
            ("version", view.version),
            ("coordinator", f"{view.coordinator}, {reached}"),
            ("datasets", view.datasets),
            ("open jobs", _open_jobs(view)),
            ("certificate until", _moment(view.certificate_expires)),
            ("fingerprint", view.fingerprint),
            *(("attention", str(notice)) for notice in view.notices),
        ]
    )


def report(view: Report) -> RenderableType:
    """What a preflight found, the fix under what needs one, and the count of each outcome."""
    rows = [
        (
            Text(one.outcome.value, style=_OUTCOMES[one.outcome]),
            one.check.value,
            lines([one.what, *([f"→ {one.fix}"] if one.fix else [])]),
        )
        for one in view.findings
    ]
    counts = Counter(one.outcome for one in view.findings)
    said = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome)
    return Group(table(("", "check", "what, and what to do"), rows), Text(said))


def catalogue(view: CatalogueView) -> RenderableType:
    """What every organisation offers, one line per column of every dataset."""
    if not any(organisation.entries for organisation in view.organisations):
        return Text("No organisation offers a dataset yet.")
    rows = [
        (
            entry.full_name if index == 0 else "",
            column.name,
            column.key.value if column.key else column.type.value,
            column.unit or "",
            column.level,
            f"≤ {column.size:,}" if column.size else "",
            column.title or "",
        )
        for organisation in view.organisations
        for entry in organisation.entries
        for index, column in enumerate(entry.columns)
    ]
    keys = [
        (entry.full_name, ", ".join(key.columns), "key", "", "", f"≤ {key.size:,}", "")
        for organisation in view.organisations
        for entry in organisation.entries
        for key in entry.keys or ()
        if key.size
    ]
    columns = ("dataset", "column", "type", "unit", "level>", "keys>", "title")
    return Group(_organisations(view), table(columns, [*rows, *keys]))


def catalogue_summary(view: CatalogueView) -> RenderableType:
    """What every organisation offers, one line per dataset."""
    rows = [
        (entry.full_name, entry.title, len(entry.columns), _keys(entry))
        for organisation in view.organisations
        for entry in organisation.entries
    ]
    return table(("dataset", "title", "columns>", "keys, padded"), rows)


def _keys(entry: CatalogueEntry) -> str:
    sizes = [(column.name, column.size) for column in entry.columns]
    sizes += [(f"({', '.join(key.columns)})", key.size) for key in entry.keys or ()]
    return ", ".join(f"{name} ≤ {size:,}" for name, size in sizes if size)


def _organisations(view: CatalogueView) -> Table:
    rows = [
        (one.org, "attached" if one.attached else "away", len(one.entries))
        for one in view.organisations
    ]
    return table(("organisation", "node", "datasets>"), rows)


def datasets(view: OwnDatasets) -> RenderableType:
    """This node's own datasets, one a line."""
    if not view.datasets:
        return Text("This node has no dataset yet.")
    rows = [
        (
            one.entry.name,
            one.entry.title,
            one.report.rows_kept,
            f"{one.entry.refreshed}",
            one.jobs_open,
            one.described,
        )
        for one in view.datasets
    ]
    columns = ("dataset", "title", "rows>", "snapshot of", "open jobs>", "described in")
    return table(columns, rows)


def dataset(view: OwnDataset) -> RenderableType:
    """What the last import of a dataset found and changed: counts, never a value or a key."""
    parts = [quality(view.report)]
    if view.changes is not None:
        parts.append(changes(view.changes, view.report))
    if view.spent:
        rows = [(one.receiver, f"{one.epsilon:f}") for one in view.spent]
        days = f"epsilon in {DEFAULT_EPSILON_DAYS} days>"
        parts.append(table(("answers with noise to", days), rows))
    if view.budgets:
        left = [
            (one.receiver, f"{one.epsilon:f} in {one.days} days", f"{one.left:f}", one.rule)
            for one in view.budgets
        ]
        parts.append(table(("budget of epsilon for", "in all>", "left>", "by policy.toml"), left))
    return Group(*parts)


def changes(view: Changes, now: QualityReport) -> RenderableType:
    """A new snapshot against the one before."""
    if view.nothing:
        return Text("Nothing changed: the snapshot before held the same rows.")
    was = view.before
    head = facts(
        [
            ("rows", f"{was.rows_kept:,} → {now.rows_kept:,}"),
            ("rows added", view.rows_added),
            ("rows removed", view.rows_removed),
            ("rows left out", f"{was.rows_left_out:,} → {now.rows_left_out:,}"),
            ("columns added", ", ".join(view.columns_added)),
            ("columns removed", ", ".join(view.columns_removed)),
            ("columns declared otherwise", ", ".join(view.columns_altered)),
            ("open jobs refused", view.jobs_refused or None),
        ],
        title="Against the snapshot before",
    )
    keys = [(one.column, one.added, one.removed, one.changed) for one in view.keys]
    return Group(head, table(("key", "added>", "removed>", "with other rows>"), keys))


def quality(report: QualityReport) -> RenderableType:
    """What the import of a dataset found: counts and row numbers, never a value."""
    rows = [
        (
            column.name,
            column.distinct_keys,
            column.nulls,
            column.invalid,
            "; ".join(f"{reason} {count:,}" for reason, count in sorted(column.reasons.items())),
            _rows(column),
        )
        for column in report.columns
    ]
    keys = [
        (", ".join(key.columns), key.distinct_keys, "", "", "", "") for key in report.keys or ()
    ]
    columns = ("column", "distinct keys>", "empty>", "invalid>", "why", "rows in the file")
    head = facts(
        [
            ("dataset", report.dataset),
            ("rows read", report.rows_read),
            ("rows kept", report.rows_kept),
            ("repeated rows", report.duplicate_rows),
        ]
    )
    return Group(head, table(columns, [*rows, *keys]))


def _rows(column: ColumnQuality) -> Text:
    if not column.invalid_in:
        return Text(", ".join(map(str, column.invalid_rows)))
    places = zip(column.invalid_in, column.invalid_rows, strict=True)
    return lines(f"{title}: {row}" for title, row in places)


def leakage(statement: LeakageStatement) -> RenderableType:
    """Who learns what: shown before anybody consents."""
    drawn = facts([], title="Who learns what")
    for line in (*statement.parties, *statement.coalitions):
        drawn.add_row(Text(clean(line.who)), lines(line.what))
    drawn.add_row(Text("not covered"), lines(statement.not_covered))
    return drawn


def plan(view: PlanView) -> RenderableType:
    """What a job would do and cost, and who would learn what."""
    contract = view.contract
    head = facts(
        [
            ("job", _kind(view.contract.kind.value)),
            *_asked(contract.query),
            ("matches", " × ".join(_contribution(party.org, view) for party in contract.parties)),
            ("result to", ", ".join(contract.receivers)),
            ("purpose, basis", f"{contract.purpose}, {contract.basis.value}"),
            ("crypto suite", _suite(view)),
            ("contract ends", _moment(contract.expires)),
            ("steps", lines(view.steps) if view.steps else None),
            ("policy", lines(map(policy_line, view.policy)) if view.policy else None),
            ("streams", lines(view.streams)),
            ("on the wire", _size(view.bytes_on_the_wire)),
            ("time", time_of(view)),
            ("memory", f"at most {_size(view.memory_bytes)}"),
        ],
        title="Plan",
    )
    return Group(head, Text(), leakage(view.leakage))


def _suite(view: PlanView) -> str:
    suite = view.contract.crypto.suite.value
    return suite if view.engine is None else f"{suite} ({view.engine})"


def _contribution(org: str, view: PlanView) -> str:
    party = view.contract.party(org)
    return f"{party.matched} (≤ {party.size:,} keys)"


def jobs(view: JobList) -> RenderableType:
    """Every job that this node has heard of, newest first."""
    if not view.jobs:
        return Text("No job yet.")
    rows = [
        (
            line.job[:SHORT],
            _state(line.state, line.attempt),
            _kind(line.kind),
            " × ".join(line.datasets),
            ", ".join(line.receivers),
            line.purpose,
            _moment(line.created),
            line.code or "",
        )
        for line in view.jobs
    ]
    return table(("job", "state", "kind", "datasets", "to", "purpose", "created", "cause"), rows)


def outcome(view: JobView, *, own: str) -> Table:
    """How a job stands, in a few lines: what a person wants to know when it has ended."""
    contract = view.contract
    return facts(
        [
            ("job", view.job),
            ("state", _state(view.state, view.attempt)),
            ("kind", _kind(contract.kind.value)),
            (
                "matches",
                " × ".join(party.matched for party in contract.parties),
            ),
            ("result to", ", ".join(contract.receivers)),
            *_result(view, own),
        ]
    )


def _result(view: JobView, own: str) -> list[tuple[str, object]]:
    if view.result is not None:
        return [*_counts(view.contract.kind, view.result), ("rows lie in", view.result.file)]
    if view.state is State.DONE and own not in view.contract.receivers:
        return [("result", f"not for {own}: {', '.join(view.contract.receivers)} received it")]
    return []


def _counts(kind: JobKind, result: ResultView) -> list[tuple[str, object]]:
    if kind is not JobKind.QUERY:
        return [("keys in common", result.count), ("own rows", result.rows)]
    rows = f"{result.count:,} row{'' if result.count == 1 else 's'}"
    if result.folded:
        rows += f", {result.folded:,} smaller group{'' if result.folded == 1 else 's'}"
        rows += " folded into one"
    if result.withheld:
        rows += f", {result.withheld:,} with values withheld"
    if result.left_out:
        rows += f", {result.left_out:,} left out by HAVING, LIMIT or OFFSET"
    return [("rows of the result", rows)]


def _asked(query: Query | None) -> list[tuple[str, object]]:
    """What a query asks, and what it never shows."""
    if query is None:
        return []
    most = query.largest_share
    checked = "not checked in the join" if most is None else f"{most} %; other cells are folded"
    return [
        ("statement", lines(query.statement.splitlines())),
        *([("parameters", lines(parameters))] if (parameters := parameter_lines(query)) else []),
        ("smallest row", f"{query.min_group:,} entities; smaller groups are folded into one"),
        ("smallest join", f"{query.min_join:,} entities; below, nothing is released"),
        ("largest share of a sum", checked),
        ("noise", _noise(query)),
    ]


def _noise(query: Query) -> str:
    if query.epsilon is None:
        return "none: counts and sums are exact"
    return f"on every count and sum: epsilon {query.epsilon} for all of them together"


def job(view: JobView, *, own: str) -> RenderableType:
    """A job in full: how it stands, what was said by whom, and who learns what."""
    history = [(one.number, one.org, one.kind, one.detail) for one in view.history]
    parts: list[RenderableType] = [
        outcome(view, own=own),
        facts(
            [
                *_asked(view.contract.query),
                ("purpose, basis", f"{view.contract.purpose}, {view.contract.basis.value}"),
                ("proposed by", view.contract.initiator),
                ("created", _moment(view.contract.created)),
                ("contract ends", _moment(view.contract.expires)),
                ("run", view.run),
                ("evidence lies in", view.evidence),
            ]
        ),
        Text(),
        table(("number>", "by", "signed statement", "answer"), history),
    ]
    if view.progress:
        bars = [(one.org, one.phase, one.done, one.total) for one in view.progress]
        parts.append(table(("party", "phase", "done>", "of>"), bars))
    return Group(*parts, leakage(view.leakage))


def _kind(kind: str) -> str:
    words = {"psi": "intersection", "psi_cardinality": "size of the intersection"}
    return words.get(kind, kind)


def _state(state: State, attempt: int = 1) -> Text:
    further = f", attempt {attempt}" if attempt > 1 else ""
    return Text(state.value + further, style=_STYLES.get(state, "bold"))


def _open_jobs(view: NodeStatus) -> str:
    further = f", {view.jobs_again} in a further attempt" if view.jobs_again else ""
    return f"{view.jobs_open}{further}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _size(count: int) -> str:
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
