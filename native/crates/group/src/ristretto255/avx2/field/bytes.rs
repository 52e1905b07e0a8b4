//! Integers modulo p from bytes and to bytes.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_mul_epu32, _mm256_set1_epi64x,
    _mm256_srli_epi64,
};

use bytemuck::must_cast;

use super::super::bound::Bound;
use super::{BITS, Field4, LANES, LIMB, LIMBS, carry_up};

/// Bits of the top limb below 2^255.
const TOP: i32 = 255 - 8 * BITS;

impl Field4 {
    /// Little-endian integers below 2^255. The highest bit is ignored.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn from_bytes(integers: [&[u8; 32]; LANES]) -> Self {
        let mut lanes = [[0; LANES]; LIMBS];
        for (lane, bytes) in integers.into_iter().enumerate() {
            for (limb, limbs) in lanes.iter_mut().enumerate() {
                limbs[lane] = limb_of(bytes, limb);
            }
        }
        let bound = Bound::LIMB;
        Self {
            limbs: must_cast(lanes),
            bound,
        }
    }

    /// The integers in 0 to p − 1, little-endian.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn to_bytes(self) -> [[u8; 32]; LANES] {
        let limbs: [[u64; LANES]; LIMBS] = must_cast(self.canonical().limbs);
        let mut integers = [[0; 32]; LANES];
        for (lane, bytes) in integers.iter_mut().enumerate() {
            let (mut bits, mut held, mut limb) = (0u64, 0, limbs.iter());
            for byte in bytes {
                if held < 8 {
                    bits |= limb.next().map_or(0, |limb| limb[lane]) << held;
                    held += BITS;
                }
                *byte = bits as u8;
                bits >>= 8;
                held -= 8;
            }
        }
        integers
    }

    /// The integers in 0 to p − 1, in limbs of 29 bits.
    #[target_feature(enable = "avx2")]
    pub(super) fn canonical(self) -> Self {
        let mut limbs = self.limbs;
        // Twice, so that what is above 2^255 is at most a bit; then it is below 2^255 + 2^33.
        fold_at_255(&mut limbs);
        fold_at_255(&mut limbs);
        // x + 19 reaches 2^255 if x is p or more, and so tells how often p is to be subtracted: once or not at all.
        let mut carry = _mm256_set1_epi64x(19);
        for &limb in &limbs[..LIMBS - 1] {
            carry = _mm256_srli_epi64::<BITS>(_mm256_add_epi64(limb, carry));
        }
        carry = _mm256_srli_epi64::<TOP>(_mm256_add_epi64(limbs[LIMBS - 1], carry));
        // x − p = x + 19 − 2^255.
        limbs[0] = _mm256_add_epi64(limbs[0], _mm256_mul_epu32(carry, _mm256_set1_epi64x(19)));
        carry_up(&mut limbs);
        let top = &mut limbs[LIMBS - 1];
        *top = _mm256_and_si256(*top, _mm256_set1_epi64x((1 << TOP) - 1));
        let bound = Bound::LIMB;
        Self { limbs, bound }
    }
}

/// Takes what is above 2^255 down to the lowest limb: 2^255 is 19.
#[inline]
#[target_feature(enable = "avx2")]
fn fold_at_255(limbs: &mut [__m256i; LIMBS]) {
    carry_up(limbs);
    let above = _mm256_srli_epi64::<TOP>(limbs[LIMBS - 1]);
    let below = _mm256_set1_epi64x((1 << TOP) - 1);
    limbs[LIMBS - 1] = _mm256_and_si256(limbs[LIMBS - 1], below);
    let folded = _mm256_mul_epu32(above, _mm256_set1_epi64x(19));
    limbs[0] = _mm256_add_epi64(limbs[0], folded);
}

/// Limb `at` of a little-endian integer, without bit 255.
fn limb_of(bytes: &[u8; 32], at: usize) -> u64 {
    let (first, shift) = (29 * at / 8, 29 * at % 8);
    let mut word = [0; 8];
    let rest = &bytes[first..32.min(first + 8)];
    word[..rest.len()].copy_from_slice(rest);
    let limb = u64::from_le_bytes(word) >> shift;
    limb & if at == LIMBS - 1 {
        (1 << TOP) - 1
    } else {
        LIMB as u64
    }
}
