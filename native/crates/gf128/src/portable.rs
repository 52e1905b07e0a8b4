//! Multiplication without special instructions: integer products of numbers with holes.
//!
//! Thomas Pornin's method for GHASH ("ctmul64" in BearSSL): with three zero bits between any two digits, no carry of
//! an integer product reaches the next digit, so bit 0 of each four is the carry-less product. Constant time where
//! the processor multiplies 64-bit integers in constant time.

use crate::Gf128;

const HOLES: [u64; 4] = [
    0x1111_1111_1111_1111,
    0x2222_2222_2222_2222,
    0x4444_4444_4444_4444,
    0x8888_8888_8888_8888,
];

pub(crate) fn multiply_each(factors: &mut [Gf128], others: &[Gf128]) {
    for (factor, &other) in factors.iter_mut().zip(others) {
        *factor = multiply(*factor, other);
    }
}

pub(crate) fn add_multiples(sums: &mut [Gf128], terms: &[Gf128], factor: Gf128) {
    for (sum, &term) in sums.iter_mut().zip(terms) {
        *sum += multiply(term, factor);
    }
}

pub(crate) fn add_values(sums: &mut [Gf128], points: &[Gf128], coefficients: &[Gf128]) {
    for (sum, &point) in sums.iter_mut().zip(points) {
        *sum += coefficients
            .iter()
            .rev()
            .fold(Gf128::ZERO, |value, &c| multiply(value + c, point));
    }
}

pub(crate) fn multiply(a: Gf128, b: Gf128) -> Gf128 {
    let (a_low, a_high) = halves(a.0);
    let (b_low, b_high) = halves(b.0);
    let low = wide(a_low, b_low);
    let high = wide(a_high, b_high);
    // Karatsuba: the middle is (a_low + a_high)(b_low + b_high) - low - high.
    let middle = wide(a_low ^ a_high, b_low ^ b_high) ^ low ^ high;
    reduce(low ^ (middle << 64), high ^ (middle >> 64))
}

fn halves(value: u128) -> (u64, u64) {
    (value as u64, (value >> 64) as u64)
}

/// The carry-less product of two polynomials of degree 63: 127 bits.
fn wide(a: u64, b: u64) -> u128 {
    let low = low_half(a, b);
    // The high half is the low half of the product of the mirrored polynomials, mirrored, one bit on.
    let high = low_half(a.reverse_bits(), b.reverse_bits()).reverse_bits() >> 1;
    u128::from(low) | (u128::from(high) << 64)
}

/// The carry-less product modulo x^64.
fn low_half(a: u64, b: u64) -> u64 {
    let a = HOLES.map(|holes| a & holes);
    let b = HOLES.map(|holes| b & holes);
    let mut product = 0;
    for (digit, holes) in HOLES.iter().enumerate() {
        let mut sum = 0;
        for (index, one) in a.iter().enumerate() {
            sum ^= one.wrapping_mul(b[(digit + 4 - index) % 4]);
        }
        product |= sum & holes;
    }
    product
}

/// low + high · x^128 modulo x^128 + x^7 + x^2 + x + 1.
pub(crate) fn reduce(low: u128, high: u128) -> Gf128 {
    // x^128 = x^7 + x^2 + x + 1; what this shifts out above bit 127 has degree 6 at most, and folds once more.
    let folded = high ^ (high << 1) ^ (high << 2) ^ (high << 7);
    let over = (high >> 127) ^ (high >> 126) ^ (high >> 121);
    Gf128(low ^ folded ^ over ^ (over << 1) ^ (over << 2) ^ (over << 7))
}
