//! Two-party private set intersection from silent vector OLE and an oblivious key-value store.
//!
//! Raghuraman and Rindal, "Blazing Fast PSI from Improved OKVS and Subfield VOLE" (CCS 2022, ePrint 2022/320), figure 4
//! with base field and extension GF(2^128). A [`Run`] cuts sets of any size into buckets by a hash under a key that
//! only the two owners have ([`ItemHash`]); each bucket is a run of the protocol, of sizes that follow from the agreed ones.
//! With x̂ the 16-byte hash of an item and H a fixed-key hash,
//!
//! ```text
//! S → R   BasePoints   begins the VOLE of length m
//! R → S   Reply
//! S → R   Trees        S: Δ, b      R: a, c = a·Δ + b
//! R → S   Challenge    only against an active adversary: whether there is one such b
//! S → R   Answer
//! R → S   Masked       seed of the store, a + P, where Decode(P, x̂) = H(x̂) for every item of R
//! S → R   Tags         H'(Decode(b + (a + P)·Δ, ŷ) + Δ·H(ŷ)) for every item of S, cut, shuffled
//! R → S   Common       only if both learn: which tags are R's too, one bit each
//! ```
//!
//! The receiver compares the tags with H'(Decode(c, x̂)): for an item that both have,
//! Decode(b + a·Δ + P·Δ) = Decode(c) + H(x̂)·Δ. For another the two differ by (Decode(P, ŷ) + H(ŷ))·Δ, which is random to
//! R. The first three messages do not depend on the sets. Neither party pads its
//! list: the store has the shape of the agreed size, and the sender fills up with random tags.
//!
//! Security: semi-honest, or with checks against peers that deviate ([`Adversary::Active`], psi/rr22/SPEC.md §10, experimental). In neither
//! safe against a receiver that deviates and wants more than its agreed size: a store for n items has room for more.
#![forbid(unsafe_code)]

mod fault;
mod items;
mod outputs;
mod receiver;
mod sender;
mod setup;
mod tags;

pub use fault::{Fault, Refused};
pub use items::{Common, ItemHash, Items, SHARE, Scattered, share};
pub use mihe_vole::Adversary;
pub use receiver::{AwaitAnswer, AwaitTags, AwaitTrees, Begun, MayMask, Words};
pub use sender::{AwaitChallenge, AwaitCommon, AwaitMasked, AwaitReply, MayTag};
pub use setup::{Run, Setup};
