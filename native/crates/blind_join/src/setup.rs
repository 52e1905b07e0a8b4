//! What all owners have agreed before the first message.

use mihe_group::secret::RunId;

use crate::error::Fault;

/// The most points in one list.
pub const MOST_POINTS: usize = 1 << 20;

/// The most keyed tokens in one list: every index fits 31 bits.
pub const MOST_TOKENS: usize = 1 << 24;

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

    /// That this makes a join of lists that have `most` places at most.
    pub(crate) fn check(&self, most: usize) -> Result<(), Fault> {
        let require = |holds: bool, rule| holds.then_some(()).ok_or(Fault::Caller(rule));
        require(self.sizes.len() > 1, "a join has two owners or more")?;
        require(self.me < self.sizes.len(), "no such owner")?;
        require(
            self.sizes.iter().all(|size| (1..=most).contains(size)),
            "a list is empty, or longer than it may be",
        )?;
        require(
            (1..=32).contains(&self.token_bytes),
            "a token has 1 to 32 bytes",
        )
    }
}
