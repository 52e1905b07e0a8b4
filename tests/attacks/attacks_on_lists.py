"""What a coalition tries on the lists of a query: points, tokens and codes.

* `identities`, `require_points_silent`: take the known scalars out of every list of points, and
  compare what is left with the own lists, with each other, and with a dictionary of all keys;
* `token_names`: hash every key of the dictionary with every point at hand, and look for the tokens;
* `histograms`, `names_of_codes`: count codes, and name them by the sizes that statistics publish;
* `linked`, `rows_with`: put together what lists say of one token.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

from coordinator.wire import Share
from federated.join.matching import match
from tests.attacks import test_coalitions_tokens as tokens
from tests.attacks.coalitions import DICTIONARY, GRADES, INDUSTRIES, OWNERS, Labels, Names, Pool
from tests.vectors.blind_join_reference import KEY_DST, Fast, token

GROUP = Fast()

# ── points and tokens ─────────────────────────────────────────────────────────────────────────────


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


# ── codes ─────────────────────────────────────────────────────────────────────────────────────────


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


def rows_with(
    pool: Pool, read: Mapping[str, Sequence[int]]
) -> dict[bytes, frozenset[tuple[str, Labels, int]]]:
    """By token, everything about an entity in all lists; dummies have no value anywhere."""
    shares, named = pool.shares(), names_of_codes(pool)
    found = {
        one: frozenset(
            (owner, named[owner][code_at(shares[owner], place)], read[owner][place])
            for owner, place in places.items()
        )
        for one, places in linked(pool).items()
    }
    return {one: row for one, row in found.items() if any(value for _, _, value in row)}
