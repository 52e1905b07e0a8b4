//! What both parties have agreed before the first message, and what follows from it.

use mihe_group::secret::RunId;
use mihe_okvs::Shape;
use mihe_vole::{Agreed, PublicKeys};
use sha2::{Digest, Sha256};

use crate::fault::Fault;

/// The most items of one list. A larger set is cut into buckets, each a run of this protocol.
pub const LARGEST: usize = 1 << 20;

/// Bits of each of the three ways to go wrong (a false match, an overflow, a store that can't be solved), so that all
/// together keep below 2^-40.
const STATISTICAL_BITS: u32 = 42;

/// One party's view of what was agreed; the same at both.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// The run, in every hash.
    pub run: RunId,
    /// Items of the receiver, at most.
    pub receiver_size: usize,
    /// Items of the sender, at most; so many tags are sent.
    pub sender_size: usize,
    /// log2 of the number of buckets that the run has, each of these sizes or less.
    pub log_buckets: u32,
    /// Whether the sender learns the intersection too.
    pub both: bool,
}

impl Setup {
    /// Bytes of a tag: ⌈(42 + log2 of all pairs of the run) / 8⌉.
    pub fn tag_bytes(&self) -> usize {
        let bits = STATISTICAL_BITS
            + ceil_log2(self.receiver_size)
            + ceil_log2(self.sender_size)
            + self.log_buckets;
        bits.div_ceil(8) as usize
    }

    /// Bytes of the messages `BasePoints`, `Reply`, `Trees`, `Masked`, `Tags` and `Common`, which follow from the sizes
    /// alone. `None` for sizes that are out of range.
    pub fn message_bytes(&self) -> Option<[usize; 6]> {
        let [base_points, reply, trees] = self.vole().ok()?.message_bytes();
        let masked = 16 * (1 + self.shape().ok()?.len());
        let tags = self.tag_bytes() * self.sender_size;
        let common = if self.both {
            self.sender_size.div_ceil(8)
        } else {
            0
        };
        Some([base_points, reply, trees, masked, tags, common])
    }

    /// The shape of the receiver's store.
    pub(crate) fn shape(&self) -> Result<Shape, Fault> {
        let possible = 1..=LARGEST;
        if !possible.contains(&self.receiver_size) || !possible.contains(&self.sender_size) {
            return Err(Fault::Caller("a size is out of range"));
        }
        let bits = STATISTICAL_BITS.saturating_add(self.log_buckets);
        Shape::new(self.receiver_size, bits).ok_or(Fault::Caller("too many buckets"))
    }

    /// What the VOLE needs.
    pub(crate) fn vole(&self) -> Result<Agreed, Fault> {
        let keys = PublicKeys {
            children: [self.public_key(b"left"), self.public_key(b"right")],
            code: self.public_key(b"code"),
        };
        Agreed::new(self.run, self.shape()?.len(), keys)
            .ok_or(Fault::Caller("too long for one VOLE"))
    }

    /// A public key of the run for one use: both parties' nonces are in the run's id, so nobody chose it.
    pub(crate) fn public_key(&self, label: &[u8]) -> u128 {
        let digest = Sha256::new()
            .chain_update(b"mihe/psi-rr22/key/v1/")
            .chain_update(label)
            .chain_update(self.run)
            .finalize();
        let mut low = [0; 16];
        low.copy_from_slice(&digest[..16]);
        u128::from_le_bytes(low)
    }
}

fn ceil_log2(size: usize) -> u32 {
    size.next_power_of_two().ilog2()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn setup(receiver_size: usize, sender_size: usize, log_buckets: u32) -> Setup {
        Setup {
            run: [1; 32],
            receiver_size,
            sender_size,
            log_buckets,
            both: false,
        }
    }

    #[test]
    fn tags_are_long_enough_for_all_pairs_of_the_run() {
        assert_eq!(setup(1, 1, 0).tag_bytes(), 6);
        assert_eq!(setup(1 << 20, 1 << 20, 0).tag_bytes(), 11);
        assert_eq!(setup(1 << 20, 1 << 20, 4).tag_bytes(), 11);
        assert_eq!(setup(1 << 20, 1 << 20, 7).tag_bytes(), 12);
    }

    #[test]
    fn sizes_out_of_range_are_the_callers_fault() {
        for (one, other) in [(0, 1), (1, 0), (LARGEST + 1, 1), (1, LARGEST + 1)] {
            assert!(matches!(
                setup(one, other, 0).shape(),
                Err(Fault::Caller(_))
            ));
        }
        assert!(matches!(setup(1, 1, 100).shape(), Err(Fault::Caller(_))));
        assert!(setup(LARGEST, LARGEST, 10).vole().is_ok());
    }

    #[test]
    fn every_use_and_every_run_has_a_key_of_its_own() {
        let one = setup(1, 1, 0);
        let other = Setup {
            run: [2; 32],
            ..one
        };
        assert_ne!(one.public_key(b"left"), one.public_key(b"right"));
        assert_ne!(one.public_key(b"left"), other.public_key(b"left"));
    }
}
