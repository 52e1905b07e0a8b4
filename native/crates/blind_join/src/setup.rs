//! What all owners have agreed before the first message.

use mihe_group::secret::RunId;

use crate::error::Fault;

/// The most points in one list. A larger set is cut into buckets, each a run of this protocol.
pub const LARGEST: usize = 1 << 20;

/// One owner's view of what was agreed.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The run, in every hash.
    pub run: RunId,
    /// Points that each owner sends, dummies included, in the contract's order of owners.
    pub sizes: Vec<usize>,
    /// This owner's place in that order.
    pub me: usize,
    /// Bytes of a token (SPEC §1.4).
    pub token_bytes: usize,
}

impl Setup {
    pub(crate) fn own_size(&self) -> usize {
        self.sizes[self.me]
    }

    pub(crate) fn check(&self) -> Result<(), Fault> {
        let require = |holds: bool, rule| holds.then_some(()).ok_or(Fault::Caller(rule));
        require(self.sizes.len() > 1, "a join has two owners or more")?;
        require(self.me < self.sizes.len(), "no such owner")?;
        require(
            self.sizes.iter().all(|size| (1..=LARGEST).contains(size)),
            "a list has 1 to 2^20 points",
        )?;
        require(
            (1..=32).contains(&self.token_bytes),
            "a token has 1 to 32 bytes",
        )
    }
}
