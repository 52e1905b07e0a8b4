//! The secret objects of psi/ecdh as Python classes.

use std::sync::Mutex;

use mihe_group::secret::{AttemptSecret, RunId};
use mihe_psi_ecdh::{Fault, Mode, Role, Setup};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::gateway::{Misused, run, take};
use crate::keys::{self, Packed};

/// First stage of either party.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Blinding(Mutex<Option<mihe_psi_ecdh::Blinding>>);

/// Second stage of either party.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Evaluation(Mutex<Option<mihe_psi_ecdh::Evaluation>>);

/// Bytes of a tag for two lists of these sizes.
#[pyfunction]
pub(crate) fn tag_bytes(own_size: usize, peer_size: usize) -> usize {
    mihe_psi_ecdh::tag_bytes(own_size, peer_size)
}

/// Blinds a set under a fresh secret.
#[pyfunction]
pub(crate) fn blind<'py>(
    py: Python<'py>,
    run_id: RunId,
    role: &str,
    mode: &str,
    own_size: usize,
    peer_size: usize,
    items: Packed,
) -> PyResult<(Blinding, Bound<'py, PyBytes>)> {
    let setup = Setup {
        run: run_id,
        role: match role {
            "receiver" => Role::Receiver,
            "sender" => Role::Sender,
            _ => return Err(Misused::new_err("a role is receiver or sender")),
        },
        mode: match mode {
            "intersection" => Mode::Intersection,
            "cardinality" => Mode::Cardinality,
            _ => return Err(Misused::new_err("a mode is intersection or cardinality")),
        },
        own_size,
        peer_size,
    };
    let items = keys::split(&items)?;
    let (blinding, points) = run(py, || {
        let secret = AttemptSecret::from_os().ok_or(Fault::NoEntropy)?;
        mihe_psi_ecdh::Blinding::new(secret, setup, &items)
    })?;
    Ok((
        Blinding(Mutex::new(Some(blinding))),
        PyBytes::new(py, &points),
    ))
}

#[pymethods]
impl Blinding {
    /// Multiplies the peer's points; returns the tags that the peer will read.
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        points: &[u8],
    ) -> PyResult<(Evaluation, Bound<'py, PyBytes>)> {
        let blinding = take(&self.0)?;
        let (evaluation, tags) = run(py, || blinding.evaluate(points))?;
        Ok((
            Evaluation(Mutex::new(Some(evaluation))),
            PyBytes::new(py, &tags),
        ))
    }
}

#[pymethods]
impl Evaluation {
    /// Indices of the own items that are common, ascending.
    fn positions(&self, py: Python<'_>, tags: &[u8]) -> PyResult<Vec<u32>> {
        let evaluation = take(&self.0)?;
        run(py, || evaluation.positions(tags))
    }

    /// How many items are common.
    fn count(&self, py: Python<'_>, tags: &[u8]) -> PyResult<usize> {
        let evaluation = take(&self.0)?;
        run(py, || evaluation.count(tags))
    }
}
