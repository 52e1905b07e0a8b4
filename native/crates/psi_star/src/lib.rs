//! Private set intersection of three and more parties with one receiver: what comes before its two-party part.
//!
//! After the star of BZS-MPSI (CCS 2024), with other values; psi/star/SPEC.md has the construction and its argument. R is
//! the receiver, P the pivot, C_1 … C_c the contributors; x̂ is the 16-byte hash of an item, F_k(x̂) = AES_k(x̂) ⊕ x̂.
//!
//! ```text
//! R → C_i     Key     k_i
//! C_i → C_j   Key     k_ij, for i < j
//! C_i → P     Store   seed and columns of E_i, where Decode(E_i, ŷ) = F_{k_i}(ŷ) + Σ_j F_{k_ij}(ŷ) for every item of C_i
//! R ↔ P       two-party intersection of {(x̂, Σ_i F_{k_i}(x̂))} and {(ẑ, Σ_i Decode(E_i, ẑ))}, by mihe-psi-rr22
//! ```
//!
//! In the sum over all contributors each k_ij occurs twice and goes. So P's value is R's for an item that all
//! contributors have, and a random one where any of them hasn't.
//!
//! Stores travel in clear between two owners, so every column that no key determines is filled at random.
//!
//! Security: semi-honest. Not safe where R and P collude: together they can try guesses (SPEC §6).
#![forbid(unsafe_code)]

mod fault;
mod gathering;
mod items;
mod key;

pub use fault::{Fault, Refused};
pub use gathering::Gathering;
pub use items::{Items, LARGEST, Setup};
pub use key::{KEY_BYTES, Key, Keys};
