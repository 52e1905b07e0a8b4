//! An owner's scalar k, for the lists of the others: each is multiplied once.

use core::fmt;
use std::sync::{Mutex, PoisonError};

use mihe_group::list::multiply_distinct;
use mihe_group::secret::SecretScalar;

use crate::error::Fault;
use crate::setup::Setup;

/// Holds k, and who may still ask. Two calls for different owners may run at once.
pub struct Serving {
    scalar: SecretScalar,
    sizes: Vec<usize>,
    unserved: Mutex<Vec<bool>>,
}

impl Serving {
    pub(crate) fn new(scalar: SecretScalar, setup: Setup) -> Self {
        let unserved = (0..setup.sizes.len()).map(|of| of != setup.me).collect();
        Self {
            scalar,
            sizes: setup.sizes,
            unserved: Mutex::new(unserved),
        }
    }

    /// k times the points of owner `of`, in their order. Once per owner, also if they are refused: what an
    /// owner may ask in a run is bounded by its agreed size.
    pub fn serve(&self, of: usize, points: &[u8]) -> Result<Vec<u8>, Fault> {
        self.claim(of)?;
        let products = multiply_distinct(points, self.sizes[of], &self.scalar)?;
        Ok(products.into_flattened())
    }

    fn claim(&self, of: usize) -> Result<(), Fault> {
        // Poison would mean a panic while claiming, which can't be.
        let mut unserved = self.unserved.lock().unwrap_or_else(PoisonError::into_inner);
        let unserved = unserved.get_mut(of).ok_or(Fault::Caller("no such owner"))?;
        if !core::mem::take(unserved) {
            return Err(Fault::Served);
        }
        Ok(())
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serving(…)")
    }
}
