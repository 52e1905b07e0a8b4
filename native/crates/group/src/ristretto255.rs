//! The group ristretto255 (RFC 9496), with the hash `ristretto255_XMD:SHA-512_R255MAP_RO_` of RFC 9380 appendix B,
//! which is HashToGroup of RFC 9497 §4.1.
//!
//! expand_message_xmd with SHA-512 gives 64 uniform bytes, the one-way map of RFC 9496 §4.3.4 an element. Never a
//! hash used as a coordinate: that leaks a bit of the hash. Not for passwords: hashing is not slow here.
//!
//! A batch is worked on four elements at a time where the processor has AVX2 ([`avx2`]), else one by one by
//! curve25519-dalek. Both give the same bytes.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use hkdf::Hkdf;
use sha2::Sha512;
use zeroize::Zeroizing;

use crate::group::{Encoded, Group, Malformed};
use crate::hash::{Domain, expand_message_xmd};
use crate::secret::SecretScalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // the instructions are intrinsics
mod avx2;

/// Bytes that the one-way map takes.
pub const UNIFORM: usize = 64;

/// The group ristretto255.
#[derive(Debug, Clone, Copy)]
pub enum Ristretto255 {}

/// A scalar k ≠ 0, kept as k/2: the batch encoder doubles what it encodes, and so encodes k·P for one inversion
/// per batch instead of one inverse square root per point.
pub struct Half(Scalar);

impl Half {
    fn of(scalar: &Scalar) -> Option<Self> {
        (*scalar != Scalar::ZERO).then(|| Self(scalar.div_by_2()))
    }
}

impl zeroize::Zeroize for Half {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// Elements of one batch.
pub struct Elements(Form);

enum Form {
    #[cfg(target_arch = "x86_64")]
    ByFour(avx2::Elements),
    OneByOne(Vec<RistrettoPoint>),
}

impl Group for Ristretto255 {
    type Elements = Elements;
    type Factor = Half;

    fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]], out: &mut [u8]) {
        let filled = Hkdf::<Sha512>::new(Some(salt), secret).expand_multi_info(info, out);
        // HKDF refuses more than 255 × 64 bytes only.
        debug_assert!(filled.is_ok());
    }

    fn wide_factor(bytes: &[u8; 64]) -> Option<Half> {
        Half::of(&Zeroizing::new(Scalar::from_bytes_mod_order_wide(bytes)))
    }

    fn canonical_factor(bytes: &[u8; 32]) -> Option<Half> {
        let scalar = Option::<Scalar>::from(Scalar::from_canonical_bytes(*bytes))?;
        Half::of(&Zeroizing::new(scalar))
    }

    fn hash<I: AsRef<[u8]>>(domain: Domain<'_>, prefix: &[u8], inputs: &[I]) -> Elements {
        let uniform: Vec<[u8; UNIFORM]> = inputs
            .iter()
            .map(|input| uniform_bytes(domain, &[prefix, input.as_ref()]))
            .collect();
        map_each(&uniform)
    }

    fn vartime_decode(encodings: &[Encoded]) -> Result<Elements, (usize, Malformed)> {
        #[cfg(target_arch = "x86_64")]
        if let Some(unit) = avx2::Unit::detect() {
            return unit
                .vartime_decode(encodings)
                .map(Form::ByFour)
                .map(Elements);
        }
        let decoded = encodings.iter().zip(0..).map(|(encoding, at)| {
            vartime_decode_one(encoding).map_err(|malformed| (at, malformed))
        });
        decoded
            .collect::<Result<_, _>>()
            .map(Form::OneByOne)
            .map(Elements)
    }

    fn multiply(elements: &Elements, factor: &Half) -> Vec<Encoded> {
        match &elements.0 {
            #[cfg(target_arch = "x86_64")]
            Form::ByFour(elements) => elements.multiply(factor.0.as_bytes()),
            Form::OneByOne(points) => {
                let halves: Vec<RistrettoPoint> =
                    points.iter().map(|point| point * factor.0).collect();
                RistrettoPoint::double_and_compress_batch(&halves)
                    .into_iter()
                    .map(|encoding| encoding.to_bytes())
                    .collect()
            }
        }
    }
}

/// The one-way map of RFC 9496 §4.3.4, of each. One batch, on one core.
pub fn map_each(uniform: &[[u8; UNIFORM]]) -> Elements {
    #[cfg(target_arch = "x86_64")]
    if let Some(unit) = avx2::Unit::detect() {
        return Elements(Form::ByFour(unit.map_each(uniform)));
    }
    Elements(Form::OneByOne(uniform.iter().map(map_to_group).collect()))
}

fn vartime_decode_one(encoding: &Encoded) -> Result<RistrettoPoint, Malformed> {
    let point = CompressedRistretto(*encoding)
        .decompress()
        .ok_or(Malformed::NotCanonical)?;
    if point.is_identity() {
        return Err(Malformed::Identity);
    }
    Ok(point)
}

impl SecretScalar<Ristretto255> {
    /// k/s for this scalar k and another s.
    pub fn ratio(&self, by: &Self) -> Self {
        // Constant time. (k/2)/(s/2) is k/s, which is not zero.
        let inverse = Zeroizing::new(by.factor().0.invert());
        let ratio = Zeroizing::new(self.factor().0 * *inverse);
        Self::new(Half(ratio.div_by_2()))
    }
}

/// The one-way map of RFC 9496 §4.3.4, of one.
pub fn map_to_group(uniform: &[u8; UNIFORM]) -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(uniform)
}

/// HashToGroup of RFC 9497 §4.1 (ristretto255, SHA-512), of one. The message is `parts` in a row.
pub fn hash_to_group(domain: Domain<'_>, parts: &[&[u8]]) -> RistrettoPoint {
    map_to_group(&uniform_bytes(domain, parts))
}

fn uniform_bytes(domain: Domain<'_>, parts: &[&[u8]]) -> [u8; UNIFORM] {
    let mut uniform = [0; UNIFORM];
    // 64 bytes are one block, which is never refused.
    let expanded = expand_message_xmd::<Sha512>(domain, parts, &mut uniform);
    debug_assert!(expanded.is_some());
    uniform
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_one_message() {
        let domain = Domain::fixed(b"test");
        assert_eq!(
            hash_to_group(domain, &[b"ab", b"", b"c"]),
            hash_to_group(domain, &[b"abc"])
        );
    }

    #[test]
    fn domains_give_unrelated_elements() {
        assert_ne!(
            hash_to_group(Domain::fixed(b"one"), &[b"x"]),
            hash_to_group(Domain::fixed(b"two"), &[b"x"])
        );
    }

    #[test]
    fn a_batch_is_what_dalek_makes_one_by_one() {
        let domain = Domain::fixed(b"test");
        let inputs = [b"a", b"b", b"c", b"d", b"e"];
        let elements = Ristretto255::hash(domain, b"run", &inputs);
        let scalar = Scalar::from(77u8);
        let factor = Ristretto255::canonical_factor(scalar.as_bytes()).unwrap();
        let expected = inputs.map(|input| {
            let point = hash_to_group(domain, &[b"run", input]);
            (point * scalar).compress().to_bytes()
        });
        assert_eq!(Ristretto255::multiply(&elements, &factor), expected);
    }

    #[test]
    fn a_ratio_times_its_divisor_is_the_scalar() {
        let factor = |value: u64| Ristretto255::canonical_factor(Scalar::from(value).as_bytes());
        let secret = |value| SecretScalar::<Ristretto255>::new(factor(value).unwrap());
        let ratio = secret(21).ratio(&secret(3));
        assert_eq!(ratio.factor().0, secret(7).factor().0);
    }
}
