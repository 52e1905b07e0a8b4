//! The pivot: adds up what every store says of its own items.

use core::fmt;

use mihe_gf128::Gf128;
use mihe_okvs::{Placement, decode};

use crate::fault::{Fault, Refused};
use crate::items::Setup;

/// The pivot's items, and for each the sum of its values in the stores that have come, in whatever order they do.
pub struct Gathering {
    setup: Setup,
    blocks: Vec<u128>,
    sums: Vec<Gf128>,
    awaited: usize,
}

impl Gathering {
    pub(crate) fn new(setup: Setup, blocks: Vec<u128>) -> Self {
        let sums = vec![Gf128::ZERO; blocks.len()];
        Self {
            setup,
            blocks,
            sums,
            awaited: setup.contributors,
        }
    }

    /// Takes the message `Store` of a contributor whose set has at most `size` items.
    pub fn add(mut self, size: usize, store: &[u8]) -> Result<Self, Fault> {
        if self.awaited == 0 {
            return Err(Fault::Caller("every contributor has one store"));
        }
        let shape = self.setup.shape(size)?;
        let refused = Fault::Peer(Refused::Store {
            expected: 16 * (1 + shape.len()),
            found: store.len(),
        });
        if store.len() != 16 * (1 + shape.len()) {
            return Err(refused);
        }
        let (words, _) = store.as_chunks();
        let (seed, columns) = words.split_first().ok_or(refused)?;
        let columns: Vec<Gf128> = columns
            .iter()
            .map(|column| Gf128(u128::from_le_bytes(*column)))
            .collect();
        let placed = Placement::new(shape, u128::from_le_bytes(*seed)).place(&self.blocks);
        for (&item, value) in placed.items().iter().zip(decode(&placed, &columns)) {
            self.sums[item as usize] += value;
        }
        self.awaited -= 1;
        Ok(self)
    }

    /// What the pivot compares, 16 bytes an item in the order of its items, when every store has come.
    pub fn compared(self) -> Result<Vec<u8>, Fault> {
        if self.awaited > 0 {
            return Err(Fault::Caller("not every store has come"));
        }
        Ok(self.setup.compared(&self.blocks, &self.sums))
    }
}

impl fmt::Debug for Gathering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gathering(…)")
    }
}
