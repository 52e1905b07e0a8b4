//! What both parties have agreed before the first message.

use mihe_group::secret::RunId;

use crate::tag;

/// The most points in one list. A larger set is cut into buckets, each a run of this protocol.
pub const LARGEST: usize = 1 << 20;

/// Whose result a tag is for, and which side a party is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sends the first message and learns first.
    Receiver,
    /// Answers; learns only if both do.
    Sender,
}

impl Role {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Receiver => Self::Sender,
            Self::Sender => Self::Receiver,
        }
    }
}

/// What the result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Which items are common: tags come back in the order of the points.
    Intersection,
    /// How many are: tags come back shuffled.
    Cardinality,
}

/// One party's view of what was agreed.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// The run, in every hash.
    pub run: RunId,
    /// This party's role.
    pub role: Role,
    /// What the result is.
    pub mode: Mode,
    /// Points that this party sends, dummies included.
    pub own_size: usize,
    /// Points that the other party sends.
    pub peer_size: usize,
}

impl Setup {
    /// Bytes of a tag (SPEC §3.3).
    pub(crate) fn tag_bytes(&self) -> usize {
        tag::length(self.own_size, self.peer_size)
    }

    /// Whether both sizes are within 1 to [`LARGEST`].
    pub(crate) fn is_possible(&self) -> bool {
        let possible = 1..=LARGEST;
        possible.contains(&self.own_size) && possible.contains(&self.peer_size)
    }
}
