//! Second stage of either party: the other's set is evaluated, the tags of this party's own are awaited.

use core::fmt;
use std::collections::HashSet;

use mihe_group::list::vartime_first_repeated;

use crate::error::{Fault, Refused};
use crate::setup::{Mode, Setup};

/// Holds the order in which this party's items went out, and the tags of the other's.
pub struct Evaluation {
    setup: Setup,
    order: Vec<u32>,
    real: u32,
    peer_tags: Vec<u8>,
}

impl Evaluation {
    pub(crate) fn new(setup: Setup, order: Vec<u32>, real: u32, peer_tags: Vec<u8>) -> Self {
        Self {
            setup,
            order,
            real,
            peer_tags,
        }
    }

    /// Indices of this party's items that the other has too, ascending. `tags` are those that the other made
    /// of this party's points.
    pub fn positions(self, tags: &[u8]) -> Result<Vec<u32>, Fault> {
        if self.setup.mode != Mode::Intersection {
            return Err(Fault::Caller("shuffled tags have no positions"));
        }
        let common = self.vartime_common(tags)?;
        let mut positions: Vec<u32> = self
            .order
            .iter()
            .zip(common)
            .filter_map(|(&item, common)| (common && item < self.real).then_some(item))
            .collect();
        positions.sort_unstable();
        Ok(positions)
    }

    /// How many of this party's items the other has too.
    pub fn count(self, tags: &[u8]) -> Result<usize, Fault> {
        let common = self.vartime_common(tags)?;
        Ok(common.into_iter().filter(|common| *common).count())
    }

    /// For each tag, whether it is one of the peer's. The time depends on the tags, and so on nothing but them and
    /// the number of matches, which is this party's to know.
    fn vartime_common(&self, tags: &[u8]) -> Result<Vec<bool>, Fault> {
        let length = self.setup.tag_bytes();
        let expected = length * self.setup.own_size;
        if tags.len() != expected {
            return Err(Fault::Peer(Refused::TagsLength {
                expected,
                found: tags.len(),
            }));
        }
        let tags: Vec<&[u8]> = tags.chunks_exact(length).collect();
        if let Some(at) = vartime_first_repeated(&tags) {
            return Err(Fault::Peer(Refused::TagRepeated(at)));
        }
        let peer: HashSet<&[u8]> = self.peer_tags.chunks_exact(length).collect();
        Ok(tags.into_iter().map(|tag| peer.contains(tag)).collect())
    }
}

impl fmt::Debug for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evaluation(…)")
    }
}
