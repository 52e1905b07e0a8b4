//! From items of any length to blocks: SHA-256 with the run, cut to 16 bytes.
//!
//! A collision of two items of a run would be a false match; among 2^21 items there is one with probability 2^-87.

use mihe_group::secret::RunId;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Items that one task hashes at least.
const TASK: usize = 1024;

/// The block of each item.
pub(crate) fn blocks<I: AsRef<[u8]> + Sync>(run: &RunId, items: &[I]) -> Vec<u128> {
    let start = Sha256::new()
        .chain_update(b"mihe/psi-rr22/item/v1")
        .chain_update(run);
    items
        .par_iter()
        .with_min_len(TASK)
        .map(|item| {
            let digest = start.clone().chain_update(item.as_ref()).finalize();
            let mut low = [0; 16];
            low.copy_from_slice(&digest[..16]);
            u128::from_le_bytes(low)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_depends_on_run_and_item() {
        let items: [&[u8]; 3] = [b"one", b"two", b""];
        let one = blocks(&[1; 32], &items);
        assert_ne!(one[0], one[1]);
        assert_ne!(one[0], blocks(&[2; 32], &items)[0]);
        assert_eq!(one, blocks(&[1; 32], &items));
    }
}
