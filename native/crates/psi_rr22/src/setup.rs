//! What both parties have agreed before the first message, and what follows from it: buckets, their capacities, lengths.

use mihe_group::secret::RunId;
use mihe_okvs::Shape;
use mihe_okvs::shape::capacity;
use mihe_vole::{Adversary, Agreed, PublicKeys};
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::outputs::PROOF;

/// Bits of each of the three ways to go wrong (a false match, an overflow, a store that can't be solved), so that all
/// together keep below 2^-40.
const STATISTICAL_BITS: u32 = 42;

/// A whole run: sets of any size, cut into buckets of about `bucket_size` items of the larger one.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// The run's id.
    pub id: RunId,
    /// Items of the receiver, at most.
    pub receiver_size: usize,
    /// Items of the sender, at most.
    pub sender_size: usize,
    /// Items that a bucket is meant for.
    pub bucket_size: usize,
    /// Whether the sender learns the intersection too.
    pub both: bool,
    /// Whether peers that deviate are caught.
    pub against: Adversary,
}

impl Run {
    /// How many buckets there are.
    pub fn buckets(&self) -> usize {
        let larger = self.receiver_size.max(self.sender_size);
        larger.div_ceil(self.bucket_size.max(1)).max(1)
    }

    /// What is agreed of one bucket. Each is a run of the protocol of its own; all have the same sizes, which no set
    /// exceeds in any bucket but with probability 2^-43.
    pub fn bucket(&self, number: usize) -> Result<Setup, Fault> {
        let buckets = self.buckets();
        if number >= buckets {
            return Err(Fault::Caller("there is no such bucket"));
        }
        let id = Sha256::new()
            .chain_update(b"mihe/psi-rr22/bucket/v1")
            .chain_update(self.id)
            .chain_update((number as u64).to_le_bytes())
            .finalize();
        let fits = |size| capacity(size, buckets, f64::from(STATISTICAL_BITS + 1));
        Ok(Setup {
            run: id.into(),
            receiver_size: fits(self.receiver_size),
            sender_size: fits(self.sender_size),
            buckets,
            both: self.both,
            against: self.against,
        })
    }
}

/// One party's view of what was agreed of a bucket; the same at both.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// The bucket's id, in every hash.
    pub run: RunId,
    /// Items of the receiver, at most.
    pub receiver_size: usize,
    /// Items of the sender, at most; so many tags are sent.
    pub sender_size: usize,
    /// How many buckets the run has, all of these sizes.
    pub buckets: usize,
    /// Whether the sender learns the intersection too.
    pub both: bool,
    /// Whether peers that deviate are caught.
    pub against: Adversary,
}

impl Setup {
    /// Bits of a tag: ⌈42 + log2 of all pairs of items that are compared in the run⌉; against an active adversary all 128, so that
    /// it takes 2^64 hashes to find a tag for two items.
    pub fn tag_bits(&self) -> usize {
        if self.against == Adversary::Active {
            return 128;
        }
        let pairs = self.receiver_size as u128 * self.sender_size as u128 * self.buckets as u128;
        (STATISTICAL_BITS + ceil_log2(pairs)) as usize
    }

    /// Bytes of the messages `BasePoints`, `Reply`, `Trees`, `Challenge`, `Answer`, `Masked`, `Tags` and `Common`, which follow
    /// from the sizes alone; 0 of those that are not sent. `None` for sizes that are out of range.
    pub fn message_bytes(&self) -> Option<[usize; 8]> {
        let [base_points, reply, trees, challenge, answer] = self.vole().ok()?.message_bytes();
        let masked = 16 * (1 + self.shape().ok()?.len());
        let tags = crate::tags::bytes(self.sender_size, self.tag_bits());
        let common = if self.both {
            self.sender_size.div_ceil(8) + self.proof_bytes()
        } else {
            0
        };
        Some([
            base_points,
            reply,
            trees,
            challenge,
            answer,
            masked,
            tags,
            common,
        ])
    }

    /// Bytes of what proves the matches that a sender is told of.
    pub(crate) fn proof_bytes(&self) -> usize {
        match self.against {
            Adversary::SemiHonest => 0,
            Adversary::Active => PROOF,
        }
    }

    /// That this is what was agreed on.
    pub(crate) fn require(&self, against: Adversary) -> Result<(), Fault> {
        if self.against == against {
            return Ok(());
        }
        Err(Fault::Caller("another adversary was agreed on"))
    }

    /// The shape of the receiver's store.
    pub(crate) fn shape(&self) -> Result<Shape, Fault> {
        let possible = 1..=1 << 24;
        if !possible.contains(&self.receiver_size) || !possible.contains(&self.sender_size) {
            return Err(Fault::Caller("a size is out of range"));
        }
        let bits = STATISTICAL_BITS + ceil_log2(self.buckets as u128);
        Shape::new(self.receiver_size, bits).ok_or(Fault::Caller("too many buckets"))
    }

    /// What the VOLE needs.
    pub(crate) fn vole(&self) -> Result<Agreed, Fault> {
        let keys = PublicKeys {
            children: [self.public_key(b"left"), self.public_key(b"right")],
            code: self.public_key(b"code"),
        };
        Agreed::new(self.run, self.shape()?.len(), keys, self.against)
            .ok_or(Fault::Caller("too long for one VOLE"))
    }

    /// A public key of the bucket for one use: both parties' nonces are in the run's id, so nobody chose it.
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

fn ceil_log2(number: u128) -> u32 {
    number.max(1).next_power_of_two().ilog2()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn setup(receiver_size: usize, sender_size: usize, buckets: usize) -> Setup {
        Setup {
            run: [1; 32],
            receiver_size,
            sender_size,
            buckets,
            both: false,
            against: Adversary::SemiHonest,
        }
    }

    fn run(receiver_size: usize, sender_size: usize) -> Run {
        Run {
            id: [1; 32],
            receiver_size,
            sender_size,
            bucket_size: 1 << 20,
            both: false,
            against: Adversary::SemiHonest,
        }
    }

    #[test]
    fn tags_are_long_enough_for_all_pairs_of_the_run() {
        assert_eq!(setup(1, 1, 1).tag_bits(), 42);
        assert_eq!(setup(1 << 20, 1 << 20, 1).tag_bits(), 82);
        assert_eq!(setup(1 << 20, (1 << 20) + 1, 1).tag_bits(), 83);
        assert_eq!(setup(1 << 20, 1 << 20, 16).tag_bits(), 86);
        assert_eq!(setup(1 << 20, 1 << 20, 17).tag_bits(), 87);
        assert_eq!(setup(3 << 18, 5 << 17, 1).tag_bits(), 81);
    }

    #[test]
    fn a_small_run_is_one_bucket_of_its_sizes() {
        let one = run(300, 1 << 20);
        assert_eq!(one.buckets(), 1);
        let bucket = one.bucket(0).unwrap();
        assert_eq!((bucket.receiver_size, bucket.sender_size), (300, 1 << 20));
        assert!(matches!(one.bucket(1), Err(Fault::Caller(_))));
    }

    /// A normal tail of 2^-43 over all buckets begins 7.4 standard deviations from the mean for two, 8.2 for 256.
    #[test]
    fn buckets_of_a_large_run_have_room_for_the_tail() {
        for (size, buckets) in [(9 << 17, 2), (1 << 24, 16), (1 << 28, 256)] {
            let large = run(size, size);
            assert_eq!(large.buckets(), buckets);
            let mean = size as f64 / buckets as f64;
            let deviation = (mean * (1.0 - 1.0 / buckets as f64)).sqrt();
            let room = large.bucket(buckets - 1).unwrap().sender_size as f64 - mean;
            assert!((7.3..8.4).contains(&(room / deviation)), "{size}: {room}");
        }
    }

    #[test]
    fn every_bucket_is_another_run() {
        let large = run(1 << 22, 1 << 10);
        assert_ne!(large.bucket(0).unwrap().run, large.bucket(1).unwrap().run);
        assert_ne!(large.bucket(0).unwrap().run, large.id);
        assert!(large.bucket(3).unwrap().vole().is_ok());
    }

    #[test]
    fn sizes_out_of_range_are_the_callers_fault() {
        for (one, other) in [(0, 1), (1, 0), (1 << 25, 1), (1, 1 << 25)] {
            assert!(matches!(
                setup(one, other, 1).shape(),
                Err(Fault::Caller(_))
            ));
        }
        assert!(matches!(setup(1 << 21, 1, 1).vole(), Err(Fault::Caller(_))));
        assert!(setup(1 << 20, 1 << 20, 1024).vole().is_ok());
    }

    #[test]
    fn every_use_and_every_run_has_a_key_of_its_own() {
        let one = setup(1, 1, 1);
        let other = Setup {
            run: [2; 32],
            ..one
        };
        assert_ne!(one.public_key(b"left"), one.public_key(b"right"));
        assert_ne!(one.public_key(b"left"), other.public_key(b"left"));
    }
}
