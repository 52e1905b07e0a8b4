"""The Rust core against the RFCs' own vectors, and the plain-Python reference against the same."""

import json
from hashlib import sha512
from pathlib import Path
from typing import Any

import pytest

from native import _core
from tests.vectors import ristretto_reference as reference

VECTORS = Path(__file__).parents[2] / "vectors"


def read(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


RFC9496 = read("rfc9496_ristretto255.json")
RFC9497 = read("rfc9497_oprf_ristretto255.json")
RFC9380 = read("rfc9380_expand_message_xmd_sha512.json")
LOW_ORDER = read("low_order_encodings.json")

GENERATOR = bytes.fromhex(RFC9496["multiples"][1])


def scalar(value: int) -> bytes:
    return value.to_bytes(32, "little")


def test_no_file_is_empty() -> None:
    assert [len(RFC9496[part]) for part in ("multiples", "invalid", "one_way_map")] == [16, 29, 11]
    assert len(RFC9497["vectors"]) == 2
    assert len(RFC9380["vectors"]) == 10
    assert len(LOW_ORDER["encodings"]) == 19


def test_the_identity_is_refused() -> None:
    identity = bytes.fromhex(RFC9496["multiples"][0])
    assert reference.encode(reference.IDENTITY) == identity
    with pytest.raises(_core.PointRefused, match="point 0 is the identity"):
        _core.hazmat_decode(identity)


@pytest.mark.parametrize(("factor", "encoding"), list(enumerate(RFC9496["multiples"]))[1:])
def test_multiples_of_the_generator(factor: int, encoding: str) -> None:
    expected = bytes.fromhex(encoding)
    assert _core.hazmat_decode(expected) == expected
    assert _core.hazmat_multiply(GENERATOR, scalar(factor)) == expected
    generator = reference.decode(GENERATOR)
    assert generator is not None
    assert reference.encode(factor * generator) == expected


@pytest.mark.parametrize(
    "vector",
    RFC9496["invalid"],
    ids=[f"{at}-{vector['class']}" for at, vector in enumerate(RFC9496["invalid"])],
)
def test_invalid_encodings_are_refused(vector: dict[str, str]) -> None:
    encoding = bytes.fromhex(vector["encoding"])
    assert reference.decode(encoding) is None
    with pytest.raises(_core.PointRefused, match="point 0 is not a canonical encoding"):
        _core.hazmat_decode(encoding)


@pytest.mark.parametrize("vector", RFC9496["one_way_map"])
def test_one_way_map(vector: dict[str, str]) -> None:
    uniform = bytes.fromhex(vector["input"])
    assert _core.hazmat_map(uniform).hex() == vector["output"]
    assert reference.encode(reference.one_way_map(uniform)).hex() == vector["output"]


@pytest.mark.parametrize("vector", RFC9380["vectors"])
def test_expand_message_xmd(vector: dict[str, Any]) -> None:
    message, dst = vector["message"].encode(), RFC9380["dst"].encode()
    expected = bytes.fromhex(vector["uniform_bytes"])
    assert _core.hazmat_expand_message(dst, message, vector["length"]) == expected
    assert reference.expand_message_xmd(message, dst, vector["length"]) == expected


@pytest.mark.parametrize("vector", RFC9497["vectors"])
def test_oprf(vector: dict[str, str]) -> None:
    """Blind, BlindEvaluate and Finalize of RFC 9497 §3.3.1."""
    message, blind = bytes.fromhex(vector["input"]), bytes.fromhex(vector["blind"])
    key = bytes.fromhex(RFC9497["secret_key"])
    element = _core.hazmat_hash_to_group(bytes.fromhex(RFC9497["group_dst"]), message)

    blinded = _core.hazmat_multiply(element, blind)
    assert blinded.hex() == vector["blinded_element"]
    evaluated = _core.hazmat_multiply(blinded, key)
    assert evaluated.hex() == vector["evaluation_element"]

    inverse = pow(int.from_bytes(blind, "little"), -1, reference.ORDER)
    unblinded = _core.hazmat_multiply(evaluated, scalar(inverse))
    assert unblinded == _core.hazmat_multiply(element, key)
    parts = (message, unblinded)
    prefixed = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    assert sha512(prefixed + b"Finalize").hexdigest() == vector["output"]


@pytest.mark.parametrize(
    "vector", LOW_ORDER["encodings"], ids=[row["name"] for row in LOW_ORDER["encodings"]]
)
def test_points_of_small_order_do_not_pass(vector: dict[str, str]) -> None:
    encoding = bytes.fromhex(vector["encoding"])
    if vector["ristretto255"] == "element":
        # What passes is of prime order, whatever its bytes mean elsewhere: 8·P is not the identity.
        assert _core.hazmat_multiply(encoding, scalar(8)) != bytes(32)
        assert _core.hazmat_multiply(encoding, scalar(reference.ORDER - 1)) not in (
            bytes(32),
            encoding,
        )
        return
    with pytest.raises(_core.PointRefused):
        _core.hazmat_decode(encoding)
