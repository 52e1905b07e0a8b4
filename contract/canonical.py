"""Frozen nouns and the one way to write each of them: model ↔ canonical JSON ↔ SHA-256.

Implements  RFC 8785 (JSON Canonicalization Scheme), within what its section 3.1 asks of I-JSON:
            no floats; decimals, and integers from 2^53 on, travel as strings
Rules       a field that is None is left out, so a field added later as optional leaves the digest
            of older documents alone; every other field is written, defaults included; a decimal
            has no exponent and no trailing zeros; a moment is UTC, in whole seconds, with "Z"
Learns      nobody: no I/O here. A digest of guessable content gives the content away to whoever
            can guess; anything confidential needs a salt before it is digested and sent.
Not for     data rows or protocol messages: those are bounded and parsed by the wire.

`parse` accepts a document only if writing the result again gives the same bytes. That one
comparison refuses duplicate keys, spare blanks, other spellings of a number or of a string, nulls
and coercions, and so two parties that parsed the same document hold the same bytes to sign.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from hashlib import sha256
from json import JSONEncoder
from re import compile as pattern
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

import rfc8785
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints
from pydantic import ValidationError as _ValidationError
from pydantic.fields import FieldInfo

from contract import names
from contract.errors import BadMessage, MiheError, OurError

MAX_BYTES = 1 << 20
"""What a document may measure unless its reader says otherwise."""

_FIRST_WIDE_INTEGER = 1 << 53
_DECIMAL_PLACES = 60
_write = JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode
_BEYOND_BASE_PLANE = pattern("[\ud800-\udfff\U00010000-\U0010ffff]")
_WITHOUT_CANONICAL_FORM = frozenset({float, bytes, bytearray, set, frozenset})


class Frozen(BaseModel):
    """What every noun of a contract is: immutable, closed, and never coerced when constructed."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse, when the class is made, fields that have no canonical form."""
        super().__pydantic_init_subclass__(**kwargs)
        for name, field in cls.model_fields.items():
            inside = set(_types_in(field.annotation))
            if without := inside & _WITHOUT_CANONICAL_FORM:
                kind = without.pop().__name__
                raise TypeError(f"{cls.__name__}.{name}: a {kind} has no canonical form")
            if NoneType in get_args(field.annotation) and field.default is not None:
                raise TypeError(f"{cls.__name__}.{name}: a field that may be None defaults to None")


M = TypeVar("M", bound=Frozen)


@dataclass(frozen=True)
class Words:
    """Metadata of an annotated type: what its values are, in words a message may use."""

    text: str


class Unfit(ValueError):
    """Raised by a validator of ours; its text is shown, so it holds no value from the input."""


OrgId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$"),
    Words("an organisation's id (a lower-case letter, then letters, digits or _, at most 32)"),
]
"""An organisation: a lower-case SQL identifier."""

Name = Annotated[
    str,
    StringConstraints(pattern=rf"^{names.FORM}$"),
    Words(f"a name ({names.IN_WORDS})"),
]
"""A dataset or a column: a lower-case SQL identifier, in which Chinese characters are letters."""

Reference = Annotated[
    str,
    StringConstraints(pattern=rf"^[a-z][a-z0-9_]{{0,31}}\.{names.FORM}$"),
    Words("a dataset of an organisation, written org.dataset"),
]
"""A dataset of an organisation, `org.dataset`."""

HostPort = Annotated[
    str,
    StringConstraints(
        pattern=r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)"
        r":(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[0-5]?[0-9]{1,4})$",
        max_length=262,
    ),
    Words("an address, written host:port"),
]
"""Where somebody listens: a host's name or address and a port up to 65535, never another scheme."""

Hex32 = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Words("64 lower-case hexadecimal digits")
]
"""32 bytes, a digest or a nonce, in lower-case hexadecimal."""


def _utc_seconds(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError("out of range") from None


Timestamp = Annotated[
    AwareDatetime, AfterValidator(_utc_seconds), Words("a moment such as 2026-03-01T08:00:00Z")
]
"""A moment: an aware datetime, brought to UTC and whole seconds; written 2026-03-01T08:00:00Z."""


def canonical_bytes(model: Frozen) -> bytes:
    """The RFC 8785 form of `model`, UTF-8."""
    plain = _plain(model)
    text = _write(plain)
    # The standard library writes the same many times as fast, but for the order of names beyond the
    # base plane, which the RFC compares as UTF-16 does.
    return rfc8785.dumps(plain) if _BEYOND_BASE_PLANE.search(text) else text.encode()


class Compiled(Frozen):
    """A plan that every node compiles for itself, a pure function of the contract."""

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal: what tells two plans apart."""
        return digest(canonical_bytes(self)).hex()


def digest(raw: bytes) -> bytes:
    """SHA-256 of canonical bytes, 32 bytes."""
    return sha256(raw).digest()


def parse(
    model_type: type[M],
    raw: bytes,
    *,
    error: type[MiheError] = BadMessage,
    max_bytes: int = MAX_BYTES,
    party: str | None = None,
    phase: str | None = None,
) -> M:
    """The document that `raw` is the canonical form of.

    Raises `error`, which names the first field at fault in our schema's words and quotes nothing.
    """

    def refuse(what: str) -> MiheError:
        return error(
            f"{model_type.__name__}: {what}",
            fix="Have its author write it again with the same version of mihe, and send it anew.",
            party=party,
            phase=phase,
            rule="RFC 8785 canonical JSON",
        )

    if len(raw) > max_bytes:
        raise refuse(f"larger than {max_bytes} bytes")
    try:
        # Coercion is let through here because the comparison below refuses all of it, save the
        # integers that are too wide for a JSON number and therefore stand as strings.
        model = model_type.model_validate_json(raw, strict=False)
    except _ValidationError as found:
        raise refuse(_first_fault(model_type, found)) from None
    try:
        same = canonical_bytes(model) == raw
    except OurError:  # no model of ours, but a peer's 1E+999999999
        same = False
    if not same:
        raise refuse("not in canonical form")
    return model


def key_of(name: str, field: FieldInfo) -> str:
    """The key that stands for a field in a document: its alias where it has one."""
    alias = field.validation_alias
    return alias if isinstance(alias, str) else name


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a value of this annotation is made of, directly."""
    for inside in _types_in(annotation):
        if issubclass(inside, BaseModel):
            yield inside


def _types_in(annotation: Any) -> Iterator[type]:
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type):
        yield kind
    for argument in get_args(annotation):
        yield from _types_in(argument)


def _plain(value: object) -> Any:
    """`value` in the types that JSON has; what has no canonical form is a defect of ours."""
    if type(value) is str:  # most are
        return value
    match value:
        case Frozen():
            return {
                key: _plain(inside)
                for name, key in _fields_of(type(value))
                if (inside := getattr(value, name)) is not None
            }
        case Enum():
            return _plain(value.value)
        case bool() | str():
            return value
        case int():
            return value if -_FIRST_WIDE_INTEGER < value < _FIRST_WIDE_INTEGER else str(value)
        case Decimal() if value.is_finite() and _written_shortly(value):
            return _plain_decimal(value)
        case datetime() if value.tzinfo is UTC:
            return value.isoformat().replace("+00:00", "Z")
        case date() if not isinstance(value, datetime):
            return value.isoformat()
        case tuple() | list():
            return [_plain(inside) for inside in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {str(key): _plain(inside) for key, inside in value.items()}
    raise OurError(
        f"a value of type {type(value).__name__} has no canonical form", fix="Report this defect."
    )


@cache
def _fields_of(model_type: type[Frozen]) -> tuple[tuple[str, str], ...]:
    """Attribute and key of every field."""
    return tuple((name, key_of(name, field)) for name, field in model_type.model_fields.items())


def _written_shortly(value: Decimal) -> bool:
    # Written out, a few bytes of exponent become gigabytes.
    return abs(value.adjusted()) < _DECIMAL_PLACES > -int(value.as_tuple().exponent)


def _plain_decimal(value: Decimal) -> str:
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _first_fault(model_type: type[BaseModel], found: _ValidationError) -> str:
    fault = found.errors(include_url=False, include_input=False)[0]
    path = field_path(model_type, fault["loc"])
    match fault["type"]:
        case "value_error" if isinstance(ours := fault["ctx"]["error"], Unfit):
            return f"{f'field {path}: ' if path else ''}{ours}"
        case "json_invalid":
            return "not JSON"
        case "extra_forbidden":
            return f"unknown field{f' in {path}' if path else ''}"
        case "missing":
            return f"field {path} is missing"
        case _:
            return f"field {path} is not what it must be" if path else "not what it must be"


def field_path(model_type: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """`location` as `a.b[2].c`, without any key that came with the input."""
    known = _keys_below(model_type)
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step in known:
            path += f".{step}"
    return path.removeprefix(".")


@cache
def _keys_below(model_type: type[BaseModel]) -> frozenset[str]:
    seen: set[type[BaseModel]] = set()
    ahead = [model_type]
    while ahead:
        model = ahead.pop()
        if model not in seen:
            seen.add(model)
            ahead += [m for f in model.model_fields.values() for m in models_in(f.annotation)]
    return frozenset(key_of(n, f) for model in seen for n, f in model.model_fields.items())
