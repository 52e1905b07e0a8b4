//! The prime-order group ristretto255 (RFC 9496), for lists of a million elements.
//!
//! * [`hash`]: bytes to group elements, as RFC 9497 §4.1 does it.
//! * [`list`]: whole lists of encodings: hash and multiply, multiply, decode what a peer sent.
//! * [`secret`]: one 32-byte secret per attempt, and the scalars and streams that come from it.
//! * [`shuffle`]: an order that nobody else can guess.
//!
//! Multiplication by a secret runs in constant time; checks of what a peer sent do not need to, and
//! say so in their name (`vartime_…`). Nothing here knows a protocol.
#![forbid(unsafe_code)]

pub mod hash;
pub mod list;
pub mod secret;
pub mod shuffle;

pub use curve25519_dalek::ristretto::RistrettoPoint;
