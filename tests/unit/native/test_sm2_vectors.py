"""SM2 and SM3: the standards' own examples, and the core against a reference in plain Python."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native import _core
from tests.vectors import sm2_reference as reference

VECTORS: Any = json.loads(
    (Path(__file__).parents[2] / "vectors" / "sm2_sm3.json").read_text(encoding="utf-8")
)
DST = b"mihe-psi-ecdh-V1-CS01-with-SM2_XMD:SM3_SSWU_RO_"


def scalar(value: int) -> bytes:
    return value.to_bytes(32, "big")


def test_no_part_is_empty() -> None:
    assert (len(VECTORS["sm3"]), len(VECTORS["multiples"])) == (2, 2)


@pytest.mark.parametrize("vector", VECTORS["sm3"])
def test_digests(vector: dict[str, str]) -> None:
    assert reference.sm3(bytes.fromhex(vector["message"])).hex() == vector["digest"]


def test_the_curve_is_the_standards() -> None:
    parameters = {name: int(value, 16) for name, value in VECTORS["curve"].items()}
    assert parameters == {
        "p": reference.P,
        "a": reference.A,
        "b": reference.B,
        "n": reference.ORDER,
        "x": reference.GENERATOR[0],
        "y": reference.GENERATOR[1],
    }
    assert (
        reference.added(
            reference.multiplied(reference.ORDER - 1, reference.GENERATOR), reference.GENERATOR
        )
        is None
    )


@pytest.mark.parametrize("vector", VECTORS["multiples"])
def test_multiples_of_the_generator(vector: dict[str, str]) -> None:
    factor, x, y = (int(vector[name], 16) for name in ("scalar", "x", "y"))
    assert reference.multiplied(factor, reference.GENERATOR) == (x, y)
    generator = reference.encode(reference.GENERATOR)
    assert _core.hazmat_sm2_multiply(generator, scalar(factor)) == scalar(x)


def test_the_maps_constant_is_what_the_search_of_rfc_9380_finds() -> None:
    assert reference.found_z() == reference.Z


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=255))
@settings(max_examples=40)
def test_the_hash_is_the_references(message: bytes, dst: bytes) -> None:
    point = reference.hash_to_curve(message, dst)
    assert point is not None
    found = _core.hazmat_sm2_hash(dst, message)
    assert (found[:32], found[32:]) == (scalar(point[0]), scalar(point[1]))


@given(st.binary(), st.integers(1, reference.ORDER - 1))
@settings(max_examples=40)
def test_multiplication_is_the_references(message: bytes, factor: int) -> None:
    point = reference.hash_to_curve(message, b"test")
    expected = reference.encode(reference.multiplied(factor, point))
    assert _core.hazmat_sm2_multiply(reference.encode(point), scalar(factor)) == expected


@pytest.mark.parametrize("factor", [1, 2, 15, 16, 17, reference.ORDER - 2, reference.ORDER - 1])
def test_multiplication_by_scalars_at_the_edges(factor: int) -> None:
    point = reference.hash_to_curve(b"edge", b"test")
    expected = reference.encode(reference.multiplied(factor, point))
    assert _core.hazmat_sm2_multiply(reference.encode(point), scalar(factor)) == expected


def test_a_point_and_its_negative_are_one_element() -> None:
    point = reference.hash_to_curve(b"x", DST)
    assert point is not None
    negative = (point[0], reference.P - point[1])
    for factor in (3, reference.ORDER - 3):
        one = reference.multiplied(factor, point)
        other = reference.multiplied(factor, negative)
        assert one != other
        assert reference.encode(one) == reference.encode(other)


@given(st.integers(0, 2**256 - 1))
@settings(max_examples=60)
def test_only_coordinates_of_points_are_taken(value: int) -> None:
    """Half of all numbers are coordinates on the twist, whose order is not prime."""
    if reference.decode(scalar(value)) is None:
        with pytest.raises(_core.PointRefused, match="point 0 is not a canonical encoding"):
            _core.hazmat_sm2_multiply(scalar(value), scalar(1))
    else:
        assert _core.hazmat_sm2_multiply(scalar(value), scalar(1)) == scalar(value)


def test_a_coordinate_beyond_the_field_is_refused() -> None:
    """2^224 numbers have two spellings in 32 bytes."""
    small = next(x for x in range(100) if reference.decode(scalar(x)) is not None)
    assert _core.hazmat_sm2_multiply(scalar(small), scalar(1)) == scalar(small)
    with pytest.raises(_core.PointRefused):
        _core.hazmat_sm2_multiply(scalar(small + reference.P), scalar(1))


@pytest.mark.parametrize("factor", [0, reference.ORDER, 2**256 - 1])
def test_zero_and_unreduced_scalars_are_refused(factor: int) -> None:
    with pytest.raises(_core.Misused):
        _core.hazmat_sm2_multiply(reference.encode(reference.GENERATOR), scalar(factor))


@pytest.mark.parametrize("dst", [b"", bytes(256)])
def test_domains_of_impossible_length_are_refused(dst: bytes) -> None:
    with pytest.raises(_core.Misused):
        _core.hazmat_sm2_hash(dst, b"")
