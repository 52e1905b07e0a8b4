//! The one way from Python into the core: without the GIL, and with every error and panic as an exception.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use mihe_group::list::Refusal;
use mihe_psi_ecdh::Refused;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

pyo3::create_exception!(
    native._core,
    Spent,
    PyRuntimeError,
    "A secret object was used a second time."
);
pyo3::create_exception!(
    native._core,
    PointRefused,
    PyValueError,
    "A peer sent a point that no honest party sends."
);
pyo3::create_exception!(
    native._core,
    MessageRefused,
    PyValueError,
    "A peer's message has a wrong length or a repeated tag."
);
pyo3::create_exception!(
    native._core,
    CheckFailed,
    PyValueError,
    "A peer's message does not fit what it sent before."
);
pyo3::create_exception!(
    native._core,
    Misused,
    PyValueError,
    "The caller broke the core's contract."
);
pyo3::create_exception!(
    native._core,
    Defect,
    PyRuntimeError,
    "The core panicked, or got no entropy."
);

/// A fault of one of the crates.
pub(crate) trait Raised: Send {
    /// As Python sees it.
    fn exception(self) -> PyErr;
}

/// Runs `work` without the GIL.
pub(crate) fn run<T, E, F>(py: Python<'_>, work: F) -> PyResult<T>
where
    F: FnOnce() -> Result<T, E> + Send,
    T: Send,
    E: Raised,
{
    // Nothing that a panic could leave half done is used again: `work` owns what it changes.
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(outcome) => outcome.map_err(Raised::exception),
        Err(_) => Err(Defect::new_err("the native core panicked")),
    }
}

impl Raised for Infallible {
    fn exception(self) -> PyErr {
        match self {}
    }
}

impl Raised for Refusal {
    fn exception(self) -> PyErr {
        match self {
            Self::NotCanonical(_) | Self::Identity(_) | Self::Repeated(_) => {
                PointRefused::new_err(self.to_string())
            }
            Self::Length { .. } => MessageRefused::new_err(self.to_string()),
        }
    }
}

impl Raised for mihe_psi_ecdh::Fault {
    fn exception(self) -> PyErr {
        match self {
            Self::Peer(Refused::Points(refusal)) => refusal.exception(),
            Self::Peer(refused) => MessageRefused::new_err(refused.to_string()),
            Self::Caller(what) => Misused::new_err(what),
            Self::NoEntropy => no_entropy(),
        }
    }
}

impl Raised for mihe_psi_rr22::Fault {
    fn exception(self) -> PyErr {
        match self {
            Self::Peer(refused @ mihe_psi_rr22::Refused::Vole(mihe_vole::Refused::Point)) => {
                PointRefused::new_err(refused.to_string())
            }
            Self::Peer(
                refused @ (mihe_psi_rr22::Refused::NotProved
                | mihe_psi_rr22::Refused::Vole(
                    mihe_vole::Refused::Transfers | mihe_vole::Refused::Trees,
                )),
            ) => CheckFailed::new_err(refused.to_string()),
            Self::Peer(refused) => MessageRefused::new_err(refused.to_string()),
            Self::Caller(what) => Misused::new_err(what),
            Self::Overflow => {
                Defect::new_err("more keys fall into one bucket than it has room for")
            }
            Self::Unencodable => Defect::new_err("no seed of four encodes the set"),
            Self::NoEntropy => no_entropy(),
        }
    }
}

impl Raised for mihe_psi_star::Fault {
    fn exception(self) -> PyErr {
        match self {
            Self::Peer(refused) => MessageRefused::new_err(refused.to_string()),
            Self::Caller(what) => Misused::new_err(what),
            Self::Unencodable => Misused::new_err("the set has an item twice"),
            Self::NoEntropy => no_entropy(),
        }
    }
}

impl Raised for mihe_blind_join::Fault {
    fn exception(self) -> PyErr {
        match self {
            Self::Peer(refusal) => refusal.exception(),
            Self::Served => Spent::new_err("this owner has been served"),
            Self::Caller(what) => Misused::new_err(what),
        }
    }
}

pub(crate) fn no_entropy() -> PyErr {
    Defect::new_err("the operating system gives no entropy")
}

/// Takes what can be used once.
pub(crate) fn take<T>(cell: &Mutex<Option<T>>) -> PyResult<T> {
    // Poison would mean a panic while taking, which can't be.
    let mut held = cell.lock().unwrap_or_else(PoisonError::into_inner);
    held.take()
        .ok_or_else(|| Spent::new_err("this secret object has been used"))
}
