//! The face that both groups have for lists and secrets.

use zeroize::Zeroize;

use crate::hash::Domain;

/// Bytes of one encoded element, in either group.
pub const ENCODED: usize = 32;

/// One encoded element.
pub type Encoded = [u8; ENCODED];

/// Why an encoding is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Not the one encoding of an element.
    NotCanonical,
    /// The identity, which every scalar maps to itself.
    Identity,
}

/// A group of prime order in which Diffie–Hellman is hard, with a hash to it and an encoding.
///
/// Where an encoding leaves a sign out, an element is one up to sign: all steps give the same for both.
pub trait Group: Sized + 'static {
    /// Elements of one batch, decoded.
    type Elements;

    /// A secret scalar that is not zero, in the form that [`multiply`](Self::multiply) takes.
    type Factor: Zeroize + Send + Sync;

    /// HKDF with the group's hash (RFC 5869): `secret` under `salt`, for `info`, which are in a row.
    fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]], out: &mut [u8]);

    /// 64 uniform bytes as a scalar, which is then all but uniform; `None` if it is zero.
    fn wide_factor(bytes: &[u8; 64]) -> Option<Self::Factor>;

    /// A scalar as it is encoded; `None` if it is not canonical, or zero.
    fn canonical_factor(bytes: &[u8; 32]) -> Option<Self::Factor>;

    /// The hash of `prefix` and each input, as a random oracle. One batch, on one core.
    fn hash<I: AsRef<[u8]>>(domain: Domain<'_>, prefix: &[u8], inputs: &[I]) -> Self::Elements;

    /// The elements behind encodings that a peer sent, or the index of the first that is refused. How long that takes
    /// depends on the encodings. One batch, on one core.
    fn vartime_decode(encodings: &[Encoded]) -> Result<Self::Elements, (usize, Malformed)>;

    /// The encodings of k times each element, in time that depends on nothing but their number. On one core.
    fn multiply(elements: &Self::Elements, factor: &Self::Factor) -> Vec<Encoded>;
}
