"""An owner's codes: groups that are large enough keep a code of their own, at no telling place."""

from collections import Counter
from random import Random

import numpy as np
import pytest

from federated.join.codes import Encoded, encode

SEED = bytes([5] * 32)
KEYS = 3 * ["north"] + 40 * ["south"] + 60 * ["east"] + 2 * ["west"] + 20 * [None]


def shuffled(keys: int, size: int) -> list[int]:
    order = [*range(keys), *[-1] * (size - keys)]
    Random(1).shuffle(order)
    return order


def codes_of(encoded: Encoded) -> list[int]:
    listed: list[int] = np.frombuffer(encoded.message.codes, dtype="<u4").tolist()
    return listed


def test_every_place_has_the_code_of_its_keys_group() -> None:
    order = shuffled(len(KEYS), 256)
    encoded = encode(KEYS, order, 5, SEED)
    assert set(encoded.labels.values()) == {"south", "east", None}
    for code, key in zip(codes_of(encoded), order, strict=True):
        if key >= 0:
            small = KEYS[key] in ("north", "west")
            assert code == encoded.message.other if small else encoded.labels[code] == KEYS[key]


def test_sizes_are_those_of_the_keys_without_dummies() -> None:
    encoded = encode(KEYS, shuffled(len(KEYS), 256), 5, SEED)
    sizes = encoded.message.sizes
    named = {encoded.labels.get(code, "other"): keys for code, keys in enumerate(sizes) if keys}
    assert named == {"south": 40, "east": 60, None: 20, "other": 5}
    assert len(sizes) == 4


@pytest.mark.parametrize(("groups", "number"), [(0, 1), (1, 2), (3, 4), (4, 8), (7, 8), (8, 16)])
def test_codes_are_a_power_of_two_with_room_for_other(groups: int, number: int) -> None:
    keys = [group for group in range(groups) for _ in range(5)]
    encoded = encode(keys, shuffled(len(keys), 256), 5, SEED)
    assert len(encoded.message.sizes) == number
    assert encoded.message.other not in encoded.labels
    assert encoded.message.sizes[encoded.message.other] == 0
    assert len(encoded.labels) == groups


def test_dummies_carry_codes_as_keys_do() -> None:
    keys = ["rare"] * 100 + ["often"] * 900
    order = shuffled(1000, 8192)
    encoded = encode(keys, order, 5, SEED)
    dummies = [code for code, key in zip(codes_of(encoded), order, strict=True) if key < 0]
    drawn = Counter(encoded.labels[code] for code in dummies)
    assert drawn["rare"] + drawn["often"] == 7192
    # Binomial: 719 expected, standard deviation 25; the seed is fixed.
    assert abs(drawn["rare"] - 719) < 100


def test_without_keys_everything_is_other() -> None:
    encoded = encode([], [-1] * 256, 5, SEED)
    assert encoded.message.sizes == (0,)
    assert codes_of(encoded) == [encoded.message.other] * 256


def test_a_seed_gives_its_codes_and_another_gives_others() -> None:
    keys = [group for group in range(60) for _ in range(5)]
    order = shuffled(len(keys), 512)
    one = encode(keys, order, 5, SEED)
    assert one.message == encode(keys, order, 5, SEED).message
    other = encode(keys, order, 5, bytes(32))
    # 60 groups at random among 64 codes: about one keeps its code by chance.
    assert sum(one.labels[code] == other.labels.get(code) for code in one.labels) < 8
    assert sum(label == code for code, label in one.labels.items()) < 8


def test_nothing_is_printed() -> None:
    encoded = encode(KEYS, shuffled(len(KEYS), 256), 5, SEED)
    assert repr(encoded) == object.__repr__(encoded)
    assert repr(encoded.message) == object.__repr__(encoded.message)
