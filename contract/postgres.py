"""Where a PostgreSQL database is, as a setting says it: a dataset's source, or a daemon's state.

Learns      nobody: no I/O. A setting is copied, mailed and versioned, so a URI that holds a
            password is an error, whatever the password is.
"""

from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field

from contract.canonical import Unfit, Words

_SCHEMES = ("postgresql", "postgres")
_SECRETS = frozenset({"password", "sslpassword"})


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
