//! Groups of prime order, for lists of a million elements: ristretto255 (RFC 9496), and SM2's curve (GB/T 32918)
//! for those who are bound to national algorithms.
//!
//! * [`group`]: the face that both have.
//! * [`ristretto255`], [`sm2`]: hash to the group, encoding, multiplication.
//! * [`hash`]: what hashing to either begins with (RFC 9380).
//! * [`list`]: whole lists of encodings: hash and multiply, multiply, decode what a peer sent.
//! * [`secret`]: one 32-byte secret per attempt, and the scalars and streams that come from it.
//! * [`shuffle`]: an order that nobody else can guess.
//!
//! Multiplication by a secret runs in constant time; checks of what a peer sent do not need to, and
//! say so in their name (`vartime_…`). Nothing here knows a protocol.
#![deny(unsafe_code, unsafe_op_in_unsafe_fn)]

pub mod group;
pub mod hash;
pub mod list;
pub mod ristretto255;
pub mod secret;
pub mod shuffle;
pub mod sm2;

pub use curve25519_dalek::ristretto::RistrettoPoint;
