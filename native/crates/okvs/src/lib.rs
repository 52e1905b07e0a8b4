//! Oblivious key-value stores: a vector P with Decode(P, x) = v for every encoded pair (x, v), which hides the x.
//!
//! The construction of Raghuraman and Rindal, "Blazing Fast PSI from Improved OKVS and Subfield VOLE" (CCS 2022,
//! ePrint 2022/320): a key stands for three sparse columns and a dense key k in GF(2^128),
//!
//! ```text
//! Decode(P, x) = P[c1] + P[c2] + P[c3] + k·D[1] + k²·D[2] + …
//! ```
//!
//! Keys are spread over clusters of about 2^15, each a small store of its own, so that all work stays in the
//! processor's second cache.
//!
//! * [`shape`]: how many columns a number of keys needs, so that encoding fails with a stated probability.
//! * [`place`]: from keys to clusters, columns and dense keys, by a seed.
//! * [`encode`], [`decode`].
//!
//! **What it hides.** With uniform values, a store encoded with [`Fill::Random`] is uniform, whatever the keys. With
//! [`Fill::Zero`] free columns stay zero and tell which keys were not encoded: only for a vector that is masked by
//! a one-time pad before anybody sees it, as in VOLE-based OPRFs. Encoding takes a time that depends on the
//! keys of the party that encodes; it runs at that party alone. **What it does not bind**: a store for n keys has
//! room for more, so a declared size does not hold back a party that deviates.
#![forbid(unsafe_code)]

pub mod decode;
pub mod encode;
pub mod place;
pub mod shape;

pub use decode::decode;
pub use encode::{Fill, Unencodable, encode};
pub use place::{Placed, Placement};
pub use shape::Shape;
