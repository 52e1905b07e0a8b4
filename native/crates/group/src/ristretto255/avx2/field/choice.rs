//! Comparisons of integers modulo p, and choices by a mask.

use core::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_andnot_si256, _mm256_cmpeq_epi64, _mm256_or_si256,
    _mm256_set1_epi64x, _mm256_setzero_si256,
};
use core::hint::black_box;

use bytemuck::must_cast;

use super::{Field4, LANES};

/// All bits of a lane, or none. `black_box` hides from the compiler that lanes are the same, so that it makes no
/// branch of a choice.
#[derive(Clone, Copy)]
pub(in super::super) struct Mask(pub(super) __m256i);

impl Mask {
    /// In every lane: all bits if `mask` is −1, none if it is 0.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn broadcast(mask: i64) -> Self {
        Self(black_box(_mm256_set1_epi64x(mask)))
    }

    /// In every lane: all bits if the two are equal.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn where_equal(one: i64, other: i64) -> Self {
        let one = black_box(_mm256_set1_epi64x(one));
        Self(_mm256_cmpeq_epi64(one, _mm256_set1_epi64x(other)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn and(self, other: Self) -> Self {
        Self(_mm256_and_si256(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn or(self, other: Self) -> Self {
        Self(_mm256_or_si256(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn not(self) -> Self {
        Self(_mm256_andnot_si256(self.0, _mm256_set1_epi64x(-1)))
    }

    pub(in super::super) fn lanes(self) -> [bool; LANES] {
        must_cast::<__m256i, [u64; LANES]>(self.0).map(|lane| lane != 0)
    }
}

impl Field4 {
    /// In each lane `other` where the mask has all bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn or_where(&self, mask: Mask, other: &Self) -> Self {
        let mut limbs = self.limbs;
        for (limb, &other) in limbs.iter_mut().zip(&other.limbs) {
            *limb = _mm256_or_si256(
                _mm256_and_si256(other, mask.0),
                _mm256_andnot_si256(mask.0, *limb),
            );
        }
        Self {
            limbs,
            bound: self.bound.larger(other.bound),
        }
    }

    /// The negative where the mask has all bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn negated_where(&self, mask: Mask) -> Self {
        self.or_where(mask, &self.negated())
    }

    /// Where the integer is odd: "negative" in RFC 9496 §3.1.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn is_negative(&self) -> Mask {
        let one = _mm256_set1_epi64x(1);
        let lowest = _mm256_and_si256(self.canonical().limbs[0], one);
        Mask(_mm256_cmpeq_epi64(lowest, one))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn is_zero(&self) -> Mask {
        let bits = self
            .canonical()
            .limbs
            .into_iter()
            .fold(_mm256_setzero_si256(), |bits, limb| {
                _mm256_or_si256(bits, limb)
            });
        Mask(_mm256_cmpeq_epi64(bits, _mm256_setzero_si256()))
    }

    /// Where both are the same; `other` is a product, or carried.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn equals(&self, other: &Self) -> Mask {
        self.minus(other).is_zero()
    }
}
