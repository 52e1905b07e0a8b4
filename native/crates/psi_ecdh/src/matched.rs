//! The last message: which elements matched, for a sender that learns, too (SPEC §3.5).
//!
//! A number for each place of a list, and a proof that the receiver has the elements behind them. They tell the
//! sender what it could find out from the elements themselves, which would take eight times the bytes.

use mihe_group::list::Encoded;
use mihe_group::secret::RunId;
use sha2::Digest;
use sha2::digest::Output;

use crate::bits;
use crate::error::Refused;
use crate::setup::{Mode, Setup};

/// Bytes of the proof: a digest of either suite's hash.
const PROOF: usize = 32;

/// How the numbers stand in the message, before the proof.
pub(crate) struct Layout {
    count: usize,
    width: u32,
    largest: usize,
}

impl Layout {
    /// In mode intersection a number for each of the sender's places: that of the receiver's point beside it, from
    /// 1, or 0. In mode cardinality a bit for each tag.
    pub(crate) fn of(setup: &Setup) -> Self {
        let (count, largest) = match setup.mode {
            Mode::Intersection => (setup.sender_size, setup.receiver_size),
            Mode::Cardinality => (setup.receiver_size, 1),
        };
        let width = (largest + 1).next_power_of_two().ilog2();
        Self {
            count,
            width,
            largest,
        }
    }

    /// Bytes of the message.
    pub(crate) fn bytes(&self) -> usize {
        bits::bytes(self.count, self.width) + PROOF
    }
}

/// The receiver's message: `elements` are those behind the numbers that are not 0, in their order.
pub(crate) fn tell<'a, H: Digest>(
    setup: &Setup,
    numbers: &[u32],
    elements: impl Iterator<Item = &'a Encoded>,
) -> Vec<u8> {
    let layout = Layout::of(setup);
    debug_assert_eq!(numbers.len(), layout.count);
    let mut message = bits::pack(numbers.iter().map(|&number| number.into()), layout.width);
    message.extend_from_slice(&proof::<H>(&setup.run, elements));
    message
}

/// The numbers of a message that the receiver sent. `products` are the receiver's points after this party's
/// multiplication, in the order in which its tags went out: the elements that the receiver must have had.
pub(crate) fn hear<H: Digest>(
    setup: &Setup,
    message: &[u8],
    products: &[Encoded],
) -> Result<Vec<u32>, Refused> {
    let layout = Layout::of(setup);
    let (packed, told) = message
        .split_last_chunk::<PROOF>()
        .filter(|_| message.len() == layout.bytes())
        .ok_or(Refused::Length {
            list: "list of matches",
            expected: layout.bytes(),
            found: message.len(),
        })?;
    let numbers = bits::unpack(packed, layout.count, layout.width)
        .ok_or(Refused::SpareBits("list of matches"))?;

    let mut elements = Vec::new();
    let mut taken = vec![false; products.len()];
    for (at, &number) in numbers.iter().enumerate() {
        let place = match setup.mode {
            _ if number == 0 => continue,
            Mode::Intersection => number as usize - 1,
            Mode::Cardinality => at,
        };
        if number > layout.largest as u128 {
            return Err(Refused::MatchOutside(at));
        }
        if core::mem::replace(&mut taken[place], true) {
            return Err(Refused::MatchRepeated(at));
        }
        elements.push(&products[place]);
    }
    if proof::<H>(&setup.run, elements.into_iter()).as_slice() != told {
        return Err(Refused::MatchUnproven);
    }
    // Each is at most `largest`, which is at most 2^20.
    Ok(numbers.into_iter().map(|number| number as u32).collect())
}

fn proof<'a, H: Digest>(run: &RunId, elements: impl Iterator<Item = &'a Encoded>) -> Output<H> {
    let mut hash = H::new()
        .chain_update(b"mihe/psi-ecdh/proof/v1")
        .chain_update(run);
    for element in elements {
        hash.update(element);
    }
    hash.finalize()
}
