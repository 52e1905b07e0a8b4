//! A uniform order of a list, from a stream that nobody else knows.
//!
//! Fisher–Yates (Knuth, TAOCP 2, algorithm P) with unbiased draws (Lemire 2019, arXiv:1805.10941). Written
//! out because a resumed attempt must repeat its bytes: a library's shuffle may change with its version.

use chacha20::rand_core::Rng;

/// The numbers 0 to `length` − 1 in uniformly random order.
pub fn permutation(stream: &mut impl Rng, length: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..length).collect();
    for last in (1..length).rev() {
        order.swap(last as usize, below(stream, last + 1) as usize);
    }
    order
}

/// Uniform in 0 to `bound` − 1; `bound` is not zero.
fn below(stream: &mut impl Rng, bound: u32) -> u32 {
    // Of the 2^32 draws, 2^32 mod bound are refused, so that every result has equally many.
    let refused = bound.wrapping_neg() % bound;
    loop {
        let product = u64::from(stream.next_u32()) * u64::from(bound);
        if product as u32 >= refused {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::AttemptSecret;
    use std::collections::HashMap;

    #[test]
    fn every_number_is_there_once() {
        let mut stream = AttemptSecret::from_bytes([3; 32]).stream(&[0; 32], "test");
        for length in [0, 1, 2, 1000] {
            let mut order = permutation(&mut stream, length);
            order.sort_unstable();
            assert_eq!(order, (0..length).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut stream = AttemptSecret::from_bytes([3; 32]).stream(&[0; 32], "test");
        let mut seen = HashMap::new();
        for _ in 0..24_000 {
            *seen.entry(permutation(&mut stream, 4)).or_insert(0u32) += 1;
        }
        assert_eq!(seen.len(), 24);
        // Expected 1000 each, standard deviation 31; the stream is fixed, so this can't flicker.
        assert!(seen.values().all(|times| (850..1150).contains(times)));
    }
}
