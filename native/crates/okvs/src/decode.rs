//! Decode(P, x) for every placed key.

use mihe_gf128::{Gf128, multiply_each};
use rayon::prelude::*;

use crate::place::Placed;

/// The value of each placed key in `store`, in the order of `placed`.
///
/// # Panics
/// If `store` has not the length of the shape that the keys were placed in.
pub fn decode(placed: &Placed, store: &[Gf128]) -> Vec<Gf128> {
    assert_eq!(
        store.len(),
        placed.shape.len(),
        "the store is of this shape"
    );
    let mut values = vec![Gf128::ZERO; placed.len()];
    let mut rest = values.as_mut_slice();
    let mut jobs = Vec::with_capacity(placed.shape.clusters);
    for (bounds, cluster) in placed
        .starts
        .windows(2)
        .zip(store.chunks_exact(placed.shape.cluster_len()))
    {
        let (mine, others) = rest.split_at_mut(bounds[1] - bounds[0]);
        rest = others;
        jobs.push((bounds[0], mine, cluster));
    }
    jobs.into_par_iter().for_each(|(start, values, cluster)| {
        decode_cluster(placed, start, values, cluster);
    });
    values
}

fn decode_cluster(placed: &Placed, start: usize, values: &mut [Gf128], cluster: &[Gf128]) {
    let slots = start..start + values.len();
    let (sparse, dense) = cluster.split_at(placed.shape.sparse);
    // k·D1 + k²·D2 + … = k·(D1 + k·(D2 + …))
    for &column in dense.iter().rev() {
        for value in values.iter_mut() {
            *value += column;
        }
        multiply_each(values, &placed.dense[slots.clone()]);
    }
    for (value, columns) in values.iter_mut().zip(&placed.columns[slots]) {
        *value += columns
            .iter()
            .map(|&column| sparse[usize::from(column)])
            .sum();
    }
}
