"""What `make bench-psi` compares if nobody says otherwise, and if somebody does."""

import pytest

from benchmarks.psi.__main__ import _size
from benchmarks.psi.lists import SHAPES
from benchmarks.psi.plan import ANY, CURVES, GROUPS, settings
from benchmarks.psi.sites import DISTANT, LOOPBACK, NETWORKS


def test_the_usual_run_has_every_size_both_links_and_other_shapes() -> None:
    here = settings(LOOPBACK, ANY, None, None, None)
    assert {1 << power for power in (12, 14, 16, 18, 20)} == {one.keys for one in here}
    assert {one.shape for one in here} == set(SHAPES)
    assert len({one.overlap for one in here}) > 2
    assert max(one.keys for one in settings(DISTANT, ANY, None, None, None)) == 1 << 20
    assert settings(LOOPBACK, CURVES, None, None, None)


@pytest.mark.parametrize("link", NETWORKS)
@pytest.mark.parametrize("group", GROUPS)
def test_what_is_asked_for_is_all_that_is_run(link: str, group: str) -> None:
    planned = settings(link, group, [1 << 14, 1 << 10], ["id_number"], [0.1, 0.9])
    assert [(one.keys, one.shape, one.overlap) for one in planned] == [
        (1 << 10, "id_number", 0.1),
        (1 << 14, "id_number", 0.1),
        (1 << 10, "id_number", 0.9),
        (1 << 14, "id_number", 0.9),
    ]
    assert {(one.link, one.group) for one in planned} == {(link, group)}


def test_sizes_are_typed_as_powers_or_numbers() -> None:
    assert [_size(text) for text in ("2^20", "10^7", "4096")] == [1 << 20, 10**7, 4096]


def test_ours_is_the_first_of_each_group_and_names_are_unique() -> None:
    assert all(entrants[0].engine.name.startswith("mihe") for entrants in GROUPS.values())
    names = [entrant.engine.name for entrants in GROUPS.values() for entrant in entrants]
    assert len(set(names)) == len(names)
