//! Products of integers modulo p, and powers.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_mul_epu32, _mm256_set1_epi64x,
    _mm256_srli_epi64,
};

use super::super::bound::Bound;
use super::{BITS, FOLD, Field4, LIMB, LIMBS, carry_up};

/// Σ `a`\[i\] · `b`\[k − i\] over the i that are listed.
macro_rules! column {
    ($a:ident, $b:ident, $k:literal: $first:literal $($i:literal)*) => {{
        let sum = _mm256_mul_epu32($a[$first], $b[$k - $first]);
        $(let sum = _mm256_add_epi64(sum, _mm256_mul_epu32($a[$i], $b[$k - $i]));)*
        sum
    }};
}

impl Field4 {
    /// Not inlined, and nor is the square: what the compiler learns of the factors there makes it replace
    /// multiplications by shifts, and all slower.
    #[inline(never)]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn times(&self, other: &Self) -> Self {
        self.bound.check_product(other.bound);
        let (a, b) = (&self.limbs, &other.limbs);
        reduce([
            column!(a, b, 0: 0),
            column!(a, b, 1: 0 1),
            column!(a, b, 2: 0 1 2),
            column!(a, b, 3: 0 1 2 3),
            column!(a, b, 4: 0 1 2 3 4),
            column!(a, b, 5: 0 1 2 3 4 5),
            column!(a, b, 6: 0 1 2 3 4 5 6),
            column!(a, b, 7: 0 1 2 3 4 5 6 7),
            column!(a, b, 8: 0 1 2 3 4 5 6 7 8),
            column!(a, b, 9: 1 2 3 4 5 6 7 8),
            column!(a, b, 10: 2 3 4 5 6 7 8),
            column!(a, b, 11: 3 4 5 6 7 8),
            column!(a, b, 12: 4 5 6 7 8),
            column!(a, b, 13: 5 6 7 8),
            column!(a, b, 14: 6 7 8),
            column!(a, b, 15: 7 8),
            column!(a, b, 16: 8),
        ])
    }

    #[inline(never)]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn square(&self) -> Self {
        self.bound.check_product(self.bound);
        let a = &self.limbs;
        // Products of two different limbs are there twice.
        let twice = &self.plus(self).limbs;
        let plus_square = |sum, at: usize| _mm256_add_epi64(sum, _mm256_mul_epu32(a[at], a[at]));
        reduce([
            column!(a, a, 0: 0),
            column!(twice, a, 1: 0),
            plus_square(column!(twice, a, 2: 0), 1),
            column!(twice, a, 3: 0 1),
            plus_square(column!(twice, a, 4: 0 1), 2),
            column!(twice, a, 5: 0 1 2),
            plus_square(column!(twice, a, 6: 0 1 2), 3),
            column!(twice, a, 7: 0 1 2 3),
            plus_square(column!(twice, a, 8: 0 1 2 3), 4),
            column!(twice, a, 9: 1 2 3 4),
            plus_square(column!(twice, a, 10: 2 3 4), 5),
            column!(twice, a, 11: 3 4 5),
            plus_square(column!(twice, a, 12: 4 5), 6),
            column!(twice, a, 13: 5 6),
            plus_square(column!(twice, a, 14: 6), 7),
            column!(twice, a, 15: 7),
            column!(a, a, 16: 8),
        ])
    }

    /// The 2^`times`-th power.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn squared(&self, times: usize) -> Self {
        let mut power = *self;
        for _ in 0..times {
            power = power.square();
        }
        power
    }

    /// The powers by 2^250 − 1 and 11: what exponents near p begin with.
    #[target_feature(enable = "avx2")]
    fn long_power(&self) -> (Self, Self) {
        let two = self.square();
        let nine = two.squared(2).times(self);
        let eleven = nine.times(&two);
        let ones_5 = eleven.square().times(&nine);
        let ones_10 = ones_5.squared(5).times(&ones_5);
        let ones_20 = ones_10.squared(10).times(&ones_10);
        let ones_40 = ones_20.squared(20).times(&ones_20);
        let ones_50 = ones_40.squared(10).times(&ones_10);
        let ones_100 = ones_50.squared(50).times(&ones_50);
        let ones_200 = ones_100.squared(100).times(&ones_100);
        (ones_200.squared(50).times(&ones_50), eleven)
    }

    /// 1/a, and 0 for 0: the power by p − 2 = 2^255 − 21.
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn inverse(&self) -> Self {
        let (ones, eleven) = self.long_power();
        ones.squared(5).times(&eleven)
    }

    /// The power by (p − 5)/8 = 2^252 − 3.
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn power_for_root(&self) -> Self {
        let (ones, _) = self.long_power();
        ones.squared(2).times(self)
    }
}

/// The nine limbs of a product from its 17 sums: those of 2^261 and more come back to the lower ones.
#[inline]
#[target_feature(enable = "avx2")]
fn reduce(mut columns: [__m256i; 2 * LIMBS - 1]) -> Field4 {
    let mask = _mm256_set1_epi64x(LIMB);
    let fold = _mm256_set1_epi64x(FOLD);
    // The middle first: what it carries goes up, and is folded with the rest.
    for at in LIMBS - 1..2 * LIMBS - 2 {
        let carry = _mm256_srli_epi64::<BITS>(columns[at]);
        columns[at + 1] = _mm256_add_epi64(columns[at + 1], carry);
        columns[at] = _mm256_and_si256(columns[at], mask);
    }
    let highest = _mm256_srli_epi64::<BITS>(columns[2 * LIMBS - 2]);
    columns[2 * LIMBS - 2] = _mm256_and_si256(columns[2 * LIMBS - 2], mask);
    let mut limbs = [highest; LIMBS];
    limbs[..LIMBS - 1].copy_from_slice(&columns[LIMBS..]);
    for (limb, &column) in limbs.iter_mut().zip(&columns) {
        *limb = _mm256_add_epi64(column, _mm256_mul_epu32(*limb, fold));
    }
    carry_up(&mut limbs);
    let top = limbs[LIMBS - 1];
    limbs[LIMBS - 1] = _mm256_and_si256(top, mask);
    let carry = _mm256_srli_epi64::<BITS>(top);
    limbs[0] = _mm256_add_epi64(limbs[0], _mm256_mul_epu32(carry, fold));
    let bound = Bound::REDUCED;
    Field4 { limbs, bound }
}
