//! SM2's elliptic curve (GB/T 32918.5, GM/T 0003.5), with SM3 (GB/T 32905): the hash `SM2_XMD:SM3_SSWU_RO_`, built
//! as RFC 9380 §8 builds those of other curves, and x-coordinates as encodings.
//!
//! Field and curve arithmetic are the crate `sm2`'s, in constant time. The curve has prime order, so every point
//! of it but the identity generates the group: there is no small subgroup to send somebody into, and a coordinate
//! that is on the twist is refused.
//!
//! An element is encoded as its x-coordinate, big-endian, as in Miller's Diffie–Hellman (CRYPTO 1985) and in
//! RFC 7748: P and −P are one. k·P and k·(−P) have the same x, so both parties arrive at the same encoding; and what
//! is shown is a function of the points, so nobody sees more than with a sign beside it. Two items meet if their
//! hashes are the same up to sign: for n items with probability n² / 2^256.

mod map;

use elliptic_curve::BatchNormalize;
use elliptic_curve::hazmat::FieldArithmetic;
use elliptic_curve::point::{AffineCoordinates, DecompressPoint};
use elliptic_curve::subtle::Choice;
use hkdf::Hkdf;
use sm2::elliptic_curve::{self, PrimeField};
use sm2::{AffinePoint, ProjectivePoint, Scalar};
use sm3::Sm3;

use crate::group::{Encoded, Group, Malformed};
use crate::hash::Domain;
use map::hash_to_curve;

/// SM2's group, its elements up to sign.
#[derive(Debug, Clone, Copy)]
pub enum Sm2 {}

/// An integer modulo the curve's p.
type Field = <sm2::Sm2 as FieldArithmetic>::FieldElement;

impl Group for Sm2 {
    type Elements = Vec<ProjectivePoint>;
    type Factor = Scalar;

    fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]], out: &mut [u8]) {
        let filled = Hkdf::<Sm3>::new(Some(salt), secret).expand_multi_info(info, out);
        // HKDF refuses more than 255 × 32 bytes only.
        debug_assert!(filled.is_ok());
    }

    fn wide_factor(bytes: &[u8; 64]) -> Option<Scalar> {
        not_zero(reduced::<Scalar>(bytes))
    }

    fn canonical_factor(bytes: &[u8; 32]) -> Option<Scalar> {
        Option::from(Scalar::from_repr((*bytes).into())).and_then(not_zero)
    }

    fn hash<I: AsRef<[u8]>>(
        domain: Domain<'_>,
        prefix: &[u8],
        inputs: &[I],
    ) -> Vec<ProjectivePoint> {
        let messages: Vec<[&[u8]; 2]> = inputs
            .iter()
            .map(|input| [prefix, input.as_ref()])
            .collect();
        hash_to_curve(domain, &messages)
    }

    fn vartime_decode(encodings: &[Encoded]) -> Result<Vec<ProjectivePoint>, (usize, Malformed)> {
        // Of the two points the one with even y.
        let decoded = encodings.iter().zip(0..).map(|(&encoding, at)| {
            let point = AffinePoint::decompress(&encoding.into(), Choice::from(0));
            Option::<AffinePoint>::from(point)
                .map(ProjectivePoint::from)
                .ok_or((at, Malformed::NotCanonical))
        });
        decoded.collect()
    }

    fn multiply(elements: &Vec<ProjectivePoint>, factor: &Scalar) -> Vec<Encoded> {
        let products: Vec<ProjectivePoint> = elements.iter().map(|point| point * factor).collect();
        let affine: Vec<AffinePoint> = ProjectivePoint::batch_normalize(products.as_slice());
        affine.iter().map(|point| point.x().into()).collect()
    }
}

/// The hash of a message as coordinates, x before y: for test vectors.
pub fn hash_to_coordinates(domain: Domain<'_>, message: &[u8]) -> [Encoded; 2] {
    let affine = hash_to_curve(domain, &[[message]])[0].to_affine();
    [affine.x().into(), affine.y().into()]
}

fn not_zero(scalar: Scalar) -> Option<Scalar> {
    (scalar != Scalar::ZERO).then_some(scalar)
}

/// A big-endian number modulo the field's order, of 48 or more bytes: then it is uniform if the bytes are, but for
/// 2^-128.
fn reduced<F: PrimeField<Repr = elliptic_curve::FieldBytes<sm2::Sm2>>>(bytes: &[u8]) -> F {
    // 24 bytes at a time, which are below any of the two orders, as are 2^96 and its square.
    const DIGIT: usize = 24;
    let radix = F::from_u128(1 << 96).square();
    let (first, digits) = bytes.split_at(bytes.len() % DIGIT);
    let digit = |bytes: &[u8]| {
        let mut whole = [0; 32];
        whole[32 - bytes.len()..].copy_from_slice(bytes);
        F::from_repr(whole.into()).unwrap_or(F::ZERO)
    };
    digits
        .chunks_exact(DIGIT)
        .fold(digit(first), |high, low| high * radix + digit(low))
}
