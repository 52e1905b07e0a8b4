//! The secret objects of psi/rr22 as Python classes.

use std::sync::Mutex;

use mihe_group::secret::{AttemptSecret, RunId};
use mihe_psi_rr22::{
    AwaitCommon, AwaitMasked, AwaitReply, AwaitTags, AwaitTrees, Begun, Fault, Setup,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::gateway::{Misused, run, take};
use crate::keys::{self, Packed};

/// The receiver with its set.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Replying(Mutex<Option<Begun>>);

/// The receiver in the middle of the VOLE.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Masking(Mutex<Option<AwaitTrees>>);

/// The receiver whose masked store is out.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Matching(Mutex<Option<AwaitTags>>);

/// The sender with its set.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Growing(Mutex<Option<AwaitReply>>);

/// The sender that has ended the VOLE.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Tagging(Mutex<Option<AwaitMasked>>);

/// The sender whose tags are out.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Told(Mutex<Option<AwaitCommon>>);

fn setup(run_id: RunId, receiver_size: usize, sender_size: usize, both: bool) -> Setup {
    Setup {
        run: run_id,
        receiver_size,
        sender_size,
        log_buckets: 0,
        both,
    }
}

/// Bytes of the six messages for two sets of these sizes.
#[pyfunction]
pub(crate) fn rr22_message_bytes(
    receiver_size: usize,
    sender_size: usize,
    both: bool,
) -> PyResult<[usize; 6]> {
    setup([0; 32], receiver_size, sender_size, both)
        .message_bytes()
        .ok_or_else(|| Misused::new_err("a size is out of range"))
}

/// The receiver: takes a set under a fresh secret.
#[pyfunction]
pub(crate) fn rr22_take(
    py: Python<'_>,
    run_id: RunId,
    receiver_size: usize,
    sender_size: usize,
    both: bool,
    items: Packed,
) -> PyResult<Replying> {
    let items = keys::split(&items)?;
    let begun = run(py, || {
        let secret = AttemptSecret::from_os().ok_or(Fault::NoEntropy)?;
        Begun::new(
            secret,
            setup(run_id, receiver_size, sender_size, both),
            &items,
        )
    })?;
    Ok(Replying(Mutex::new(Some(begun))))
}

/// The sender: takes a set under a fresh secret and begins.
#[pyfunction]
pub(crate) fn rr22_begin<'py>(
    py: Python<'py>,
    run_id: RunId,
    receiver_size: usize,
    sender_size: usize,
    both: bool,
    items: Packed,
) -> PyResult<(Growing, Bound<'py, PyBytes>)> {
    let items = keys::split(&items)?;
    let (sender, message) = run(py, || {
        let secret = AttemptSecret::from_os().ok_or(Fault::NoEntropy)?;
        AwaitReply::begin(
            secret,
            setup(run_id, receiver_size, sender_size, both),
            &items,
        )
    })?;
    Ok((
        Growing(Mutex::new(Some(sender))),
        PyBytes::new(py, &message),
    ))
}

#[pymethods]
impl Replying {
    /// Replies to the base points.
    fn reply<'py>(
        &self,
        py: Python<'py>,
        base_points: &[u8],
    ) -> PyResult<(Masking, Bound<'py, PyBytes>)> {
        let begun = take(&self.0)?;
        let (next, message) = run(py, || begun.reply(base_points))?;
        Ok((Masking(Mutex::new(Some(next))), PyBytes::new(py, &message)))
    }
}

#[pymethods]
impl Masking {
    /// Ends the VOLE and masks the store.
    fn mask<'py>(
        &self,
        py: Python<'py>,
        trees: &[u8],
    ) -> PyResult<(Matching, Bound<'py, PyBytes>)> {
        let masking = take(&self.0)?;
        let (next, message) = run(py, || masking.mask(trees))?;
        Ok((Matching(Mutex::new(Some(next))), PyBytes::new(py, &message)))
    }
}

#[pymethods]
impl Matching {
    /// Indices of the own items that are common, ascending, and what the sender is told of it.
    fn positions<'py>(
        &self,
        py: Python<'py>,
        tags: &[u8],
    ) -> PyResult<(Vec<u32>, Bound<'py, PyBytes>)> {
        let matching = take(&self.0)?;
        let (positions, common) = run(py, || matching.positions(tags))?;
        Ok((positions, PyBytes::new(py, &common)))
    }
}

#[pymethods]
impl Growing {
    /// Ends the VOLE.
    fn trees<'py>(
        &self,
        py: Python<'py>,
        reply: &[u8],
    ) -> PyResult<(Tagging, Bound<'py, PyBytes>)> {
        let sender = take(&self.0)?;
        let (next, message) = run(py, || sender.trees(reply))?;
        Ok((Tagging(Mutex::new(Some(next))), PyBytes::new(py, &message)))
    }
}

#[pymethods]
impl Tagging {
    /// Makes the tags of the own items.
    fn tags<'py>(&self, py: Python<'py>, masked: &[u8]) -> PyResult<(Told, Bound<'py, PyBytes>)> {
        let tagging = take(&self.0)?;
        let (next, message) = run(py, || tagging.tags(masked))?;
        Ok((Told(Mutex::new(Some(next))), PyBytes::new(py, &message)))
    }
}

#[pymethods]
impl Told {
    /// Indices of the own items that are common, ascending, by the receiver's word.
    fn positions(&self, py: Python<'_>, common: &[u8]) -> PyResult<Vec<u32>> {
        let told = take(&self.0)?;
        run(py, || told.positions(common))
    }
}
