//! Two-party private set intersection by Diffie–Hellman: the part that holds the secrets.
//!
//! Implements psi/SPEC.md §3 (Meadows 1986; Huberman, Franklin, Hogg 1999) over ristretto255. Both parties
//! do the same two things: [`Blinding`] turns a set into blinded points and waits for the other's,
//! [`Evaluation`] turns those into tags and waits for the tags that the other made. Each is consumed on use.
//!
//! Security: semi-honest, under DDH with the hash as a random oracle. Not safe against a party that
//! deviates: SPEC §6 says what such a party can do.
#![forbid(unsafe_code)]

mod blinding;
mod error;
mod evaluation;
mod setup;
mod tag;

pub use blinding::Blinding;
pub use error::{Fault, Refused};
pub use evaluation::Evaluation;
pub use setup::{LARGEST, Mode, Role, Setup};
pub use tag::length as tag_bytes;
