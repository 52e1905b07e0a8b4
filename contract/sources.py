"""Where a dataset comes from besides a file, as its description says it; no password stands in it.

Learns      nobody: no I/O. A description is copied, mailed and versioned, so a URI that holds a
            password is an error, whatever the password is.
"""

from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, model_validator

from contract.canonical import Frozen, Unfit, Words

_SCHEMES = ("postgresql", "postgres")
_SECRETS = frozenset({"password", "sslpassword"})


class Encoding(StrEnum):
    """How the text of a CSV file is written; declared, never guessed."""

    UTF_8 = "utf-8"
    GB18030 = "gb18030"
    """Also reads what is written in its subsets GBK and GB 2312."""


def _without_password(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        holds = parts.password is not None or _SECRETS & {key for key, _ in parse_qsl(parts.query)}
    except ValueError:
        raise Unfit("a URI such as postgresql://reader@db.example:5432/tax") from None
    if parts.scheme not in _SCHEMES or parts.fragment:
        raise Unfit("a URI such as postgresql://reader@db.example:5432/tax")
    if holds:
        raise Unfit("a URI without a password, which belongs in `password_file`")
    return uri


PostgresUri = Annotated[
    str,
    Field(max_length=1024),
    AfterValidator(_without_password),
    Words("a URI such as postgresql://reader@db.example:5432/tax, without a password"),
]
"""Where a PostgreSQL database is, and as whom, in libpq's form."""


class Postgres(Frozen):
    """A table, or the result of a SELECT of the owner's own, in a PostgreSQL database."""

    uri: PostgresUri = Field(
        description="where the database is, and as whom; parameters are libpq's, such as"
        " ?sslrootcert=/etc/ssl/db.pem. A server on another machine must show a valid certificate"
        " (sslmode=verify-full) unless `sslmode` says otherwise"
    )
    password_file: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="file that holds the password alone, mode 0600, relative to this file; without"
        " it libpq looks where it always does (~/.pgpass, PGSERVICEFILE, PGPASSWORD)",
    )
    schema_name: str | None = Field(
        default=None,
        alias="schema",
        min_length=1,
        max_length=63,
        description="schema of the table; without it the role's search path finds it",
    )
    table: str | None = Field(
        default=None, min_length=1, max_length=63, description="table or view, by its exact name"
    )
    query: str | None = Field(
        default=None,
        min_length=1,
        max_length=16_384,
        description="one SELECT of your own instead of `table`; its columns are those that count",
    )
    timeout_seconds: int = Field(
        default=3600, ge=1, le=86400, description="longest that the server may take in all"
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise Unfit("either `table` or `query` stands here")
        if self.schema_name is not None and self.table is None:
            raise Unfit("`schema` stands with `table` only")
        return self
