//! What no limb of an integer exceeds: the argument that nothing overflows, computed.
//!
//! Formulas are straight lines, so bounds do not depend on the integers. With debug assertions every integer carries
//! one, each step checks its own, and one run of a formula proves it for all inputs. Without, nothing of it is left.

#[cfg(debug_assertions)]
pub(super) use checked::Bound;
#[cfg(not(debug_assertions))]
pub(super) use unchecked::Bound;

#[cfg(debug_assertions)]
mod checked {
    use super::super::field::{BITS, FOLD, LIMB, LIMBS, SPARE};

    #[derive(Clone, Copy)]
    pub(in super::super) struct Bound(u64);

    impl Bound {
        /// Of limbs with 29 bits.
        pub(in super::super) const LIMB: Self = Self(LIMB as u64);
        /// Of products and of what is carried. The lowest limb of a product is the largest: it has 1216 times a carry
        /// below 2^14 above its 29 bits.
        pub(in super::super) const REDUCED: Self = Self((1 << BITS) + (1 << 25));

        pub(in super::super) fn sum(self, other: Self) -> Self {
            let sum = self.0 + other.0;
            assert!(sum < 1 << 32, "the multiplier takes 32 bits");
            Self(sum)
        }

        pub(in super::super) fn difference(self, subtrahend: Self) -> Self {
            let [lowest, other, ..] = SPARE;
            assert!(subtrahend.0 <= lowest as u64, "a limb would be negative");
            self.sum(Self(other as u64))
        }

        pub(in super::super) fn larger(self, other: Self) -> Self {
            Self(self.0.max(other.0))
        }

        /// The sums of a product and what `reduce` adds to them fit 64 bits; what it folds fits 32.
        pub(in super::super) fn check_product(self, other: Self) {
            let product = u128::from(self.0) * u128::from(other.0);
            let carry = 1 << (64 - BITS);
            let folded = (FOLD as u128) << 32;
            let sum = LIMBS as u128 * product + carry + folded;
            assert!(sum < 1 << 64, "a sum of products overflows");
            let highest = (product + carry) >> BITS;
            assert!(highest < 1 << 32, "the highest carry is too long");
        }
    }
}

#[cfg(not(debug_assertions))]
mod unchecked {
    #[derive(Clone, Copy)]
    pub(in super::super) struct Bound;

    impl Bound {
        pub(in super::super) const LIMB: Self = Self;
        pub(in super::super) const REDUCED: Self = Self;

        pub(in super::super) fn sum(self, _: Self) -> Self {
            self
        }

        pub(in super::super) fn difference(self, _: Self) -> Self {
            self
        }

        pub(in super::super) fn larger(self, _: Self) -> Self {
            self
        }

        pub(in super::super) fn check_product(self, _: Self) {}
    }
}
