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
    /// A list has another number of bytes than agreed.
    Length {
        /// Which list.
        list: &'static str,
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that came.
        found: usize,
    },
    /// In a list of numbers a bit after the last one is set.
    SpareBits(&'static str),
    /// The tag at this index equals an earlier one.
    TagRepeated(usize),
    /// The match at this index is with a place that there is not.
    MatchOutside(usize),
    /// The match at this index is with the place of an earlier one.
    MatchRepeated(usize),
    /// The proof is not that of the elements behind the matches.
    MatchUnproven,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Points(refusal) => refusal.fmt(f),
            Self::Length {
                list,
                expected,
                found,
            } => write!(
                f,
                "the {list} has {found} bytes where {expected} are agreed"
            ),
            Self::SpareBits(list) => write!(f, "the {list} has bits after its last number"),
            Self::TagRepeated(at) => write!(f, "tag {at} repeats an earlier one"),
            Self::MatchOutside(at) => write!(f, "match {at} is with no place of the list"),
            Self::MatchRepeated(at) => write!(f, "match {at} repeats an earlier one's place"),
            Self::MatchUnproven => f.write_str("the proof of the matches is not theirs"),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Peer(Refused::Points(refusal))
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self::Peer(refused)
    }
}
