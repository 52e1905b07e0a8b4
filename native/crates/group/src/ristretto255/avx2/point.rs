//! Points of edwards25519, −x² + y² = 1 + d·x²·y², four at a time, and their multiples by one secret scalar.
//!
//! Formulas are those of Hisil, Wong, Carter and Dawson, "Twisted Edwards curves revisited" (ASIACRYPT 2008) §3.1
//! and §3.3 for a = −1. They are complete: no point is an exception.
//!
//! All points are multiplied by the same scalar, so the digit that chooses from a table is the same in every lane, and
//! a secret: every entry is read, and a mask keeps one. What is left on the stack is not wiped
//! ([`secret`](crate::secret) says why).

use zeroize::Zeroizing;

use super::constants::D2;
use super::field::{Field4, Mask, Packed};

/// Extended coordinates (X : Y : Z : T): x = X/Z, y = Y/Z, x·y = T/Z.
#[derive(Clone, Copy)]
pub(super) struct Point4 {
    pub(super) x: Field4,
    pub(super) y: Field4,
    pub(super) z: Field4,
    pub(super) t: Field4,
}

/// A point whose T nobody needs.
struct Projective4 {
    x: Field4,
    y: Field4,
    z: Field4,
}

/// A point as formulas end: (e·f : g·h : f·g : e·h). Each two that are multiplied there may be.
pub(super) struct Factors4 {
    pub(super) e: Field4,
    pub(super) f: Field4,
    pub(super) g: Field4,
    pub(super) h: Field4,
}

impl Factors4 {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn projective(&self) -> Projective4 {
        Projective4 {
            x: self.e.times(&self.f),
            y: self.g.times(&self.h),
            z: self.f.times(&self.g),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn extended(&self) -> Point4 {
        let Projective4 { x, y, z } = self.projective();
        let t = self.e.times(&self.h);
        Point4 { x, y, z, t }
    }
}

impl Projective4 {
    /// §3.3, with F and H negated, which gives the same point: 4 squarings.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn doubled(&self) -> Factors4 {
        let a = self.x.square();
        let b = self.y.square();
        let zz = self.z.square();
        let e = self.x.plus(&self.y).square().minus(&a).minus(&b).carried();
        let f = zz.plus(&zz).plus(&a).minus(&b).carried();
        Factors4 {
            e,
            f,
            g: b.minus(&a),
            h: a.plus(&b),
        }
    }
}

impl Point4 {
    /// §3.1 with k = 2d: 4 multiplications.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn plus(&self, other: &Addend) -> Factors4 {
        let a = self.y.minus(&self.x).times(&other.y_minus_x);
        let b = self.y.plus(&self.x).times(&other.y_plus_x);
        let c = self.t.times(&other.t_2d);
        let d = self.z.times(&other.z_2);
        Factors4 {
            e: b.minus(&a),
            f: d.minus(&c).carried(),
            g: d.plus(&c),
            h: b.plus(&a),
        }
    }

    /// The sum of any two points.
    #[target_feature(enable = "avx2")]
    pub(super) fn sum(&self, other: &Self) -> Self {
        self.plus(&other.prepared()).extended()
    }

    /// What an addition needs of its second point.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn prepared(&self) -> Addend {
        Addend {
            y_plus_x: self.y.plus(&self.x).carried(),
            y_minus_x: self.y.minus(&self.x).carried(),
            z_2: self.z.plus(&self.z).carried(),
            t_2d: self.t.times(&Field4::broadcast(&D2)),
        }
    }

    /// The multiple by the scalar of `digits`.
    #[target_feature(enable = "avx2")]
    pub(super) fn multiple(&self, digits: &Digits) -> Self {
        let table = Table::of(self);
        let mut digits = digits.0.iter().rev();
        let identity = Self {
            x: Field4::zero(),
            y: Field4::one(),
            z: Field4::one(),
            t: Field4::zero(),
        };
        let mut sum = identity.plus(&table.entry(digits.next().copied().unwrap_or(0)));
        for &digit in digits {
            for _ in 0..3 {
                sum = sum.projective().doubled();
            }
            let point = sum.projective().doubled().extended();
            sum = point.plus(&table.entry(digit));
        }
        sum.extended()
    }
}

/// Y + X, Y − X, 2Z and 2d·T.
struct Addend {
    y_plus_x: Field4,
    y_minus_x: Field4,
    z_2: Field4,
    t_2d: Field4,
}

/// An [`Addend`] in a table.
#[derive(Clone, Copy)]
struct Entry([Packed; 4]);

/// A point's multiples by 0 to 8.
struct Table([Entry; 9]);

impl Table {
    #[target_feature(enable = "avx2")]
    fn of(point: &Point4) -> Self {
        let once = point.prepared();
        let mut multiple = *point;
        let (zero, one, two) = (Packed::small(0), Packed::small(1), Packed::small(2));
        let mut entries = [Entry([one, one, two, zero]); 9];
        for (at, entry) in entries.iter_mut().enumerate().skip(1) {
            if at > 1 {
                multiple = multiple.plus(&once).extended();
            }
            let addend = multiple.prepared();
            *entry = Entry([
                addend.y_plus_x.packed(),
                addend.y_minus_x.packed(),
                addend.z_2.packed(),
                addend.t_2d.packed(),
            ]);
        }
        Self(entries)
    }

    /// The multiple by `digit`, −8 to 8.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn entry(&self, digit: i8) -> Addend {
        let negative = i64::from(digit >> 7);
        let magnitude = (i64::from(digit) ^ negative) - negative;
        let zero = Packed::small(0);
        let mut chosen = [zero; 4];
        for (at, entry) in (0..).zip(&self.0) {
            let mask = Mask::where_equal(magnitude, at);
            for (chosen, packed) in chosen.iter_mut().zip(entry.0) {
                *chosen = chosen.or(packed.only_where(mask));
            }
        }
        let [y_plus_x, y_minus_x, z_2, t_2d] = chosen;
        let (y_plus_x, y_minus_x) = (y_plus_x.unpacked(), y_minus_x.unpacked());
        // −(x, y) = (−x, y).
        let negative = Mask::broadcast(negative);
        Addend {
            y_plus_x: y_plus_x.or_where(negative, &y_minus_x),
            y_minus_x: y_minus_x.or_where(negative, &y_plus_x),
            z_2: z_2.unpacked(),
            t_2d: t_2d.unpacked().negated_where(negative),
        }
    }
}

/// A scalar below 2^255 as digits −8 to 8 of radix 16, the lowest first.
pub(super) struct Digits(pub(super) Zeroizing<[i8; 64]>);

impl Digits {
    /// In constant time.
    pub(super) fn of(scalar: &[u8; 32]) -> Self {
        let mut digits = Zeroizing::new([0; 64]);
        let mut carry = 0;
        for (pair, &byte) in digits.as_chunks_mut().0.iter_mut().zip(scalar) {
            let [low, high] = pair;
            *low = (byte & 15) as i8 + carry;
            carry = (*low + 8) >> 4;
            *low -= carry << 4;
            *high = (byte >> 4) as i8 + carry;
            carry = (*high + 8) >> 4;
            *high -= carry << 4;
        }
        // The highest digit is at most 7 before it is carried to, and takes back what it would pass on.
        digits[63] += carry << 4;
        Self(digits)
    }
}
