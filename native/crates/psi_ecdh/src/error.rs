//! What can go wrong, and who did it. Sizes and indices only: never a key, a point or a tag.

use core::fmt;

use mihe_group::list::Refusal;

/// Whose fault it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer's message is refused.
    Peer(Refused),
    /// The caller broke this crate's contract.
    Caller(&'static str),
    /// The operating system has no entropy to give.
    NoEntropy,
}

/// Why a peer's message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The list of points.
    Points(Refusal),
    /// The tags have another number of bytes than agreed.
    TagsLength {
        /// Bytes that the tags must have together.
        expected: usize,
        /// Bytes that came.
        found: usize,
    },
    /// The tag at this index equals an earlier one.
    TagRepeated(usize),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Points(refusal) => refusal.fmt(f),
            Self::TagsLength { expected, found } => {
                write!(f, "the tags have {found} bytes where {expected} are agreed")
            }
            Self::TagRepeated(at) => write!(f, "tag {at} repeats an earlier one"),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Peer(Refused::Points(refusal))
    }
}
