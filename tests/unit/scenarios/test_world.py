"""A world on disk: the same from the same seed, typed as described, truth apart."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from contract.dataset import ColumnType, Description
from contract.job import JobKind
from contract.policy import Policy, Use
from contract.toml import parse
from scenarios import world as generator
from scenarios.synthetic.economy import COVERAGE, PERIODS
from scenarios.world import ORGANISATIONS, World, write_world

REFERENCES = (
    "registry.enterprises",
    "tax.returns",
    "power.meters",
    "bank_a.loans",
    "bank_b.loans",
)
ROOT = Path(generator.__file__).parents[1]


def digests(world: World) -> dict[str, str]:
    found: dict[str, str] = world.answers("manifest")["sha256"]
    return found


def description(world: World, reference: str) -> Description:
    text = world.path(reference, "toml").read_text(encoding="utf-8")
    return parse(Description, text, f"{reference}.toml")


def test_the_same_seed_gives_the_same_bytes_in_another_process(mini: World, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scenarios.world", "--size", "2000", str(tmp_path / "again")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    again = World(tmp_path / "again", mini.seed, mini.size, ())
    assert digests(again) == digests(mini)


def test_another_seed_gives_other_data(mini: World, tmp_path: Path) -> None:
    other = write_world(tmp_path / "other", "mini", seed=1)
    same = digests(mini).items() & digests(other).items()
    assert {Path(name).suffix for name, _ in same} <= {".toml"}


def test_an_organisation_is_the_same_whoever_else_is_written(mini: World, tmp_path: Path) -> None:
    alone = write_world(tmp_path / "alone", "mini", organisations=["bank_b", "tax"])
    assert {one.reference for one in alone.datasets} == {"tax.returns", "bank_b.loans"}
    assert not (alone.folder / "power").exists()
    for reference in ("tax.returns", "bank_b.loans"):
        for suffix in ("csv", "parquet", "toml"):
            same = alone.path(reference, suffix).read_bytes()
            assert same == mini.path(reference, suffix).read_bytes()


def test_the_truth_stands_in_no_organisations_folder(mini: World) -> None:
    expected = {
        reference.split(".")[0]: {"policy.toml"}
        | {f"{reference.split('.')[1]}.{suffix}" for suffix in ("csv", "parquet", "toml")}
        for reference in REFERENCES
    }
    found = {
        place.name: {file.name for file in place.iterdir()}
        for place in mini.folder.iterdir()
        if place.is_dir() and place != mini.truth
    }
    assert found == expected
    assert "合成数据，非真实企业" in (mini.folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("reference", REFERENCES)
def test_coverage_and_row_counts(std: World, reference: str) -> None:
    rows = {one.reference: one.rows for one in std.datasets}[reference]
    assert rows == std.path(reference, "csv").read_bytes().count(b"\n") - 1
    covered = round(std.size * COVERAGE[reference.split(".")[0]])
    named = std.answers("keys")["datasets"][reference]
    assert 0.995 * covered <= named <= covered


def test_knowing_an_enterprise_goes_together(std: World) -> None:
    """Banks share more customers than if each had drawn its own at random."""
    shared = std.answers("keys")["pairs"]["bank_a.loans bank_b.loans"]
    assert shared > 1.2 * std.size * COVERAGE["bank_a"] * COVERAGE["bank_b"]


def test_monthly_data_end_in_september_2026(mini: World) -> None:
    assert len(PERIODS) == 24
    for reference in ("tax.returns", "power.meters"):
        assert {int(row["period"]) for row in mini.rows(reference)} == set(PERIODS)
    assert {period for period in PERIODS if 202510 <= period <= 202609} == set(PERIODS[-12:])


def test_an_enterprise_may_have_several_meters(mini: World) -> None:
    meters: dict[str, set[str]] = {}
    for row in mini.rows("power.meters"):
        meters.setdefault(row["uscc"], set()).add(row["meter_no"])
    assert {len(numbers) for numbers in meters.values()} >= {1, 2, 3}


def test_peak_and_valley_stay_within_the_total(mini: World) -> None:
    for row in mini.rows("power.meters"):
        parts = Decimal(row["kwh_peak"]) + Decimal(row["kwh_valley"])
        assert 0 <= parts <= Decimal(row["kwh_total"])


def test_names_are_unique(std: World) -> None:
    names = {row["uscc"].strip(): row["name"] for row in std.rows("registry.enterprises")}
    former = {row["former_name"] for row in std.rows("registry.enterprises")} - {""}
    assert len(set(names.values())) == std.size
    assert not former & set(names.values())
    assert 0.015 <= len(former) / std.size <= 0.025


@pytest.mark.parametrize("reference", REFERENCES)
def test_the_description_declares_what_the_csv_holds(mini: World, reference: str) -> None:
    declared = description(mini, reference)
    first = next(mini.rows(reference))
    assert [column.name for column in declared.column] == list(first)
    assert declared.source == f"{reference.split('.')[1]}.csv"
    assert (declared.invalid_keys, declared.duplicates) == ("warn", "first")
    coded = [column for column in declared.column if column.codes]
    required = [column for column in declared.column if not column.nullable]
    for row in mini.rows(reference):
        assert all(row[column.name] in (column.codes or ()) for column in coded)
        assert all(row[column.name] for column in required)


READ: dict[ColumnType, Callable[[str], object]] = {
    ColumnType.KEY: str,
    ColumnType.TEXT: str,
    ColumnType.INTEGER: int,
    ColumnType.PERIOD: int,
    ColumnType.DECIMAL: Decimal,
    ColumnType.DATE: date.fromisoformat,
    ColumnType.BOOLEAN: {"true": True, "false": False}.__getitem__,
}


@pytest.mark.parametrize("reference", REFERENCES)
def test_csv_and_parquet_hold_the_same_values(mini: World, reference: str) -> None:
    columns = description(mini, reference).column
    with duckdb.connect() as connection:
        parquet = connection.read_parquet(str(mini.path(reference, "parquet"))).fetchall()
    for row, stored in zip(mini.rows(reference), parquet, strict=True):
        for column, value in zip(columns, stored, strict=True):
            text = row[column.name]
            assert value == (READ[column.type](text) if text else None)
            if text and column.type is ColumnType.DECIMAL:
                assert text.partition(".")[2] == f"{value:f}".partition(".")[2]
                assert len(text.partition(".")[2]) == column.decimals


def test_policies_permit_the_banks_and_serve_bank_a(mini: World) -> None:
    for organisation in ("registry", "tax", "power", "bank_a", "bank_b"):
        file = mini.folder / organisation / "policy.toml"
        policy = parse(Policy, file.read_text(encoding="utf-8"), "policy.toml")
        for rule in policy.allow:
            assert rule.on == ("uscc",)
            assert rule.purposes == ("CREDIT_MICRO",)
            assert rule.bases == ("SYNTHETIC_TEST",)
            if JobKind.QUERY in rule.jobs:
                assert set(rule.others) == set(ORGANISATIONS) - {organisation}
                assert rule.receivers == ("bank_a",)
            elif organisation in {"registry", "tax", "power"}:
                assert (rule.others, rule.receivers) == (("bank_a",), ("bank_a",))
                assert rule.jobs == ("psi",)
        if organisation in {"bank_a", "bank_b"}:
            first = policy.allow[0]
            assert set(first.others) == {"bank_a", "bank_b"} - {organisation}
            assert set(first.receivers) == {"bank_a", "bank_b"}
            assert set(first.jobs) == {"psi", "psi_cardinality"}


@pytest.mark.parametrize("reference", REFERENCES)
def test_queries_may_use_every_column_but_names(mini: World, reference: str) -> None:
    organisation, dataset = reference.split(".")
    file = mini.folder / organisation / "policy.toml"
    policy = parse(Policy, file.read_text(encoding="utf-8"), "policy.toml")
    (rule,) = (one for one in policy.allow if JobKind.QUERY in one.jobs)
    assert (rule.dataset, rule.min_group) == (dataset, 10)
    assert rule.columns is not None
    columns = description(mini, reference).column
    free = {one.name for one in columns if one.type is ColumnType.TEXT and one.codes is None}
    assert set(rule.columns) == {one.name for one in columns} - free
    for column in columns:
        uses = set(rule.columns.get(column.name, ()))
        assert (Use.JOIN in uses) == (column.type is ColumnType.KEY)
        assert not uses & {Use.SUM, Use.AVG} or column.bounds is not None
        assert Use.GROUP not in uses or column.type not in {ColumnType.KEY, ColumnType.DECIMAL}


@pytest.mark.parametrize("reference", REFERENCES)
def test_values_lie_within_their_declared_bounds(mini: World, reference: str) -> None:
    for column in description(mini, reference).column:
        if column.type in {ColumnType.INTEGER, ColumnType.DECIMAL}:
            assert column.minimum is not None
            assert column.maximum is not None
            texts = [row[column.name] for row in mini.rows(reference) if row[column.name]]
            found = [Decimal(text) for text in texts]
            assert column.minimum <= min(found) <= max(found) <= column.maximum


def test_the_generator_imports_nothing_of_the_product() -> None:
    code = (
        "import sys, scenarios.world;"
        "own = {'cli', 'node', 'coordinator', 'federated', 'psi', 'contract', 'protos', 'native'};"
        "sys.exit(bool(own & {name.partition('.')[0] for name in sys.modules}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


@pytest.mark.parametrize("size", ["huge", 10, "10", "-2000"])
def test_an_impossible_size_is_refused(size: str | int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"choose from|at least"):
        write_world(tmp_path, size)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("organisations", [["mint"], []])
def test_an_unknown_organisation_is_refused(organisations: list[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="registry"):
        write_world(tmp_path, "mini", organisations=organisations)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(FileExistsError):
        write_world(tmp_path, "mini")
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
