//! How large a store is: clusters, their capacity, and columns, from the number of keys and a failure bound.
//!
//! Raghuraman and Rindal (ePrint 2022/320) measured how often the sparse part of a store of n keys and m = e·n
//! columns of weight 3 leaves more rows unsolved than the dense part takes, and fitted the bits of failure by a
//! line in e (§5.1 and the authors' implementation, `PaxosParam::init`). The fit is theirs and so are its
//! constants; `tests/failure_rate.rs` compares it with what happens here. Logarithms and powers are `libm`'s, which
//! are the same on every machine, because both parties must come to the same shape.

/// Keys that a cluster is meant for.
pub const CLUSTER: usize = 1 << 15;

/// Most keys of one store.
pub const MOST_KEYS: usize = 1 << 24;

const WEIGHT: f64 = 3.0;
/// The load threshold of peeling with three columns, as fitted: below 1.223 columns a key, cores appear.
const THRESHOLD: f64 = 1.223;
const FEWEST_COLUMNS: usize = 8;

/// Sizes of a store; the same at both parties, for the same arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Most keys that are encoded.
    pub keys: usize,
    /// Clusters.
    pub clusters: usize,
    /// Most keys that a cluster takes.
    pub capacity: usize,
    /// Sparse columns of a cluster.
    pub sparse: usize,
    /// Dense columns of a cluster.
    pub dense: usize,
}

impl Shape {
    /// The shape for `keys` keys. With a random seed a cluster overflows with probability at most 2^-`bits` in all,
    /// and some cluster can't be solved with at most about that again. `None` for more than [`MOST_KEYS`] keys, or
    /// `bits` outside 1 to 128.
    pub fn new(keys: usize, bits: u32) -> Option<Self> {
        if keys > MOST_KEYS || !(1..=128).contains(&bits) {
            return None;
        }
        let clusters = keys.div_ceil(CLUSTER).max(1);
        let capacity = capacity(keys, clusters, f64::from(bits)).max(1);
        let cluster_bits = f64::from(bits) + libm::log2(clusters as f64);
        let (sparse, dense) = columns(capacity, cluster_bits);
        Some(Self {
            keys,
            clusters,
            capacity,
            sparse,
            dense,
        })
    }

    /// Columns of a cluster.
    pub fn cluster_len(&self) -> usize {
        self.sparse + self.dense
    }

    /// Columns of the store.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.clusters * self.cluster_len()
    }
}

/// Sparse and dense columns for `keys` keys that fail with probability 2^-`bits`.
fn columns(keys: usize, bits: f64) -> (usize, usize) {
    let keys = keys as f64;
    let log_weight = libm::log2(WEIGHT);
    // Bits of failure that one more column a key buys.
    let slope = libm::exp2(
        0.555 * libm::log2(keys) + 0.093 * libm::pow(log_weight, 3.0)
            - 1.01 * libm::pow(log_weight, 2.0)
            + 2.925 * log_weight
            - 0.133,
    );
    let expansion = THRESHOLD + (bits + 9.2) / slope;
    let sparse = (libm::ceil(expansion * keys) as usize).max(FEWEST_COLUMNS);
    let dense = libm::floor(bits / ((WEIGHT - 2.0) * libm::log2(sparse as f64))) as usize;
    (sparse, dense.max(1))
}

/// The least k for which, of `clusters` clusters with `keys` keys thrown into them, any has more than k with
/// probability at most 2^-`bits`, by the union bound over exact binomial tails.
pub fn capacity(keys: usize, clusters: usize, bits: f64) -> usize {
    if clusters == 1 {
        return keys;
    }
    let bound = -(bits + libm::log2(clusters as f64)) * core::f64::consts::LN_2;
    // Beyond the mean each term is smaller than the one before: what follows a term of 2^-100 times the bound
    // adds nothing. Then from the far end of the tail inwards, so that small terms are added first.
    let far = (keys / clusters + 1..keys)
        .find(|&count| {
            log_binomial(keys, count, clusters) < bound - 100.0 * core::f64::consts::LN_2
        })
        .unwrap_or(keys);
    let mut tail = 0.0;
    for count in (1..=far).rev() {
        tail += libm::exp(log_binomial(keys, count, clusters));
        if libm::log(tail) > bound {
            return count;
        }
    }
    1
}

/// ln P[exactly `count` of `keys` keys fall into one of `clusters` clusters].
fn log_binomial(keys: usize, count: usize, clusters: usize) -> f64 {
    let (n, k, p) = (keys as f64, count as f64, 1.0 / clusters as f64);
    libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0)
        + k * libm::log(p)
        + (n - k) * libm::log1p(-p)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_million_keys_have_1_31_columns_a_key() {
        let shape = Shape::new(1 << 20, 40).unwrap();
        assert_eq!(shape.clusters, 32);
        let ratio = shape.len() as f64 / (1 << 20) as f64;
        assert!((1.29..1.32).contains(&ratio), "{ratio}");
    }

    /// P[Bin(n, 1/b) > k] summed from the definition, with fractions of integers, for sizes where that is possible.
    #[test]
    fn the_capacity_is_the_binomial_tails() {
        for (keys, clusters, bits) in [
            (20usize, 3usize, 4u32),
            (24, 2, 10),
            (30, 4, 7),
            (24, 5, 20),
        ] {
            let choose =
                |k: usize| (0..k).fold(1u128, |c, i| c * (keys - i) as u128 / (i as u128 + 1));
            let others = clusters as u128 - 1;
            let beyond = |k: usize| -> u128 {
                (k + 1..=keys)
                    .map(|j| choose(j) * others.pow((keys - j) as u32))
                    .sum()
            };
            let whole = (clusters as u128).pow(keys as u32);
            let fits = |k: usize| (beyond(k) * clusters as u128) << bits <= whole;
            let least = (0..=keys).find(|&k| fits(k)).unwrap();
            assert_eq!(
                capacity(keys, clusters, f64::from(bits)),
                least.max(1),
                "{keys} {clusters}"
            );
        }
    }

    #[test]
    fn every_number_of_keys_has_a_shape_that_16_bits_address() {
        for keys in [0, 1, 2, 3, 100, CLUSTER, CLUSTER + 1, 1 << 20, MOST_KEYS] {
            let shape = Shape::new(keys, 42).unwrap();
            assert!(shape.clusters * shape.capacity >= keys);
            assert!(
                shape.sparse <= usize::from(u16::MAX) && shape.capacity <= usize::from(u16::MAX)
            );
        }
        assert_eq!(Shape::new(MOST_KEYS + 1, 42), None);
        assert_eq!(Shape::new(10, 0), None);
    }
}
