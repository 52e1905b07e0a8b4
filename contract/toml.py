"""TOML text → frozen model, with the line of whatever is wrong; and a model → commented TOML.

Implements  TOML 1.0: tomllib reads the values, tree-sitter's grammar tells where each key stands
Errors      UnknownSetting  a key the model doesn't have: file, line, nearest valid key
            BadSetting      no TOML, a missing key, a value of another kind: file, line, what is
                            expected there in our own words
Learns      nobody: text in, text out. A message names keys, never a value, which may be a secret.
Not for     keeping the layout or comments of a file that a person has edited: nothing is rewritten.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from re import search
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import tree_sitter_toml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined
from tree_sitter import Language, Node, Parser

from contract.canonical import Frozen, Unfit, Words, key_of, models_in
from contract.errors import BadSetting, OurError, UnknownSetting, nearest

M = TypeVar("M", bound=Frozen)
Path = tuple[str | int, ...]
"""Keys from the top of a document downwards; an index counts the items of a list."""


def parse(model_type: type[M], text: str, file: str) -> M:
    """The settings that `text` holds. `file` is its name for messages; nothing is opened."""
    values, document = _load(text, file)
    try:
        # Strict JSON is TOML's type system plus enums, decimals and moments written as text.
        return model_type.model_validate_json(document, strict=True, by_alias=True, by_name=False)
    except ValidationError as found:
        faults = found.errors(include_url=False, include_input=False)
    # A mistyped key is also a missing one: the first message should be the one that helps.
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    path = _path_in(values, fault["loc"])
    where = f"{file}:{_line_of(path, lines(text))}"
    match fault["type"]:
        case "extra_forbidden":
            raise _unknown(model_type, path, where)
        case "missing":
            raise _missing(model_type, (*path, fault["loc"][-1]), where)
        case _:
            raise _unexpected(model_type, path, where, fault)


def lines(text: str) -> dict[Path, int]:
    """The line, from 1, on which each key, table and list item of valid TOML first stands."""
    found: dict[Path, int] = {}
    newest: dict[Path, int] = {}  # index of the last [[table]] of each name
    root = Parser(_language()).parse(text.replace("\r\n", "\n").encode(errors="replace")).root_node
    for node in root.named_children:
        if node.type == "pair":
            _note_pair(found, (), node)
        elif node.type in {"table", "table_array_element"}:
            base = _note_header(found, newest, node)
            for pair in node.named_children[1:]:
                if pair.type == "pair":
                    _note_pair(found, base, pair)
    return found


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a model, as a reference page lists it."""

    path: str
    """`table.key`, and `table[].key` in a [[table]]."""
    words: str
    required: bool
    default: str | None
    """As TOML; None where the key is required or simply absent by default."""
    description: str


def describe(model_type: type[Frozen], prefix: str = "") -> list[Setting]:
    """Every key of `model_type` in the order of its fields, tables after their own line."""
    settings = []
    for name, field in model_type.model_fields.items():
        path = prefix + key_of(name, field)
        settings.append(
            Setting(
                path=path,
                words=_words(field.annotation, field.metadata),
                required=field.is_required(),
                default=_default(field),
                description=field.description or "",
            )
        )
        for inner in models_in(field.annotation):
            settings += describe(_frozen(inner), f"{path}{'[]' if _is_list(field) else ''}.")
    return settings


def template(model_type: type[Frozen], values: Mapping[str, object]) -> str:
    """TOML that explains every key: `values` filled in, each other key commented out.

    `values` is nested like the document and must hold each required key. Lines that begin with
    "# " explain, lines that begin with "#key" are settings to uncomment.
    """
    text = "\n".join(_section(model_type, values, (), active=True)).strip() + "\n"
    parse(model_type, text, "template")
    return text


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def _load(text: str, file: str) -> tuple[dict[str, Any], str]:
    try:
        values = tomllib.loads(text.removeprefix("\ufeff"))  # some editors begin a file with it
        return values, json.dumps(values, default=_moment)
    except (ValueError, RecursionError) as found:
        # Only the position is taken from tomllib's message: the rest may quote the file.
        place = search(r"at line (\d+), column (\d+)", str(found))
    line, column = place.groups() if place else (text.count("\n") + 1, 1)
    raise BadSetting(
        f"{file}:{line}: column {column}: not TOML, or a key that is already set",
        fix="Write key = value, text in double quotes, each key and [table] once.",
        rule="TOML 1.0",
    )


def _moment(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError


def _path_in(values: dict[str, Any], location: tuple[int | str, ...]) -> Path:
    """`location` without what isn't in the document: a missing key, the branch of a union."""
    here: Any = values
    path: Path = ()
    for step in location:
        inside_table = isinstance(here, dict) and step in here
        if inside_table or (isinstance(here, list) and isinstance(step, int)):
            here = here[step]
            path = (*path, step)
    return path


def _unknown(model_type: type[Frozen], path: Path, where: str) -> UnknownSetting:
    *above, key = path
    known = [
        key_of(name, field)
        for model in models_in(_at(model_type, tuple(above))[0])
        for name, field in model.model_fields.items()
    ]
    return UnknownSetting(
        f"{where}: unknown key {_short(key)} in {_table(tuple(above))}.{nearest(str(key), known)}",
        fix=f"Correct or remove the key. Valid here: {', '.join(known)}."[:600],
        rule="every key is known",
    )


def _missing(model_type: type[Frozen], path: Path, where: str) -> BadSetting:
    *above, key = path
    words = _words(*_at(model_type, path))
    return BadSetting(
        f"{where}: {_table(tuple(above))} lacks the key {_short(key)} ({words})"[:600],
        fix=f"Add {key} = … there.",
        rule="required keys are set",
    )


def _unexpected(
    model_type: type[Frozen], path: Path, where: str, fault: ErrorDetails
) -> BadSetting:
    kind, metadata = _at(model_type, path)
    is_table = any(models_in(kind)) and get_origin(kind) is None
    last = max((i for i, step in enumerate(path) if isinstance(step, str)), default=-1)
    if last < 0 or (is_table and isinstance(path[-1], int)):
        named = _table(path)
    else:
        named = f"key {_short(path[last])} in {_table(path[:last])}"
    ours = fault["ctx"]["error"] if fault["type"] == "value_error" else None
    if isinstance(ours, Unfit):
        expected = str(ours)
    elif is_table and ours is not None:
        expected = "keys that fit together"
    else:
        expected = _words(kind, metadata)
    return BadSetting(
        f"{where}: {named} is not as expected: {expected}"[:600],
        fix="Correct the value on this line." if path else "Correct what the file says of it.",
        rule="values fit their key",
    )


def _at(model_type: type[Frozen], path: Path) -> tuple[Any, tuple[Any, ...]]:
    """The annotation, and its metadata, of what stands at `path`."""
    annotation: Any = model_type
    metadata: tuple[Any, ...] = ()
    for step in path:
        if isinstance(step, int):
            annotation, metadata = _item(annotation), ()
        else:
            fields = (
                field
                for model in models_in(annotation)
                for name, field in model.model_fields.items()
                if key_of(name, field) == step
            )
            field = next(fields, None)
            if field is not None:
                annotation, metadata = field.annotation, tuple(field.metadata)
    return annotation, metadata


def _item(annotation: Any) -> Any:
    """What the items of a list are; a union or `Annotated` around the list is looked through."""
    if get_origin(annotation) in {tuple, list}:
        return get_args(annotation)[0]
    inside = [_item(a) for a in get_args(annotation) if get_origin(a) is not None]
    return inside[0] if inside else annotation


def _line_of(path: Path, known: dict[Path, int]) -> int:
    return next((known[p] for n in range(len(path), 0, -1) if (p := path[:n]) in known), 1)


def _table(path: Path) -> str:
    if not path:
        return "the top level"
    name = ".".join(step for step in path if isinstance(step, str))
    return f"[[{name[:64]}]]" if isinstance(path[-1], int) else f"[{name[:64]}]"


def _short(key: str | int) -> str:
    return f"'{str(key)[:64]}'"


# ── positions ───────────────────────────────────────────────────────────────────────────────────


@cache
def _language() -> Language:
    return Language(tree_sitter_toml.language())


def _note_header(found: dict[Path, int], newest: dict[Path, int], node: Node) -> Path:
    """Where the pairs below a [table] or [[table]] belong."""
    *above, last = _keys(node.named_children[0])
    base: Path = ()
    for key in above:
        base = _newest((*base, key), newest)
        found.setdefault(base, _line(node))
    base = (*base, last)
    found.setdefault(base, _line(node))
    if node.type == "table_array_element":
        newest[base] = newest.get(base, -1) + 1
        base = _newest(base, newest)
        found[base] = _line(node)
    return base


def _newest(path: Path, newest: dict[Path, int]) -> Path:
    return (*path, newest[path]) if path in newest else path


def _note_pair(found: dict[Path, int], base: Path, pair: Node) -> None:
    match [child for child in pair.named_children if child.type != "comment"]:
        case [key, value]:
            pass
        case _:  # the two grammars disagree: the lines of what is above must do
            return
    for step in _keys(key):
        base = (*base, step)
        found.setdefault(base, _line(key))
    _note_value(found, base, value)


def _note_value(found: dict[Path, int], base: Path, value: Node) -> None:
    inside = [child for child in value.named_children if child.type != "comment"]
    if value.type == "inline_table":
        for pair in inside:
            _note_pair(found, base, pair)
    elif value.type == "array":
        for index, item in enumerate(inside):
            found[(*base, index)] = _line(item)
            _note_value(found, (*base, index), item)


def _keys(node: Node) -> Iterator[str]:
    if node.type == "dotted_key":
        for child in node.named_children:
            yield from _keys(child)
    else:
        yield next(iter(tomllib.loads(f"{(node.text or b'').decode()} = 0")))


def _line(node: Node) -> int:
    return node.start_point.row + 1


# ── words ───────────────────────────────────────────────────────────────────────────────────────

_PLAIN_WORDS: dict[Any, str] = {
    str: "text in quotes",
    int: "a whole number",
    bool: "true or false",
    Decimal: 'a decimal number in quotes, such as "0.25"',
    datetime: "a moment such as 2026-03-01T08:00:00Z",
    date: "a date such as 2026-03-01",
}


def _words(annotation: Any, metadata: tuple[Any, ...] | list[Any] = ()) -> str:
    """What a value of this type is, for a person who edits the file."""
    for mark in metadata:
        if isinstance(mark, Words):
            return mark.text
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        marks = annotation.__metadata__
        inside = [m for mark in marks if isinstance(mark, FieldInfo) for m in mark.metadata]
        return _words(arguments[0], [*marks, *inside])
    if origin in {Union, UnionType}:
        kinds = [_words(a, metadata) for a in arguments if a is not NoneType]
        return " or ".join(dict.fromkeys(kinds))
    if origin is Literal:
        return _one_of(arguments)
    if origin in {tuple, list}:
        return f"a list{_limits(metadata)}, each item {_words(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _one_of([member.value for member in annotation])
    return _PLAIN_WORDS.get(annotation, "a table") + _limits(metadata)


def _one_of(values: Any) -> str:
    return f"one of {', '.join(_literal(value) for value in values)}"


_LIMITS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "of length at least {}",
    "max_length": "of length at most {}",
    "pattern": "of the form {}",
}


def _limits(metadata: tuple[Any, ...] | list[Any]) -> str:
    found = [
        phrase.format(limit)
        for mark in metadata
        for name, phrase in _LIMITS.items()
        if (limit := getattr(mark, name, None)) is not None
    ]
    return f" {' and '.join(found)}" if found else ""


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


def _section(
    model_type: type[Frozen],
    values: Mapping[str, object],
    path: tuple[str, ...],
    *,
    active: bool,
    explain: bool = True,
) -> Iterator[str]:
    """The lines of one table: its own keys first, then the tables inside it, as TOML wants."""
    keyed = [(key_of(name, field), field) for name, field in model_type.model_fields.items()]
    for key, field in keyed:
        if not any(models_in(field.annotation)):
            yield from _entry(key, field, values, active=active, explain=explain)
    for key, field in keyed:
        for inner in models_in(field.annotation):
            if explain or key in values:
                deeper = (*path, key)
                yield from _tables(_frozen(inner), field, values.get(key), deeper, active=active)


def _entry(
    key: str, field: FieldInfo, values: Mapping[str, object], *, active: bool, explain: bool
) -> Iterator[str]:
    value = values.get(key)
    if value is None and active and field.is_required():
        raise OurError(f"a template without its required key {key}", fix="Report this defect.")
    if explain:
        yield ""
        yield _comment(field)
    if value is not None:
        yield f"{key} = {_literal(value)}"
    elif explain:
        yield f"#{key} = {_default(field) or '…'}"


def _tables(
    model_type: type[Frozen],
    field: FieldInfo,
    given: object,
    path: tuple[str, ...],
    *,
    active: bool,
) -> Iterator[str]:
    header = f"[[{'.'.join(path)}]]" if _is_list(field) else f"[{'.'.join(path)}]"
    shown = active and (field.is_required() or bool(given))
    for index, item in enumerate(_items(given)):
        yield ""
        if index == 0:
            yield _comment(field)
        yield header if shown else f"#{header}"
        # What a key means is said once, in the first table of its name.
        yield from _section(model_type, item, path, active=shown, explain=index == 0)


def _items(given: object) -> list[Mapping[str, object]]:
    match given:
        case Mapping():
            return [given]
        case list() | tuple() if given:
            return list(given)
    return [{}]


def _comment(field: FieldInfo) -> str:
    about = f"{field.description.removesuffix('.')}. " if field.description else ""
    need = "Required" if field.is_required() else "Optional"
    if any(models_in(field.annotation)):
        return f"# {about}{need}."
    return f"# {about}{need}: {_words(field.annotation, field.metadata)}"


def _is_list(field: FieldInfo) -> bool:
    return _item(field.annotation) is not field.annotation


def _default(field: FieldInfo) -> str | None:
    """The default as TOML; None where there is none to show."""
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is None or default is PydanticUndefined or any(models_in(field.annotation)):
        return None
    return _literal(default)


def _frozen(model: type[BaseModel]) -> type[Frozen]:
    if not issubclass(model, Frozen):
        raise OurError("a settings table is no Frozen model", fix="Report this defect.")
    return model


def _literal(value: object) -> str:
    """`value` as TOML writes it."""
    match value:
        case Enum():
            return _literal(value.value)
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case Decimal():
            return f'"{value:f}"'
        case str():
            # TOML's basic strings are JSON's, but for the one control character JSON lets stand.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case datetime() | date():
            return value.isoformat().replace("+00:00", "Z")
        case tuple() | list():
            return f"[{', '.join(_literal(item) for item in value)}]"
    raise OurError(f"no TOML for a {type(value).__name__}", fix="Report this defect.")
