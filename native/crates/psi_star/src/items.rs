//! One party's items, and what each role makes of them first.

use core::fmt;

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::Gf128;
use mihe_group::secret::{AttemptSecret, RunId};
use mihe_okvs::{Fill, Placement, Shape, encode};
use mihe_vole::Stream;
use rayon::prelude::*;
use sha2::{Digest, Sha256, Sha512};

use crate::fault::Fault;
use crate::gathering::Gathering;
use crate::key::Keys;

/// The most items of one set.
pub const LARGEST: usize = mihe_okvs::shape::MOST_KEYS;

/// The most contributors: more than a contract can name.
const MOST_CONTRIBUTORS: usize = 64;

/// Bits of each of the two ways in which a store can't be made, for one contributor; each doubling of them takes one more.
/// So all stores together fail with 2^-43 at most, and with three times 2^-42 for the two-party part a run keeps below 2^-40.
const STATISTICAL_BITS: u32 = 44;

/// Seeds that are tried before the set is said to hold an item twice: each fails with probability 2^-43.
const TRIES: usize = 4;

/// Items that one task hashes at least.
const TASK: usize = 1024;

/// What all parties agreed; the same at each.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// The run, in every hash.
    pub run: RunId,
    /// Parties that are neither receiver nor pivot: at least one.
    pub contributors: usize,
}

impl Setup {
    /// The shape of a contributor's store for at most `size` items; the caller's fault if that is out of range.
    pub(crate) fn shape(&self, size: usize) -> Result<Shape, Fault> {
        let (contributors, sizes) = (1..=MOST_CONTRIBUTORS, 1..=LARGEST);
        if !contributors.contains(&self.contributors) || !sizes.contains(&size) {
            return Err(Fault::Caller("a size is out of range"));
        }
        let bits = STATISTICAL_BITS + self.contributors.next_power_of_two().ilog2();
        Shape::new(size, bits).ok_or(Fault::Caller("too many contributors"))
    }

    /// Bytes of the message `Store` for at most `size` items; `None` if that is out of range.
    pub fn store_bytes(&self, size: usize) -> Option<usize> {
        Some(16 * (1 + self.shape(size).ok()?.len()))
    }

    /// The hash of this run for one use, after its prefix: that is as long as a block of SHA-256, so that all but the longest
    /// inputs cost one compression.
    fn hash(&self, label: &[u8]) -> Sha256 {
        let prefix = Sha512::new().chain_update(label).chain_update(self.run);
        Sha256::new().chain_update(prefix.finalize())
    }

    /// What receiver and pivot compare: of an item's block and value 16 bytes.
    ///
    /// The block is hashed too, so that who knows another item's value can't make the one pass for the other.
    pub(crate) fn compared(&self, blocks: &[u128], values: &[Gf128]) -> Vec<u8> {
        let start = self.hash(b"mihe/psi-star/compared/v1");
        let mut compared = vec![0; 16 * blocks.len()];
        compared
            .par_chunks_mut(16)
            .with_min_len(TASK)
            .zip(blocks.par_iter().zip(values))
            .for_each(|(into, (block, value))| {
                let digest = start
                    .clone()
                    .chain_update(block.to_le_bytes())
                    .chain_update(value.0.to_le_bytes())
                    .finalize();
                into.copy_from_slice(&digest[..16]);
            });
        compared
    }
}

/// A set of distinct items as blocks of this run.
pub struct Items {
    setup: Setup,
    blocks: Vec<u128>,
}

impl Items {
    /// Hashes each item with the run to 16 bytes. Among 2^27 items two share them with probability 2^-75.
    pub fn new<I: AsRef<[u8]> + Sync>(setup: Setup, items: &[I]) -> Self {
        let start = setup.hash(b"mihe/psi-star/item/v1");
        let blocks = items
            .par_iter()
            .with_min_len(TASK)
            .map(|item| {
                let digest = start.clone().chain_update(item.as_ref()).finalize();
                let mut low = [0; 16];
                low.copy_from_slice(&digest[..16]);
                u128::from_le_bytes(low)
            })
            .collect();
        Self { setup, blocks }
    }

    /// A contributor's message `Store`, for a set of at most `size` items: seed, then columns. `keys` are all that it shares.
    pub fn store(self, secret: &AttemptSecret, size: usize, keys: &Keys) -> Result<Vec<u8>, Fault> {
        let shape = self.setup.shape(size)?;
        if self.blocks.len() > size {
            return Err(Fault::Caller("more items than agreed"));
        }
        let mut seeds = Stream::from(secret.stream(&self.setup.run, "mihe/psi-star/v1/seeds"));
        let mut fills = Stream::from(secret.stream(&self.setup.run, "mihe/psi-star/v1/fill"));
        let mut fill = vec![0; shape.len()];
        let (seed, store) = (0..TRIES)
            .find_map(|_| {
                let seed = seeds.block();
                let placed = Placement::new(shape, seed).place(&self.blocks);
                let values = keys.values(placed.keys());
                // Uniform and secret, a new one for each try: what is free or dense must not tell which keys are there.
                FixedKeyAes::new(fills.block()).stream(0, &mut fill);
                let fill = Fill::Random(bytemuck::must_cast_slice(&fill));
                let store = encode(&placed, &values, &fill).ok()?;
                Some((seed, store))
            })
            .ok_or(Fault::Unencodable)?;
        let mut message = Vec::with_capacity(16 * (1 + store.len()));
        message.extend_from_slice(&seed.to_le_bytes());
        for column in &store {
            message.extend_from_slice(&column.0.to_le_bytes());
        }
        Ok(message)
    }

    /// What the receiver compares, 16 bytes an item in the order of its items; `keys` are those that it has drawn for the
    /// contributors.
    pub fn compared(self, keys: &Keys) -> Result<Vec<u8>, Fault> {
        if keys.as_bytes().len() != self.setup.contributors {
            return Err(Fault::Caller(
                "the receiver shares a key with each contributor",
            ));
        }
        let values = keys.values(&self.blocks);
        Ok(self.setup.compared(&self.blocks, &values))
    }

    /// The pivot, before the first store.
    pub fn gather(self) -> Gathering {
        Gathering::new(self.setup, self.blocks)
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Items(…)")
    }
}
