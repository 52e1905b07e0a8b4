"""The synthetic world: files of several organisations about the same enterprises, truth apart.

`python -m scenarios.world --size mini --seed 20261122 OUT` writes one folder per organisation with
CSV, Parquet, description and policy, and `truth/` with the answers. Deterministic by seed and size.
Nothing of the product is imported: its mistakes must not become the truth.

Not safe for: any statement about real enterprises. 合成数据，非真实企业。
"""

import argparse
import csv
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios.synthetic import canaries, dirt, files, truth
from scenarios.synthetic.chance import Flags
from scenarios.synthetic.economy import Economy, grow
from scenarios.synthetic.organisation import Organisation
from scenarios.synthetic.organisations.bank import BANK_A, BANK_B
from scenarios.synthetic.organisations.power import POWER
from scenarios.synthetic.organisations.registry import REGISTRY
from scenarios.synthetic.organisations.tax import TAX
from scenarios.synthetic.risk import Risk, assess

SIZES = {"mini": 2_000, "std": 20_000, "large": 200_000}
SMALLEST = 1_000  # below, planted cells and marked values find no room
SEED = 20261122
ORGANISATIONS = {one.id: one for one in (REGISTRY, TAX, POWER, BANK_A, BANK_B)}
FORMATS = ("csv", "parquet")

README = """# 合成数据，非真实企业

Synthetic data, not real enterprises. Written by `scenarios.world` from seed {seed}, with {size}
enterprises.

Region codes are real (GB/T 2260, Zhejiang); names and figures are fictional. Unified social credit
codes are random and valid; codes of a few well-known firms are kept out, but a random code may
still be a real firm's by chance. 随机生成的统一社会信用代码可能与真实企业偶然重合。

One folder per organisation: data (CSV, Parquet), a description of each dataset (TOML) and a policy.
`truth/` holds the answers and belongs to nobody: no organisation may read it.
"""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset of the world."""

    organisation: str
    name: str
    description: Path  # the TOML file; data lie beside it
    rows: int

    @property
    def reference(self) -> str:
        """`organisation.dataset`."""
        return f"{self.organisation}.{self.name}"


@dataclass(frozen=True, slots=True)
class World:
    """A world on disk."""

    folder: Path
    seed: int
    size: int
    datasets: tuple[Dataset, ...]

    @property
    def truth(self) -> Path:
        """The folder of true answers."""
        return self.folder / "truth"

    def path(self, reference: str, suffix: str) -> Path:
        """A file of `organisation.dataset`: its csv, parquet or toml."""
        organisation, name = reference.split(".")
        return self.folder / organisation / f"{name}.{suffix}"

    def rows(self, reference: str) -> Iterator[dict[str, str]]:
        """The rows of its CSV as they stand there."""
        with self.path(reference, "csv").open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)

    def answers(self, name: str) -> Any:
        """The content of one JSON file of `truth/`."""
        return json.loads((self.truth / f"{name}.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _Written:
    dataset: Dataset
    counts: dict[str, int]
    named: Flags
    marked: list[canaries.Canary]


def write_world(
    folder: Path | str,
    size: str | int = "std",
    seed: int = SEED,
    organisations: Sequence[str] | None = None,
    formats: Sequence[str] = FORMATS,
) -> World:
    """Write a world into a new or empty folder.

    `size` is mini, std, large or a number of enterprises. An organisation's files are the same
    whichever others are written. Raises ValueError for what it doesn't know and FileExistsError
    for a folder that holds something.
    """
    folder = Path(folder)
    count = _count(size)
    chosen = [ORGANISATIONS[one] for one in _known(organisations, ORGANISATIONS)]
    formats = _known(formats, FORMATS)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    (folder / "truth").mkdir(parents=True)
    economy = grow(seed, count)
    risk = assess(economy)
    written = [one for each in chosen for one in _write(folder, each, economy, risk, formats)]
    _write_truth(folder / "truth", economy, risk, written)
    readme = README.format(seed=seed, size=count)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    truth.write_manifest(folder / "truth", economy, (p for p in folder.rglob("*") if p.is_file()))
    return World(folder, seed, count, tuple(one.dataset for one in written))


def _count(size: str | int) -> int:
    """The number of enterprises that a size stands for."""
    if isinstance(size, str) and not size.isdecimal():
        return SIZES[_known((size,), SIZES)[0]]
    if int(size) < SMALLEST:
        raise ValueError(f"a world has at least {SMALLEST} enterprises")
    return int(size)


def _known(names: Iterable[str] | None, allowed: Collection[str]) -> tuple[str, ...]:
    """The names asked for, in the order of those there are."""
    chosen = set(allowed if names is None else names)
    if not chosen or chosen - set(allowed):
        raise ValueError(f"choose from {', '.join(allowed)}")
    return tuple(one for one in allowed if one in chosen)


def _write(
    folder: Path, organisation: Organisation, economy: Economy, risk: Risk, formats: Sequence[str]
) -> Iterator[_Written]:
    """The folder of one organisation."""
    place = folder / organisation.id
    place.mkdir()
    files.write_policy(place, organisation.rules)
    for table in organisation.tables(economy, risk):
        purpose = f"{organisation.id}.{table.name}"
        kept = dirt.drop_months(table, purpose, economy.seed)
        marked, spared, listed = canaries.plant(kept, organisation.id, economy)
        soiled = dirt.soil(marked, purpose, economy.seed, economy.size, spared)
        files.write_dataset(place, soiled.table, formats)
        description = place / f"{table.name}.toml"
        dataset = Dataset(organisation.id, table.name, description, soiled.counts["rows"])
        missing = len(table.firm) - len(kept.firm)
        yield _Written(dataset, {**soiled.counts, "missing_months": missing}, soiled.named, listed)


def _write_truth(folder: Path, economy: Economy, risk: Risk, written: Sequence[_Written]) -> None:
    references = [one.dataset.reference for one in written]
    renamed = sum(former is not None for former in economy.former_name)
    counts = dict(zip(references, (one.counts for one in written), strict=True))
    truth.write_enterprises(folder, economy, risk)
    truth.write_signals(folder, economy, risk)
    truth.write_canaries(folder, (canary for one in written for canary in one.marked))
    truth.write_json(folder / "dirt.json", {"renamed": renamed, "datasets": counts})
    truth.write_keys(folder, dict(zip(references, (one.named for one in written), strict=True)))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: exit code 0, or 2 for what can't be written."""
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.world", description="Write a synthetic world."
    )
    parser.add_argument("folder", type=Path, metavar="OUT", help="new or empty folder")
    parser.add_argument("--size", default="std", help="mini, std, large or a number of enterprises")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--organisations", nargs="+", choices=ORGANISATIONS)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    chosen = parser.parse_args(arguments)
    try:
        world = write_world(
            chosen.folder, chosen.size, chosen.seed, chosen.organisations, chosen.formats
        )
    except (ValueError, FileExistsError) as refused:
        parser.error(str(refused))
    for dataset in world.datasets:
        sys.stdout.write(f"{dataset.reference}\t{dataset.rows} rows\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
