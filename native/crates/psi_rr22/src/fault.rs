//! What can go wrong, and who did it. Sizes and indices only: never a key or a tag.

use core::fmt;

/// Whose fault it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer's message is refused.
    Peer(Refused),
    /// The caller broke this crate's contract.
    Caller(&'static str),
    /// The operating system has no entropy to give.
    NoEntropy,
    /// More items lie in one bucket than it has room for: of a set of the agreed size, with probability 2^-43.
    Overflow,
    /// No seed of four encodes the set: of distinct items, with probability 2^-164.
    Unencodable,
}

/// Why a peer's message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A message of the VOLE.
    Vole(mihe_vole::Refused),
    /// A message has another number of bytes than agreed.
    Length {
        /// Which message.
        message: &'static str,
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that came.
        found: usize,
    },
    /// Two tags are the same item's.
    TagRepeated(usize),
    /// More tags are said to be common than the peer has items, or bits are set behind the last tag.
    TooMany,
    /// What is said to be common is not proved.
    NotProved,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vole(refused) => refused.fmt(f),
            Self::Length {
                message,
                expected,
                found,
            } => {
                write!(
                    f,
                    "the {message} have {found} bytes where {expected} are agreed"
                )
            }
            Self::TagRepeated(at) => write!(f, "tag {at} is that of an item which another tag has"),
            Self::TooMany => f.write_str("more is said to be common than the peer has"),
            Self::NotProved => f.write_str("what is said to be common is not proved"),
        }
    }
}

impl From<mihe_vole::Refused> for Fault {
    fn from(refused: mihe_vole::Refused) -> Self {
        Self::Peer(Refused::Vole(refused))
    }
}

/// That a message has the agreed length.
pub(crate) fn require_length(
    message: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), Fault> {
    if expected == found {
        return Ok(());
    }
    Err(Fault::Peer(Refused::Length {
        message,
        expected,
        found,
    }))
}
