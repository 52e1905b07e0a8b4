"""A node's datasets: what is current, what is pinned, what others are told, what a run reads."""

from datetime import date
from pathlib import Path

import pytest

from contract.canonical import canonical_bytes, digest
from contract.errors import MiheError, SnapshotChanged
from contract.statements import Catalogue
from node.catalogue import Datasets
from node.gate import Consent, decide
from node.load import load
from tests.unit.node.contracts import NOW, contract_of, party_of, policy_of, rule
from tests.unit.node.lines import Member
from tests.unit.node.stations import DESCRIPTION, uscc, write_dataset

FEW, MORE = range(5, 1, -1), range(300)


@pytest.fixture
def datasets(tmp_path: Path) -> Datasets:
    return Datasets(tmp_path / "snapshots", "bank_a")


def reopened(tmp_path: Path) -> Datasets:
    return Datasets(tmp_path / "snapshots", "bank_a")


def keys(numbers: range) -> list[bytes]:
    return sorted(f"uscc:{uscc(number)}".encode() for number in numbers)


def test_what_was_imported_last_is_current_in_every_process(
    datasets: Datasets, tmp_path: Path
) -> None:
    assert datasets.entries() == {}
    assert datasets.current_root("loans") is None
    first = datasets.add(write_dataset(tmp_path / "sources", FEW))
    second = datasets.add(write_dataset(tmp_path / "sources", MORE))
    assert first.root != second.root
    for there in (datasets, reopened(tmp_path)):
        assert there.current_root("loans") == second.root
        assert there.entries() == {"loans": second.entry}
        assert there.entry("loans", first.root) == first.entry
    column = second.entry.column("uscc")
    assert column is not None
    assert column.size == 320


def test_an_import_that_fails_leaves_the_current_snapshot(
    datasets: Datasets, tmp_path: Path
) -> None:
    kept = datasets.add(write_dataset(tmp_path / "sources", FEW))
    broken = write_dataset(tmp_path / "sources", MORE, description=DESCRIPTION.replace("uscc", "x"))
    with pytest.raises(MiheError):
        datasets.add(broken)
    for there in (datasets, reopened(tmp_path)):
        assert there.current_root("loans") == kept.root


def test_the_catalogue_tells_names_and_padded_sizes_only(
    datasets: Datasets, tmp_path: Path
) -> None:
    datasets.add(write_dataset(tmp_path / "sources", FEW))
    other = DESCRIPTION.replace('name = "loans"', 'name = "deposits"')
    datasets.add(write_dataset(tmp_path / "other", MORE, description=other))
    subject, catalogue = datasets.catalogue(7)
    raw = canonical_bytes(catalogue)
    assert subject == digest(raw)
    assert isinstance(catalogue, Catalogue)
    assert (catalogue.org, catalogue.revision) == ("bank_a", 7)
    assert [entry.name for entry in catalogue.entries] == ["deposits", "loans"]
    for number in (*FEW, *MORE):
        assert uscc(number).encode() not in raw
    for private in (b'"rows', b"300", b'"root"', b"loans.csv", str(tmp_path).encode()):
        assert private not in raw


# ── loading ─────────────────────────────────────────────────────────────────────────────────────


def consent_on(owner: Member, peer: Member, datasets: Datasets, root: str) -> Consent:
    entry = datasets.entry("loans", root)
    column = entry.column("uscc")
    assert column is not None
    own = party_of(owner, schema_digest=entry.schema_digest, size=column.size)
    return decide(
        contract_of(own, party_of(peer)),
        org=owner.org,
        fingerprint=owner.fingerprint,
        policy=policy_of(rule()),
        entries={"loans": entry},
        snapshots=(root,),
        now=NOW,
    )


def test_a_run_reads_the_snapshot_that_was_consented_to(
    datasets: Datasets, bank_a: Member, bank_b: Member, tmp_path: Path
) -> None:
    first = datasets.add(write_dataset(tmp_path / "sources", FEW))
    second = datasets.add(write_dataset(tmp_path / "sources", MORE))
    for root, numbers in ((first.root, FEW), (second.root, MORE)):
        loaded = load(consent_on(bank_a, bank_b, datasets, root), datasets)
        assert list(loaded.column.keys) == keys(numbers)
        assert "uscc:" not in repr(loaded)
    datasets.prune({first.root})
    assert list(
        load(consent_on(bank_a, bank_b, datasets, first.root), datasets).column.keys
    ) == keys(FEW)


def test_a_snapshot_that_is_not_as_it_was_is_not_read(
    datasets: Datasets, bank_a: Member, bank_b: Member, tmp_path: Path
) -> None:
    root = datasets.add(write_dataset(tmp_path / "sources", FEW)).root
    consent = consent_on(bank_a, bank_b, datasets, root)
    file = load(consent, datasets).snapshot
    content = file.read_bytes()
    file.chmod(0o600)
    for damaged in (content[:-1], content + b"\x00", content.replace(b"PAR1", b"PAR2", 1), b""):
        file.write_bytes(damaged)
        with pytest.raises(SnapshotChanged):
            load(consent, datasets)
    file.unlink()
    with pytest.raises(SnapshotChanged):
        load(consent, datasets)


def test_a_snapshot_nobody_needs_is_removed(datasets: Datasets, tmp_path: Path) -> None:
    first = datasets.add(write_dataset(tmp_path / "sources", FEW)).root
    second = datasets.add(write_dataset(tmp_path / "sources", MORE)).root
    datasets.prune(set())
    with pytest.raises(SnapshotChanged):
        datasets.files("loans", first)
    assert datasets.files("loans", second).parquet.exists()


def test_the_day_of_an_import_is_told_and_no_more_of_its_time(
    datasets: Datasets, tmp_path: Path
) -> None:
    entry = datasets.add(write_dataset(tmp_path / "sources", FEW)).entry
    assert type(entry.refreshed) is date
