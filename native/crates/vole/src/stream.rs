//! One party's randomness: ChaCha20 under a key that comes from the attempt's secret.

use core::fmt;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// A stream of secret bytes, wiped when dropped.
pub struct Stream(ChaCha20Rng);

impl Stream {
    /// The stream of a key.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// The next bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// The next block.
    pub fn block(&mut self) -> u128 {
        u128::from_le_bytes(self.array())
    }

    /// Many blocks.
    pub fn blocks(&mut self, count: usize) -> Vec<u128> {
        (0..count).map(|_| self.block()).collect()
    }

    /// A number below `bound`, uniform up to 2^-64.
    pub fn below(&mut self, bound: usize) -> usize {
        let word = u128::from(u64::from_le_bytes(self.array())) << 64
            | u128::from(u64::from_le_bytes(self.array()));
        // The high half of a product of 128 and 64 bits: word · bound / 2^128.
        let bound = bound as u128;
        let low = (word & u128::from(u64::MAX)) * bound;
        let high = (word >> 64) * bound + (low >> 64);
        (high >> 64) as usize
    }
}

impl From<ChaCha20Rng> for Stream {
    fn from(rng: ChaCha20Rng) -> Self {
        Self(rng)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream(…)")
    }
}
