//! Columns of keys as an owner's node reads them: millions of short texts in one piece, and what is found in them.
//!
//! Nothing here is secret or comes from a peer; it is the owner's own data, in clear. All work is bounded by the input's length.
#![forbid(unsafe_code)]

mod canonical;
mod column;
mod distinct;
mod order;

pub use canonical::{Canonical, Kind, canonical};
pub use column::{Column, Misfit};
pub use distinct::{Distinct, distinct};
