"""What a coalition tries on values and sums that are encrypted.

* `values`: decrypt ciphertexts of whole columns;
* `require_masks_hidden`: read a sum's rows from its noise, knowing that of the own ciphertexts;
* `require_folded_shut`: open rows with the blindings that are known, under the name of any cell.

Where an attack must fail, it is shown to work on what the product does not send.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
import tenseal.sealapi as seal
from numpy.typing import NDArray

from contract.errors import BadMessage, ForeignCiphertext
from federated.aggregate import bfv
from federated.aggregate.blinding import opened_sum
from federated.aggregate.packing import places
from federated.aggregate.parameters import DATA_PRIMES, PLAIN, signed
from federated.aggregate.secret import ReceiverKey
from federated.aggregate.wire import Residues, key_id, read_ciphertext, read_result
from federated.query.agreed import sums_of
from federated.query.release import names_of
from tests.attacks.attacks_on_lists import rows_with
from tests.attacks.coalitions import (
    OWNERS,
    Labels,
    Names,
    Pool,
    in_clear,
    labels_in_truth,
    truly_in,
    value_of,
    world,
)
from tests.attacks.test_flooding import Coalition, secret_polynomial, unflooded
from tests.flow.federation_in_process import Played


def values(pool: Pool) -> dict[str, list[int]]:
    """Every value of every list, by the receiver's key from the coordinator's ciphertexts."""
    found = {}
    for owner, share in pool.shares().items():
        ((chunk,),) = share.columns
        plain = seal.Plaintext()
        polynomials = read_ciphertext(key_id(pool.public_key), chunk)
        pool.key._decryptor.decrypt(bfv.ciphertext(polynomials), plain)
        size, known = pool.join.size_of(owner), plain.coeff_count()
        found[owner] = [signed(plain[at]) if at < known else 0 for at in range(size)]
    return found


def rows_read(pool: Pool) -> dict[bytes, frozenset[tuple[str, Labels, int]]]:
    """By token, everything about an entity in all lists, whose values the coalition decrypts."""
    return rows_with(pool, values(pool))


def own_coalition(pool: Pool, owner: str) -> Coalition:
    ((chunk,),) = pool.own(owner).columns
    return Coalition(pool.key, pool.public_key, secret_polynomial(pool.key), chunk)


def require_unreadable(pool: Pool) -> None:
    """Without the receiver's key, another one does not do, not even under its name."""
    other, public = ReceiverKey.generate()
    for owner, share in pool.shares().items():
        ((chunk,),) = share.columns
        with pytest.raises(ForeignCiphertext):
            read_ciphertext(key_id(public), chunk)
        plain = seal.Plaintext()
        renamed = key_id(public) + chunk[32:]
        other._decryptor.decrypt(bfv.ciphertext(read_ciphertext(key_id(public), renamed)), plain)
        read = [signed(plain[at]) for at in range(plain.coeff_count())]
        assert not set(read) & set(world()[owner].values[0].tolist())
        assert max(map(abs, read)) > PLAIN // 16


def require_guessed(said: NDArray[np.bool_], truth: NDArray[np.bool_]) -> None:
    """What is said of rows that are in is what is said of others, but for chance.

    What is said of neighbours may be alike, so how much of it is right proves nothing; but a list
    is shuffled, so its rows that are in are a random choice among all.
    """
    among, others = int(truth.sum()), int((~truth).sum())
    if among and others:
        advantage = float(said[truth].mean() - said[~truth].mean())
        # Six standard deviations at least.
        assert abs(advantage) < 3 * (1 / among + 1 / others) ** 0.5


def brought_first(result: Residues, place: int) -> Residues:
    """The result times X^-place, so that the sum at this place stands in its first coefficient."""
    primes = np.array(DATA_PRIMES, dtype=np.uint64)[:, None]
    turned = (primes - result[:, :, :place]) % primes
    return np.concatenate([result[:, :, place:], turned], axis=2)


def require_masks_hidden(played: Played, pool: Pool) -> None:
    """Whose rows are in a sum stays hidden from who made the ciphertexts and has the key."""
    names = pool.result_names
    at = places(sums_of(pool.plan).merges, len(names))
    for owner, pack in zip(OWNERS, pool.sums().packs, strict=True):
        if owner not in pool.owners:
            continue
        attack, size = own_coalition(pool, owner), pool.join.size_of(owner)
        result = read_result(key_id(pool.public_key), pack, at)
        floods = np.abs(attack.noise(result)[at])
        for name, place in zip(names, at, strict=True):
            truth = truly_in(played, owner, name)
            require_guessed(attack.recovered(brought_first(result, place))[:size], truth)
            # What the coordinator has before it floods: the same attack reads every row.
            rows = np.flatnonzero(truth)
            bare = bfv.residues(unflooded(attack, rows))
            assert np.array_equal(attack.recovered(bare)[:size], truth)
        assert floods.max() > 2.0 ** (sums_of(pool.plan).prove().flood_bits - 6)


# ── blindings ─────────────────────────────────────────────────────────────────────────────────────


def table_of(pool: Pool, without: Names = ()) -> list[list[int | None]]:
    """The sums as they open without the blindings of some owners; None where they do not."""
    openings, sums = pool.openings(), pool.decrypted()
    most = [max(abs(one.least), abs(one.most)) for one in pool.plan.summands]
    blinds = [
        [
            [openings[owner][row].blindings[place] for owner in OWNERS if owner not in without]
            for place in range(len(most))
        ]
        for row in range(len(sums))
    ]
    return [
        [opened(one, blinds[row][place], most[place]) for place, one in enumerate(of_row)]
        for row, of_row in enumerate(sums)
    ]


def opened(decrypted: int, blinds: Sequence[int], most: int) -> int | None:
    try:
        return opened_sum(decrypted, blinds, largest=most)
    except BadMessage:
        return None


def true_table(played: Played) -> list[list[int]]:
    names = names_of(played.cells.passing, remainder=played.cells.remainder)
    return [
        [
            sum(
                value_of(owner, played.own[owner].rows.keys[played.own[owner].order[at]])
                for at in np.flatnonzero(truly_in(played, owner, name)).tolist()
            )
            for owner in OWNERS
        ]
        for name in names
    ]


def require_result_and_no_more(played: Played, pool: Pool) -> None:
    """The released rows open, and no row opens while one owner's blinding is missing."""
    assert table_of(pool) == true_table(played)
    hidden = set(in_clear()) - {labels_in_truth(played, one) for one in played.cells.passing}
    assert pool.sums().folded == len(hidden) > 1
    for missing in OWNERS:
        if missing not in pool.owners:
            assert {one for row in table_of(pool, (missing,)) for one in row} == {None}
    require_folded_shut(played, pool)


def require_folded_shut(played: Played, pool: Pool) -> None:
    """No name of a cell, with the blindings that are known or were released, opens a folded one."""
    cells, shown = in_clear(), {labels_in_truth(played, one) for one in played.cells.passing}
    hidden = {
        sum(value_of(owner, key) for key in keys)
        for labels, keys in cells.items()
        if labels not in shown
        for owner in OWNERS
    }
    openings, sums = pool.openings(), pool.decrypted()
    known = [pool.own(owner).blinding for owner in pool.owners]
    others = [openings[owner] for owner in OWNERS if owner not in pool.owners]
    codes = [range(8), range(4), range(1)]
    assert all(labels_in_truth(played, one) in shown for one in pool.cells.passing)
    for row, place in product(range(len(sums)), range(len(OWNERS))):
        shut = sums[row][place]
        released = sum(one[row].blindings[place] for one in others)
        for name in product(*codes):
            of_members = sum(beta.of_sum(name, place) for beta in known)
            assert signed(shut - of_members) not in hidden
            assert signed(shut - of_members - released) not in hidden
