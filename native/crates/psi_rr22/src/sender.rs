//! The sender: AwaitReply (→ AwaitChallenge) → MayTag → AwaitMasked → AwaitCommon, and the rows of its common items if it learns them.

use core::fmt;

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::{Gf128, add_multiples};
use mihe_group::secret::AttemptSecret;
use mihe_group::shuffle::permutation;
use mihe_okvs::{Placement, decode};
use mihe_vole::{Adversary, Answering, Sender, Sent, Stream};
use rayon::prelude::*;

use crate::fault::{Fault, Refused, require_length};
use crate::items::{Common, Items, Rows};
use crate::outputs::{self, Hashed};
use crate::setup::Setup;
use crate::tags;

/// Columns that one task adds.
const TASK: usize = 1 << 10;

/// The sender before the receiver's reply.
pub struct AwaitReply {
    setup: Setup,
    secret: AttemptSecret,
    vole: Sender,
}

impl AwaitReply {
    /// Begins without a set, on which the VOLE does not depend; the message `BasePoints`.
    pub fn begin(secret: AttemptSecret, setup: Setup) -> Result<(Self, Vec<u8>), Fault> {
        let stream = Stream::from(secret.stream(&setup.run, "mihe/psi-rr22/v1/sender"));
        let (vole, message) = Sender::begin(setup.vole()?, stream);
        Ok((
            Self {
                setup,
                secret,
                vole,
            },
            message,
        ))
    }

    /// Ends the VOLE, of which nothing is checked; the message `Trees`.
    pub fn trees(self, reply: &[u8]) -> Result<(MayTag, Vec<u8>), Fault> {
        self.setup.require(Adversary::SemiHonest)?;
        let (sent, message) = self.vole.finish(reply)?;
        let Self { setup, secret, .. } = self;
        Ok((
            MayTag {
                setup,
                secret,
                sent,
            },
            message,
        ))
    }

    /// Against an active adversary: checks the reply, and will be checked; the message `Trees`.
    pub fn trees_to_check(self, reply: &[u8]) -> Result<(AwaitChallenge, Vec<u8>), Fault> {
        self.setup.require(Adversary::Active)?;
        let (answering, message) = self.vole.finish_to_answer(reply)?;
        let Self { setup, secret, .. } = self;
        Ok((
            AwaitChallenge {
                setup,
                secret,
                answering,
            },
            message,
        ))
    }
}

/// The sender before the receiver's challenge.
pub struct AwaitChallenge {
    setup: Setup,
    secret: AttemptSecret,
    answering: Answering,
}

impl AwaitChallenge {
    /// Ends the VOLE; the message `Answer`.
    pub fn answer(self, challenge: &[u8]) -> Result<(MayTag, Vec<u8>), Fault> {
        let (sent, message) = self.answering.answer(challenge)?;
        let Self { setup, secret, .. } = self;
        Ok((
            MayTag {
                setup,
                secret,
                sent,
            },
            message,
        ))
    }
}

/// The sender after the VOLE, before its set.
pub struct MayTag {
    setup: Setup,
    secret: AttemptSecret,
    sent: Sent,
}

impl MayTag {
    /// Takes the set.
    pub fn take(self, items: Items) -> Result<AwaitMasked, Fault> {
        if items.len() > self.setup.sender_size {
            return Err(Fault::Overflow);
        }
        Ok(AwaitMasked { ready: self, items })
    }
}

/// The sender before the receiver's masked store.
pub struct AwaitMasked {
    ready: MayTag,
    items: Items,
}

impl AwaitMasked {
    /// The message `Tags`: shuffled, as many as were agreed.
    pub fn tags(self, masked: &[u8]) -> Result<(AwaitCommon, Vec<u8>), Fault> {
        let MayTag {
            setup,
            secret,
            sent: Sent { delta, b },
        } = self.ready;
        let shape = setup.shape()?;
        require_length("masked columns", 16 * (1 + shape.len()), masked.len())?;
        let (words, _) = masked.as_chunks();
        let (seed, columns) = match words.split_first() {
            Some((seed, columns)) => (u128::from_le_bytes(*seed), columns),
            None => return Err(Fault::Caller("a store has columns")),
        };
        let mut store = b;
        add_masked(&mut store, columns, delta);

        let placed = Placement::new(shape, seed).place(&self.items.blocks);
        let mut own = decode(&placed, &store);
        drop(store);
        let mut values = placed.keys().to_vec();
        FixedKeyAes::new(setup.public_key(b"value")).hash_each(&mut values);
        add_multiples(&mut own, bytemuck::cast_slice(&values), delta);
        drop(values);
        let Hashed { tags, proofs } = outputs::hash(&setup, placed.keys(), own);

        let mut stream = secret.stream(&setup.run, "mihe/psi-rr22/v1/order");
        let order = permutation(&mut stream, setup.sender_size as u32);
        let mut fill = Stream::from(secret.stream(&setup.run, "mihe/psi-rr22/v1/fill"));
        let mut filled_up = |mut halves: Vec<u128>| -> Vec<u128> {
            halves.resize_with(setup.sender_size, || fill.block());
            order.iter().map(|&place| halves[place as usize]).collect()
        };
        let message = tags::cut(&filled_up(tags), setup.tag_bits());
        // Behind a tag that fills up there is nothing that anybody could prove.
        let proofs = proofs.map(filled_up);
        let told = if setup.both {
            Some(Told {
                proofs,
                items: order
                    .into_iter()
                    .map(|place| placed.items().get(place as usize).copied())
                    .collect(),
                rows: self.items.into_rows(),
            })
        } else {
            None
        };
        Ok((AwaitCommon { setup, told }, message))
    }
}

/// Adds to every element of `store` the column that came, times `delta`.
fn add_masked(store: &mut [Gf128], columns: &[[u8; 16]], delta: Gf128) {
    store
        .par_chunks_mut(TASK)
        .zip(columns.par_chunks(TASK))
        .for_each(|(store, columns)| {
            let mut terms = [Gf128::ZERO; TASK];
            let terms = &mut terms[..columns.len()];
            for (term, column) in terms.iter_mut().zip(columns) {
                *term = Gf128(u128::from_le_bytes(*column));
            }
            add_multiples(store, terms, delta);
        });
}

/// The sender at its end, or before the receiver's word on what is common.
pub struct AwaitCommon {
    setup: Setup,
    told: Option<Told>,
}

/// What is behind the tags, for a sender that learns too.
struct Told {
    /// The item behind each tag; none behind one that fills up.
    items: Vec<Option<u32>>,
    /// What proves that the receiver has the item behind each tag, if it has to.
    proofs: Option<Vec<u128>>,
    rows: Rows,
}

impl AwaitCommon {
    /// The common items. What it says is the receiver's word: it can be less than the truth, and
    /// where an item was not common, more only by a guess of which tag is an item's; against an active adversary, not more.
    pub fn common(self, common: &[u8]) -> Result<Common, Fault> {
        let Some(Told {
            items,
            proofs,
            rows,
        }) = self.told
        else {
            return Err(Fault::Caller("only the receiver learns"));
        };
        let bits = items.len().div_ceil(8);
        require_length("common bits", bits + self.setup.proof_bytes(), common.len())?;
        let (common, proof) = common.split_at(bits);
        let places: Vec<usize> = tags::unpack(common).collect();
        let most = self.setup.receiver_size;
        if places.len() > most || places.last().is_some_and(|&last| last >= items.len()) {
            return Err(Fault::Peer(Refused::TooMany));
        }
        if let Some(proofs) = proofs
            && proof != outputs::prove(&self.setup, places.iter().map(|&place| proofs[place]))
        {
            return Err(Fault::Peer(Refused::NotProved));
        }
        Ok(rows.of(places.into_iter().filter_map(|place| items[place])))
    }
}

impl fmt::Debug for AwaitReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitReply(…)")
    }
}

impl fmt::Debug for AwaitChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitChallenge(…)")
    }
}

impl fmt::Debug for MayTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MayTag(…)")
    }
}

impl fmt::Debug for AwaitMasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitMasked(…)")
    }
}

impl fmt::Debug for AwaitCommon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitCommon(…)")
    }
}
