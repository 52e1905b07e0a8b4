//! The receiver: Begun → AwaitTrees → AwaitTags, and the places of its common items.

use core::fmt;

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::Gf128;
use mihe_group::secret::AttemptSecret;
use mihe_okvs::{Fill, Placed, Placement, decode, encode};
use mihe_vole::{Receiver, Stream};

use crate::fault::{Fault, require_length};
use crate::items;
use crate::setup::Setup;
use crate::tags;

/// Seeds that are tried before the set is said to hold an item twice: each fails with probability 2^-41.
const TRIES: usize = 4;

/// The receiver before the sender's first message.
pub struct Begun {
    setup: Setup,
    secret: AttemptSecret,
    blocks: Vec<u128>,
}

impl Begun {
    /// Takes a set of distinct items.
    pub fn new<I: AsRef<[u8]> + Sync>(
        secret: AttemptSecret,
        setup: Setup,
        items: &[I],
    ) -> Result<Self, Fault> {
        setup.shape()?;
        if items.len() > setup.receiver_size {
            return Err(Fault::Caller("more items than agreed"));
        }
        let blocks = items::blocks(&setup.run, items);
        Ok(Self {
            setup,
            secret,
            blocks,
        })
    }

    /// Replies to the base points. What follows does not depend on the set yet.
    pub fn reply(self, base_points: &[u8]) -> Result<(AwaitTrees, Vec<u8>), Fault> {
        let stream = Stream::from(
            self.secret
                .stream(&self.setup.run, "mihe/psi-rr22/v1/receiver"),
        );
        let (vole, message) = Receiver::reply(self.setup.vole()?, stream, base_points)?;
        Ok((AwaitTrees { begun: self, vole }, message))
    }
}

/// The receiver before the sender's trees.
pub struct AwaitTrees {
    begun: Begun,
    vole: Receiver,
}

impl AwaitTrees {
    /// Ends the VOLE and masks the store; the message `Masked`.
    pub fn mask(self, trees: &[u8]) -> Result<(AwaitTags, Vec<u8>), Fault> {
        let Begun {
            setup,
            secret,
            blocks,
        } = self.begun;
        let received = self.vole.finish(trees)?;
        let shape = setup.shape()?;
        let hash = FixedKeyAes::new(setup.public_key(b"value"));
        let mut seeds = Stream::from(secret.stream(&setup.run, "mihe/psi-rr22/v1/seeds"));
        let (seed, placed, store) = (0..TRIES)
            .find_map(|_| {
                let seed = seeds.block();
                let placed = Placement::new(shape, seed).place(&blocks);
                let mut values = placed.keys().to_vec();
                hash.hash_each(&mut values);
                let values: Vec<Gf128> = bytemuck::allocation::cast_vec(values);
                let store = encode(&placed, &values, &Fill::Zero).ok()?;
                Some((seed, placed, store))
            })
            .ok_or(Fault::Unencodable)?;
        let mut message = Vec::with_capacity(16 * (1 + store.len()));
        message.extend_from_slice(&seed.to_le_bytes());
        for (column, mask) in store.iter().zip(&received.a) {
            message.extend_from_slice(&(*column + *mask).0.to_le_bytes());
        }
        let own = own_tags(&setup, &placed, &received.c);
        let items = placed.items().to_vec();
        Ok((AwaitTags { setup, own, items }, message))
    }
}

fn own_tags(setup: &Setup, placed: &Placed, c: &[Gf128]) -> Vec<u128> {
    let mut blocks: Vec<u128> = bytemuck::allocation::cast_vec(decode(placed, c));
    FixedKeyAes::new(setup.public_key(b"tag")).hash_each(&mut blocks);
    blocks
}

/// The receiver before the sender's tags.
pub struct AwaitTags {
    setup: Setup,
    own: Vec<u128>,
    items: Vec<u32>,
}

impl AwaitTags {
    /// The places of the common items in the list that was given, ascending; and, if the sender learns too, the message
    /// `Common`, else an empty one.
    pub fn positions(self, tags: &[u8]) -> Result<(Vec<u32>, Vec<u8>), Fault> {
        let bytes = self.setup.tag_bytes();
        require_length("tags", bytes * self.setup.sender_size, tags.len())?;
        let found = tags::vartime_find(&self.own, tags, bytes)?;
        let common = if self.setup.both {
            tags::pack(found.iter().map(Option::is_some))
        } else {
            Vec::new()
        };
        let mut positions: Vec<u32> = found
            .into_iter()
            .flatten()
            .map(|place| self.items[place as usize])
            .collect();
        positions.sort_unstable();
        Ok((positions, common))
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Begun(…)")
    }
}

impl fmt::Debug for AwaitTrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitTrees(…)")
    }
}

impl fmt::Debug for AwaitTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitTags(…)")
    }
}
