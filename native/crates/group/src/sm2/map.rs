//! The hash to the curve: `SM2_XMD:SM3_SSWU_RO_`, a random oracle (RFC 9380 §3, §8).
//!
//! No document names this suite. It follows RFC 9380 §8 as P-256's does: p ≡ 3 mod 4, so sqrt_ratio of appendix
//! F.2.1.2; A = −3, and Z = −9 is what appendix H.2 finds (tests/unit/native/test_sm2_vectors.py finds it again).
//! All in constant time: exponents are constants, choices are selections.

use elliptic_curve::PrimeField as _;
use elliptic_curve::bigint::U256;
use elliptic_curve::ops::BatchInvert;
use elliptic_curve::point::AffineCoordinates;
use elliptic_curve::subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use sm2::elliptic_curve;
use sm2::{AffinePoint, ProjectivePoint};
use sm3::Sm3;

use super::{Field, reduced};
use crate::hash::{Domain, expand_message_xmd};

/// Bytes for one field element: ⌈(256 + 128) / 8⌉.
const LENGTH: usize = 48;

const A: Field = Field::from_u64(3).neg();
const B: Field =
    Field::from_hex_vartime("28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93");
const Z: Field = Field::from_u64(9).neg();
/// A square root of −Z.
const ROOT: Field = Field::from_u64(3);
/// (p − 3) / 4
const EXPONENT: U256 =
    U256::from_be_hex("3fffffffbfffffffffffffffffffffffffffffffc00000003fffffffffffffff");

/// Implements hash_to_curve of RFC 9380 §3 for every message, which is its parts in a row. The cofactor is 1.
pub(super) fn hash_to_curve<'a, P>(domain: Domain<'_>, messages: &[P]) -> Vec<ProjectivePoint>
where
    P: AsRef<[&'a [u8]]>,
{
    let mut mapped = Vec::with_capacity(2 * messages.len());
    for message in messages {
        let mut uniform = [0; 2 * LENGTH];
        // 96 bytes are three blocks, which are never refused.
        let expanded = expand_message_xmd::<Sm3>(domain, message.as_ref(), &mut uniform);
        debug_assert!(expanded.is_some());
        mapped.extend(uniform.chunks_exact(LENGTH).map(|u| map(&reduced(u))));
    }
    let points = affine(&mapped);
    points
        .chunks_exact(2)
        .map(|pair| ProjectivePoint::from(pair[0]) + ProjectivePoint::from(pair[1]))
        .collect()
}

/// A point of the curve, its x-coordinate as a fraction. The denominator is not zero.
struct Fraction {
    numerator: Field,
    denominator: Field,
    y: Field,
}

/// Implements map_to_curve_simple_swu of RFC 9380 appendix F.2, but for its last division.
fn map(u: &Field) -> Fraction {
    let zu2 = Z * u.square();
    let both = zu2.square() + zu2;
    let first = B * (both + Field::ONE);
    let denominator = A * Field::conditional_select(&-both, &Z, both.is_zero());
    // g(x) = x³ + A·x + B at first/denominator, over denominator³.
    let squared = denominator.square();
    let cubed = squared * denominator;
    let numerator = (first.square() + A * squared) * first + B * cubed;
    let (is_square, root) = sqrt_ratio(&numerator, &cubed);

    let x = Field::conditional_select(&(zu2 * first), &first, is_square);
    let y = Field::conditional_select(&(zu2 * u * root), &root, is_square);
    let same_sign = u.is_odd().ct_eq(&y.is_odd());
    Fraction {
        numerator: x,
        denominator,
        y: Field::conditional_select(&-y, &y, same_sign),
    }
}

/// Implements sqrt_ratio of RFC 9380 appendix F.2.1.2: whether u/v is a square, and √(u/v) or √(Z·u/v).
fn sqrt_ratio(u: &Field, v: &Field) -> (Choice, Field) {
    let uv = *u * v;
    let root = (v.square() * uv).pow_vartime(&EXPONENT) * uv;
    let is_square = (root.square() * v).ct_eq(u);
    (
        is_square,
        Field::conditional_select(&(root * ROOT), &root, is_square),
    )
}

/// The points, for one inversion.
fn affine(mapped: &[Fraction]) -> Vec<AffinePoint> {
    let mut inverses: Vec<Field> = mapped.iter().map(|point| point.denominator).collect();
    let mut scratch = inverses.clone();
    Field::batch_invert_in_place(&mut inverses, &mut scratch);
    mapped
        .iter()
        .zip(inverses)
        .map(|(point, inverse)| {
            let x = (point.numerator * inverse).to_repr();
            let found = AffinePoint::from_coordinates(&x, &point.y.to_repr());
            // The map's image is on the curve.
            debug_assert!(bool::from(found.is_some()));
            found.unwrap_or(AffinePoint::IDENTITY)
        })
        .collect()
}
