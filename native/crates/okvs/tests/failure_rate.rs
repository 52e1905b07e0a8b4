//! How often encoding fails, against the bound that the shape was chosen by.
#![allow(clippy::unwrap_used)]

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::Gf128;
use mihe_okvs::{Fill, Placement, Shape, encode};
use rayon::prelude::*;

/// Small stores with a bound of 2^-8 each. Overflow can't happen in one cluster, so this counts cores.
#[test]
fn small_stores_fail_as_seldom_as_they_should() {
    for (keys, stores) in [(64, 1 << 16), (1024, 1 << 13)] {
        let shape = Shape::new(keys, 8).unwrap();
        let mut blocks = vec![0; keys];
        FixedKeyAes::new(1).stream(0, &mut blocks);
        let values: Vec<Gf128> = blocks.iter().copied().map(Gf128).collect();
        let failed: usize = (0..stores)
            .into_par_iter()
            .filter(|&seed| {
                let placed = Placement::new(shape, seed).place(&blocks);
                encode(&placed, &values, &Fill::Zero).is_err()
            })
            .count();
        let expected = stores as f64 / 256.0;
        assert!(
            (failed as f64) < expected + 5.0 * expected.sqrt(),
            "{keys} keys: {failed} of {stores} failed"
        );
    }
}
