//! What a peer sent that no honest peer sends.

use core::fmt;

/// Why a peer's message is refused; nothing of the message is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another number of bytes than follows from the sizes.
    Length(&'static str),
    /// Bytes that are no canonical encoding of a group element, or the identity.
    Point,
    /// Extended transfers that are not of one set of choices.
    Transfers,
    /// Trees after which no one vector b is left.
    Trees,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(part) => write!(f, "the {part} have another length than the plan's"),
            Self::Point => f.write_str("a base point is no canonical element, or the identity"),
            Self::Transfers => f.write_str("the extended transfers do not agree with one another"),
            Self::Trees => f.write_str("the answer is not that of the trees which came"),
        }
    }
}

impl core::error::Error for Refused {}
