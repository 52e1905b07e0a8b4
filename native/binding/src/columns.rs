//! Columns of an owner's keys, and what is found in them.

use mihe_keys::{Column, Misfit};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::gateway::{Misused, Raised, run};
use crate::keys::Packed;

impl Raised for Misfit {
    fn exception(self) -> PyErr {
        Misused::new_err("the ends or the rows do not fit the keys")
    }
}

type Bytes<'py> = Bound<'py, PyBytes>;

/// The distinct keys, their ends, the rows of each, and where those begin.
#[pyfunction]
pub(crate) fn distinct_keys<'py>(
    py: Python<'py>,
    keys: Packed,
    rows: PyBackedBytes,
) -> PyResult<(Bytes<'py>, Bytes<'py>, Bytes<'py>, Bytes<'py>)> {
    let found = run(py, || {
        mihe_keys::distinct(Column::new(&keys.0, &keys.1)?, &rows)
    })?;
    Ok((
        PyBytes::new(py, &found.joined),
        numbers(py, &found.ends)?,
        numbers(py, &found.rows)?,
        numbers(py, &found.starts)?,
    ))
}

/// As little-endian 32-bit numbers.
fn numbers<'py>(py: Python<'py>, values: &[u32]) -> PyResult<Bytes<'py>> {
    PyBytes::new_with(py, size_of_val(values), |bytes| {
        for (place, value) in bytes.as_chunks_mut().0.iter_mut().zip(values) {
            *place = value.to_le_bytes();
        }
        Ok(())
    })
}
