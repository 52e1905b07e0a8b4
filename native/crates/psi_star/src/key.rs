//! Keys that two parties share, and the values that come from them.

use core::fmt;

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::Gf128;
use mihe_group::secret::{AttemptSecret, RunId};
use mihe_vole::Stream;
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::fault::{Fault, Refused};

/// Bytes of a key.
pub const KEY_BYTES: usize = 16;

/// A key as it travels.
pub type Key = [u8; KEY_BYTES];

/// Blocks that one task ciphers.
const TASK: usize = 4096;

/// The keys that one party shares with others: the value of an item is the sum over them. Wiped when dropped.
pub struct Keys(Zeroizing<Vec<Key>>);

impl Keys {
    /// Fresh ones, `count` of them.
    pub fn draw(secret: &AttemptSecret, run: &RunId, count: usize) -> Self {
        let mut stream = Stream::from(secret.stream(run, "mihe/psi-star/v1/keys"));
        Self(Zeroizing::new((0..count).map(|_| stream.array()).collect()))
    }

    /// Those that others have drawn, and one's own.
    pub fn from_bytes<K: AsRef<[u8]>>(keys: &[K]) -> Result<Self, Fault> {
        let keys: Result<Vec<Key>, _> = keys.iter().map(|key| key.as_ref().try_into()).collect();
        keys.map(|keys| Self(Zeroizing::new(keys)))
            .map_err(|_| Fault::Peer(Refused::Key))
    }

    /// As they travel, each to the party that it is shared with.
    pub fn as_bytes(&self) -> &[Key] {
        &self.0
    }

    /// Σ_k F_k(x̂) for each block x̂.
    pub(crate) fn values(&self, blocks: &[u128]) -> Vec<Gf128> {
        let ciphers: Vec<FixedKeyAes> = self
            .0
            .iter()
            .map(|key| FixedKeyAes::new(u128::from_le_bytes(*key)))
            .collect();
        let mut values = vec![Gf128::ZERO; blocks.len()];
        values
            .par_chunks_mut(TASK)
            .zip(blocks.par_chunks(TASK))
            .for_each(|(values, blocks)| {
                for cipher in &ciphers {
                    let mut hashed = blocks.to_vec();
                    cipher.hash_each(&mut hashed);
                    for (value, hash) in values.iter_mut().zip(hashed) {
                        *value += Gf128(hash);
                    }
                }
            });
        values
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_sum_over_all_keys() {
        let blocks: Vec<u128> = (0..3 * TASK as u128 + 1).collect();
        let (one, two) = ([[1; KEY_BYTES]], [[2; KEY_BYTES]]);
        let each = [&one, &two].map(|keys| Keys::from_bytes(keys).unwrap().values(&blocks));
        let both = Keys::from_bytes(&[one[0], two[0]]).unwrap().values(&blocks);
        let mut sums = each[0].iter().zip(&each[1]).map(|(&a, &b)| a + b);
        assert!(both.iter().all(|&value| value == sums.next().unwrap()));
        let cipher = FixedKeyAes::new(u128::from_le_bytes(one[0]));
        assert_eq!(each[0][TASK], Gf128(cipher.hash(blocks[TASK])));
    }

    #[test]
    fn a_key_used_twice_goes() {
        let none = Keys::from_bytes(&[[5; KEY_BYTES]; 2]).unwrap();
        assert_eq!(none.values(&[1, 2]), [Gf128::ZERO; 2]);
    }

    #[test]
    fn keys_are_fresh_and_not_printed() {
        let [one, two] = [1, 2].map(|byte| AttemptSecret::from_bytes([byte; 32]));
        assert_eq!(Keys::draw(&one, &[0; 32], 3).as_bytes().len(), 3);
        let drawn = Keys::draw(&one, &[0; 32], 2);
        assert_ne!(drawn.as_bytes()[0], drawn.as_bytes()[1]);
        assert_ne!(
            drawn.as_bytes()[0],
            Keys::draw(&one, &[1; 32], 1).as_bytes()[0]
        );
        assert_ne!(
            drawn.as_bytes()[0],
            Keys::draw(&two, &[0; 32], 1).as_bytes()[0]
        );
        assert_eq!(format!("{drawn:?}"), "Keys(…)");
    }

    #[test]
    fn a_key_of_another_length_is_its_senders_fault() {
        for bytes in [vec![], vec![0; 15], vec![0; 17]] {
            let refused = Keys::from_bytes(&[bytes]).unwrap_err();
            assert_eq!(refused, Fault::Peer(Refused::Key));
        }
    }
}
