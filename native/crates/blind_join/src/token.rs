//! Tokens: what the coordinator compares (SPEC §1.4).
//!
//! The key is in the hash beside the point: a peer that exchanges two points, or puts its own in their place,
//! gets a token that belongs to no key. SHA-256 first and a cut afterwards: bit 0 of each encoding is 0.

use mihe_group::list::Encoded;
use mihe_group::secret::RunId;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// The tokens of `inputs`, whose finished points are `points`, in a row, `length` bytes each.
pub(crate) fn tokens<I: AsRef<[u8]> + Sync>(
    run: &RunId,
    inputs: &[I],
    points: &[Encoded],
    length: usize,
) -> Vec<u8> {
    // Tag, run and point have fixed lengths: no other key gives the same bytes.
    let start = Sha256::new()
        .chain_update(b"mihe/token/v1")
        .chain_update(run);
    inputs
        .par_iter()
        .zip(points)
        .with_min_len(1024)
        .map(|(input, point)| {
            start
                .clone()
                .chain_update(input)
                .chain_update(point)
                .finalize()
        })
        .collect::<Vec<_>>()
        .iter()
        .flat_map(|digest| digest[..length].iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_depends_on_run_key_and_point() {
        let token = |run, key: u8, point| tokens(&[run; 32], &[[key]], &[[point; 32]], 10);
        let one = token(1, 2, 3);
        assert_eq!(one.len(), 10);
        assert_ne!(one, token(9, 2, 3));
        assert_ne!(one, token(1, 9, 3));
        assert_ne!(one, token(1, 2, 9));
    }

    #[test]
    fn a_short_token_is_the_start_of_a_long_one() {
        let token = |length| tokens(&[1; 32], &[b"key"], &[[5; 32]], length);
        assert_eq!(token(32)[..7], token(7));
    }
}
