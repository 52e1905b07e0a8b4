"""ristretto255 and hashing to it, in plain Python, step by step as the RFCs write it.

Implements RFC 9496 §4 (decode, encode, one-way map), RFC 9380 §5.3.1 (expand_message_xmd with
SHA-512), RFC 9497 §4.1 (HashToGroup). Independent of the Rust core, which is compared with it. Slow
and in variable time: for tests only.
"""

from dataclasses import dataclass
from hashlib import sha512

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def is_negative(value: int) -> bool:
    return value % P % 2 == 1


def absolute(value: int) -> int:
    return -value % P if is_negative(value) else value % P


def sqrt_ratio_m1(u: int, v: int) -> tuple[bool, int]:
    """RFC 9496 §4.2: whether u/v is a square, and √(u/v) or √(√-1·u/v), not negative."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    correct, flipped, flipped_i = check == u % P, check == -u % P, check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        r = r * SQRT_M1 % P
    return correct or flipped, absolute(r)


# RFC 9496 §4.1 fixes their signs.
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P


@dataclass(frozen=True)
class Point:
    """A representative on edwards25519 in extended coordinates; equality is that of encodings."""

    x: int
    y: int
    z: int
    t: int

    def __add__(self, other: "Point") -> "Point":
        a = (self.y - self.x) * (other.y - other.x)
        b = (self.y + self.x) * (other.y + other.x)
        c = 2 * self.t * other.t * D
        d = 2 * self.z * other.z
        e, f, g, h = b - a, d - c, d + c, b + a
        return Point(e * f % P, g * h % P, f * g % P, e * h % P)

    def __rmul__(self, scalar: int) -> "Point":
        result, power = IDENTITY, self
        for bit in reversed(f"{scalar % (8 * ORDER):b}"):
            if bit == "1":
                result = result + power
            power = power + power
        return result


IDENTITY = Point(0, 1, 1, 0)


def decode(encoding: bytes) -> Point | None:
    """RFC 9496 §4.3.1; None where it fails."""
    s = int.from_bytes(encoding, "little")
    if len(encoding) != 32 or s >= P or is_negative(s):
        return None
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    was_square, invsqrt = sqrt_ratio_m1(1, v * u2 * u2 % P)
    den_x, den_y = invsqrt * u2 % P, invsqrt * invsqrt * u2 * v % P
    x = absolute(2 * s * den_x)
    y = u1 * den_y % P
    t = x * y % P
    if not was_square or is_negative(t) or y == 0:
        return None
    return Point(x, y, 1, t)


def encode(point: Point) -> bytes:
    """RFC 9496 §4.3.2."""
    u1 = (point.z + point.y) * (point.z - point.y) % P
    u2 = point.x * point.y % P
    _, invsqrt = sqrt_ratio_m1(1, u1 * u2 * u2 % P)
    den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
    z_inv = den1 * den2 * point.t % P
    x, y, den_inv = point.x, point.y, den2
    if is_negative(point.t * z_inv):
        x, y = point.y * SQRT_M1 % P, point.x * SQRT_M1 % P
        den_inv = den1 * INVSQRT_A_MINUS_D % P
    if is_negative(x * z_inv):
        y = -y % P
    return absolute(den_inv * (point.z - y)).to_bytes(32, "little")


def one_way_map(uniform: bytes) -> Point:
    """RFC 9496 §4.3.4: 64 bytes to an element."""
    low, high = (int.from_bytes(half, "little") % 2**255 % P for half in batched_32(uniform))
    return _map(low) + _map(high)


def _map(t: int) -> Point:
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio_m1(u, v)
    c = -1
    if not was_square:
        s, c = -absolute(s * t) % P, r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1 = 2 * s * v, n * SQRT_AD_MINUS_ONE
    w2, w3 = 1 - s * s, 1 + s * s
    return Point(w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P)


def batched_32(data: bytes) -> list[bytes]:
    """`data` in pieces of 32 bytes."""
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def expand_message_xmd(message: bytes, dst: bytes, length: int) -> bytes:
    """RFC 9380 §5.3.1 with SHA-512."""
    dst_prime = dst + bytes([len(dst)])
    b_0 = sha512(bytes(128) + message + length.to_bytes(2, "big") + b"\0" + dst_prime).digest()
    blocks = [sha512(b_0 + b"\1" + dst_prime).digest()]
    for index in range(2, -(-length // 64) + 1):
        mixed = bytes(a ^ b for a, b in zip(b_0, blocks[-1], strict=True))
        blocks.append(sha512(mixed + bytes([index]) + dst_prime).digest())
    return b"".join(blocks)[:length]


def hash_to_group(message: bytes, dst: bytes) -> Point:
    """RFC 9497 §4.1, HashToGroup for ristretto255-SHA512."""
    return one_way_map(expand_message_xmd(message, dst, 64))
