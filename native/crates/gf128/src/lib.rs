//! The field GF(2^128) = GF(2)[x] / (x^128 + x^7 + x^2 + x + 1), for slices of a million elements.
//!
//! Bit i of the integer is the coefficient of x^i, and bytes are little-endian: the order of libraries for
//! oblivious transfer. GCM has the same polynomial and the opposite order of bits (NIST SP 800-38D §6.3), so
//! that its vectors apply after a reversal; the tests do that.
//!
//! Every operation takes a time that depends on lengths alone. Two ways give the same bytes: [`clmul`] with the
//! PCLMULQDQ instruction, and [`portable`] with integer multiplication. [`Gf128`]'s operators and the functions on
//! slices choose at run time; loops belong inside the functions on slices, which choose once a call.
#![deny(unsafe_op_in_unsafe_fn)]

use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Mul, MulAssign};

use bytemuck::{Pod, Zeroable};
use zeroize::Zeroize;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // the instruction is an intrinsic
mod clmul;
mod portable;

/// An element: bit i is the coefficient of x^i. Its text is not printed, since it may be a secret.
#[derive(Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable, Zeroize)]
#[repr(transparent)]
pub struct Gf128(pub u128);

impl Gf128 {
    /// The neutral element of addition.
    pub const ZERO: Self = Self(0);
    /// The neutral element of multiplication.
    pub const ONE: Self = Self(1);

    /// a^(2^128 - 2), which is 1/a, and zero for zero.
    #[must_use]
    pub fn invert(self) -> Self {
        // 2^128 - 2 is 127 ones and a zero in binary: a^2 · a^4 · … · a^(2^127).
        let (mut square, mut product) = (self, Self::ONE);
        for _ in 1..128 {
            square = square * square;
            product *= square;
        }
        product
    }
}

impl fmt::Debug for Gf128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gf128(…)")
    }
}

impl Add for Gf128 {
    type Output = Self;

    // Addition of polynomials over GF(2) is exclusive or.
    #[allow(clippy::suspicious_arithmetic_impl)]
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl AddAssign for Gf128 {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Gf128 {
    fn sum<I: Iterator<Item = Self>>(terms: I) -> Self {
        terms.fold(Self::ZERO, Add::add)
    }
}

impl Mul for Gf128 {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let mut product = [self];
        multiply_each(&mut product, &[other]);
        product[0]
    }
}

impl MulAssign for Gf128 {
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

/// `factors[i] *= others[i]`.
///
/// # Panics
/// If the two differ in length.
pub fn multiply_each(factors: &mut [Gf128], others: &[Gf128]) {
    assert_eq!(factors.len(), others.len(), "as many factors as others");
    #[cfg(target_arch = "x86_64")]
    if let Some(unit) = clmul::Unit::detect() {
        return unit.multiply_each(factors, others);
    }
    portable::multiply_each(factors, others);
}

/// `sums[i] += terms[i] * factor`.
///
/// # Panics
/// If the two slices differ in length.
pub fn add_multiples(sums: &mut [Gf128], terms: &[Gf128], factor: Gf128) {
    assert_eq!(sums.len(), terms.len(), "as many sums as terms");
    #[cfg(target_arch = "x86_64")]
    if let Some(unit) = clmul::Unit::detect() {
        return unit.add_multiples(sums, terms, factor);
    }
    portable::add_multiples(sums, terms, factor);
}

/// Adds to `sums[i]` the polynomial c1·x + c2·x² + … at x = `points[i]`.
///
/// # Panics
/// If there are not as many sums as points.
pub fn add_values(sums: &mut [Gf128], points: &[Gf128], coefficients: &[Gf128]) {
    assert_eq!(sums.len(), points.len(), "as many sums as points");
    #[cfg(target_arch = "x86_64")]
    if let Some(unit) = clmul::Unit::detect() {
        return unit.add_values(sums, points, coefficients);
    }
    portable::add_values(sums, points, coefficients);
}

#[cfg(test)]
mod tests;
