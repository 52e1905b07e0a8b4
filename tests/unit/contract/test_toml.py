"""Settings: values through strict models, and the line of whatever is wrong."""

import tomllib
from decimal import Decimal
from typing import Annotated, Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from contract.canonical import Frozen, Name, OrgId, Timestamp, Unfit
from contract.errors import BadSetting, MiheError, OurError, UnknownSetting
from contract.keys import KeyKind, Strictness
from contract.toml import Path, describe, lines, parse, template

SECRET = "hunter2hunter2"


class Column(Frozen):
    name: Name = Field(description="Name in SQL.")
    level: int = Field(ge=1, le=5, description="Level of JR/T 0197")
    key: KeyKind | None = None
    codes: tuple[str, ...] | None = None


class Listen(Frozen):
    host: str
    port: int = Field(default=7451, ge=1, le=65535, description="TCP port")
    until: Timestamp | None = None
    share: Decimal = Decimal("0.5")


class Dataset(Frozen):
    name: Name = Field(description="Name of the dataset")
    invalid_keys: Strictness = Field(default=Strictness.STRICT, description="Invalid keys")
    with_: tuple[OrgId, ...] = Field(default=(), validation_alias="with")
    column: tuple[Column, ...] = Field(min_length=1, description="The columns")
    listen: Listen | None = Field(default=None, description="Where to listen")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.name == "unfit":
            raise Unfit("a name other than this one")
        if self.name == "leaky":
            raise ValueError(SECRET)
        return self


GOOD = """\
name = "loans"
with = [
    "tax",  # first
    "bank_a",
]

[[column]]
name = "uscc"
level = 2
key = "uscc"

[[column]]
"name" = "balance"
level = 3

[listen]
host = "localhost"
until = 2026-03-01T16:00:00+08:00
"""


def fault(text: str) -> MiheError:
    with pytest.raises((BadSetting, UnknownSetting)) as caught:
        parse(Dataset, text, "loans.toml")
    assert caught.value.__cause__ is None
    assert SECRET not in str(caught.value)
    assert "pydantic" not in str(caught.value)
    return caught.value


def test_values_arrive_with_their_types() -> None:
    dataset = parse(Dataset, GOOD, "loans.toml")
    assert dataset.with_ == ("tax", "bank_a")
    assert [c.key for c in dataset.column] == [KeyKind.USCC, None]
    assert dataset.listen is not None
    assert dataset.listen.until is not None
    assert dataset.listen.until.isoformat() == "2026-03-01T08:00:00+00:00"
    assert dataset.listen.port == 7451


@pytest.mark.parametrize("change", ["\r\n", "bom"])
def test_a_file_from_another_system(change: str) -> None:
    text = "\ufeff" + GOOD if change == "bom" else GOOD.replace("\n", change)
    assert parse(Dataset, text, "loans.toml") == parse(Dataset, GOOD, "loans.toml")
    assert ":14: " in fault(text.replace("level = 3", "levle = 3")).what


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("name = ", "nmae = ", ":1: unknown key 'nmae' in the top level. Did you mean 'name'?"),
        ("with =", "with_ =", ":2: unknown key 'with_' in the top level. Did you mean 'with'?"),
        ("level = 3", "lvel = 3", ":14: unknown key 'lvel' in [[column]]. Did you mean 'level'?"),
        ("level = 3", "level = 3\nx.y = 1", ":15: unknown key 'x' in [[column]]."),
        ('host = "localhost"', "hosts = 1", ":17: unknown key 'hosts' in [listen]. Did you mean"),
        (GOOD[GOOD.index("[listen]") :], "listen = {}", ":16: unknown key 'listen' in [[column]]."),
    ],
)
def test_an_unknown_key_has_its_line_and_the_nearest_valid_one(
    old: str, new: str, what: str
) -> None:
    found = fault(GOOD.replace(old, new, 1))
    assert isinstance(found, UnknownSetting)
    assert f"loans.toml{what}" in found.what


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('name = "loans"', "", ":1: the top level lacks the key 'name' (a name"),
        ("level = 3", "", ":12: [[column]] lacks the key 'level' (a whole number at least 1"),
        ('host = "localhost"', "", ":16: [listen] lacks the key 'host' (text in quotes)"),
        ("level = 3", "level = 6", ":14: key 'level' in [[column]] is not as expected: a whole"),
        ("level = 3", 'level = "3"', ":14: key 'level' in [[column]]"),
        ("level = 3", "level = 3.0", ":14: key 'level' in [[column]]"),
        ("level = 3", "level = true", ":14: key 'level' in [[column]]"),
        (
            '= "uscc"\n\n',
            f'= "{SECRET}"\n\n',
            ":10: key 'key' in [[column]] is not as expected: "
            'one of "uscc", "declaration", "id_number"',
        ),
        ('"bank_a"', f'"{SECRET}!"', ":4: key 'with' in the top level is not as expected: an org"),
        ('"localhost"', "[]", ":17: key 'host' in [listen] is not as expected: text in quotes"),
        ("2026-03-01T16:00:00+08:00", "2026-03-01", ":18: key 'until' in [listen]"),
        ("2026-03-01T16:00:00+08:00", "2026-03-01T16:00:00", ":18: key 'until' in [listen]"),
        ("[listen]", "[[listen]]", ":16: key 'listen' in the top level is not as expected: a tab"),
        ('"loans"', '"unfit"', ":1: the top level is not as expected: a name other than this one"),
        ('"loans"', '"leaky"', ":1: the top level is not as expected: keys that fit together"),
    ],
)
def test_a_wrong_or_missing_value_has_its_line_and_what_is_expected(
    old: str, new: str, what: str
) -> None:
    found = fault(GOOD.replace(old, new, 1))
    assert isinstance(found, BadSetting)
    assert found.what.startswith(f"loans.toml{what}")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('name = "x"\ncolumn = 3', ":2: key 'column' in the top level is not as expected: a list"),
        ('name = "x"\ncolumn = [\n3]', ":3: [[column]] is not as expected: a table"),
        ('name = "x"\n\ncolumn = []', ":3: key 'column' in the top level"),
        ('name = "x"\n[column]\nname = "y"', ":2: key 'column' in the top level"),
    ],
)
def test_a_table_of_the_wrong_kind(text: str, what: str) -> None:
    assert fault(text).what.startswith(f"loans.toml{what}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name = \n", 1),
        (f'name = "x"\nlisten = "{SECRET}', 2),
        (f'name = "x"\n\nname = "{SECRET}"\n', 3),
        ("[listen]\n[listen]\n", 2),
        ("name = 'x'\n= 3", 2),
        (f"name = {SECRET}", 1),
        ('name = "x"\nuntil = 2026-13-45', 2),
        ("x = " + "[" * 5000, 1),
        ("x = " + "9" * 5000, 1),
        ("x = 0x" + "f" * 9000, 1),
        ("\x00", 1),
    ],
)
def test_what_is_not_toml_has_its_line(text: str, line: int) -> None:
    found = fault(text)
    assert isinstance(found, BadSetting)
    assert found.what.startswith(f"loans.toml:{line}: column ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b.c = 1\na.b.d = 2", {("a", "b", "c"): 1, ("a", "b", "d"): 2}),
        ("'x.y' . \"\\u00e9\" = 1", {("x.y", "é"): 1}),
        ("3.14 = 1", {("3", "14"): 1}),
        ('a = """\n\n"""\nb = 1', {("a",): 1, ("b",): 4}),
        ("a = [ # c\n1, [\n2, 3], # d\n{x = 4,\ny = 5}]", {("a", 0): 2, ("a", 1, 1): 3}),
        ("a = [\n{ x = 1 },\n{ y.z = 2 },\n]", {("a", 0, "x"): 2, ("a", 1, "y", "z"): 3}),
        (
            "[[t]]\nx = 1\n[[t.u]]\n[[t.u]]\ny = 1\n[[t]]\n[t.v]\nz = 1\n[[t.u]]\ny = 2",
            {
                ("t",): 1,
                ("t", 0, "u", 1, "y"): 5,
                ("t", 1): 6,
                ("t", 1, "v", "z"): 8,
                ("t", 1, "u", 0, "y"): 10,
            },
        ),
        ("[ a . 'b c' ]\nd = 1", {("a",): 1, ("a", "b c", "d"): 2}),
    ],
)
def test_lines_of_every_way_to_write_a_key(text: str, expected: dict[Path, int]) -> None:
    found = lines(text)
    assert {path: found[path] for path in expected} == expected


bare = st.text("abcXYZ019_-", min_size=1, max_size=6)
quoted = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6).map(
    lambda t: '"' + t.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
scalars = st.sampled_from(["1", "true", '"x"', "'''a\nb'''", "1979-05-27", "0.5", "[]", "{}"])
flat = st.dictionaries(bare | quoted, scalars, max_size=5)


def paths_of(value: Any, above: Path = ()) -> set[Path]:
    """Every key and item of a parsed document."""
    steps: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        steps = list(value.items())
    elif isinstance(value, list):
        steps = list(enumerate(value))
    return {p for step, inner in steps for p in {(*above, step), *paths_of(inner, (*above, step))}}


@given(flat, st.lists(st.tuples(bare, st.booleans(), flat), max_size=4))
def test_every_key_of_any_document_has_its_line(
    top: dict[str, str], tables: list[tuple[str, bool, dict[str, str]]]
) -> None:
    rows = [f"{k} = {v}" for k, v in top.items()]
    for name, many, pairs in tables:
        rows += [f"[[{name}]]" if many else f"[{name}]", *(f"{k} = {v}" for k, v in pairs.items())]
    text = "\n".join(rows)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # the same key or table twice
        return
    found = lines(text)
    assert set(found) == paths_of(document)
    written = text.split("\n")
    for path, line in found.items():
        last = next(step for step in reversed(path) if isinstance(step, str))
        row = written[line - 1]
        assert last in row or '"' in row


@given(st.data())
def test_a_mutated_key_is_reported_on_its_line(data: st.DataObject) -> None:
    rows = GOOD.splitlines()
    number = data.draw(st.sampled_from([1, 2, 8, 9, 10, 13, 14, 17, 18]))
    key, _, value = rows[number - 1].partition(" = ")
    at = data.draw(st.integers(0, len(key.strip('"')) - 1))
    mutated = key.strip('"')[:at] + data.draw(st.sampled_from("QZ9-")) + key.strip('"')[at + 1 :]
    rows[number - 1] = f"{mutated} = {value}"
    found = fault("\n".join(rows))
    assert isinstance(found, UnknownSetting)
    assert found.what.startswith(f"loans.toml:{number}: unknown key '{mutated}'")


@given(st.text(max_size=60) | st.integers(0, len(GOOD)).map(lambda n: GOOD[:n]))
def test_any_text_gives_settings_or_an_error_of_ours(text: str) -> None:
    try:
        parse(Dataset, text, "loans.toml")
    except (BadSetting, UnknownSetting) as found:
        message = found.what
    else:
        message = "loans.toml:"
    assert message.startswith("loans.toml:")


def test_every_key_is_described_in_the_order_of_the_fields() -> None:
    settings = describe(Dataset)
    assert [s.path for s in settings] == [
        "name",
        "invalid_keys",
        "with",
        "column",
        "column[].name",
        "column[].level",
        "column[].key",
        "column[].codes",
        "listen",
        "listen.host",
        "listen.port",
        "listen.until",
        "listen.share",
    ]
    port = next(s for s in settings if s.path == "listen.port")
    assert (port.required, port.default, port.description) == (False, "7451", "TCP port")
    assert port.words == "a whole number at least 1 and at most 65535"
    assert {s.path for s in settings if s.required} == {
        "name",
        "column",
        "column[].name",
        "column[].level",
        "listen.host",
    }


FILLED: dict[str, object] = {
    "name": "loans",
    "with": ("tax",),
    "column": [{"name": "uscc", "level": 2, "key": KeyKind.USCC}, {"name": "kwh", "level": 1}],
}


def test_a_template_is_valid_and_says_what_was_given() -> None:
    text = template(Dataset, FILLED)
    dataset = parse(Dataset, text, "x.toml")
    assert (dataset.name, dataset.with_, dataset.listen) == ("loans", ("tax",), None)
    assert [(c.name, c.level, c.key) for c in dataset.column] == [
        ("uscc", 2, KeyKind.USCC),
        ("kwh", 1, None),
    ]


def test_a_template_explains_every_key_once_and_shows_its_default() -> None:
    text = template(Dataset, FILLED)
    for line in (
        'Invalid keys. Optional: one of "strict", "warn"\n#invalid_keys = "strict"\n',
        "# TCP port. Optional: a whole number at least 1 and at most 65535\n#port = 7451\n",
        "# Where to listen. Optional.\n#[listen]\n",
        "# Name in SQL. Required: a name",
    ):
        assert text.count(line) == 1


def test_a_template_with_everything_uncommented_is_valid_too() -> None:
    given: dict[str, object] = {**FILLED, "listen": {"host": 'a"b\\c\n\x7f密', "share": Decimal(2)}}
    text = template(Dataset, given)
    defaults = [r.removeprefix("#") for r in text.splitlines() if not r.endswith("…")]
    dataset = parse(Dataset, "\n".join(r for r in defaults if not r.startswith(" ")), "x.toml")
    assert dataset.listen == Listen(host='a"b\\c\n\x7f密', share=Decimal(2))


def test_a_template_without_a_required_value_is_our_defect() -> None:
    with pytest.raises(OurError, match="name"):
        template(Dataset, {"column": FILLED["column"]})


def test_words_of_a_union_and_of_limits() -> None:
    class Odd(Frozen):
        either: Annotated[str, Field(pattern="^a+$")] | int = 3
        many: tuple[Annotated[int, Field(gt=0)], ...] = Field(default=(), max_length=2)

    assert [s.words for s in describe(Odd)] == [
        "text in quotes of the form ^a+$ or a whole number",
        "a list of length at most 2, each item a whole number more than 0",
    ]
