//! The secret objects of psi/ecdh as Python classes.

use std::sync::Mutex;

use mihe_group::secret::{AttemptSecret, RunId};
use mihe_psi_ecdh::{Fault, Mode, Ristretto255Sha512, Role, Setup, Sm2Sm3, Suite};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::gateway::{Misused, run, take};
use crate::keys::{self, Packed};

/// First stage of either party.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Blinding(Mutex<Option<Box<dyn Blinded>>>);

/// Second stage of a sender that learns, too.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Evaluation(Mutex<Option<Box<dyn Evaluated>>>);

/// A blinding of any suite: Python's classes have no parameters.
trait Blinded: Send {
    fn evaluate(self: Box<Self>, points: &[u8]) -> Result<(Box<dyn Evaluated>, Vec<u8>), Fault>;
    fn positions(self: Box<Self>, points: &[u8], tags: &[u8])
    -> Result<(Vec<u32>, Vec<u8>), Fault>;
    fn count(self: Box<Self>, points: &[u8], tags: &[u8]) -> Result<(usize, Vec<u8>), Fault>;
}

/// An evaluation of any suite.
trait Evaluated: Send {
    fn positions(self: Box<Self>, matched: &[u8]) -> Result<Vec<u32>, Fault>;
    fn count(self: Box<Self>, matched: &[u8]) -> Result<usize, Fault>;
}

impl<S: Suite> Blinded for mihe_psi_ecdh::Blinding<S> {
    fn evaluate(self: Box<Self>, points: &[u8]) -> Result<(Box<dyn Evaluated>, Vec<u8>), Fault> {
        let (evaluation, tags) = (*self).evaluate(points)?;
        Ok((Box::new(evaluation), tags))
    }

    fn positions(
        self: Box<Self>,
        points: &[u8],
        tags: &[u8],
    ) -> Result<(Vec<u32>, Vec<u8>), Fault> {
        (*self).positions(points, tags)
    }

    fn count(self: Box<Self>, points: &[u8], tags: &[u8]) -> Result<(usize, Vec<u8>), Fault> {
        (*self).count(points, tags)
    }
}

impl<S: Suite> Evaluated for mihe_psi_ecdh::Evaluation<S> {
    fn positions(self: Box<Self>, matched: &[u8]) -> Result<Vec<u32>, Fault> {
        (*self).positions(matched)
    }

    fn count(self: Box<Self>, matched: &[u8]) -> Result<usize, Fault> {
        (*self).count(matched)
    }
}

fn begin<S: Suite>(
    setup: Setup,
    role: Role,
    items: &[&[u8]],
) -> Result<(Box<dyn Blinded>, Vec<u8>), Fault> {
    let secret = AttemptSecret::from_os().ok_or(Fault::NoEntropy)?;
    let (blinding, points) = mihe_psi_ecdh::Blinding::<S>::new(secret, setup, role, items)?;
    Ok((Box::new(blinding), points))
}

/// Bytes of each list in the messages: the receiver's points, tags, the sender's points, what matched.
#[pyfunction]
pub(crate) fn ecdh_message_bytes(
    mode: &str,
    receiver_size: usize,
    sender_size: usize,
) -> PyResult<[usize; 4]> {
    let setup = setup([0; 32], mode, receiver_size, sender_size)?;
    if !setup.is_possible() {
        return Err(Misused::new_err("a list has 1 to 2^20 points"));
    }
    Ok(setup.message_bytes())
}

/// Blinds a set under a fresh secret.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // Python names them
pub(crate) fn blind<'py>(
    py: Python<'py>,
    run_id: RunId,
    curve: &str,
    role: &str,
    mode: &str,
    receiver_size: usize,
    sender_size: usize,
    items: Packed,
) -> PyResult<(Blinding, Bound<'py, PyBytes>)> {
    let setup = setup(run_id, mode, receiver_size, sender_size)?;
    let role = match role {
        "receiver" => Role::Receiver,
        "sender" => Role::Sender,
        _ => return Err(Misused::new_err("a role is receiver or sender")),
    };
    let begin = match curve {
        "ristretto255" => begin::<Ristretto255Sha512>,
        "sm2" => begin::<Sm2Sm3>,
        _ => return Err(Misused::new_err("a curve is ristretto255 or sm2")),
    };
    let items = keys::split(&items)?;
    let (blinding, points) = run(py, || begin(setup, role, &items))?;
    Ok((
        Blinding(Mutex::new(Some(blinding))),
        PyBytes::new(py, &points),
    ))
}

fn setup(run: RunId, mode: &str, receiver_size: usize, sender_size: usize) -> PyResult<Setup> {
    let mode = match mode {
        "intersection" => Mode::Intersection,
        "cardinality" => Mode::Cardinality,
        _ => return Err(Misused::new_err("a mode is intersection or cardinality")),
    };
    Ok(Setup {
        run,
        mode,
        receiver_size,
        sender_size,
    })
}

#[pymethods]
impl Blinding {
    /// The sender multiplies the receiver's points; returns the tags of the products.
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

    /// Indices of the receiver's items that are common, ascending, and what tells the sender.
    fn positions<'py>(
        &self,
        py: Python<'py>,
        points: &[u8],
        tags: &[u8],
    ) -> PyResult<(Vec<u32>, Bound<'py, PyBytes>)> {
        let blinding = take(&self.0)?;
        let (positions, matched) = run(py, || blinding.positions(points, tags))?;
        Ok((positions, PyBytes::new(py, &matched)))
    }

    /// How many of the receiver's items are common, and what tells the sender.
    fn count<'py>(
        &self,
        py: Python<'py>,
        points: &[u8],
        tags: &[u8],
    ) -> PyResult<(usize, Bound<'py, PyBytes>)> {
        let blinding = take(&self.0)?;
        let (count, matched) = run(py, || blinding.count(points, tags))?;
        Ok((count, PyBytes::new(py, &matched)))
    }
}

#[pymethods]
impl Evaluation {
    /// Indices of the sender's items that are common, ascending.
    fn positions(&self, py: Python<'_>, matched: &[u8]) -> PyResult<Vec<u32>> {
        let evaluation = take(&self.0)?;
        run(py, || evaluation.positions(matched))
    }

    /// How many items are common.
    fn count(&self, py: Python<'_>, matched: &[u8]) -> PyResult<usize> {
        let evaluation = take(&self.0)?;
        run(py, || evaluation.count(matched))
    }
}
