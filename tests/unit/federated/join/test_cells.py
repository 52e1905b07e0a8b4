"""Which cells may be opened: every rule alone, and what it does to the remainder row."""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from random import Random
from typing import Any, ClassVar

import numpy as np
import pytest

from contract.errors import BadMessage
from federated.join.bands import bands_of
from federated.join.cells import Cells, Codes, cells
from federated.join.matching import Matched

Table = Mapping[Codes, int]

K = 5
SIZE = 1024
PLENTY = 50


class World:
    """Lists of 1024 places: entities by cell, keys that do not match by code, dummies."""

    def __init__(
        self,
        table: Table,
        unmatched: Sequence[Sequence[int]],
        seed: int = 1,
    ) -> None:
        random = Random(seed)
        entities = list(chain.from_iterable([codes] * count for codes, count in table.items()))
        random.shuffle(entities)
        owners = len(unmatched)
        self.codes: list[Any] = []
        places = []
        for owner in range(owners):
            number = len(unmatched[owner])
            own = random.sample(range(SIZE), SIZE)
            free = [code for code, keys in enumerate(unmatched[owner]) for _ in range(keys)]
            dummies = SIZE - len(entities) - len(free)
            listed = [codes[owner] for codes in entities] + free
            listed += random.choices(range(number), k=dummies)
            column = np.empty(SIZE, dtype="<u4")
            column[own] = listed
            self.codes.append(column)
            places.append(own[: len(entities)])
        self.sizes = [
            [
                sum(codes[owner] == code for codes in entities) + keys
                for code, keys in enumerate(unmatched[owner])
            ]
            for owner in range(owners)
        ]
        positions = np.array(places, dtype=np.int32).reshape(owners, len(entities)).T
        names = tuple("abcde"[:owners])
        self.matched = Matched(names, (SIZE,) * owners, positions)

    def divided(
        self,
        other: Sequence[Collection[int]] | None = None,
        public: Sequence[bool] | None = None,
        min_join: int = 1,
        withheld: Collection[Codes] = (),
        bands: Sequence[Sequence[Any]] = (),
        largest_share: int | None = None,
    ) -> Cells:
        owners = len(self.sizes)
        return cells(
            self.matched,
            self.codes,
            other or [()] * owners,
            self.sizes,
            K,
            min_join,
            public or [False] * owners,
            withheld,
            bands,
            largest_share,
        )

    def amounts(self, owner: int, largest: Mapping[Codes, int]) -> list[int]:
        """1000 at every place of a list, but at one entity of each of these cells."""
        amounts = [1000] * SIZE
        columns = [self.codes[at][self.matched.positions[:, at]] for at in range(len(self.codes))]
        of_entities = list(zip(*(column.tolist() for column in columns), strict=True))
        for codes, amount in largest.items():
            amounts[self.matched.positions[of_entities.index(codes), owner]] = amount
        return amounts

    def limited(self, largest: Mapping[Codes, int], owner: int = 0, share: int = 60) -> Cells:
        bands: list[list[Any]] = [[] for _ in self.sizes]
        bands[owner] = [
            bands_of(np.full(SIZE, -5)),
            bands_of(np.array(self.amounts(owner, largest))),
        ]
        return self.divided(bands=bands, largest_share=share)


def passing(found: Cells) -> dict[Codes, int]:
    return {cell.codes: cell.count for cell in found.passing}


def folded(found: Cells) -> list[Codes]:
    return [cell.codes for cell in found.remainder.cells] if found.remainder else []


def two_owners(table: Table, **rules: Any) -> Cells:
    """Four codes each, and many keys of each that do not match."""
    return World(table, [[PLENTY] * 4] * 2).divided(**rules)


class TestDivision:
    def test_every_entity_is_in_the_cell_of_its_codes(self) -> None:
        table: Table = {(3, 0): 7, (0, 1): 9, (1, 1): 30}
        world = World(table, [[PLENTY] * 4] * 2)
        found = world.divided()
        assert passing(found) == table
        assert (found.remainder, found.folded, found.dropped) == (None, 0, 0)
        for cell in found.passing:
            for owner in range(2):
                assert set(world.codes[owner][cell.positions[:, owner]]) == {cell.codes[owner]}
        rows = np.concatenate([cell.positions for cell in found.passing]).tolist()
        assert sorted(rows) == sorted(world.matched.positions.tolist())

    def test_cells_stand_in_the_order_of_their_codes(self) -> None:
        table: Table = {(3, 0): 60, (0, 1): 9, (1, 1): 30, (0, 0): 10}
        assert [cell.codes for cell in two_owners(table).passing] == sorted(table)

    def test_an_owner_without_group_columns_has_one_code(self) -> None:
        world = World({(0, 2, 0): 8, (0, 3, 0): 12}, [[PLENTY], [PLENTY] * 4, [PLENTY]])
        world.codes[0] = world.codes[2] = None
        assert passing(world.divided()) == {(0, 2, 0): 8, (0, 3, 0): 12}

    def test_more_combinations_of_codes_than_a_number_holds(self) -> None:
        """Five owners of 2^13 codes each: 2^65 cells that could be, and four that are."""
        most = 2**13 - 1
        table: Table = {
            (0, 0, 0, 0, 7): 9,
            (0, 0, 0, 1, 0): 6,
            (most, 0, most, most, most): 11,
            (most,) * 5: 7,
        }
        world = World(table, [[0] * (most + 1)] * 5)
        found = world.divided(public=[True] * 5)
        assert passing(found) == table
        assert [cell.codes for cell in found.passing] == sorted(table)

    def test_nobody_in_the_join_is_no_cell(self) -> None:
        found = two_owners({})
        assert (found.passing, found.remainder, found.dropped) == ((), None, 0)


class TestSmallCells:
    def test_k_entities_pass_and_fewer_are_folded(self) -> None:
        found = two_owners({(0, 0): K, (1, 1): K - 1, (2, 2): K - 1, (3, 3): 20})
        assert passing(found) == {(0, 0): K, (3, 3): 20}
        assert folded(found) == [(1, 1), (2, 2)]
        assert found.remainder is not None
        assert found.remainder.count == len(found.remainder.positions) == 2 * (K - 1)
        assert (found.folded, found.dropped) == (2, 0)

    def test_one_small_cell_takes_the_smallest_that_passes_with_it(self) -> None:
        found = two_owners({(0, 0): 9, (1, 1): 4, (2, 2): 7, (3, 3): 20})
        assert passing(found) == {(0, 0): 9, (3, 3): 20}
        assert folded(found) == [(1, 1), (2, 2)]

    def test_cells_of_fewer_than_k_together_do_so_too(self) -> None:
        found = two_owners({(0, 0): 9, (1, 1): 2, (1, 2): 2, (3, 3): 20})
        assert passing(found) == {(3, 3): 20}
        assert folded(found) == [(0, 0), (1, 1), (1, 2)]

    def test_of_cells_as_small_the_lower_codes_go(self) -> None:
        found = two_owners({(0, 3): 9, (1, 1): 2, (3, 0): 9})
        assert folded(found) == [(0, 3), (1, 1)]
        assert passing(found) == {(3, 0): 9}

    def test_nothing_passes_and_nothing_is_opened(self) -> None:
        found = two_owners({(0, 0): 2, (1, 1): 2})
        assert (passing(found), found.remainder, found.dropped) == ({}, None, 2)
        found = two_owners({(0, 0): K - 1})
        assert (passing(found), found.remainder, found.dropped) == ({}, None, 1)

    def test_nothing_passes_but_the_remainder_is_large_enough(self) -> None:
        found = two_owners({(0, 0): 4, (1, 1): 4})
        assert (passing(found), folded(found), found.dropped) == ({}, [(0, 0), (1, 1)], 0)

    def test_a_join_that_is_too_small_opens_nothing(self) -> None:
        table: Table = {(0, 0): 10, (1, 1): 10, (2, 2): 2}
        assert passing(two_owners(table, min_join=22)) == {(1, 1): 10}
        found = two_owners(table, min_join=23)
        assert (passing(found), found.remainder, found.dropped) == ({}, None, 3)


class TestCellsSetApart:
    def test_other_goes_to_the_remainder_however_large_it_is(self) -> None:
        table: Table = {(0, 0): 100, (0, 1): 90, (2, 1): 80, (3, 3): 20, (2, 3): 30}
        found = two_owners(table, other=[{0}, {1}])
        assert passing(found) == {(3, 3): 20, (2, 3): 30}
        assert folded(found) == [(0, 0), (0, 1), (2, 1)]

    def test_a_lone_other_takes_the_smallest_that_passes_with_it(self) -> None:
        found = two_owners({(0, 0): 100, (1, 1): 30, (2, 2): 20}, other=[{0}, {3}])
        assert (passing(found), folded(found)) == ({(1, 1): 30}, [(0, 0), (2, 2)])

    def test_what_an_owner_withholds_is_folded(self) -> None:
        table: Table = {(0, 0): 9, (1, 1): 30, (2, 2): 20}
        found = two_owners(table, withheld={(1, 1), (3, 3)})
        assert (passing(found), folded(found)) == ({(2, 2): 20}, [(0, 0), (1, 1)])

    def test_a_join_in_one_withheld_cell_opens_nothing(self) -> None:
        found = two_owners({(1, 1): 30}, withheld={(1, 1)})
        assert (passing(found), found.remainder, found.dropped) == ({}, None, 1)


class TestNearlyFullGroups:
    """A count that is nearly an owner's own group is a list of members to that owner."""

    TABLE: ClassVar[Table] = {(0, 0): 20, (1, 0): 30, (2, 1): 40, (3, 1): 50}

    def divided(self, free: int, **rules: Any) -> Cells:
        """`free` keys of the first owner's code 0 are not in the join."""
        return World(self.TABLE, [[free, *[PLENTY] * 3], [PLENTY] * 2]).divided(**rules)

    def test_k_keys_must_be_left_over(self) -> None:
        assert passing(self.divided(K)) == self.TABLE
        found = self.divided(K - 1)
        # Alone it can't be the remainder; the smallest that passes is the one of 30.
        assert (passing(found), folded(found)) == (
            {(2, 1): 40, (3, 1): 50},
            [(0, 0), (1, 0)],
        )

    def test_public_membership_of_all_the_others_lifts_it(self) -> None:
        assert passing(self.divided(0, public=[False, True])) == self.TABLE
        assert passing(self.divided(0, public=[True, True])) == self.TABLE
        assert passing(self.divided(0, public=[True, False])) != self.TABLE

    def test_one_public_list_among_three_does_not(self) -> None:
        world = World({(0, 0, 0): 20, (1, 0, 0): 30, (2, 0, 0): 9}, [[0, 50, 50], [50], [50]])
        world.sizes[0] += [0]
        assert (0, 0, 0) in passing(world.divided(public=[False, True, True]))
        assert (0, 0, 0) not in passing(world.divided(public=[False, True, False]))

    def test_cells_of_one_own_group_count_together(self) -> None:
        """Each cell of code 0 leaves 30 keys over, both together leave 4."""
        world = World({(0, 0): 26, (0, 1): 26, (1, 0): 9}, [[4, PLENTY], [PLENTY] * 2])
        found = world.divided()
        assert (passing(found), folded(found)) == ({}, [(0, 0), (0, 1), (1, 0)])

    def test_the_remainder_is_no_list_of_members_either(self) -> None:
        """Both cells of the first owner are full, so that their sum would be."""
        world = World({(0, 0): 20, (1, 1): 20, (1, 0): 20}, [[1, 3], [PLENTY] * 2])
        found = world.divided()
        assert (passing(found), found.remainder, found.dropped) == ({}, None, 3)
        world = World({(0, 0): 20, (1, 1): 20, (1, 0): 20}, [[1, 4], [PLENTY] * 2])
        assert folded(world.divided()) == [(0, 0), (1, 0), (1, 1)]

    def test_an_owner_without_groups_whose_whole_list_matches_gets_nothing_opened(self) -> None:
        world = World({(0, 0): 30, (0, 1): 40}, [[K - 1], [PLENTY] * 2])
        assert (world.divided().passing, world.divided().remainder) == ((), None)
        assert passing(world.divided(public=[False, True])) == {(0, 0): 30, (0, 1): 40}

    def test_dummies_are_no_keys_left_over(self) -> None:
        """All 900 other places of that code are dummies."""
        world = World({(0, 0): 20, (0, 1): 30}, [[K - 1], [PLENTY] * 2])
        assert (world.codes[0] == 0).all()
        assert world.divided().passing == ()


class TestHostileCodes:
    TABLE: ClassVar[Table] = {(0, 0): 20, (1, 1): 30}

    def refused(self, world: World, what: str) -> None:
        with pytest.raises(BadMessage, match=what) as caught:
            world.divided()
        assert caught.value.party == "b"

    def world(self) -> World:
        return World(self.TABLE, [[PLENTY] * 2] * 2)

    @pytest.mark.parametrize("places", [0, 1, SIZE - 1, SIZE + 1])
    def test_not_one_code_a_place(self, places: int) -> None:
        world = self.world()
        world.codes[1] = np.zeros(places, dtype="<u4")
        self.refused(world, "not one code a place")

    @pytest.mark.parametrize("code", [2, 2**31, 2**32 - 1])
    def test_a_code_beyond_their_number(self, code: int) -> None:
        world = self.world()
        world.codes[1][3] = code
        self.refused(world, "a code beyond the number")

    @pytest.mark.parametrize("sizes", [[], [70, 80, 0]])
    def test_no_power_of_two_of_codes(self, sizes: list[int]) -> None:
        world = self.world()
        world.sizes[1] = sizes
        self.refused(world, "not a power of two")

    @pytest.mark.parametrize(
        ("sizes", "what"),
        [
            ([19, 80], "more matches than keys"),
            ([70, -1], "fewer keys than none"),
            ([500, 600], "more keys than places"),
        ],
    )
    def test_numbers_of_keys_that_cannot_be(self, sizes: list[int], what: str) -> None:
        world = self.world()
        world.sizes[1] = sizes
        self.refused(world, what)


def test_nothing_prints_a_count() -> None:
    found = two_owners({(0, 0): 9, (1, 1): 2, (2, 2): 2, (3, 3): 20})
    for each in (found, found.remainder, found.passing[0]):
        assert repr(each) == object.__repr__(each)


class TestLargeShares:
    TABLE: ClassVar[Table] = {(0, 0): 40, (1, 1): 12, (2, 2): 20, (3, 3): 30}

    @pytest.mark.parametrize("owner", [0, 1])
    def test_a_cell_of_which_one_has_nearly_all_is_folded_whoever_says_so(self, owner: int) -> None:
        world = World(self.TABLE, [[PLENTY] * 4] * 2)
        assert passing(world.limited({}, owner)) == self.TABLE
        found = world.limited({(1, 1): 20_000}, owner)
        assert (folded(found), found.dropped) == ([(1, 1), (2, 2)], 0)
        assert passing(found) == {(0, 0): 40, (3, 3): 30}

    def test_what_joins_it_is_the_smallest_cell_that_keeps_the_share_small(self) -> None:
        world = World(self.TABLE, [[PLENTY] * 4] * 2)
        assert folded(world.limited({(1, 1): 45_000})) == [(0, 0), (1, 1)]

    def test_where_none_alone_does_the_smallest_join_one_after_another(self) -> None:
        world = World(self.TABLE, [[PLENTY] * 4] * 2)
        assert folded(world.limited({(1, 1): 50_000})) == [(1, 1), (2, 2), (3, 3)]

    def test_nothing_opens_if_one_has_nearly_all_of_everything(self) -> None:
        found = World(self.TABLE, [[PLENTY] * 4] * 2).limited({(1, 1): 10**9})
        assert (found.passing, found.remainder, found.dropped) == ((), None, 4)

    def test_a_remainder_of_small_cells_is_checked_as_a_whole(self) -> None:
        table: Table = {(0, 0): 40, (1, 1): 4, (2, 2): 4, (3, 3): 30}
        world = World(table, [[PLENTY] * 4] * 2)
        assert folded(world.limited({})) == [(1, 1), (2, 2)]
        assert folded(world.limited({(1, 1): 30_000})) == [(1, 1), (2, 2), (3, 3)]

    def test_one_of_a_few_who_have_anything_has_too_much(self) -> None:
        """As where all values of a cell but one are NULL: k counts entities, not values."""
        world = World({(0, 0): 40, (1, 1): 12}, [[PLENTY] * 2] * 2)
        zeros = np.zeros(SIZE, dtype=np.int64)
        (one, *_) = world.matched.positions[:, 0]
        zeros[one] = 3
        found = world.divided(bands=[[bands_of(zeros)], []], largest_share=60)
        assert (found.passing, found.dropped) == ((), 2)
