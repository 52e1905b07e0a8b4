"""SM3, SM2's curve and hashing to it, in plain Python, step by step as the documents write it.

Implements GB/T 32905 (SM3), the curve of GB/T 32918.5, and RFC 9380 §5 and §6.6.2 for it, with the
search of appendix H.2 that finds Z. Independent of the Rust core, which is compared with it. Slow
and in variable time: for tests only.
"""

from itertools import count

P = 2**256 - 2**224 - 2**96 + 2**64 - 1
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GENERATOR = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
Z = P - 9

Point = tuple[int, int] | None
"""None is the identity."""

# ── SM3 ───────────────────────────────────────────────────────────

_WORD = 2**32 - 1
_INITIAL = bytes.fromhex("7380166f4914b2b9172442d7da8a0600a96f30bc163138aae38dee4db0fb0e4e")


def _rotated(word: int, by: int) -> int:
    by %= 32
    return (word << by | word >> (32 - by)) & _WORD


def _p0(word: int) -> int:
    return word ^ _rotated(word, 9) ^ _rotated(word, 17)


def _p1(word: int) -> int:
    return word ^ _rotated(word, 15) ^ _rotated(word, 23)


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4)]


def _compressed(state: list[int], block: bytes) -> list[int]:
    w = _words(block)
    for j in range(16, 68):
        mixed = _p1(w[j - 16] ^ w[j - 9] ^ _rotated(w[j - 3], 15))
        w.append(mixed ^ _rotated(w[j - 13], 7) ^ w[j - 6])
    a, b, c, d, e, f, g, h = state
    for j in range(64):
        t = 0x79CC4519 if j < 16 else 0x7A879D8A
        ss1 = _rotated((_rotated(a, 12) + e + _rotated(t, j)) & _WORD, 7)
        ss2 = ss1 ^ _rotated(a, 12)
        ff = a ^ b ^ c if j < 16 else a & b | a & c | b & c
        gg = e ^ f ^ g if j < 16 else e & f | ~e & g
        tt1 = (ff + d + ss2 + (w[j] ^ w[j + 4])) & _WORD
        tt2 = (gg + h + ss1 + w[j]) & _WORD
        a, b, c, d = tt1, a, _rotated(b, 9), c
        e, f, g, h = _p0(tt2), e, _rotated(f, 19), g
    return [old ^ new for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True)]


def sm3(message: bytes) -> bytes:
    """GB/T 32905 §5: 32 bytes."""
    padded = message + b"\x80" + bytes(-(len(message) + 9) % 64)
    padded += (8 * len(message)).to_bytes(8, "big")
    state = _words(_INITIAL)
    for at in range(0, len(padded), 64):
        state = _compressed(state, padded[at : at + 64])
    return b"".join(word.to_bytes(4, "big") for word in state)


# ── the curve ─────────────────────────────────────────────────────


def is_square(value: int) -> bool:
    return value % P == 0 or pow(value, (P - 1) // 2, P) == 1


def square_root(value: int) -> int:
    """p ≡ 3 mod 4."""
    root = pow(value, (P + 1) // 4, P)
    assert root * root % P == value % P
    return root


def curve(x: int) -> int:
    """x³ + a·x + b"""
    return (x**3 + A * x + B) % P


def added(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2:
        if (y1 + y2) % P == 0:
            return None
        slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def multiplied(scalar: int, point: Point) -> Point:
    result: Point = None
    for bit in f"{scalar % ORDER:b}":
        result = added(result, result)
        if bit == "1":
            result = added(result, point)
    return result


def decode(x_bytes: bytes) -> Point:
    """One of the two points with this x-coordinate; None if there are none."""
    x = int.from_bytes(x_bytes, "big")
    if x >= P or not is_square(curve(x)):
        return None
    return x, square_root(curve(x))


def encode(point: Point) -> bytes:
    """The x-coordinate."""
    assert point is not None
    return point[0].to_bytes(32, "big")


# ── hashing to it ─────────────────────────────────────────────────


def expand_message_xmd(message: bytes, dst: bytes, length: int) -> bytes:
    """RFC 9380 §5.3.1 with SM3."""
    dst_prime = dst + bytes([len(dst)])
    b_0 = sm3(bytes(64) + message + length.to_bytes(2, "big") + b"\0" + dst_prime)
    blocks = [sm3(b_0 + b"\1" + dst_prime)]
    for index in range(2, -(-length // 32) + 1):
        mixed = bytes(a ^ b for a, b in zip(b_0, blocks[-1], strict=True))
        blocks.append(sm3(mixed + bytes([index]) + dst_prime))
    return b"".join(blocks)[:length]


def map_to_curve(u: int) -> tuple[int, int]:
    """RFC 9380 §6.6.2, as the section has it."""
    both = (Z * Z * u**4 + Z * u * u) % P
    fraction = -(1 + pow(both, -1, P)) if both else pow(Z, -1, P)
    x1 = B * pow(A, -1, P) * fraction % P
    x2 = Z * u * u * x1 % P
    x = x1 if is_square(curve(x1)) else x2
    y = square_root(curve(x))
    return x, y if y % 2 == u % 2 else -y % P


def hash_to_curve(message: bytes, dst: bytes) -> Point:
    """RFC 9380 §3, a random oracle."""
    uniform = expand_message_xmd(message, dst, 96)
    first, second = (int.from_bytes(uniform[at : at + 48], "big") % P for at in (0, 48))
    return added(map_to_curve(first), map_to_curve(second))


def found_z() -> int:
    """RFC 9380 appendix H.2, find_z_sswu."""
    for size in count(1):
        for z in (size, -size):
            if is_square(z) or z == -1 or not _has_no_root(z):
                continue
            if is_square(curve(B * pow(z * A, -1, P))):
                return z % P
    raise AssertionError


def _has_no_root(z: int) -> bool:
    """Whether x³ + a·x + b − z is irreducible: a cubic is, unless it has a root."""
    cubic = [(B - z) % P, A, 0, 1]
    power, base, exponent = [1, 0, 0], [0, 1, 0], P
    while exponent:
        if exponent & 1:
            power = _product(power, base, cubic)
        base, exponent = _product(base, base, cubic), exponent >> 1
    # The roots in the field are those of x^p − x.
    return len(_common_divisor(cubic, [power[0], power[1] - 1, power[2]])) == 1


def _product(one: list[int], other: list[int], cubic: list[int]) -> list[int]:
    product = [0] * 5
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            product[i + j] += a * b
    low = _remainder(product, cubic)
    return [*low, *[0] * (3 - len(low))]


def _common_divisor(one: list[int], other: list[int]) -> list[int]:
    one, other = _remainder(one, []), _remainder(other, [])
    while other:
        one, other = other, _remainder(one, other)
    return one


def _remainder(value: list[int], divisor: list[int]) -> list[int]:
    """Coefficients from the constant one on, without leading zeros."""
    value = [coefficient % P for coefficient in value]
    inverse = pow(divisor[-1], -1, P) if divisor else 0
    while value and (not value[-1] or (divisor and len(value) >= len(divisor))):
        factor, shift = value[-1] * inverse, len(value) - len(divisor)
        for at, coefficient in enumerate(divisor if value[-1] else []):
            value[shift + at] = (value[shift + at] - factor * coefficient) % P
        value.pop()
    return value
