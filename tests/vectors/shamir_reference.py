"""Shamir's secret sharing, slowly: the polynomial itself, by Gauss's elimination mod p.

Written from A. Shamir, How to Share a Secret (CACM 22(11), 1979) alone, and not from
federated/union/shamir.py, which weighs values and never has the polynomial.
"""

PRIME = 2**521 - 1


def share(coefficients: list[int], x: int) -> int:
    """The value at x of the polynomial whose constant term comes first."""
    return int(sum(one * x**power for power, one in enumerate(coefficients)) % PRIME)


def polynomial(points: list[tuple[int, int]]) -> list[int]:
    """The one polynomial, of a degree below the number of points, through all of them."""
    rows = [[pow(x, power, PRIME) for power in range(len(points))] + [y] for x, y in points]
    for at in range(len(rows)):
        pivot = next(row for row in range(at, len(rows)) if rows[row][at])
        rows[at], rows[pivot] = rows[pivot], rows[at]
        scale = pow(rows[at][at], PRIME - 2, PRIME)
        rows[at] = [value * scale % PRIME for value in rows[at]]
        for other in range(len(rows)):
            if other != at:
                factor = rows[other][at]
                rows[other] = [
                    (value - factor * own) % PRIME
                    for value, own in zip(rows[other], rows[at], strict=True)
                ]
    return [int(row[-1]) for row in rows]
