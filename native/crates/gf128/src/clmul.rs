//! Multiplication with PCLMULQDQ (x86-64).
//!
//! Intel's white paper "Carry-Less Multiplication Instruction and its Usage for Computing the GCM Mode"
//! (323640, rev. 2.02), algorithm 2 for the product. Where the paper reduces mirrored bits by shifts, bits here
//! are in order, so x^128 = x^7 + x^2 + x + 1 is one more product by 0x87 for each half.

use core::arch::x86_64::{
    __m128i, _mm_clmulepi64_si128, _mm_set_epi64x, _mm_slli_si128, _mm_srli_si128, _mm_xor_si128,
};

use bytemuck::must_cast;

use crate::Gf128;

/// Proof that the processor has the instruction.
#[derive(Clone, Copy)]
pub(crate) struct Unit(());

impl Unit {
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        (cfg!(not(mihe_portable)) && is_x86_feature_detected!("pclmulqdq")).then_some(Self(()))
    }

    pub(crate) fn multiply_each(self, factors: &mut [Gf128], others: &[Gf128]) {
        // SAFETY: `self` exists only where `detect` found the instruction.
        unsafe { multiply_each(factors, others) }
    }

    pub(crate) fn add_multiples(self, sums: &mut [Gf128], terms: &[Gf128], factor: Gf128) {
        // SAFETY: `self` exists only where `detect` found the instruction.
        unsafe { add_multiples(sums, terms, factor) }
    }

    pub(crate) fn add_values(self, sums: &mut [Gf128], points: &[Gf128], coefficients: &[Gf128]) {
        // SAFETY: `self` exists only where `detect` found the instruction.
        unsafe { add_values(sums, points, coefficients) }
    }
}

#[target_feature(enable = "pclmulqdq")]
fn multiply_each(factors: &mut [Gf128], others: &[Gf128]) {
    for (factor, &other) in factors.iter_mut().zip(others) {
        *factor = multiply(*factor, other);
    }
}

#[target_feature(enable = "pclmulqdq")]
fn add_multiples(sums: &mut [Gf128], terms: &[Gf128], factor: Gf128) {
    for (sum, &term) in sums.iter_mut().zip(terms) {
        *sum += multiply(term, factor);
    }
}

#[target_feature(enable = "pclmulqdq")]
fn add_values(sums: &mut [Gf128], points: &[Gf128], coefficients: &[Gf128]) {
    // One element's products wait for each other; the processor has those of several elements in flight.
    for (sum, &point) in sums.iter_mut().zip(points) {
        *sum += coefficients
            .iter()
            .rev()
            .fold(Gf128::ZERO, |value, &c| multiply(value + c, point));
    }
}

#[target_feature(enable = "pclmulqdq")]
#[inline]
fn multiply(a: Gf128, b: Gf128) -> Gf128 {
    let (a, b): (__m128i, __m128i) = (must_cast(a), must_cast(b));
    let low = _mm_clmulepi64_si128::<0x00>(a, b);
    let high = _mm_clmulepi64_si128::<0x11>(a, b);
    let middle = _mm_xor_si128(
        _mm_clmulepi64_si128::<0x01>(a, b),
        _mm_clmulepi64_si128::<0x10>(a, b),
    );
    let low = _mm_xor_si128(low, _mm_slli_si128::<8>(middle));
    let high = _mm_xor_si128(high, _mm_srli_si128::<8>(middle));
    // high = h1·x^64 + h0. h1·x^64·x^128 = h1·0x87·x^64, whose upper half joins h0 before that is folded too.
    let tail = _mm_set_epi64x(0, 0x87);
    let upper = _mm_clmulepi64_si128::<0x01>(high, tail);
    let low = _mm_xor_si128(low, _mm_slli_si128::<8>(upper));
    let high = _mm_xor_si128(high, _mm_srli_si128::<8>(upper));
    let lower = _mm_clmulepi64_si128::<0x00>(high, tail);
    must_cast(_mm_xor_si128(low, lower))
}
