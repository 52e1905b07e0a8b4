//! The order in which a party's items went out.

use chacha20::rand_core::Rng;
use mihe_group::list::Encoded;
use mihe_group::shuffle::permutation;

/// What is at each place of the list sent.
pub(crate) struct Places {
    /// Index of the item; from `real` on they are dummies.
    order: Vec<u32>,
    real: u32,
}

impl Places {
    /// A uniformly random order of `real` items and the dummies that fill a list up to `size`, at most 2^20.
    pub(crate) fn random(stream: &mut impl Rng, size: usize, real: usize) -> Self {
        Self {
            order: permutation(stream, size as u32),
            real: real as u32,
        }
    }

    /// The points in this order.
    pub(crate) fn arrange(&self, points: &[Encoded]) -> Vec<Encoded> {
        in_order(points, &self.order)
    }

    /// Indices, ascending, of the items at these places. Dummies are left out.
    pub(crate) fn items(&self, places: impl Iterator<Item = usize>) -> Vec<u32> {
        let mut items: Vec<u32> = places
            .map(|place| self.order[place])
            .filter(|&item| item < self.real)
            .collect();
        items.sort_unstable();
        items
    }
}

pub(crate) fn in_order(points: &[Encoded], order: &[u32]) -> Vec<Encoded> {
    order.iter().map(|&at| points[at as usize]).collect()
}
