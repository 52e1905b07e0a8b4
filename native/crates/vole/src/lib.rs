//! Vector oblivious linear evaluation over GF(2^128): c = a·Δ + b, one party with (a, c), the other with (Δ, b).
//!
//! * [`silent`]: the protocol, three messages of 130 kB for up to 196 608 elements, and 50 kB for as many again.
//! * [`base_ot`]: oblivious transfers from the curve; [`extension`]: many from few.
//! * [`trees`]: pseudorandom functions punctured at one point; [`code`]: the code that spreads noise.
//!
//! Semi-honest: a party that deviates is not noticed here, and may learn bits of the other's Δ or noise. Every attempt has
//! secrets of its own; nothing is used for two runs. Under DDH, AES as an ideal cipher, SHA-256 as a random oracle, and
//! dual LPN with regular noise for the code.
#![forbid(unsafe_code)]

pub mod base_ot;
pub mod code;
pub mod extension;
mod pieces;
pub mod refused;
pub mod silent;
pub mod stream;
pub mod trees;

pub use refused::Refused;
pub use silent::{Agreed, PublicKeys, Received, Receiver, Sender, Sent};
pub use stream::Stream;
