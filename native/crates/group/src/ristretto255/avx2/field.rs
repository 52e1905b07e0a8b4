//! Integers modulo p = 2^255 − 19, four at a time: one in each 64-bit lane of a register of AVX2.
//!
//! An integer is nine limbs of 29 bits, little-endian: 261 bits, where 2^261 = 1216 modulo p. A product takes 81
//! multiplications of 32 bits by 32 and 9 to fold it, and is carried once, at its end. With ten limbs of 25 and 26
//! bits (Bernstein, Schwabe, "NEON crypto", CHES 2012) it is 109. Points in lanes, as here, are from Cheng,
//! Großschädl, Tian, Rønne, Ryan, "High-throughput elliptic curve cryptography using AVX2 vector instructions"
//! (SAC 2020).
//!
//! Sums and differences are not carried, so limbs grow. How large each may be does not depend on data: where debug
//! assertions are on, every integer has a [`Bound`] beside it, and any run of any formula proves it for all inputs.
//!
//! No time depends on a value. Choices are masks.

mod bytes;
mod choice;
mod packed;
mod product;

use core::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_mul_epu32, _mm256_set1_epi64x,
    _mm256_setzero_si256, _mm256_srli_epi64, _mm256_sub_epi64,
};

pub(super) use choice::Mask;
pub(super) use packed::Packed;

use super::bound::Bound;

/// Lanes: integers in one [`Field4`].
pub(super) const LANES: usize = 4;
pub(super) const LIMBS: usize = 9;
pub(super) const BITS: i32 = 29;
pub(super) const LIMB: i64 = (1 << BITS) - 1;
/// 2^261 modulo p.
pub(super) const FOLD: i64 = 19 << 6;
/// 128 p, in limbs that no limb of a product exceeds: what is added before a subtraction.
pub(super) const SPARE: [i64; LIMBS] = {
    let mut limbs = [2 * LIMB; LIMBS];
    limbs[0] = 2 * ((1 << BITS) - FOLD);
    limbs
};

/// Limbs of an integer that is the same in every lane.
pub(super) type Constant = [u32; LIMBS];

/// Four integers modulo p.
#[derive(Clone, Copy)]
pub(super) struct Field4 {
    limbs: [__m256i; LIMBS],
    bound: Bound,
}

impl Field4 {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn broadcast(constant: &Constant) -> Self {
        let mut limbs = [_mm256_setzero_si256(); LIMBS];
        for (limb, &value) in limbs.iter_mut().zip(constant) {
            *limb = _mm256_set1_epi64x(i64::from(value));
        }
        let bound = Bound::LIMB;
        Self { limbs, bound }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn zero() -> Self {
        Self::broadcast(&[0; LIMBS])
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn one() -> Self {
        Self::broadcast(&[1, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    #[cfg(test)]
    pub(super) fn of_carried(limbs: [__m256i; LIMBS]) -> Self {
        let bound = Bound::REDUCED;
        Self { limbs, bound }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut limbs = self.limbs;
        for (limb, &other) in limbs.iter_mut().zip(&other.limbs) {
            *limb = _mm256_add_epi64(*limb, other);
        }
        let bound = self.bound.sum(other.bound);
        Self { limbs, bound }
    }

    /// The difference; `other` is a product, or carried.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut limbs = self.limbs;
        for (at, limb) in limbs.iter_mut().enumerate() {
            let more = _mm256_add_epi64(*limb, _mm256_set1_epi64x(SPARE[at]));
            *limb = _mm256_sub_epi64(more, other.limbs[at]);
        }
        let bound = self.bound.difference(other.bound);
        Self { limbs, bound }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn negated(&self) -> Self {
        Self::zero().minus(self)
    }

    /// The same integers in limbs as short as a product's.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn carried(&self) -> Self {
        let mask = _mm256_set1_epi64x(LIMB);
        let top = _mm256_srli_epi64::<BITS>(self.limbs[LIMBS - 1]);
        let mut carry = _mm256_mul_epu32(top, _mm256_set1_epi64x(FOLD));
        let mut limbs = self.limbs;
        // Every limb takes what the one below it had: none waits for another.
        for limb in &mut limbs {
            let next = _mm256_srli_epi64::<BITS>(*limb);
            *limb = _mm256_add_epi64(_mm256_and_si256(*limb, mask), carry);
            carry = next;
        }
        let bound = Bound::REDUCED;
        Self { limbs, bound }
    }
}

/// Leaves 29 bits in every limb but the top one.
#[inline]
#[target_feature(enable = "avx2")]
fn carry_up(limbs: &mut [__m256i; LIMBS]) {
    let mask = _mm256_set1_epi64x(LIMB);
    for at in 0..LIMBS - 1 {
        let carry = _mm256_srli_epi64::<BITS>(limbs[at]);
        limbs[at + 1] = _mm256_add_epi64(limbs[at + 1], carry);
        limbs[at] = _mm256_and_si256(limbs[at], mask);
    }
}
