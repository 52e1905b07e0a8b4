//! `native._core`: the Rust core as Python sees it. Thin: bytes in, bytes out; the work is in crates that know
//! no Python.
//!
//! Secret objects have no constructor, no fields, no pickle and a repr without content; each is consumed by the
//! method that uses it, and raises `Spent` afterwards.
#![forbid(unsafe_code)]

mod blind_join;
mod columns;
mod gateway;
mod hazmat;
mod keys;
mod plain_csv;
mod psi_ecdh;
mod psi_rr22;
mod psi_star;

use pyo3::prelude::*;

/// The Rust core of mihe. See native/_core.pyi.
#[pymodule]
mod _core {
    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_export]
    use super::blind_join::{Journey, Serving, keyed_list, start_join};
    #[pymodule_export]
    use super::columns::{canonical_keys, distinct_keys};
    #[pymodule_export]
    use super::gateway::{CheckFailed, Defect, MessageRefused, Misused, PointRefused, Spent};
    #[pymodule_export]
    use super::hazmat::{
        hazmat_decode, hazmat_expand_message, hazmat_hash_to_group, hazmat_map, hazmat_multiply,
        hazmat_panic, hazmat_sm2_hash, hazmat_sm2_multiply,
    };
    #[pymodule_export]
    use super::plain_csv::plain_csv_columns;
    #[pymodule_export]
    use super::psi_ecdh::{Blinding, Evaluation, blind, ecdh_message_bytes};
    #[pymodule_export]
    use super::psi_rr22::{
        Answering, Checking, Finishing, Growing, Hashing, Items, Masking, Matching, Replying,
        Sharing, Tagging, Taking, Told, rr22_await, rr22_begin, rr22_gather, rr22_hashing,
        rr22_outline, rr22_share,
    };
    #[pymodule_export]
    use super::psi_star::{StarGathering, StarItems, star_draw, star_store_bytes, star_take};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("SOURCE_DIGEST", env!("MIHE_SOURCE_DIGEST"))
    }
}
