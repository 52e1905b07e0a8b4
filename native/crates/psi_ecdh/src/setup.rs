//! What both parties have agreed before the first message.

use mihe_group::list::ENCODED;
use mihe_group::secret::RunId;

use crate::matched;
use crate::{bits, tag};

/// The most points in one list. A larger set is cut into buckets, each a run of this protocol.
pub const LARGEST: usize = 1 << 20;

/// Which side a party is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sends the first message and learns first.
    Receiver,
    /// Answers; learns only if both do.
    Sender,
}

/// What the result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Which items are common: tags come back in the order of the points.
    Intersection,
    /// How many are: tags come back shuffled.
    Cardinality,
}

/// What was agreed, the same on both sides.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// The run, in every hash.
    pub run: RunId,
    /// What the result is.
    pub mode: Mode,
    /// Points that the receiver sends, dummies included.
    pub receiver_size: usize,
    /// Points that the sender sends.
    pub sender_size: usize,
}

impl Setup {
    /// Bytes of each list in the messages (SPEC §3): the receiver's points, the tags, the sender's points, and what
    /// the receiver tells a sender that learns, too.
    pub fn message_bytes(&self) -> [usize; 4] {
        [
            ENCODED * self.receiver_size,
            bits::bytes(self.receiver_size, self.tag_width()),
            ENCODED * self.sender_size,
            matched::Layout::of(self).bytes(),
        ]
    }

    /// Whether both sizes are within 1 to [`LARGEST`].
    pub fn is_possible(&self) -> bool {
        let possible = 1..=LARGEST;
        possible.contains(&self.receiver_size) && possible.contains(&self.sender_size)
    }

    pub(crate) fn size_of(&self, role: Role) -> usize {
        match role {
            Role::Receiver => self.receiver_size,
            Role::Sender => self.sender_size,
        }
    }

    pub(crate) fn tag_width(&self) -> u32 {
        tag::width(self.receiver_size, self.sender_size)
    }
}
