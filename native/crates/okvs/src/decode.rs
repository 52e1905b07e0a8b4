//! Decode(P, x) for every placed key.

use mihe_gf128::Gf128;
use rayon::prelude::*;

use crate::place::{Columns, Placed};

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
    let mut values = bytemuck::zeroed_vec(placed.len());
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
    let (sparse, dense) = cluster.split_at(placed.shape.sparse);
    placed.dense_parts(start, dense, values);
    for (value, columns) in values.iter_mut().zip(&placed.columns[start..]) {
        *value += sparse_part(columns, sparse);
    }
}

/// The sum of a key's sparse columns.
pub(crate) fn sparse_part(columns: &Columns, sparse: &[Gf128]) -> Gf128 {
    let [first, second, third] = columns.map(|column| sparse[usize::from(column)]);
    first + second + third
}
