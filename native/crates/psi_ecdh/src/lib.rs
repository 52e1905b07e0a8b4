//! Two-party private set intersection by Diffie–Hellman: the part that holds the secrets.
//!
//! Implements psi/SPEC.md §3 (Meadows 1986; Huberman, Franklin, Hogg 1999) over the group of a [`Suite`]. [`Blinding`] turns a
//! set into blinded points and waits for the other's: the sender turns those into tags, the receiver compares the
//! tags with what it makes of the sender's points. [`Evaluation`] is a sender that waits to be told what matched.
//! Each is consumed on use.
//!
//! Security: semi-honest, under DDH with the hash as a random oracle. Not safe against a party that
//! deviates: SPEC §6 says what such a party can do.
#![forbid(unsafe_code)]

mod bits;
mod blinding;
mod error;
mod evaluation;
mod matched;
mod places;
mod setup;
mod suite;
mod tag;

pub use blinding::Blinding;
pub use error::{Fault, Refused};
pub use evaluation::Evaluation;
pub use setup::{LARGEST, Mode, Role, Setup};
pub use suite::{Ristretto255Sha512, Sm2Sm3, Suite};
