//! What can go wrong, and who did it. Sizes only: never a key or a value.

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
    /// No seed of many encodes the set: it has an item twice.
    Unencodable,
}

/// Why a peer's message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A store has another number of bytes than agreed.
    Store {
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that came.
        found: usize,
    },
    /// A key has another number of bytes than keys have.
    Key,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store { expected, found } => {
                write!(f, "the store has {found} bytes where {expected} are agreed")
            }
            Self::Key => f.write_str("the key has not 16 bytes"),
        }
    }
}
