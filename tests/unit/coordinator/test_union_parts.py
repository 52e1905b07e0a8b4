"""Parts of a sum over UNION ALL at the coordinator, the key that a receiver signs among them."""

from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest

from contract.errors import BadMessage, ForeignEncryptionKey, ForeignFrame, UnknownJob
from contract.fold import hear
from contract.identity import Authority
from contract.ledger import Ledger
from contract.signing import Kind
from contract.statements import Cells, HeKey
from contract.suites import Aggregation
from coordinator.collection import Collection, Opening, put
from coordinator.he_keys import HE_KEY
from coordinator.lifecycle import Lifecycle
from coordinator.unions import Unions
from federated.paillier.parameters import KEY_BYTES
from tests.flow.union_in_process import (
    COORDINATOR,
    contract_of,
    identity_of,
    orgs_of,
    running,
    said,
)

ORGS = orgs_of(3)
RECEIVER, OTHER = ORGS[:2]
KEY = bytes(KEY_BYTES)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path, cast(Authority, None))  # it verifies receipts, and none comes here


@pytest.fixture
def unions(collection: Collection) -> Unions:
    return Unions(cast(Lifecycle, None), collection)  # it is asked when a step is due


def begun(aggregation: Aggregation) -> Ledger:
    return running(contract_of(ORGS, aggregation=aggregation))


def run_of(ledger: Ledger) -> bytes:
    assert ledger.run is not None
    return ledger.run


def signed(ledger: Ledger, key: bytes, org: str = RECEIVER) -> Ledger:
    body = HeKey(run=run_of(ledger).hex(), key=sha256(key).hexdigest())
    return hear(ledger, said(Kind.HE_KEY, org, body, run_of(ledger)), identity_of(org))


def opening(ledger: Ledger, part: str) -> Opening:
    return Opening(run_of(ledger), part, 1, b"")


def test_the_receiver_hands_in_a_key_where_sums_are_encrypted(unions: Unions) -> None:
    ledger = begun(Aggregation.PAILLIER)
    assert unions.most_bytes(ledger, RECEIVER, opening(ledger, HE_KEY)) == KEY_BYTES
    masked = begun(Aggregation.MASKED)
    for of, org in ((ledger, OTHER), (masked, RECEIVER), (masked, OTHER)):
        with pytest.raises(ForeignFrame):
            unions.most_bytes(of, org, opening(of, HE_KEY))
        if of is masked:
            with pytest.raises(ForeignFrame):
                unions.file_for(of, org, HE_KEY)


@pytest.mark.parametrize("part", ["share", "merging", "masked_2"])
def test_what_is_no_part_of_a_sum_is_refused(unions: Unions, part: str) -> None:
    ledger = begun(Aggregation.PAILLIER)
    with pytest.raises(ForeignFrame):
        unions.most_bytes(ledger, OTHER, opening(ledger, part))


def test_a_contribution_is_as_long_as_its_ciphertexts(unions: Unions) -> None:
    masked, encrypted = begun(Aggregation.MASKED), begun(Aggregation.PAILLIER)
    sizes = [
        unions.most_bytes(ledger, OTHER, opening(ledger, "masked_1"))
        for ledger in (masked, encrypted)
    ]
    # Of each other member a box; words of 5 counts; 10 sums, as words or in one ciphertext.
    assert sizes == [2 * 148 + 16 * 5 + 16 * 10, 2 * 148 + 16 * 5 + 768]


def test_everybody_fetches_the_key_that_was_signed_and_no_other(
    unions: Unions, collection: Collection
) -> None:
    ledger = begun(Aggregation.PAILLIER)
    run = run_of(ledger)
    with pytest.raises(UnknownJob):
        unions.file_for(ledger, OTHER, HE_KEY)
    file = collection.file(run, RECEIVER, HE_KEY)
    file.parent.mkdir()
    put(file, KEY)
    assert unions.file_for(signed(ledger, KEY), OTHER, HE_KEY) == file
    with pytest.raises(ForeignEncryptionKey) as caught:
        unions.file_for(signed(ledger, b"another"), OTHER, HE_KEY)
    assert caught.value.party == RECEIVER


def test_a_key_is_signed_by_the_receiver_where_there_is_one(unions: Unions) -> None:
    ledger = begun(Aggregation.PAILLIER)
    for of, org in ((ledger, OTHER), (begun(Aggregation.MASKED), RECEIVER)):
        with pytest.raises(BadMessage, match="has no place"):
            signed(of, KEY, org)
    # What the coordinator says of a join has no place here, a key or not.
    cells = Cells(
        run=run_of(ledger).hex(), passing=(), remainder=False, result="00" * 32, receipts=()
    )
    stated = said(Kind.CELLS, COORDINATOR, cells, run_of(ledger))
    with pytest.raises(BadMessage, match="has no place"):
        hear(signed(ledger, KEY), stated, identity_of(COORDINATOR))
