//! The blind join's tokens: the part of one owner that holds secrets.
//!
//! Implements federated/SPEC.md §1 over ristretto255: the oblivious PRF of 2HashDH (Jarecki, Kiayias,
//! Krawczyk, ASIACRYPT 2014) with its key shared multiplicatively by all owners. [`start`] gives an owner
//! two objects with nothing in common but a seed: [`Journey`] is its own list while it visits the others,
//! and ends in tokens; [`Serving`] multiplies what the others send. They may be used in any interleaving.
//!
//! [`keyed_list`] makes tokens the fast way, under a key that all owners hold.
//!
//! Security: semi-honest, under one-more Diffie–Hellman with the hashes as random oracles. An owner that
//! serves wrong products makes tokens that match nothing; it redirects none (SPEC §1.7).
#![forbid(unsafe_code)]

mod error;
mod journey;
mod keyed;
mod places;
mod serving;
mod setup;
mod token;

pub use error::Fault;
pub use journey::Journey;
pub use keyed::{Contribution, keyed_list};
pub use serving::Serving;
pub use setup::{MOST_POINTS, MOST_TOKENS, Setup};

use mihe_group::secret::AttemptSecret;

const SCALAR: &str = "mihe/blind-join/v1/scalar";
const BLINDING: &str = "mihe/blind-join/v1/blinding";

/// Blinds `keys`, all different, padded with dummies to the agreed size and shuffled. The points are for the
/// first of the other owners.
pub fn start<I>(
    secret: AttemptSecret,
    setup: Setup,
    keys: &[I],
) -> Result<(Serving, Journey, Vec<u8>), Fault>
where
    I: AsRef<[u8]> + Sync,
{
    setup.check(MOST_POINTS)?;
    let scalar = secret.scalar(&setup.run, SCALAR);
    let blinding = secret.scalar(&setup.run, BLINDING);
    let (journey, points) = Journey::new(&secret, &setup, &scalar, &blinding, keys)?;
    Ok((Serving::new(scalar, setup), journey, points))
}
