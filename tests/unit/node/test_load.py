"""Keys that are too long for one piece: refused when a job is proposed, and when they are read."""

from pathlib import Path

import pytest

from contract.errors import DatasetOutgrown
from contract.job import Contract, Crypto, KeyPart, Party
from contract.keys import BesideKind
from contract.suites import Suite
from node import rows
from node.catalogue import Datasets
from node.load import require_counted
from psi import keys
from tests.unit.node.contracts import contract_of, party_of
from tests.unit.node.importing import KEY, A, B, Owner
from tests.unit.node.lines import Member

CSV = f"uscc,site\n{A},south\n{A},a much longer name\n{B},\n{B},north\n"
SITE = 'name = "site"\ntype = "text"\nlevel = 1\nnullable = true'
BOTH = '[[key]]\ncolumns = ["uscc", "site"]'
SITES = KeyPart(column="site", kind=BesideKind.TEXT)
LENGTHS = {
    1: 4 * len(b"uscc:" + A.encode()),
    2: sum(
        len(b"tuple:23:uscc:%s,%d:text:%s," % (A.encode(), 5 + len(site), site))
        for site in (b"south", b"a much longer name", b"north")
    ),
}
"""Of all keys of one column, and of two."""


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    owner = Owner(tmp_path)
    owner.add_csv(CSV, KEY, f"{SITE}\n{BOTH}")
    return owner


@pytest.fixture
def party(bank_a: Member) -> Party:
    return party_of(bank_a)


def proposed(party: Party, other: Member, columns: int, suite: Suite) -> Contract:
    beside = {"beside": (SITES,) if columns > 1 else None}
    own, others = party.model_copy(update=beside), party_of(other, **beside)
    return contract_of(own, others, crypto=Crypto(suite=suite))


@pytest.mark.parametrize("columns", LENGTHS)
@pytest.mark.parametrize("suite", [Suite.PSI_ECDH, Suite.PSI_RR22])
def test_a_job_that_takes_keys_all_at_once_is_refused_when_it_is_proposed(
    owner: Owner,
    party: Party,
    bank_b: Member,
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    suite: Suite,
) -> None:
    contract = proposed(party, bank_b, columns, suite)
    datasets = Datasets(owner.snapshots, "bank_a")
    monkeypatch.setattr(keys, "MOST_BYTES", LENGTHS[columns])
    require_counted(contract, "bank_a", datasets)
    monkeypatch.setattr(keys, "MOST_BYTES", LENGTHS[columns] - 1)
    if suite is Suite.PSI_RR22:
        require_counted(contract, "bank_a", datasets)
        return
    with pytest.raises(DatasetOutgrown, match="bytes together") as refused:
        require_counted(contract, "bank_a", datasets)
    assert "rr22" in refused.value.fix


@pytest.mark.parametrize("columns", LENGTHS)
def test_they_are_refused_when_they_are_read(
    owner: Owner, party: Party, bank_b: Member, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """What was counted at the import is what is read."""
    of = proposed(party, bank_b, columns, Suite.PSI_ECDH).parties[0]
    (current,) = Datasets(owner.snapshots, "bank_a").current()
    key, parquet = tuple(zip(of.kinds, of.key, strict=True)), owner.files(current).parquet
    monkeypatch.setattr(keys, "MOST_BYTES", LENGTHS[columns])
    assert len(rows.keys(parquet, key).keys) == columns + 1
    monkeypatch.setattr(keys, "MOST_BYTES", LENGTHS[columns] - 1)
    with pytest.raises(DatasetOutgrown):
        rows.keys(parquet, key)
