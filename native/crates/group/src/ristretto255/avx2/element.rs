//! Elements of ristretto255, four at a time: RFC 9496 §4.

use super::constants::{
    D, D_MINUS_ONE_SQ, INVSQRT_A_MINUS_D, ONE_MINUS_D_SQ, SQRT_AD_MINUS_ONE, SQRT_M1,
};
use super::field::{Field4, LANES, Mask};
use super::point::{Factors4, Point4};

/// Implements SQRT_RATIO_M1 of RFC 9496 §4.2: where u/v is a square, and |√(u/v)|; elsewhere |√(i·u/v)|. Both are
/// carried, or products.
#[target_feature(enable = "avx2")]
fn sqrt_ratio_m1(u: &Field4, v: &Field4) -> (Mask, Field4) {
    let v3 = v.square().times(v);
    let v7 = v3.square().times(v);
    let root = u.times(&v3).times(&u.times(&v7).power_for_root());
    let check = v.times(&root.square());
    let i = Field4::broadcast(&SQRT_M1);
    let correct = check.equals(u);
    let flipped = check.plus(u).is_zero();
    let flipped_i = check.plus(&u.times(&i)).is_zero();
    let root = root.or_where(flipped.or(flipped_i), &root.times(&i));
    (correct.or(flipped), absolute(&root))
}

/// CT_ABS of RFC 9496 §4.2, of a product.
#[target_feature(enable = "avx2")]
fn absolute(product: &Field4) -> Field4 {
    product.negated_where(product.is_negative()).carried()
}

/// Implements MAP of RFC 9496 §4.3.4.
#[target_feature(enable = "avx2")]
fn map(t: &Field4) -> Point4 {
    let one = Field4::one();
    let d = Field4::broadcast(&D);
    let minus_one = one.negated().carried();
    let r = t.square().times(&Field4::broadcast(&SQRT_M1));
    let u = r.plus(&one).times(&Field4::broadcast(&ONE_MINUS_D_SQ));
    let v = r.times(&d).plus(&one).times(&r.plus(&d));
    let v = v.negated().carried();
    let (was_square, root) = sqrt_ratio_m1(&u, &v);
    let other = root.times(t);
    let other = other.negated_where(other.is_negative().not()).carried();
    let s = other.or_where(was_square, &root);
    let c = r.or_where(was_square, &minus_one);
    let n = c
        .times(&r.minus(&one))
        .times(&Field4::broadcast(&D_MINUS_ONE_SQ))
        .minus(&v)
        .carried();
    let ss = s.square();
    Factors4 {
        e: s.plus(&s).times(&v),
        f: one.plus(&ss),
        g: n.times(&Field4::broadcast(&SQRT_AD_MINUS_ONE)),
        h: one.minus(&ss),
    }
    .extended()
}

/// Implements the one-way map of RFC 9496 §4.3.4.
#[target_feature(enable = "avx2")]
pub(super) fn one_way_map(uniform: [&[u8; 64]; LANES]) -> Point4 {
    let half = |at: usize| uniform.map(|bytes| &bytes.as_chunks().0[at]);
    map(&Field4::from_bytes(half(0))).sum(&map(&Field4::from_bytes(half(1))))
}

/// Implements Decode of RFC 9496 §4.3.1: where there is an element, and it. Which integers are canonical is for the
/// caller to see.
#[target_feature(enable = "avx2")]
pub(super) fn decode(encodings: [&[u8; 32]; LANES]) -> (Mask, Point4) {
    let one = Field4::one();
    let s = Field4::from_bytes(encodings);
    let ss = s.square();
    let u1 = one.minus(&ss).carried();
    let u2 = one.plus(&ss);
    let u2_squared = u2.square();
    let v = u1.square().times(&Field4::broadcast(&D)).negated();
    let v = v.minus(&u2_squared).carried();
    let (was_square, root) = sqrt_ratio_m1(&one, &v.times(&u2_squared));
    let den_x = root.times(&u2);
    let den_y = root.times(&den_x).times(&v);
    let x = absolute(&s.plus(&s).times(&den_x));
    let y = u1.times(&den_y);
    let t = x.times(&y);
    let valid = was_square.and(t.is_negative().or(y.is_zero()).not());
    (valid, Point4 { x, y, z: one, t })
}

/// The encodings of twice each point, for one inversion in all.
///
/// The point [2]P is a point of the Jacobi quartic, from which P was doubled, seen through the dual isogeny: Encode of
/// RFC 9496 §4.3.2 then needs an inverse where it had an inverse square root, and many inverses cost one
/// (Montgomery, "Speeding the Pollard and elliptic curve methods of factorization", 1987, §10.3.1). The way is
/// curve25519-dalek's `double_and_compress_batch`.
#[target_feature(enable = "avx2")]
pub(super) fn encode_doubles(points: &[Point4]) -> Vec<[[u8; 32]; LANES]> {
    let mut doubles = Vec::with_capacity(points.len());
    for point in points {
        doubles.push(Double::of(point));
    }
    let mut inverses = Vec::with_capacity(points.len());
    for double in &doubles {
        inverses.push(double.eg.times(&double.fh));
    }
    invert_all(&mut inverses);
    let mut encodings = Vec::with_capacity(points.len());
    for (double, inverse) in doubles.iter().zip(&inverses) {
        encodings.push(double.encode(inverse));
    }
    encodings
}

/// Each becomes its inverse; zero stays zero.
#[target_feature(enable = "avx2")]
fn invert_all(factors: &mut [Field4]) {
    let (zero, one) = (Field4::zero(), Field4::one());
    let mut product = one;
    let mut products = Vec::with_capacity(factors.len());
    for factor in factors.iter() {
        products.push(product);
        product = product.times(&factor.or_where(factor.is_zero(), &one));
    }
    let mut inverse = product.inverse();
    for (factor, product) in factors.iter_mut().zip(products).rev() {
        let is_zero = factor.is_zero();
        let own = inverse.times(&product);
        inverse = inverse.times(&factor.or_where(is_zero, &one));
        *factor = own.or_where(is_zero, &zero);
    }
}

/// Twice a point: what its encoding is made of.
struct Double {
    e: Field4,
    f: Field4,
    g: Field4,
    h: Field4,
    eg: Field4,
    fh: Field4,
}

impl Double {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of(point: &Point4) -> Self {
        let zz = point.z.square();
        let dtt = point.t.square().times(&Field4::broadcast(&D));
        let e = point.y.plus(&point.y).times(&point.x);
        let f = zz.plus(&dtt);
        let g = point.y.square().plus(&point.x.square());
        let h = zz.minus(&dtt);
        let (eg, fh) = (e.times(&g), f.times(&h));
        Self { e, f, g, h, eg, fh }
    }

    /// `inverse` is 1/(e·f·g·h).
    #[inline]
    #[target_feature(enable = "avx2")]
    fn encode(&self, inverse: &Field4) -> [[u8; 32]; LANES] {
        let i = Field4::broadcast(&SQRT_M1);
        let z_inverse = self.eg.times(inverse);
        let t_inverse = self.fh.times(inverse);

        let rotate = self.eg.times(&z_inverse).is_negative();
        let e = self.e.or_where(rotate, &self.g);
        let g = self.g.or_where(rotate, &self.e.negated()).carried();
        let h = self.h.or_where(rotate, &self.f.times(&i));
        let magic = Field4::broadcast(&INVSQRT_A_MINUS_D).or_where(rotate, &i);

        let negate = h.times(&e).times(&z_inverse).is_negative();
        let g = g.negated_where(negate).carried();
        let s = h.minus(&g).times(&magic.times(&g.times(&t_inverse)));
        absolute(&s).to_bytes()
    }
}
