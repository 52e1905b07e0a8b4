"""Paillier's cryptosystem as the paper writes it, over integers of Python: slow, and of no library.

Source  P. Paillier, Public-Key Cryptosystems Based on Composite Degree Residuosity Classes,
        EUROCRYPT '99, scheme 1, with g = 1 + N; ISO/IEC 18033-6:2019 has the same
"""

from math import gcd, lcm


def encrypt(message: int, randomness: int, modulus: int) -> int:
    """g^m · r^N mod N²."""
    assert 0 <= message < modulus
    assert gcd(randomness, modulus) == 1
    square = modulus**2
    return pow(1 + modulus, message, square) * pow(randomness, modulus, square) % square


def decrypt(ciphertext: int, p: int, q: int) -> int:
    """L(c^λ mod N²) / L(g^λ mod N²) mod N, with λ = lcm(p − 1, q − 1): no Chinese remainders."""
    modulus, exponent = p * q, lcm(p - 1, q - 1)

    def logarithm(base: int) -> int:
        residue = pow(base, exponent, modulus**2)
        assert residue % modulus == 1
        return (residue - 1) // modulus

    return logarithm(ciphertext) * pow(logarithm(1 + modulus), -1, modulus) % modulus
