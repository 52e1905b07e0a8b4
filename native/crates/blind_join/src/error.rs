//! What can go wrong, and who did it. Sizes and indices only: never a key, a point or a token.

use mihe_group::list::Refusal;

/// Whose fault it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// A peer's list is refused.
    Peer(Refusal),
    /// This owner was served already.
    Served,
    /// The caller broke this crate's contract.
    Caller(&'static str),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Peer(refusal)
    }
}
