//! Vector oblivious linear evaluation over GF(2^128): c = a·Δ + b, one party with (a, c), the other with (Δ, b).
//!
//! * [`silent`]: the protocol, three messages of 130 kB for up to 196 608 elements, and 50 kB for as many again.
//! * [`base_ot`]: oblivious transfers from the curve; [`extension`]: many from few.
//! * [`trees`]: pseudorandom functions punctured at one point; [`code`]: the code that spreads noise.
//!
//! Semi-honest or, if both agree on checks ([`Adversary::Active`]), not: without them a party that deviates is not noticed, and
//! may learn bits of the other's Δ or noise; with them `transfer_check` looks at the receiver's transfers, `vector_check` at
//! what the sender's trees made, and all trees are whole. Every attempt has secrets of its own; nothing is used for two
//! runs. Under DDH, AES as an ideal cipher, SHA-256 as a random oracle, and dual LPN with regular noise for the code.
#![forbid(unsafe_code)]

pub mod base_ot;
pub mod code;
pub mod extension;
mod pieces;
pub mod refused;
pub mod silent;
pub mod stream;
mod transfer_check;
pub mod trees;
mod vector_check;

pub use refused::Refused;
pub use silent::{Adversary, Agreed, PublicKeys, Received, Receiver, Sender, Sent};
pub use stream::Stream;
pub use vector_check::{Answering, Checking, Unchecked};
