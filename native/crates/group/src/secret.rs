//! One 32-byte secret per attempt, and everything that comes from it by HKDF (RFC 5869).
//!
//! Salt is the run, info is what the output is for: two runs, or two uses in one run, share nothing.
//! Every type here wipes itself when dropped, is not `Clone`, and prints no field. What a multiplication
//! leaves on the stack is not wiped: a process that others can read is not a place for secrets.

use core::fmt;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use zeroize::Zeroizing;

use crate::group::Group;
use crate::ristretto255::Ristretto255;

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

    /// A scalar of `G` for `label` in `run`: 64 bytes derived with the group's hash, reduced mod its order, never
    /// zero.
    pub fn scalar<G: Group>(&self, run: &RunId, label: &str) -> SecretScalar<G> {
        // The second round is there for the 2^-252 chance that the first gives zero.
        let mut round = 0;
        loop {
            let wide = self.derive::<G, 64>(run, label, round);
            if let Some(factor) = G::wide_factor(&wide) {
                return SecretScalar::new(factor);
            }
            round += 1;
        }
    }

    /// A stream of bytes for `label` in `run`: ChaCha20 under a key derived with SHA-512. Nobody else sees any
    /// of it, so it is the same whatever the group.
    pub fn stream(&self, run: &RunId, label: &str) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(*self.derive::<Ristretto255, 32>(run, label, 0))
    }

    fn derive<G: Group, const N: usize>(
        &self,
        run: &RunId,
        label: &str,
        round: u8,
    ) -> Zeroizing<[u8; N]> {
        let mut out = Zeroizing::new([0; N]);
        G::derive(
            run,
            self.0.as_ref(),
            &[label.as_bytes(), &[round]],
            out.as_mut(),
        );
        out
    }
}

impl fmt::Debug for AttemptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttemptSecret(…)")
    }
}

/// A secret scalar k ≠ 0 of a group.
pub struct SecretScalar<G: Group = Ristretto255>(Zeroizing<G::Factor>);

impl<G: Group> SecretScalar<G> {
    pub(crate) fn new(factor: G::Factor) -> Self {
        Self(Zeroizing::new(factor))
    }

    /// From the encoding of a scalar; `None` if it is not canonical, or zero.
    pub fn from_canonical(bytes: [u8; 32]) -> Option<Self> {
        G::canonical_factor(&Zeroizing::new(bytes)).map(Self::new)
    }

    pub(crate) fn factor(&self) -> &G::Factor {
        &self.0
    }
}

impl<G: Group> fmt::Debug for SecretScalar<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(…)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::group::Encoded;
    use crate::hash::Domain;
    use crate::sm2::Sm2;

    const RUN: RunId = [1; 32];

    /// What the scalar makes of one element: another for every scalar.
    fn product<G: Group>(scalar: &SecretScalar<G>) -> Vec<Encoded> {
        G::multiply(
            &G::hash(Domain::fixed(b"test"), b"", &[b"x"]),
            scalar.factor(),
        )
    }

    fn every_label_and_every_run_has_its_own_scalar<G: Group>() {
        let scalar = |secret, run, label| {
            product::<G>(&AttemptSecret::from_bytes([secret; 32]).scalar(run, label))
        };
        let one = scalar(7, &RUN, "a");
        assert_eq!(one, scalar(7, &RUN, "a"));
        assert_ne!(one, scalar(7, &RUN, "b"));
        assert_ne!(one, scalar(7, &[2; 32], "a"));
        assert_ne!(one, scalar(8, &RUN, "a"));
    }

    #[test]
    fn scalars_differ_in_either_group() {
        every_label_and_every_run_has_its_own_scalar::<Ristretto255>();
        every_label_and_every_run_has_its_own_scalar::<Sm2>();
    }

    fn zero_and_non_canonical_scalars_are_refused<G: Group>(least_significant: usize) {
        let mut five = [0; 32];
        five[least_significant] = 5;
        assert!(SecretScalar::<G>::from_canonical([0; 32]).is_none());
        assert!(SecretScalar::<G>::from_canonical([255; 32]).is_none());
        assert!(SecretScalar::<G>::from_canonical(five).is_some());
    }

    #[test]
    fn only_scalars_are_scalars() {
        zero_and_non_canonical_scalars_are_refused::<Ristretto255>(0);
        zero_and_non_canonical_scalars_are_refused::<Sm2>(31);
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
        let scalar = secret.scalar::<Sm2>(&RUN, "a");
        assert_eq!(format!("{scalar:?}"), "SecretScalar(…)");
    }
}
