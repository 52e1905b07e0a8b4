//! Integers modulo p in little space, for tables.

use core::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_or_si256, _mm256_set1_epi64x, _mm256_setzero_si256,
    _mm256_slli_epi64, _mm256_srli_epi64,
};

use super::super::bound::Bound;
use super::{Field4, LIMBS, Mask};

impl Field4 {
    /// The limbs, two to a lane, of which none may have more than 32 bits; and back.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn packed(&self) -> Packed {
        let pair = |at: usize| {
            _mm256_or_si256(self.limbs[at], _mm256_slli_epi64::<32>(self.limbs[at + 1]))
        };
        Packed([pair(0), pair(2), pair(4), pair(6), self.limbs[8]])
    }
}

/// Four integers in little space, for tables: carried, or products.
#[derive(Clone, Copy)]
pub(in super::super) struct Packed([__m256i; LIMBS.div_ceil(2)]);

impl Packed {
    /// The small integer `value` in every lane.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn small(value: u32) -> Self {
        let zero = _mm256_setzero_si256();
        Self([_mm256_set1_epi64x(i64::from(value)), zero, zero, zero, zero])
    }

    /// Nothing but zeros, unless the mask has all bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn only_where(mut self, mask: Mask) -> Self {
        for pair in &mut self.0 {
            *pair = _mm256_and_si256(*pair, mask.0);
        }
        self
    }

    /// Both: of a choice of which all but one are [`only_where`](Self::only_where) nothing is.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn or(mut self, other: Self) -> Self {
        for (pair, other) in self.0.iter_mut().zip(other.0) {
            *pair = _mm256_or_si256(*pair, other);
        }
        self
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn unpacked(&self) -> Field4 {
        let low = _mm256_set1_epi64x(0xffff_ffff);
        let mut limbs = [_mm256_setzero_si256(); LIMBS];
        for (at, limb) in limbs.iter_mut().enumerate() {
            *limb = if at % 2 == 0 {
                _mm256_and_si256(self.0[at / 2], low)
            } else {
                _mm256_srli_epi64::<32>(self.0[at / 2])
            };
        }
        let bound = Bound::REDUCED;
        Field4 { limbs, bound }
    }
}
