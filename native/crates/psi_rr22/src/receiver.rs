//! The receiver: Begun → AwaitTrees (→ AwaitAnswer) → MayMask → AwaitTags, and the rows of its common items.

use core::fmt;

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::Gf128;
use mihe_group::secret::AttemptSecret;
use mihe_okvs::{Fill, Placement, decode, encode};
use mihe_vole::{Adversary, Checking, Received, Receiver, Stream};

use crate::fault::{Fault, require_length};
use crate::items::{Common, Items, Rows};
use crate::outputs::{self, Hashed};
use crate::setup::Setup;
use crate::tags;

/// Seeds that are tried: each fails with probability 2^-41.
const TRIES: usize = 4;

/// The receiver before the sender's first message.
pub struct Begun {
    setup: Setup,
    secret: AttemptSecret,
}

impl Begun {
    /// Has no set yet: the VOLE does not depend on it.
    pub fn new(secret: AttemptSecret, setup: Setup) -> Result<Self, Fault> {
        setup.vole()?;
        Ok(Self { setup, secret })
    }

    /// Replies to the base points.
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
    /// Ends the VOLE, of which nothing is checked.
    pub fn finish(self, trees: &[u8]) -> Result<MayMask, Fault> {
        self.begun.setup.require(Adversary::SemiHonest)?;
        let received = self.vole.finish(trees)?;
        Ok(MayMask {
            begun: self.begun,
            received,
        })
    }

    /// Against an active adversary: asks whether the trees are those of one VOLE; the message `Challenge`.
    pub fn challenge(self, trees: &[u8]) -> Result<(AwaitAnswer, Vec<u8>), Fault> {
        let Begun { setup, secret } = &self.begun;
        setup.require(Adversary::Active)?;
        let point = Stream::from(secret.stream(&setup.run, "mihe/psi-rr22/v1/challenge")).block();
        let (checking, message) = self.vole.finish_to_check(trees)?.challenge(point);
        let begun = self.begun;
        Ok((AwaitAnswer { begun, checking }, message))
    }
}

/// The receiver before the sender's answer.
pub struct AwaitAnswer {
    begun: Begun,
    checking: Checking,
}

impl AwaitAnswer {
    /// Ends the VOLE, if the answer is right.
    pub fn check(self, answer: &[u8]) -> Result<MayMask, Fault> {
        let received = self.checking.check(answer)?;
        Ok(MayMask {
            begun: self.begun,
            received,
        })
    }
}

/// The receiver after the VOLE, before its set.
pub struct MayMask {
    begun: Begun,
    received: Received,
}

impl MayMask {
    /// Takes the set and masks its store; the message `Masked`.
    pub fn mask(self, items: Items) -> Result<(AwaitTags, Words), Fault> {
        let Begun { setup, secret } = self.begun;
        let Received { a, c } = self.received;
        if items.len() > setup.receiver_size {
            return Err(Fault::Overflow);
        }
        let shape = setup.shape()?;
        let hash = FixedKeyAes::new(setup.public_key(b"value"));
        let mut seeds = Stream::from(secret.stream(&setup.run, "mihe/psi-rr22/v1/seeds"));
        let (seed, placed, store) = (0..TRIES)
            .find_map(|_| {
                let seed = seeds.block();
                let placed = Placement::new(shape, seed).place(&items.blocks);
                let mut values = placed.keys().to_vec();
                hash.hash_each(&mut values);
                let values: Vec<Gf128> = bytemuck::allocation::cast_vec(values);
                let store = encode(&placed, &values, &Fill::Zero).ok()?;
                Some((seed, placed, store))
            })
            .ok_or(Fault::Unencodable)?;
        let mut message = Vec::with_capacity(1 + store.len());
        message.push(seed.to_le());
        message.extend(
            store
                .into_iter()
                .zip(a)
                .map(|(column, mask)| (column + mask).0.to_le()),
        );
        let own = outputs::hash(&setup, placed.keys(), decode(&placed, &c));
        let items = Placing {
            of: placed.items().to_vec(),
            rows: items.into_rows(),
        };
        Ok((AwaitTags { setup, own, items }, Words(message)))
    }
}

/// A message of whole blocks, little-endian already.
pub struct Words(Vec<u128>);

impl Words {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// From places in the order of the store to rows.
struct Placing {
    of: Vec<u32>,
    rows: Rows,
}

/// The receiver before the sender's tags.
pub struct AwaitTags {
    setup: Setup,
    own: Hashed,
    items: Placing,
}

impl AwaitTags {
    /// The common items; and, if the sender learns too, the message `Common`, else an empty one.
    pub fn common(self, tags: &[u8]) -> Result<(Common, Vec<u8>), Fault> {
        let (count, bits) = (self.setup.sender_size, self.setup.tag_bits());
        require_length("tags", tags::bytes(count, bits), tags.len())?;
        let Hashed { tags: own, proofs } = &self.own;
        let mut found = tags::vartime_find(own, tags, count, bits);
        match self.setup.against {
            Adversary::SemiHonest => tags::refuse_repeated(&found, own.len())?,
            Adversary::Active => tags::forget_repeated(&mut found, own.len()),
        }
        let mut told = Vec::new();
        if self.setup.both {
            told = tags::pack(found.iter().map(Option::is_some));
            if let Some(proofs) = proofs {
                let matched = found.iter().flatten().map(|&place| proofs[place as usize]);
                told.extend(outputs::prove(&self.setup, matched));
            }
        }
        let places = found.into_iter().flatten();
        let common = self
            .items
            .rows
            .of(places.map(|place| self.items.of[place as usize]));
        Ok((common, told))
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

impl fmt::Debug for AwaitAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitAnswer(…)")
    }
}

impl fmt::Debug for MayMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MayMask(…)")
    }
}

impl fmt::Debug for AwaitTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitTags(…)")
    }
}
