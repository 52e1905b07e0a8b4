//! The sender: AwaitReply → AwaitMasked → AwaitCommon, and the places of its common items if it learns them.

use core::fmt;

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::{Gf128, add_multiples};
use mihe_group::secret::AttemptSecret;
use mihe_group::shuffle::permutation;
use mihe_okvs::{Placement, decode};
use mihe_vole::{Sender, Sent, Stream};

use crate::fault::{Fault, Refused, require_length};
use crate::items;
use crate::setup::Setup;
use crate::tags;

/// The sender before the receiver's reply.
pub struct AwaitReply {
    setup: Setup,
    secret: AttemptSecret,
    blocks: Vec<u128>,
    vole: Sender,
}

impl AwaitReply {
    /// Takes a set of distinct items; the message `BasePoints`.
    pub fn begin<I: AsRef<[u8]> + Sync>(
        secret: AttemptSecret,
        setup: Setup,
        items: &[I],
    ) -> Result<(Self, Vec<u8>), Fault> {
        let agreed = setup.vole()?;
        if items.len() > setup.sender_size {
            return Err(Fault::Caller("more items than agreed"));
        }
        let blocks = items::blocks(&setup.run, items);
        let stream = Stream::from(secret.stream(&setup.run, "mihe/psi-rr22/v1/sender"));
        let (vole, message) = Sender::begin(agreed, stream);
        Ok((
            Self {
                setup,
                secret,
                blocks,
                vole,
            },
            message,
        ))
    }

    /// Ends the VOLE; the message `Trees`.
    pub fn trees(self, reply: &[u8]) -> Result<(AwaitMasked, Vec<u8>), Fault> {
        let (sent, message) = self.vole.finish(reply)?;
        let Self {
            setup,
            secret,
            blocks,
            ..
        } = self;
        Ok((
            AwaitMasked {
                setup,
                secret,
                blocks,
                sent,
            },
            message,
        ))
    }
}

/// The sender before the receiver's masked store.
pub struct AwaitMasked {
    setup: Setup,
    secret: AttemptSecret,
    blocks: Vec<u128>,
    sent: Sent,
}

impl AwaitMasked {
    /// The message `Tags`: shuffled, as many as were agreed.
    pub fn tags(self, masked: &[u8]) -> Result<(AwaitCommon, Vec<u8>), Fault> {
        let Self {
            setup,
            secret,
            blocks,
            sent: Sent { delta, b },
        } = self;
        let shape = setup.shape()?;
        require_length("masked columns", 16 * (1 + shape.len()), masked.len())?;
        let (words, _) = masked.as_chunks();
        let (seed, columns) = match words.split_first() {
            Some((seed, columns)) => (u128::from_le_bytes(*seed), columns),
            None => return Err(Fault::Caller("a store has columns")),
        };
        let columns: Vec<Gf128> = columns
            .iter()
            .map(|column| Gf128(u128::from_le_bytes(*column)))
            .collect();
        let mut store = b;
        add_multiples(&mut store, &columns, delta);

        let placed = Placement::new(shape, seed).place(&blocks);
        let mut outputs = decode(&placed, &store);
        let mut values = placed.keys().to_vec();
        FixedKeyAes::new(setup.public_key(b"value")).hash_each(&mut values);
        add_multiples(&mut outputs, &bytemuck::allocation::cast_vec(values), delta);
        let mut own: Vec<u128> = bytemuck::allocation::cast_vec(outputs);
        FixedKeyAes::new(setup.public_key(b"tag")).hash_each(&mut own);

        let mut stream = secret.stream(&setup.run, "mihe/psi-rr22/v1/order");
        let order = permutation(&mut stream, setup.sender_size as u32);
        let mut fill = Stream::from(secret.stream(&setup.run, "mihe/psi-rr22/v1/fill"));
        own.resize_with(setup.sender_size, || fill.block());
        let shuffled: Vec<u128> = order.iter().map(|&place| own[place as usize]).collect();
        let items = order
            .into_iter()
            .map(|place| placed.items().get(place as usize).copied())
            .collect();
        let message = tags::cut(&shuffled, setup.tag_bytes());
        Ok((AwaitCommon { setup, items }, message))
    }
}

/// The sender at its end, or before the receiver's word on what is common.
pub struct AwaitCommon {
    setup: Setup,
    /// The item behind each tag; none behind one that fills up.
    items: Vec<Option<u32>>,
}

impl AwaitCommon {
    /// The places of the common items in the list that was given, ascending. What it says is the receiver's word: it can be
    /// less than the truth, and where an item was not common, more only by a guess of which tag is an item's.
    pub fn positions(self, common: &[u8]) -> Result<Vec<u32>, Fault> {
        if !self.setup.both {
            return Err(Fault::Caller("only the receiver learns"));
        }
        require_length(
            "common bits",
            self.setup.sender_size.div_ceil(8),
            common.len(),
        )?;
        let places: Vec<usize> = tags::unpack(common).collect();
        let most = self.setup.receiver_size;
        if places.len() > most || places.last().is_some_and(|&last| last >= self.items.len()) {
            return Err(Fault::Peer(Refused::TooMany));
        }
        let mut positions: Vec<u32> = places
            .into_iter()
            .filter_map(|place| self.items[place])
            .collect();
        positions.sort_unstable();
        Ok(positions)
    }
}

impl fmt::Debug for AwaitReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitReply(…)")
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
