//! The secret objects of federated/join as Python classes.

use std::sync::Mutex;

use mihe_blind_join::{Contribution, Setup};
use mihe_group::secret::{AttemptSecret, RunId};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::gateway::{no_entropy, run, take};
use crate::keys::{self, Packed};

/// An owner's scalar, for the lists of the others.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Serving(mihe_blind_join::Serving);

/// An owner's own list on its way.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Journey(Mutex<Option<mihe_blind_join::Journey>>);

/// Blinds an owner's list under a fresh secret.
#[pyfunction]
pub(crate) fn start_join<'py>(
    py: Python<'py>,
    run_id: RunId,
    sizes: Vec<usize>,
    me: usize,
    token_bytes: usize,
    keys: Packed,
) -> PyResult<(Serving, Journey, Bound<'py, PyBytes>)> {
    let setup = Setup {
        run: run_id,
        sizes,
        me,
        token_bytes,
    };
    let keys = keys::split(&keys)?;
    let secret = AttemptSecret::from_os().ok_or_else(no_entropy)?;
    let (serving, journey, points) = run(py, || mihe_blind_join::start(secret, setup, &keys))?;
    Ok((
        Serving(serving),
        Journey(Mutex::new(Some(journey))),
        PyBytes::new(py, &points),
    ))
}

/// Tokens and, of each place, the index of the key there, −1 for a dummy, as a little-endian int32.
type Tokens<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

fn tokens_of<'py>(py: Python<'py>, (tokens, order): (Vec<u8>, Vec<i32>)) -> Tokens<'py> {
    let order: Vec<u8> = order.into_iter().flat_map(i32::to_le_bytes).collect();
    (PyBytes::new(py, &tokens), PyBytes::new(py, &order))
}

/// An owner's tokens under the key of all owners' contributions.
#[pyfunction]
pub(crate) fn keyed_list<'py>(
    py: Python<'py>,
    run_id: RunId,
    sizes: Vec<usize>,
    me: usize,
    token_bytes: usize,
    contributions: Vec<Contribution>,
    keys: Packed,
) -> PyResult<Tokens<'py>> {
    let setup = Setup {
        run: run_id,
        sizes,
        me,
        token_bytes,
    };
    let keys = keys::split(&keys)?;
    let secret = AttemptSecret::from_os().ok_or_else(no_entropy)?;
    let list = run(py, || {
        mihe_blind_join::keyed_list(&secret, &setup, contributions, &keys)
    })?;
    Ok(tokens_of(py, list))
}

#[pymethods]
impl Serving {
    /// Multiplies the points of another owner, once.
    fn serve<'py>(
        &self,
        py: Python<'py>,
        of: usize,
        points: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let products = run(py, || self.0.serve(of, points))?;
        Ok(PyBytes::new(py, &products))
    }
}

#[pymethods]
impl Journey {
    /// Checks the list that an owner returned and that others have yet to multiply.
    fn forward(&self, py: Python<'_>, points: &[u8]) -> PyResult<Self> {
        let journey = take(&self.0)?;
        let journey = run(py, || journey.forward(points))?;
        Ok(Self(Mutex::new(Some(journey))))
    }

    /// Turns the list that the last owner returned into tokens.
    fn finish<'py>(&self, py: Python<'py>, points: &[u8]) -> PyResult<Tokens<'py>> {
        let journey = take(&self.0)?;
        let list = run(py, || journey.finish(points))?;
        Ok(tokens_of(py, list))
    }
}
