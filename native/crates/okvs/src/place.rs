//! From keys to their places: cluster, three distinct sparse columns, and dense key, all by a seed.
//!
//! Two hashes of a key under two keys of AES that come from the seed: one gives cluster and columns, the other the
//! dense key. Keys are 16 bytes that look random to whoever chose the items; the caller hashes items to them.

use core::fmt;

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::{Gf128, add_values};
use rayon::prelude::*;

use crate::shape::Shape;

/// The columns of a key within its cluster, ascending order not implied, distinct.
pub type Columns = [u16; 3];

/// Keys that one task hashes.
const TASK: usize = 1 << 14;
/// Keys whose dense parts are computed together, in the first cache.
const BATCH: usize = 64;

/// Where keys go, for one seed and shape.
pub struct Placement {
    shape: Shape,
    columns: FixedKeyAes,
    dense: FixedKeyAes,
}

/// Keys in the order of their clusters, and where each of them stands. Prints nothing.
pub struct Placed {
    /// The keys of cluster c are those from `starts[c]` to `starts[c + 1]`.
    pub(crate) starts: Vec<usize>,
    items: Vec<u32>,
    keys: Vec<u128>,
    pub(crate) columns: Vec<Columns>,
    dense: FixedKeyAes,
    pub(crate) shape: Shape,
}

impl Placement {
    /// The places that `seed` gives in stores of `shape`.
    pub fn new(shape: Shape, seed: u128) -> Self {
        let mut keys = [0; 2];
        FixedKeyAes::new(seed).stream(0, &mut keys);
        let [columns, dense] = keys.map(FixedKeyAes::new);
        Self {
            shape,
            columns,
            dense,
        }
    }

    /// The places of `keys`, at most 2^32 of them, in any number: a party that decodes may have more keys than were
    /// encoded.
    pub fn place(&self, keys: &[u128]) -> Placed {
        let clusters = self.shape.clusters as u64;
        let mut hashes = vec![0; keys.len()];
        hashes
            .par_chunks_mut(TASK)
            .zip(keys.par_chunks(TASK))
            .for_each(|(hashes, keys)| self.columns.hash_to(keys, hashes));
        let cluster_of = |hash: u128| digit(&mut (hash as u64), clusters) as usize;

        let mut starts = vec![0; self.shape.clusters + 1];
        for &hash in &hashes {
            starts[cluster_of(hash) + 1] += 1;
        }
        for cluster in 0..self.shape.clusters {
            starts[cluster + 1] += starts[cluster];
        }

        let mut next = starts.clone();
        let mut placed = Placed {
            starts,
            items: vec![0; keys.len()],
            keys: vec![0; keys.len()],
            columns: bytemuck::zeroed_vec(keys.len()),
            dense: self.dense.clone(),
            shape: self.shape,
        };
        for (item, (&key, &hash)) in (0..).zip(keys.iter().zip(&hashes)) {
            let slot = &mut next[cluster_of(hash)];
            placed.items[*slot] = item;
            placed.keys[*slot] = key;
            placed.columns[*slot] = columns_of((hash >> 64) as u64, self.shape.sparse as u64);
            *slot += 1;
        }
        placed
    }
}

impl Placed {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys in this order.
    pub fn keys(&self) -> &[u128] {
        &self.keys
    }

    /// The dense parts of the keys from slot `start` on, by the dense columns of their cluster.
    pub(crate) fn dense_parts(&self, start: usize, dense: &[Gf128], parts: &mut [Gf128]) {
        let mut hashed = [0; BATCH];
        for (keys, parts) in self.keys[start..]
            .chunks(BATCH)
            .zip(parts.chunks_mut(BATCH))
        {
            let hashed = &mut hashed[..parts.len()];
            self.dense.hash_to(&keys[..parts.len()], hashed);
            parts.fill(Gf128::ZERO);
            add_values(parts, bytemuck::must_cast_slice(hashed), dense);
        }
    }

    /// Of each key in this order, its place in the list that was placed.
    pub fn items(&self) -> &[u32] {
        &self.items
    }
}

impl fmt::Debug for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Placed({} keys)", self.len())
    }
}

/// The next digit of `word`, a fraction of 64 bits, to the base `base`; `word` keeps the rest of the fraction.
///
/// Lemire, "Fast Random Integer Generation in an Interval" (2019), without the rejection: the bias is
/// base / 2^64 for the first digit, and the product of the bases over 2^64 for a later one.
fn digit(word: &mut u64, base: u64) -> u64 {
    let product = u128::from(*word) * u128::from(base);
    *word = product as u64;
    (product >> 64) as u64
}

/// Three distinct columns of `sparse`, each set of three equally likely up to 2^-15.
fn columns_of(mut word: u64, sparse: u64) -> Columns {
    let first = digit(&mut word, sparse);
    let mut second = digit(&mut word, sparse - 1);
    let mut third = digit(&mut word, sparse - 2);
    second += u64::from(second >= first);
    let (low, high) = (first.min(second), first.max(second));
    third += u64::from(third >= low);
    third += u64::from(third >= high);
    // `Shape` has fewer than 2^16 sparse columns.
    [first, second, third].map(|column| column as u16)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn keys(count: u32) -> Vec<u128> {
        let mut keys = vec![0; count as usize];
        FixedKeyAes::new(99).stream(0, &mut keys);
        keys
    }

    #[test]
    fn columns_are_distinct_and_each_is_as_likely() {
        let (sparse, rounds) = (8, 80_000);
        let mut seen = [0; 8];
        for hash in keys(rounds) {
            let [a, b, c] = columns_of(hash as u64, sparse);
            assert!(a != b && b != c && a != c);
            for column in [a, b, c] {
                seen[usize::from(column)] += 1;
            }
        }
        for count in seen {
            // 30 000 expected, standard deviation below 137.
            assert!((29_000..31_000).contains(&count), "{seen:?}");
        }
    }

    #[test]
    fn every_key_is_placed_once_and_keeps_its_item() {
        let keys = keys(100_000);
        let shape = Shape::new(keys.len(), 40).unwrap();
        let placed = Placement::new(shape, 1).place(&keys);
        let mut items: Vec<u32> = placed.items().to_vec();
        for (&item, &key) in placed.items().iter().zip(placed.keys()) {
            assert_eq!(keys[item as usize], key);
        }
        items.sort_unstable();
        assert!(items.into_iter().eq(0..100_000));
        assert_eq!(*placed.starts.last().unwrap(), keys.len());
    }

    #[test]
    fn another_seed_gives_other_places() {
        let (keys, shape) = (keys(1000), Shape::new(1000, 40).unwrap());
        let one = Placement::new(shape, 1).place(&keys);
        let two = Placement::new(shape, 2).place(&keys);
        let same = one.columns.iter().zip(&two.columns).filter(|(a, b)| a == b);
        assert!(same.count() < 5);
        let dense = |placed: &Placed| {
            let mut parts = vec![Gf128::ZERO; 1000];
            placed.dense_parts(0, &[Gf128::ONE], &mut parts);
            parts
        };
        assert_ne!(dense(&one), dense(&two));
    }
}
