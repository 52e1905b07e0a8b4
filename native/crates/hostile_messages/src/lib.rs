//! What a hostile peer might send: whole runs in which one message is altered, one module for each protocol.
//!
//! Every function takes any bytes, plays a run of honest parties with known secrets, and alters one message as the bytes say.
//! It panics where the core does, and where an answer is wrong: a fault that is not the peer's, or a result with more in it
//! than the parties have in common. So it is the body of a fuzz target (`native/fuzz`, `make fuzz`) and of an ordinary test
//! (`tests/`), which feeds it from a seeded generator.
//!
//! Never part of a product: nothing here is secret.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)] // a panic is how it says that something is wrong

mod altered;
pub mod blind_join;
pub mod psi_ecdh;
pub mod psi_rr22;
pub mod psi_star;
pub mod vole;

/// A run with one message altered as the bytes say.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: [(&str, Target); 5] = [
    ("blind_join", blind_join::play),
    ("psi_ecdh", psi_ecdh::play),
    ("psi_rr22", psi_rr22::play),
    ("psi_star", psi_star::play),
    ("vole", vole::play),
];
