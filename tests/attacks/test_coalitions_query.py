"""The coalition table of an encrypted query (federated/SPEC.md §4.4), one test a row.

A coalition is the views of its members and nothing else: what they were sent, what they drew, what
they put in. Each test pools exactly the views of its row, learns what the row says is learned, and
tries for more. What is tried:

* `identities`, `overlaps`: take the known scalars out of every list of points, and compare what is
  left with the own lists, with each other, and with a dictionary of all keys there are;
* `token_names`: hash every key of the dictionary with every point at hand, and look for the tokens;
* `histograms`, `names_of_codes`: count codes, and name them by the sizes that statistics publish;
* `masks`: read the rows of a sum from its noise, knowing the noise of the own ciphertexts;
* `values`: decrypt ciphertexts of whole columns;
* `forced`: open rows with the blindings that are known, under the name of any cell.

Where an attack must fail, it is shown to work on what the product does not send.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import combinations, product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import tenseal.sealapi as seal
from numpy.typing import NDArray

from contract.canonical import parse
from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import BadMessage, ForeignCiphertext
from contract.job import Aggregation
from contract.keys import KeyKind
from contract.statements import Cells
from coordinator import wire as at_coordinator
from coordinator.wire import Share
from federated.aggregate import bfv
from federated.aggregate.add import accumulate
from federated.aggregate.blinding import opened_sum
from federated.aggregate.parameters import PLAIN, signed
from federated.aggregate.secret import ReceiverKey
from federated.aggregate.wire import key_id, read_ciphertext, read_result
from federated.join.matching import match
from federated.query.agreed import plan_of, sums_of
from federated.query.release import REMAINDER, Codes, Opening, names_of
from node import wire
from node.local import LocalRows
from tests.attacks import test_coalitions_tokens as tokens
from tests.attacks.test_flooding import Coalition, secret_polynomial
from tests.flow.federation_in_process import (
    COORDINATOR,
    Own,
    Played,
    View,
    contract_of,
    opening,
    play,
)
from tests.vectors.blind_join_reference import KEY_DST, Fast, token

K = 5
GROUP = Fast()
OWNERS = ("a", "b", "c")
REGULATOR = "regulator"
"""A receiver that is no owner."""
DICTIONARY = [b"uscc:%018d" % number for number in range(150)]
INDUSTRIES = {"manufacturing": 64, "trade": 34, "finance": 18, "mining": 2}
GRADES = {"sound": 80, "watched": 40}
SQL = (
    "SELECT a.industry, b.grade, COUNT(*) AS n, SUM(a.capital) AS capital,"
    " SUM(b.balance) AS balance, SUM(c.kwh) AS kwh FROM a.firms AS a JOIN b.loans AS b USING (uscc)"
    " JOIN c.meters AS c USING (uscc) GROUP BY a.industry, b.grade"
)
LARGEST = 10**9

Names = tuple[str, ...]
Labels = tuple[str | None, ...]


# ── a world ─────────────────────────────────────────────────────────────────────────────────────


def entry(org: str, name: str, number: str, group: str | None) -> CatalogueEntry:
    columns = [
        CatalogueColumn(
            name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=256, rows_per_key=1
        ),
        CatalogueColumn(
            name=number,
            type=ColumnType.INTEGER,
            level=3,
            minimum=Decimal(0),
            maximum=Decimal(LARGEST),
        ),
    ]
    if group is not None:
        columns.append(CatalogueColumn(name=group, type=ColumnType.TEXT, level=2))
    return CatalogueEntry(org=org, name=name, columns=tuple(columns), refreshed=date(2026, 11, 1))


ENTRIES = {
    "a": {"firms": entry("a", "firms", "capital", "industry")},
    "b": {"loans": entry("b", "loans", "balance", "grade")},
    "c": {"meters": entry("c", "meters", "kwh", None)},
}


@cache
def world() -> dict[str, LocalRows]:
    """What each owner's part of the query gives; every value occurs once."""
    chance = Random(20)

    def rows(sizes: Mapping[str, int] | None) -> LocalRows:
        keys = sorted(chance.sample(DICTIONARY, 120))
        groups: list[Labels] = [()] * len(keys)
        if sizes is not None:
            counted = [(one,) for one, size in sizes.items() for _ in range(size)]
            groups = [*counted, *[counted[0]] * (len(keys) - len(counted))]
            chance.shuffle(groups)
        values = np.array(chance.sample(range(1, LARGEST), len(keys)), dtype=np.int64)
        return LocalRows(keys, groups, [values])

    return {"a": rows(INDUSTRIES), "b": rows(GRADES), "c": rows(None)}


def group_of(owner: str, key: bytes) -> Labels:
    rows = world()[owner]
    return rows.groups[rows.keys.index(key)]


def value_of(owner: str, key: bytes) -> int:
    rows = world()[owner]
    return int(rows.values[0][rows.keys.index(key)])


def joined() -> set[bytes]:
    return set.intersection(*(set(rows.keys) for rows in world().values()))


def in_clear() -> dict[tuple[Labels, ...], set[bytes]]:
    """The entities of every cell of the join."""
    found: dict[tuple[Labels, ...], set[bytes]] = {}
    for key in joined():
        found.setdefault(tuple(group_of(owner, key) for owner in OWNERS), set()).add(key)
    return found


@cache
def run(in_the_open: Names, receiver: str) -> Played:
    contract = contract_of(SQL, ENTRIES, k=K)
    with TemporaryDirectory() as folder:
        return play(
            contract, world(), Path(folder) / "run", in_the_open=in_the_open, receiver=receiver
        )


# ── what a coalition has ────────────────────────────────────────────────────────────────────────


class Pool:
    """The views of its members; the contract and what follows from it is everybody's."""

    def __init__(self, played: Played, *members: str) -> None:
        self.plan, self.join = played.plan, played.join
        adding = played.contract.aggregation
        assert adding is not None
        self.aggregation, self.shared = adding, adding is Aggregation.SHARED
        self.views: dict[str, View] = {member: played.view(member) for member in members}
        self.owners = tuple(member for member in members if member in OWNERS)

    def own(self, owner: str) -> Own:
        own = self.views[owner].own
        assert own is not None
        return own

    def received(self, name: str) -> list[tuple[str, bytes]]:
        """By whom, and what."""
        found = [one for view in self.views.values() for one in view.received(name)]
        return [(one.sender, one.content) for one in found]

    @property
    def names(self) -> set[str]:
        """Kinds of messages that members were sent from outside."""
        return {
            one.name
            for view in self.views.values()
            for one in view.messages
            if one.sender not in self.views
        }

    @property
    def key(self) -> ReceiverKey:
        (key,) = (view.key for view in self.views.values() if view.key is not None)
        return key

    @property
    def public_key(self) -> bytes:
        sent = [one for view in self.views.values() for one in view.messages]
        return next(one.content for one in sent if one.name == "he_key")

    @property
    def cells(self) -> Cells:
        return parse(Cells, self.received("cells")[0][1])

    @property
    def result_names(self) -> tuple[Codes, ...]:
        return names_of(self.cells.passing, remainder=self.cells.remainder)

    def shares(self) -> dict[str, Share]:
        """What the coordinator was handed in."""
        return {
            one.sender: self.share_of(one.sender, one.content)
            for one in self.views[COORDINATOR].received("share")
        }

    def share_of(self, owner: str, content: bytes) -> Share:
        return at_coordinator.share_from(content, self.plan, OWNERS.index(owner), self.aggregation)

    def sums(self) -> tuple[list[wire.CellSums], int]:
        """What the receiver fetched."""
        ((_, content),) = self.received("sums")
        return wire.sums_from_bytes(content, self.plan, len(self.result_names))

    def openings(self) -> dict[str, list[Opening]]:
        """Who released what to a receiver of this coalition, and what its members would."""
        rows = len(self.result_names)
        found = {
            sender: wire.openings_from_bytes(
                content, self.plan, OWNERS.index(sender), rows, shared=self.shared
            )
            for sender, content in self.received("release")
        }
        for owner in self.owners:
            own, at = self.own(owner), OWNERS.index(owner)
            found[owner] = [
                opening(self.plan, at, own, name, shared=self.shared) for name in self.result_names
            ]
        return found


# ── attacks on points and tokens ────────────────────────────────────────────────────────────────


def points_seen(pool: Pool) -> tokens.View:
    """Every list of points before a member's eyes, and what is known to be in it."""
    seen = tokens.View(pool.owners)
    for owner in pool.owners:
        if (chain := pool.own(owner).open) is not None:
            seen.scalars |= {f"k_{owner}": chain.k, f"s_{owner}": chain.s}
            seen.inputs[owner] = chain.inputs
        for message in pool.views[owner].messages:
            if message.name == "blinded":
                whose, where, done = message.sender, message.receiver, 0
            elif message.name == "served":
                whose, where, done = message.receiver, message.sender, 1
            else:
                continue
            way = pool.join.others(whose)
            visited = way[: way.index(where) + done]
            scalars = [f"s_{whose}", *(f"k_{one}" for one in visited)]
            seen.see(owner, whose, scalars, message.content)
    return seen


def identities(pool: Pool) -> set[tuple[str, bytes]]:
    """Keys of others that points give away: whose list, which key."""
    view = points_seen(pool)
    named = {GROUP.hashed(pool.join.run_id + key, KEY_DST): key for key in DICTIONARY}
    for seen in view.seen:
        if seen.owner in view.inputs:
            named |= dict(zip(view.stripped(seen), view.inputs[seen.owner], strict=True))
    return {
        (seen.owner, named[point])
        for seen in view.seen
        if seen.owner not in pool.owners
        for point in view.stripped(seen)
        if point in named
    }


def require_points_silent(pool: Pool) -> None:
    assert {seen.owner for seen in points_seen(pool).seen} > set(pool.owners) or not pool.owners
    assert identities(pool) == set()
    assert tokens.overlaps(points_seen(pool)) == {}


def token_lists(pool: Pool) -> dict[str, list[bytes]]:
    length = pool.join.token_bytes
    return {
        owner: [share.tokens[at : at + length] for at in range(0, len(share.tokens), length)]
        for owner, share in pool.shares().items()
    }


def token_names(pool: Pool) -> dict[bytes, bytes]:
    """Tokens whose key the coalition can tell, tried with every point it has or can make."""
    view = points_seen(pool)
    known = {point for seen in view.seen for point in (*seen.points, *view.stripped(seen))}
    for owner in pool.owners:
        chain = pool.own(owner).open
        assert chain is not None
        last = pool.join.others(owner)[-1]
        (returned,) = [
            one.content for one in pool.views[owner].received("served") if one.sender == last
        ]
        known |= set(chain.finished(returned))
    run_id, length = pool.join.run_id, pool.join.token_bytes
    listed = {one for of_owner in token_lists(pool).values() for one in of_owner}
    made = (
        (token(run_id, key, point, length), key)
        for key in DICTIONARY
        for point in known | {GROUP.hashed(run_id + key, KEY_DST)}
    )
    return {one: key for one, key in made if one in listed}


def linked(pool: Pool) -> dict[bytes, dict[str, int]]:
    """Of every token, in which lists it is and where: what links rows of one entity."""
    found: dict[bytes, dict[str, int]] = {}
    for owner, listed in token_lists(pool).items():
        for place, one in enumerate(listed):
            found.setdefault(one, {})[owner] = place
    return found


# ── attacks on codes ────────────────────────────────────────────────────────────────────────────


def code_at(share: Share, place: int) -> int:
    return 0 if share.codes is None else int(share.codes[place])


def histograms(pool: Pool) -> dict[Names, Counter[tuple[int, ...]]]:
    """For every overlap of lists, how many entities have which codes."""
    shares = pool.shares()
    found: dict[Names, Counter[tuple[int, ...]]] = {}
    for number in (2, 3):
        for among in combinations(OWNERS, number):
            listed = [shares[owner].tokens for owner in OWNERS]
            rows = match(pool.join, listed, among=among).positions.tolist()
            found[among] = Counter(
                tuple(code_at(shares[owner], at) for owner, at in zip(among, row, strict=True))
                for row in rows
            )
    return found


def names_of_codes(pool: Pool) -> dict[str, dict[int, Labels]]:
    """Codes by their number of keys, against published numbers: the largest is the largest."""
    found: dict[str, dict[int, Labels]] = {"c": {0: ()}}
    for owner, published in (("a", INDUSTRIES), ("b", GRADES)):
        share = pool.shares()[owner]
        sizes = dict(enumerate(share.keys_per_code))
        used = [code for code in sizes if code not in share.other and sizes[code]]
        by_size = sorted(used, key=lambda code: -sizes[code])
        ranked = sorted(published, key=lambda label: -published[label])
        found[owner] = {code: (label,) for code, label in zip(by_size, ranked, strict=False)}
        found[owner] |= {code: ("mining",) for code in share.other if owner == "a"}
    return found


# ── attacks on sums ─────────────────────────────────────────────────────────────────────────────


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


def own_coalition(pool: Pool, owner: str) -> Coalition:
    ((chunk,),) = pool.own(owner).columns
    return Coalition(pool.key, pool.public_key, secret_polynomial(pool.key), chunk)


def truly_in(played: Played, owner: str, name: Codes) -> NDArray[np.bool_]:
    """Which places of a list are in a row of the result."""
    cells = in_clear()
    shown = {labels_in_truth(played, one) for one in played.cells.passing}
    chosen = (
        [keys for labels, keys in cells.items() if labels not in shown]
        if name == REMAINDER
        else [cells[labels_in_truth(played, name)]]
    )
    keys, own = set().union(*chosen), played.own[owner]
    return np.array([at >= 0 and own.rows.keys[at] in keys for at in own.order])


def labels_in_truth(played: Played, name: Codes) -> tuple[Labels, ...]:
    found: list[Labels] = []
    for owner, code in zip(OWNERS, name, strict=True):
        label = played.own[owner].labels[code] if owner != "c" else ()
        assert isinstance(label, tuple)
        found.append(label)
    return tuple(found)


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


def require_masks_hidden(played: Played, pool: Pool) -> None:
    """Whose rows are in a sum stays hidden from who made the ciphertexts and has the key."""
    sums, _ = pool.sums()
    for owner in pool.owners:
        attack, at = own_coalition(pool, owner), OWNERS.index(owner)
        size = pool.join.size_of(owner)
        floods: list[float] = []
        for name, cell in zip(pool.result_names, sums, strict=True):
            truth = truly_in(played, owner, name)
            result = read_result(key_id(pool.public_key), cell.sums[at])
            require_guessed(attack.recovered(result)[:size], truth)
            floods.append(abs(float(attack.noise(result)[0])))
            # What the coordinator has before it floods: the same attack reads every row.
            rows = np.flatnonzero(truth)
            [bare] = accumulate(pool.public_key, [[attack.chunk]], [(rows,)])
            assert np.array_equal(attack.recovered(bfv.residues(bare))[:size], truth)
        assert max(floods) > 2.0 ** (sums_of(pool.plan).prove().flood_bits - 6)


def table_of(pool: Pool, without: Names = ()) -> list[list[int | None]]:
    """The sums as they open without the blindings of some owners; None where they do not."""
    openings = pool.openings()
    sums, _ = pool.sums()
    most = [max(abs(one.least), abs(one.most)) for one in pool.plan.summands]
    blinds = [
        [
            [openings[owner][row].blindings[place] for owner in OWNERS if owner not in without]
            for place in range(len(most))
        ]
        for row in range(len(sums))
    ]
    return [
        [
            opened(pool.key.decrypt(one), blinds[row][place], most[place])
            for place, one in enumerate(cell.sums)
        ]
        for row, cell in enumerate(sums)
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
    _, folded = pool.sums()
    hidden = set(in_clear()) - {labels_in_truth(played, one) for one in played.cells.passing}
    assert folded == len(hidden) > 1
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
    sums, _ = pool.sums()
    openings = pool.openings()
    known = [pool.own(owner).blinding for owner in pool.owners]
    others = [openings[owner] for owner in OWNERS if owner not in pool.owners]
    codes = [range(8), range(4), range(1)]
    assert all(labels_in_truth(played, one) in shown for one in pool.cells.passing)
    for row, place in product(range(len(sums)), range(len(OWNERS))):
        shut = pool.key.decrypt(sums[row].sums[place])
        released = sum(one[row].blindings[place] for one in others)
        for name in product(*codes):
            of_members = sum(beta.of_sum(name, place) for beta in known)
            assert signed(shut - of_members) not in hidden
            assert signed(shut - of_members - released) not in hidden


# ── what is learned ─────────────────────────────────────────────────────────────────────────────


def require_passing_cells(played: Played, pool: Pool) -> None:
    """Which cells passed: an owner's own group by its name, the others' by codes that say nothing.

    A cell that failed looks like one that nobody is in: it is not named.
    """
    shown = {labels_in_truth(played, one) for one in played.cells.passing}
    for owner in pool.owners:
        at = OWNERS.index(owner)
        seen = Counter(
            pool.own(owner).labels[name[at]] if owner != "c" else () for name in pool.cells.passing
        )
        assert seen == Counter(labels[at] for labels in shown)
    assert shown < in_clear().keys()


def everything_of(keys: set[bytes]) -> Counter[frozenset[tuple[str, Labels, int]]]:
    """The rows of these entities in all lists, without their keys."""
    return Counter(row_of(key) for key in keys)


def row_of(key: bytes) -> frozenset[tuple[str, Labels, int]]:
    return frozenset(
        (owner, group_of(owner, key), value_of(owner, key))
        for owner, rows in world().items()
        if key in rows.keys
    )


def everybodys_keys() -> set[bytes]:
    return {key for rows in world().values() for key in rows.keys}


def rows_read(pool: Pool) -> dict[bytes, frozenset[tuple[str, Labels, int]]]:
    """By token, everything about an entity in all lists; dummies have no value anywhere."""
    shares, read, named = pool.shares(), values(pool), names_of_codes(pool)
    found = {
        one: frozenset(
            (owner, named[owner][code_at(shares[owner], place)], read[owner][place])
            for owner, place in places.items()
        )
        for one, places in linked(pool).items()
    }
    return {one: row for one, row in found.items() if any(value for _, _, value in row)}


# ── one test a row ──────────────────────────────────────────────────────────────────────────────

SOME_OWNERS = [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]


@pytest.mark.parametrize("members", SOME_OWNERS)
def test_owners_without_the_coordinator(members: Names) -> None:
    """Row 1, one owner or several, R not among them: padded sizes; which cells passed."""
    played = run(members, REGULATOR)
    pool = Pool(played, *members)
    assert pool.names <= {"blinded", "served", "he_key", "cells"}
    sizes = {len(content) for name in ("blinded", "served") for _, content in pool.received(name)}
    assert sizes == {32 * 256}
    require_passing_cells(played, pool)
    require_points_silent(pool)


def test_the_attack_on_points_works_where_a_scalar_is_known() -> None:
    """The control of every silence of points in this file."""
    pool = Pool(run(OWNERS, REGULATOR), "a", "b")
    chain = run(OWNERS, REGULATOR).own["c"].open
    assert chain is not None
    view = points_seen(pool)
    view.scalars["s_c"] = chain.s
    hashed = {GROUP.hashed(pool.join.run_id + key, KEY_DST) for key in world()["c"].keys}
    stripped = [set(view.stripped(seen)) for seen in view.seen if seen.owner == "c"]
    assert any(hashed <= one for one in stripped)


def test_the_receiver_alone() -> None:
    """Row 2, R that is no owner: the result, and which cells were folded; nothing more."""
    played = run((), REGULATOR)
    pool = Pool(played, REGULATOR)
    assert pool.names == {"cells", "sums", "release"}
    require_result_and_no_more(played, pool)
    labels = {
        tuple(openings[row].labels for openings in pool.openings().values())
        for row, name in enumerate(pool.result_names)
        if name != REMAINDER
    }
    assert labels == {labels_in_truth(played, name) for name in played.cells.passing}
    # Folded or empty: labels that are public and not there. Which of the two, no message says.
    missing = set(product([(one,) for one in INDUSTRIES], [(one,) for one in GRADES], [()]))
    assert missing - labels >= in_clear().keys() - labels


def test_the_receiver_as_an_owner() -> None:
    """Row 3, R an owner, alone: as an owner, and the result; not which of its rows are in it."""
    played = run(("a",), "a")
    pool = Pool(played, "a")
    assert pool.names == {"blinded", "served", "cells", "sums", "release"}
    require_passing_cells(played, pool)
    require_points_silent(pool)
    require_result_and_no_more(played, pool)
    require_masks_hidden(played, pool)


def test_a_sum_over_few_of_the_receivers_own_values_names_them() -> None:
    """Row 3 says `beyond the result`: this is what a result of small cells itself says.

    The receiver knows the values that it put in, and tries which of them add up to the sum.
    """
    played = run(("a",), "a")
    pool = Pool(played, "a")
    own, sums = pool.own("a"), table_of(pool)
    counts = {tuple(row.values[:2]): row.values[2] for row in played.result.rows}
    found = 0
    for row, name in enumerate(pool.cells.passing):
        (industry,), (grade,), _ = labels_in_truth(played, name)
        group = [at for at, label in enumerate(own.rows.groups) if label == (industry,)]
        count = int(str(counts[industry, grade]))
        if len(group) > 20:
            continue
        fitting = [
            some
            for some in combinations(group, count)
            if int(own.rows.values[0][list(some)].sum()) == sums[row][0]
        ]
        truth = in_clear()[labels_in_truth(played, name)]
        assert [{own.rows.keys[at] for at in some} for some in fitting] == [truth]
        found += 1
    assert found


def test_a_sum_of_one_value_among_nulls_is_that_value(tmp_path: Path) -> None:
    """The same for NULLs: k counts entities, and a cell of many may hold a single value."""
    loans = ENTRIES["b"]["loans"]
    columns = tuple(
        column.model_copy(update={"nullable": column.name == "balance"}) for column in loans.columns
    )
    entries = {**ENTRIES, "b": {"loans": loans.model_copy(update={"columns": columns})}}
    sql = (
        "SELECT COUNT(*) AS n, COUNT(b.balance) AS known, SUM(b.balance) AS balance"
        " FROM a.firms AS a JOIN b.loans AS b USING (uscc)"
    )
    firms, owed = world()["a"], world()["b"]
    single = next(at for at, key in enumerate(owed.keys) if key in firms.keys)
    present = np.zeros(len(owed.keys), dtype=np.int64)
    present[single] = 1
    everyone = [()] * len(firms.keys)
    rows = {
        "a": LocalRows(firms.keys, list(everyone), []),
        "b": LocalRows(owed.keys, list(everyone), [present, present * owed.values[0]]),
    }
    contract = contract_of(sql, entries, k=K)
    kinds = [value.kind for value in plan_of(contract).owners[1].values]
    assert kinds == ["present", "value"]
    played = play(contract, rows, tmp_path / "run")
    ((row,), (n, known, balance)) = (played.result.rows, played.result.rows[0].values)
    assert not row.remainder
    assert int(str(n)) >= K
    assert (known, balance) == (1, int(owed.values[0][single]))


@pytest.mark.parametrize(
    ("members", "receiver"),
    [(("a",), REGULATOR), (("b", "c"), REGULATOR), (("a", "b"), "a")],
    ids=["R and an owner", "R and two owners", "R an owner, and another"],
)
def test_the_receiver_and_owners(members: Names, receiver: str) -> None:
    """Row 4, R and an owner: nothing more than the result and what owners see."""
    played = run(members, receiver)
    pool = Pool(played, *dict.fromkeys((receiver, *members)))
    require_passing_cells(played, pool)
    require_points_silent(pool)
    require_result_and_no_more(played, pool)
    require_masks_hidden(played, pool)


def test_the_coordinator_alone() -> None:
    """Row 5, C alone: how many keys each code has, and of every overlap the code vectors."""
    played = run((), REGULATOR)
    pool = Pool(played, COORDINATOR)
    shares = pool.shares()
    assert {owner: sum(share.keys_per_code) for owner, share in shares.items()} == {
        owner: len(rows.keys) for owner, rows in world().items()
    }
    named = names_of_codes(pool)
    for owner in ("a", "b"):
        for code, label in played.own[owner].labels.items():
            assert named[owner][code] == label
    for among, found in histograms(pool).items():
        common = set.intersection(*(set(world()[owner].keys) for owner in among))
        clear = Counter(tuple(group_of(owner, key) for owner in among) for key in common)
        labelled = {
            tuple(named[owner][code] for owner, code in zip(among, codes, strict=True)): count
            for codes, count in found.items()
        }
        assert labelled == clear
    assert token_names(pool) == {}
    require_unreadable(pool)


@pytest.mark.parametrize("members", [*SOME_OWNERS, OWNERS])
def test_the_coordinator_and_owners(members: Names) -> None:
    """Row 6, C and owners: of their keys in which other lists they are and with which codes."""
    played = run(members, REGULATOR)
    pool = Pool(played, COORDINATOR, *members)
    named, shares, codes = token_names(pool), pool.shares(), names_of_codes(pool)
    learned = {
        (named[one], owner, codes[owner][code_at(shares[owner], place)])
        for one, places in linked(pool).items()
        if one in named
        for owner, place in places.items()
    }
    own_keys = {key for member in members for key in world()[member].keys}
    assert learned == {
        (key, owner, group_of(owner, key))
        for key in own_keys
        for owner, rows in world().items()
        if key in rows.keys
    }
    assert own_keys - joined()  # in the join or not
    assert set(named.values()) == own_keys
    if members != OWNERS:
        assert own_keys < everybodys_keys()
    require_unreadable(pool)


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


def test_the_coordinator_and_a_receiver_that_is_no_owner() -> None:
    """Row 7, C and R: every row of every owner, linked per entity, with labels, without key."""
    played = run((), REGULATOR)
    pool = Pool(played, COORDINATOR, REGULATOR)
    assert Counter(rows_read(pool).values()) == everything_of(everybodys_keys())
    for row, name in enumerate(pool.cells.passing):
        for owner, code in zip(OWNERS, name, strict=True):
            assert pool.openings()[owner][row].labels == names_of_codes(pool)[owner][code]
    assert token_names(pool) == {}


@pytest.mark.parametrize(
    ("members", "receiver"),
    [(("a",), "a"), (("b",), REGULATOR)],
    ids=["R an owner", "R and an owner"],
)
def test_the_coordinator_and_the_receiver_and_an_owner(members: Names, receiver: str) -> None:
    """Row 8, C and R an owner, or C, R and an owner: the same, and whose, for that owner's keys."""
    played = run(members, receiver)
    pool = Pool(played, COORDINATOR, *dict.fromkeys((receiver, *members)))
    read, named = rows_read(pool), token_names(pool)
    assert Counter(read.values()) == everything_of(everybodys_keys())
    own_keys = {key for member in members for key in world()[member].keys}
    assert {named[one]: read[one] for one in named} == {key: row_of(key) for key in own_keys}
    assert len(read) > len(named)
