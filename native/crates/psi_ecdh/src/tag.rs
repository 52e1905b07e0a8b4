//! Tags: what doubly blinded points are compared by (SPEC §3.3).
//!
//! Hashed first and cut afterwards: cut encodings would waste bits (bit 0 of each of ristretto255 is 0) and show
//! group structure.

use mihe_group::list::Encoded;
use mihe_group::secret::RunId;
use rayon::prelude::*;
use sha2::Digest;

use crate::bits::mask;

/// log2 of 1 / the probability that any two different items share a tag by chance: with what else can go wrong
/// in a run it stays below 2^-40.
const STATISTICAL_BITS: u32 = 42;

/// Bits of a tag for lists of `one` and `other` points: 42 + ⌈log2 (`one` · `other`)⌉.
pub(crate) fn width(one: usize, other: usize) -> u32 {
    STATISTICAL_BITS + (one * other).next_power_of_two().ilog2()
}

/// The tags of `points`, in their order, as numbers below 2^`width`.
pub(crate) fn tags<H: Digest + Clone + Sync>(
    run: &RunId,
    points: &[Encoded],
    width: u32,
) -> Vec<u128> {
    let start = H::new()
        .chain_update(b"mihe/psi-ecdh/tag/v1")
        .chain_update(run);
    points
        .par_iter()
        .with_min_len(1024)
        .map(|point| {
            let digest = start.clone().chain_update(point).finalize();
            let mut low = [0; 16];
            low.copy_from_slice(&digest[..16]);
            u128::from_le_bytes(low) & mask(width)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Sha256;

    #[test]
    fn widths_are_those_of_the_specification() {
        assert_eq!(width(1, 1), 42);
        assert_eq!(width(256, 256), 58);
        assert_eq!(width(256, 300), 59); // 300 · 256 is above 2^16
        assert_eq!(width(1 << 20, 1 << 20), 82);
    }

    #[test]
    fn a_tag_depends_on_run_and_point() {
        let run = [1; 32];
        let tag = |run, point| tags::<Sha256>(run, &[[point; 32]], 80);
        let one = tag(&run, 5);
        assert!(one[0] < 1 << 80);
        assert_eq!(one, tag(&run, 5));
        assert_ne!(one, tag(&[2; 32], 5));
        assert_ne!(one, tag(&run, 6));
    }
}
