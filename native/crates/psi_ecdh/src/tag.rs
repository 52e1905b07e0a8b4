//! Tags: what doubly blinded points are compared by (SPEC §3.3).
//!
//! SHA-256 first and a cut afterwards: cut encodings would waste bits (bit 0 of each is 0) and show group
//! structure. The reader's role is in the hash, so that a tag sent back to its maker matches nothing.

use mihe_group::list::Encoded;
use mihe_group::secret::RunId;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::setup::Role;

/// log2 of 1 / the probability that any two different items share a tag by chance.
const STATISTICAL_BITS: u32 = 40;

/// Bytes of a tag for lists of `one` and `other` points: ⌈(40 + log2 `one` + log2 `other`) / 8⌉.
pub fn length(one: usize, other: usize) -> usize {
    let bits = STATISTICAL_BITS + ceil_log2(one) + ceil_log2(other);
    bits.div_ceil(8) as usize
}

fn ceil_log2(size: usize) -> u32 {
    size.next_power_of_two().ilog2()
}

/// The tags of `points` that `reader` will compare, in a row, `length` bytes each.
pub(crate) fn tags(reader: Role, run: &RunId, points: &[Encoded], length: usize) -> Vec<u8> {
    let label: &[u8] = match reader {
        Role::Receiver => b"mihe/psi-ecdh/tag/v1/receiver",
        Role::Sender => b"mihe/psi-ecdh/tag/v1/sender",
    };
    let start = Sha256::new().chain_update(label).chain_update(run);
    points
        .par_iter()
        .with_min_len(1024)
        .map(|point| start.clone().chain_update(point).finalize())
        .collect::<Vec<_>>()
        .iter()
        .flat_map(|digest| digest[..length].iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_specification() {
        assert_eq!(length(1, 1), 5);
        assert_eq!(length(256, 256), 7);
        assert_eq!(length(256, 512), 8);
        assert_eq!(length(300, 512), 8); // as 512 and 512: 58 bits
        assert_eq!(length(1 << 20, 1 << 20), 10);
    }

    #[test]
    fn a_tag_depends_on_reader_run_and_point() {
        let run = [1; 32];
        let tag = |reader, run, point| tags(reader, run, &[[point; 32]], 10);
        let one = tag(Role::Receiver, &run, 5);
        assert_eq!(one.len(), 10);
        assert_ne!(one, tag(Role::Sender, &run, 5));
        assert_ne!(one, tag(Role::Receiver, &[2; 32], 5));
        assert_ne!(one, tag(Role::Receiver, &run, 6));
    }
}
