//! The secret objects of psi/star as Python classes. Keys that two parties share travel, and so are bytes here.

use std::sync::Mutex;

use mihe_group::secret::{AttemptSecret, RunId};
use mihe_psi_star::{Fault, Gathering, Items, Keys, Setup};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::gateway::{Misused, no_entropy, run, take};
use crate::keys::{self, Packed};

/// A party's set.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct StarItems(Mutex<Option<Items>>);

/// The pivot's set, and what the stores that have come say of it.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct StarGathering(Mutex<Option<Gathering>>);

/// Bytes of a contributor's store for at most `size` items.
#[pyfunction]
pub(crate) fn star_store_bytes(contributors: usize, size: usize) -> PyResult<usize> {
    let setup = Setup {
        run: [0; 32],
        contributors,
    };
    setup
        .store_bytes(size)
        .ok_or_else(|| Misused::new_err("a size is out of range"))
}

/// Fresh keys, each to be shared with one other party.
#[pyfunction]
pub(crate) fn star_draw(
    py: Python<'_>,
    run_id: RunId,
    count: usize,
) -> PyResult<Vec<Bound<'_, PyBytes>>> {
    let secret = AttemptSecret::from_os().ok_or_else(no_entropy)?;
    let keys = Keys::draw(&secret, &run_id, count);
    Ok(keys
        .as_bytes()
        .iter()
        .map(|key| PyBytes::new(py, key))
        .collect())
}

/// Any role: takes a set.
#[pyfunction]
pub(crate) fn star_take(
    py: Python<'_>,
    run_id: RunId,
    contributors: usize,
    items: Packed,
) -> PyResult<StarItems> {
    let items = keys::split(&items)?;
    let setup = Setup {
        run: run_id,
        contributors,
    };
    let taken = run(py, || Ok::<_, Fault>(Items::new(setup, &items)))?;
    Ok(StarItems(Mutex::new(Some(taken))))
}

#[pymethods]
impl StarItems {
    /// A contributor's store.
    fn store<'py>(
        &self,
        py: Python<'py>,
        size: usize,
        keys: Vec<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let items = take(&self.0)?;
        let store = run(py, || {
            let secret = AttemptSecret::from_os().ok_or(Fault::NoEntropy)?;
            items.store(&secret, size, &Keys::from_bytes(&keys)?)
        })?;
        Ok(PyBytes::new(py, &store))
    }

    /// What the receiver compares.
    fn compared<'py>(
        &self,
        py: Python<'py>,
        keys: Vec<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let items = take(&self.0)?;
        let compared = run(py, || items.compared(&Keys::from_bytes(&keys)?))?;
        Ok(PyBytes::new(py, &compared))
    }

    /// The pivot, before the first store.
    fn gather(&self) -> PyResult<StarGathering> {
        let items = take(&self.0)?;
        Ok(StarGathering(Mutex::new(Some(items.gather()))))
    }
}

#[pymethods]
impl StarGathering {
    /// Takes a store; the pivot with it.
    fn add(&self, py: Python<'_>, size: usize, store: &[u8]) -> PyResult<StarGathering> {
        let gathering = take(&self.0)?;
        let next = run(py, || gathering.add(size, store))?;
        Ok(StarGathering(Mutex::new(Some(next))))
    }

    /// What the pivot compares.
    fn compared<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let gathering = take(&self.0)?;
        let compared = run(py, || gathering.compared())?;
        Ok(PyBytes::new(py, &compared))
    }
}
