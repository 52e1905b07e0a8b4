"""Where a dataset comes from besides a file, as its description says it; no password stands in it.

Learns      nobody: no I/O.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from contract.canonical import Frozen, Unfit
from contract.postgres import PostgresUri


class Encoding(StrEnum):
    """How the text of a CSV file is written; declared, never guessed."""

    UTF_8 = "utf-8"
    GB18030 = "gb18030"
    """Also reads what is written in its subsets GBK and GB 2312."""


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
