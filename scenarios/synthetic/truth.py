"""True answers, kept apart from every organisation's folder.

enterprises.csv  every enterprise with who knows it, its over-invoicing and its default probability
signals.json     the carriers of each planted signal
canaries.json    marked values with their owner and column
dirt.json        how many rows of each dataset were soiled, and how
keys.json        how many enterprises each dataset, and each two, name by a valid key
manifest.json    seed, size, and SHA-256 of every file
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import file_digest
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.synthetic import files, table
from scenarios.synthetic.canaries import Canary
from scenarios.synthetic.chance import Flags, Ints
from scenarios.synthetic.economy import Economy
from scenarios.synthetic.places import COUNTIES
from scenarios.synthetic.risk import Risk
from scenarios.synthetic.trades import TRADES


def write_enterprises(folder: Path, economy: Economy, risk: Risk) -> None:
    """One row per enterprise, in the order of the registry."""
    known = [
        table.flag(f"in_{organisation}", organisation, flags)
        for organisation, flags in economy.covered.items()
    ]
    columns = (
        table.uscc(economy.uscc, rows_per_key=1),
        *known,
        table.ratio("inflation", "over-invoiced share", economy.inflation),
        table.ratio("default_probability", "within 12 months", risk.probability),
        table.flag("default_12m", "default", risk.default),
    )
    files.write_rows(folder / "enterprises", columns, ("csv",))


def write_signals(folder: Path, economy: Economy, risk: Risk) -> None:
    """Carriers by signal. S3–S6 and S10–S12 belong to organisations that are not there yet."""
    planted = economy.planted
    inflated = np.flatnonzero(economy.inflation > 0)
    signals = {
        "S1": {
            "what": "default through over-invoicing, visible in tax and power data together only",
            "uscc": _codes(economy, inflated),
            "defaulted": _codes(economy, inflated[risk.default[inflated]]),
        },
        "S2": {
            "what": "hidden risk: list of abnormal operations, and power use down by 60 %",
            "uscc": _codes(economy, planted.hidden_risk),
        },
        "S7": {
            "what": "shells: rising declared sales, almost no electricity, large bank flows",
            "uscc": _codes(economy, planted.shells),
        },
        "S8": {
            "what": "one enterprise dominates the sales of a cell",
            **_cell(economy, planted.dominant),
            "uscc": _codes(economy, np.array([planted.dominant])),
            "share_basis_points": _dominant_share(economy),
        },
        "S9": {
            "what": "cells of very few enterprises in mountain counties",
            "cells": [
                {**_cell(economy, int(cell[0])), "uscc": _codes(economy, cell)}
                for cell in planted.small_cells
            ],
        },
    }
    write_json(folder / "signals.json", signals)


def write_canaries(folder: Path, canaries: Iterable[Canary]) -> None:
    """The list that a search for leaks goes through."""
    write_json(folder / "canaries.json", [asdict(canary) for canary in canaries])


def write_keys(folder: Path, named: dict[str, Flags]) -> None:
    """Sizes of key sets and of pairwise intersections, known without canonicalising anything."""
    pairs = {
        f"{left} {right}": int((named[left] & named[right]).sum())
        for left, right in combinations(named, 2)
    }
    single = {dataset: int(flags.sum()) for dataset, flags in named.items()}
    write_json(folder / "keys.json", {"datasets": single, "pairs": pairs})


def write_manifest(folder: Path, economy: Economy, written: Iterable[Path]) -> None:
    """What the world was made from and the digest of each file, relative to the world's folder."""
    digests = {}
    for path in sorted(written):
        with path.open("rb") as file:
            digests[path.relative_to(folder.parent).as_posix()] = file_digest(
                file, "sha256"
            ).hexdigest()
    manifest = {"seed": economy.seed, "size": economy.size, "sha256": digests}
    write_json(folder / "manifest.json", manifest)


def write_json(path: Path, content: Any) -> None:
    """Indented UTF-8."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _codes(economy: Economy, firms: Ints) -> list[str]:
    return sorted(economy.uscc[firms].tolist())


def _cell(economy: Economy, firm: int) -> dict[str, str]:
    county, trade = COUNTIES[economy.county[firm]], TRADES[economy.trade[firm]]
    return {"region": county.code, "industry": trade.code}


def _dominant_share(economy: Economy) -> int:
    """Of the cell's sales declared over the last twelve months."""
    planted = economy.planted
    yearly = economy.declared[-12:].sum(axis=0)
    own, others = float(yearly[planted.dominant]), float(yearly[planted.dominated].sum())
    return round(10_000 * own / (own + others))
