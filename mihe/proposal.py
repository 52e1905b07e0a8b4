"""A job as a person asks for it: what was meant by the words typed, at a prompt or in a notebook.

`intersection` and `question` take what the command line's options take, in the same forms and with
the same defaults; what can't be right is a BadRequest before anybody is asked. The node turns a
proposal into a contract, or says why not: names, schemas and policies are its business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from re import fullmatch, match, sub

from contract import names
from contract.dataset import ColumnType
from contract.errors import BadRequest
from contract.job import DEFAULT_GROUP, DEFAULT_JOIN, Basis, JobKind
from contract.suites import Matching
from protos import admin_pb2

Worth = str | int | Decimal | date | bool | tuple[str, str]
"""What a parameter is worth: a text stands for a value of any type, a pair is (type, value)."""

Parameters = Mapping[str, Worth]
"""What the parameters of a statement are worth, by name."""

Expiry = str | timedelta | None
"""How long a contract may start: `"12h"`, a timedelta, or the node's default."""

ANY_ENGINE = "auto"
"""Of two protocols between two parties, the one that suits the sizes."""

STRONGEST_MATCHING = Matching.BLIND.value
"""What is taken unless the weaker one is asked for."""

USUAL_AGGREGATION = ""
"""Of a join what is strongest, `encrypted`; of a sum over UNION ALL `masked`."""

_REFERENCE = rf"[a-z][a-z0-9_]{{0,31}}\.{names.FORM}"
_MOST_PLACES = 60  # written out, a few bytes of exponent become gigabytes
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is asked for."""

    kind: JobKind
    datasets: tuple[str, ...]
    on: tuple[str, ...]
    receivers: tuple[str, ...]
    purpose: str
    basis: Basis
    expires_in_seconds: int = 0
    statement: str = ""
    min_group: int = 0
    min_join: int = 0
    min_contributors: int = 0
    largest_share: int = 0
    epsilon: str = ""
    """Of a query's noise, as 0.5; nothing for none."""
    engine: str = ""
    matching: str = ""
    aggregation: str = ""
    parameters: tuple[tuple[str, str, str], ...] = ()
    """Of a statement: name, type or nothing, value."""
    explain: bool = False
    """Whether the plan is to show what the own policy denies, too; nothing is to be proposed."""

    def message(self) -> admin_pb2.JobRequest:
        """The question to the node."""
        return admin_pb2.JobRequest(
            kind=self.kind.value,
            datasets=self.datasets,
            on=self.on,
            receivers=self.receivers,
            purpose=self.purpose,
            basis=self.basis.value,
            expires_in_seconds=self.expires_in_seconds,
            statement=self.statement,
            min_group=self.min_group,
            min_join=self.min_join,
            min_contributors=self.min_contributors,
            largest_share=self.largest_share,
            epsilon=self.epsilon,
            engine=self.engine,
            matching=self.matching,
            aggregation=self.aggregation,
            explain=self.explain,
            parameters=[
                admin_pb2.ParameterValue(name=name, type=type_, value=value)
                for name, type_, value in self.parameters
            ],
        )


def intersection(
    datasets: Sequence[str],
    *,
    on: str,
    to: Sequence[str],
    purpose: str,
    basis: str,
    cardinality: bool = False,
    engine: str = ANY_ENGINE,
    matching: str = STRONGEST_MATCHING,
    expires: Expiry = None,
) -> Proposal:
    """Which rows of its own does each receiver share with all; with `cardinality`, only how many.

    `datasets` as 'bank_a.loans'; `on` is a key column, or 'uscc=code' where the names differ, or
    'uscc,period' for a key of several columns that every owner declares.
    `engine`: of two parties 'rr22', 'ecdh', 'ecdh-sm2' or 'rr22-active' (experimental), of more
    'star', or 'auto'.
    `matching`, of more than two: 'blind', or, where every owner's policy allows it, 'keyed'.
    """
    return Proposal(
        kind=JobKind.PSI_CARDINALITY if cardinality else JobKind.PSI,
        datasets=tuple(_reference(dataset) for dataset in datasets),
        on=_columns(on, len(datasets)),
        receivers=tuple(to),
        purpose=purpose,
        basis=_basis(basis),
        expires_in_seconds=seconds(expires),
        engine=engine,
        matching=matching,
    )


def question(
    statement: str,
    *,
    to: str,
    purpose: str,
    basis: str,
    min_group: int = DEFAULT_GROUP,
    min_join: int = DEFAULT_JOIN,
    matching: str = STRONGEST_MATCHING,
    aggregation: str = USUAL_AGGREGATION,
    largest_share: int = 0,
    noise: Decimal | str | None = None,
    min_contributors: int = 0,
    parameters: Parameters | None = None,
    expires: Expiry = None,
) -> Proposal:
    """Joint statistics in SQL over the data of several owners.

    `parameters`: what `:year` in the statement is worth, as `{"year": 2024}`.

    Two dials, fast where every owner's policy allows it: `matching`, 'blind' or 'keyed', and
    `aggregation`, 'encrypted' or 'shared'. Of a sum over UNION ALL, where every owner's policy
    allows it, `aggregation` may be 'paillier' instead of 'masked': as exact, and slower.
    `largest_share`, where every owner's policy allows it: the percentage of a sum that one entity
    may have; cells where it may have more are folded. 0: nobody checks in the join.
    `noise`: the epsilon of noise on every count and sum, as `"0.5"`: the smaller, the more; None
    for exact ones.
    `min_contributors`: of a sum over UNION ALL, of how many organisations it must be; 0 for the
    fewest there may be.
    """
    if min(min_group, min_join) < 1:
        raise BadRequest(
            "the smallest row and the smallest join have at least one entity",
            fix="leave min_group and min_join out, or give 1 or more",
        )
    if explained := match(r"(?i)\s*EXPLAIN\s", statement):
        # Blanks in its place: a refusal names line and column of what was typed.
        statement = sub(r"\S", " ", explained[0]) + statement[explained.end() :]
    return Proposal(
        kind=JobKind.QUERY,
        datasets=(),
        on=(),
        receivers=(to,),
        purpose=purpose,
        basis=_basis(basis),
        expires_in_seconds=seconds(expires),
        statement=statement,
        explain=explained is not None,
        min_group=min_group,
        min_join=min_join,
        matching=matching,
        aggregation=aggregation,
        largest_share=max(largest_share, 0),
        epsilon=_epsilon(noise),
        min_contributors=max(min_contributors, 0),
        parameters=tuple(_parameter(*one) for one in (parameters or {}).items()),
    )


def _epsilon(noise: Decimal | str | None) -> str:
    match noise:
        case None:
            return ""
        case Decimal() if _is_written_shortly(noise):
            return f"{noise:f}"
        case str() if noise and noise.isprintable():
            return noise
    raise BadRequest(
        "the epsilon of noise is a Decimal, or a text that writes one",
        fix="give noise='0.5', or leave it out",
    )


def _is_written_shortly(value: Decimal) -> bool:
    return value.is_finite() and abs(value.adjusted()) < _MOST_PLACES


def parameters_typed(written: Sequence[str]) -> dict[str, Worth]:
    """What `year=2024`, or `day:date=2026-01-31` where a type must be said, means."""
    found: dict[str, Worth] = {}
    for one in written:
        head, equals, value = one.partition("=")
        name, _, type_ = names.typed(head).lower().partition(":")
        if not equals or name in found or not names.is_name(name):
            raise BadRequest(
                "a parameter is given once, by its name and its value",
                fix="write --param year=2024, or --param day:date=2026-01-31",
            )
        found[name] = (type_, value)
    return found


def _parameter(name: str, worth: Worth) -> tuple[str, str, str]:
    match worth:
        case (type_, value) if (type_ + value).isprintable():
            return name, type_, value
        case bool():
            return name, ColumnType.BOOLEAN.value, str(worth).lower()
        case int():
            return name, "", str(worth)
        case Decimal() if _is_written_shortly(worth):
            return name, "", f"{worth:f}"
        case date() if not isinstance(worth, datetime):
            return name, ColumnType.DATE.value, worth.isoformat()
        case str() if worth.isprintable():
            return name, "", worth
    raise BadRequest(
        "a parameter is a printable text, an int, a Decimal, a date or a bool",
        fix="give it as one of these, or as text: '10.5'",
    )


def seconds(expires: Expiry) -> int:
    """An expiry in seconds, 0 for the node's default; BadRequest for what is no time."""
    if expires is None:
        return 0
    if isinstance(expires, timedelta):
        whole = int(expires.total_seconds())
    else:
        found = fullmatch(r"([0-9]{1,6})([smhd])", expires)
        whole = int(found[1]) * _UNITS[found[2]] if found else 0
    if whole < 1:
        raise BadRequest(
            "the expiry is not a time", fix="write a number above 0 and s, m, h or d: 12h"
        )
    return whole


def _basis(text: str) -> Basis:
    try:
        return Basis(text)
    except ValueError:
        raise BadRequest(
            "this is no legal basis that a contract can name", fix=f"one of: {', '.join(Basis)}"
        ) from None


def _reference(text: str) -> str:
    reference = names.typed(text)
    if fullmatch(_REFERENCE, reference) is None:
        raise BadRequest(
            "a dataset is named by its organisation and its name",
            fix="write it as bank_a.loans; `mihe catalog` lists what there is",
            rule="ORG.DATASET, lower case",
        )
    return reference


def _columns(on: str, datasets: int) -> tuple[str, ...]:
    keys = [[one.strip() for one in key.split(",")] for key in names.typed(on).split("=")]
    if len(keys) not in (1, datasets) or not all(all(key) for key in keys):
        raise BadRequest(
            "a join is on one key, or on one for each dataset",
            fix="write uscc, or uscc=credit_code in the order of the datasets; a key of several"
            " columns is uscc,period",
        )
    return tuple(",".join(key) for key in keys)
