//! One 32-byte secret per attempt, and everything that comes from it by HKDF-SHA-512 (RFC 5869).
//!
//! Salt is the run, info is what the output is for: two runs, or two uses in one run, share nothing.
//! Every type here wipes itself when dropped, is not `Clone`, and prints no field. What a multiplication
//! leaves on the stack is not wiped: a process that others can read is not a place for secrets.

use core::fmt;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use curve25519_dalek::scalar::Scalar;
use hkdf::Hkdf;
use sha2::Sha512;
use zeroize::Zeroizing;

/// Names one run: SHA-256 of its start record.
pub type RunId = [u8; 32];

/// The one secret of an attempt.
pub struct AttemptSecret(Zeroizing<[u8; 32]>);

impl AttemptSecret {
    /// Fresh from the operating system; `None` if that has no entropy to give.
    pub fn from_os() -> Option<Self> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(secret.as_mut()).ok()?;
        Some(Self(secret))
    }

    /// From bytes that are known: for vectors, and for resuming an attempt exactly.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A scalar for `label` in `run`: 64 derived bytes reduced mod ℓ, never zero.
    pub fn scalar(&self, run: &RunId, label: &str) -> SecretScalar {
        // The second round is there for the 2^-252 chance that the first gives zero.
        let mut round = 0;
        loop {
            let wide = self.derive::<64>(run, label, round);
            let scalar = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide));
            if *scalar != Scalar::ZERO {
                return SecretScalar::new(&scalar);
            }
            round += 1;
        }
    }

    /// A stream of bytes for `label` in `run`: ChaCha20 under a derived key.
    pub fn stream(&self, run: &RunId, label: &str) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(*self.derive::<32>(run, label, 0))
    }

    fn derive<const N: usize>(&self, run: &RunId, label: &str, round: u8) -> Zeroizing<[u8; N]> {
        let mut out = Zeroizing::new([0; N]);
        let filled = Hkdf::<Sha512>::new(Some(run), self.0.as_ref())
            .expand_multi_info(&[label.as_bytes(), &[round]], out.as_mut());
        // HKDF refuses more than 255 × 64 bytes only, and N is at most 64.
        debug_assert!(filled.is_ok());
        out
    }
}

impl fmt::Debug for AttemptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttemptSecret(…)")
    }
}

/// A secret scalar k ≠ 0, kept as k/2: the batch encoder doubles what it encodes, and so encodes k·P
/// for one inversion per batch instead of one inverse square root per point.
pub struct SecretScalar {
    half: Zeroizing<Scalar>,
}

impl SecretScalar {
    pub(crate) fn new(scalar: &Scalar) -> Self {
        Self {
            half: Zeroizing::new(scalar.div_by_2()),
        }
    }

    /// From a canonical encoding (RFC 9496 §4.4); `None` if it is not one, or zero.
    pub fn from_canonical(bytes: [u8; 32]) -> Option<Self> {
        let scalar = Zeroizing::new(Option::<Scalar>::from(Scalar::from_canonical_bytes(bytes))?);
        (*scalar != Scalar::ZERO).then(|| Self::new(&scalar))
    }

    /// k/s for this scalar k and another s.
    pub fn ratio(&self, by: &Self) -> Self {
        // Constant time. (k/2)/(s/2) is k/s.
        let inverse = Zeroizing::new(by.half.invert());
        Self::new(&Zeroizing::new(*self.half * *inverse))
    }

    pub(crate) fn half(&self) -> &Scalar {
        &self.half
    }
}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(…)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RUN: RunId = [1; 32];

    #[test]
    fn every_label_and_every_run_has_its_own_scalar() {
        let secret = AttemptSecret::from_bytes([7; 32]);
        let scalar = *secret.scalar(&RUN, "a").half();
        assert_eq!(scalar, *secret.scalar(&RUN, "a").half());
        assert_ne!(scalar, *secret.scalar(&RUN, "b").half());
        assert_ne!(scalar, *secret.scalar(&[2; 32], "a").half());
        assert_ne!(
            scalar,
            *AttemptSecret::from_bytes([8; 32]).scalar(&RUN, "a").half()
        );
    }

    #[test]
    fn half_and_half_are_the_scalar() {
        let scalar = Scalar::from(1234567u32);
        let secret = SecretScalar::new(&scalar);
        assert_eq!(secret.half() + secret.half(), scalar);
    }

    #[test]
    fn a_ratio_times_its_divisor_is_the_scalar() {
        let secret = AttemptSecret::from_bytes([7; 32]);
        let (k, s) = (secret.scalar(&RUN, "k"), secret.scalar(&RUN, "s"));
        let two = Scalar::from(2u8);
        assert_eq!(k.ratio(&s).half() * s.half() * two, *k.half());
        assert_eq!(two * k.ratio(&k).half(), Scalar::ONE);
    }

    #[test]
    fn zero_and_non_canonical_scalars_are_refused() {
        assert!(SecretScalar::from_canonical([0; 32]).is_none());
        assert!(SecretScalar::from_canonical([255; 32]).is_none());
        assert!(SecretScalar::from_canonical(Scalar::from(5u8).to_bytes()).is_some());
    }

    #[test]
    fn the_system_gives_another_secret_each_time() {
        let (one, two) = (
            AttemptSecret::from_os().unwrap(),
            AttemptSecret::from_os().unwrap(),
        );
        assert_ne!(one.0, two.0);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let secret = AttemptSecret::from_bytes([7; 32]);
        assert_eq!(format!("{secret:?}"), "AttemptSecret(…)");
        assert_eq!(format!("{:?}", secret.scalar(&RUN, "a")), "SecretScalar(…)");
    }
}
