"""`mihe query`: joint statistics in SQL, and nobody learns who is in the join.

    statement → plan, shown with who learns what → (a person agrees) → propose → follow → the table

Nothing is decided here: names, bounds and policies are the nodes' business.
"""

import sys
from pathlib import Path
from re import match
from typing import Annotated

import typer
from rich.console import RenderableType

from cli import terminal
from cli.carry_out import Manner, carry_out, tell
from cli.comparison import REMAINDER
from cli.options import JsonOption, MatchingOption, NodeOption
from contract.dataset import COMPUTED_NOISE, ResultColumn
from contract.errors import BadRequest, KeyInQuery, MiheError, RequestError
from contract.job import DEFAULT_GROUP, DEFAULT_JOIN, MOST_CONTRIBUTORS, MOST_SHARE, Basis
from contract.lifecycle import State
from contract.suites import STRONGEST_MATCHING, Aggregation
from mihe.node import Node
from mihe.proposal import USUAL_AGGREGATION, parameters_typed, question
from mihe.result import Result, text_of

STDIN = "-"
WITHHELD = "withheld"
"""What stands for a value that is not told."""


def query(
    statement: Annotated[
        str,
        typer.Argument(
            metavar="SQL",
            help="One SELECT, or EXPLAIN SELECT, or a file that holds it, or - for stdin.",
            show_default=False,
        ),
    ],
    to: Annotated[
        str,
        typer.Option(metavar="ORG", help="Who receives the result.", show_default=False),
    ],
    purpose: Annotated[
        str, typer.Option(metavar="CODE", help="Purpose code, as CREDIT_MICRO.", show_default=False)
    ],
    basis: Annotated[
        Basis,
        typer.Option(
            metavar="CODE", help="Legal basis: " + ", ".join(Basis) + ".", show_default=False
        ),
    ],
    min_group: Annotated[
        int,
        typer.Option(
            min=1, max=10**6, help="Fewest entities in a row; smaller cells are folded, visibly."
        ),
    ] = DEFAULT_GROUP,
    min_join: Annotated[
        int,
        typer.Option(
            min=1,
            max=10**9,
            help="Fewest entities in the whole join; below, nothing is released.",
        ),
    ] = DEFAULT_JOIN,
    matching: MatchingOption = STRONGEST_MATCHING,
    aggregation: Annotated[
        Aggregation | None,
        typer.Option(
            help="What the coordinator adds up: `encrypted` values, or `shared`, for many groups:"
            " then receiver and an owner together see which of that owner's keys are in a cell."
            " Over UNION ALL: `masked` sums, or `paillier`, those sums under Paillier's encryption"
            " (ISO/IEC 18033-6), which takes seconds more. Every policy must list `shared` and"
            " `paillier`. Without it: `encrypted`, and over UNION ALL `masked`.",
            show_default=False,
        ),
    ] = None,
    largest_share: Annotated[
        int,
        typer.Option(
            metavar="PERCENT",
            min=0,
            max=MOST_SHARE,
            help="Fold cells of which one entity may have more of a sum; the coordinator then sees"
            " how large every line's values are. Every policy must list it. 0 is no check.",
        ),
    ] = 0,
    noise: Annotated[
        str | None,
        typer.Option(
            metavar="EPSILON",
            help="Let owners add noise to every count and sum: 0.5 says how little an answer may"
            " depend on one subject; the smaller, the more noise. An owner's policy may ask for"
            " it.",
            show_default=False,
        ),
    ] = None,
    min_contributors: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST_CONTRIBUTORS,
            help="Of a sum over UNION ALL: fewest organisations in it; 0 is more than half of all.",
        ),
    ] = 0,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME=VALUE",
            help="What :NAME in the statement is worth; once for each. Its type is that of what it"
            " is compared with, or NAME:TYPE=VALUE says it. Every party sees the value.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show plan, cost and who learns what; send nothing."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the result here: CSV, or Parquet or JSON by its name."
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long the contract may start: 30m, 12h, 7d. The node's default is one day.",
            show_default=False,
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Propose, print the job, and don't wait for its end.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before proposing.")] = False,
    node: NodeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Joint statistics in SQL over the data of two to eight owners, without showing who is in it.

    Counts, sums, averages and what is computed from them, grouped by any owner's columns. Each
    owner computes on its own rows; the coordinator adds under encryption; a cell opens only if
    every owner releases it. Cells of too few entities are folded into one visible row.

    Over FROM (SELECT … FROM bank_a.loans UNION ALL SELECT … FROM bank_b.loans UNION ALL …) the rows
    of 3 to 100 organisations are added up without a join, and nobody's own part is seen.

    For example: `mihe query "SELECT r.industry, COUNT(*) AS firms, SUM(b.loan_balance) AS loans
    FROM bank_a.loans AS b JOIN registry.enterprises AS r USING (uscc) GROUP BY r.industry"
    --to bank_a --purpose CREDIT_MICRO --basis SYNTHETIC_TEST`
    """
    typed = _statement(statement)
    proposal = question(
        typed,
        to=to,
        purpose=purpose,
        basis=basis,
        min_group=min_group,
        min_join=min_join,
        matching=matching,
        aggregation=aggregation or USUAL_AGGREGATION,
        largest_share=largest_share,
        noise=noise,
        min_contributors=min_contributors,
        parameters=parameters_typed(param or []),
        expires=expires,
    )
    manner = Manner(dry_run or proposal.explain, out, detach, yes, as_json)
    with Node.open(node) as own:
        try:
            job = carry_out(own, proposal, manner)
        except RequestError as refused:
            _point_at(typed, refused)
            raise
        if job is None:
            return
        if job.last.state is State.DONE and job.last.result is not None and not as_json:
            terminal.out().print(_table(job.result()))
        tell(own, job, manner)


def _statement(given: str) -> str:
    """The SQL that was typed, or that the file or stdin holds."""
    try:
        if given == STDIN:
            return sys.stdin.buffer.read().decode("utf-8-sig")
        if " " in given.strip() or "\n" in given:
            # What a shell passes on may hold bytes that are no text.
            return given.encode().decode()
        return Path(given).read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        raise BadRequest(
            "this is neither a statement nor a file that can be read",
            fix="write the SELECT in quotes, or name a UTF-8 text file that holds it",
        ) from None


def _point_at(statement: str, refused: MiheError) -> None:
    """Show a person the place in the statement that a refusal is about."""
    place = match(r"line ([0-9]+), column ([0-9]+): ", refused.what)
    lines = statement.split("\n")
    if place is None or isinstance(refused, KeyInQuery):  # what is a key is not repeated
        return
    number, column = int(place[1]), int(place[2])
    if number <= len(lines) and column <= len(lines[number - 1]) + 1:
        terminal.point_at(lines[number - 1], column - 1)


def _table(result: Result) -> RenderableType:
    *columns, last = result.columns
    mark = columns.pop().name if result.withheld is not None else None
    shown = []
    for row in result.rows():
        untold = text_of(row[mark]).split() if mark else []
        cells = [WITHHELD if one.name in untold else text_of(row[one.name]) for one in columns]
        shown.append([*cells, REMAINDER if row[last.name] else ""])
    return terminal.table((*map(_title, columns), ""), shown)


def _title(column: ResultColumn) -> str:
    if column.within is not None:
        return f"{column.name} (± {column.within})"
    if column.noise is not None:
        noise = "from noise" if column.noise == COMPUTED_NOISE else f"σ {column.noise}"
        return f"{column.name} ({noise})"
    return column.name
