//! Columns of an owner's keys, and what is found in them.

use mihe_keys::{Column, Kind, Misfit};
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

/// What each text is found to be, a byte each, and the keys, 18 bytes each.
#[pyfunction]
pub(crate) fn canonical_keys<'py>(
    py: Python<'py>,
    kind: &str,
    texts: Packed,
    issued: PyBackedBytes,
) -> PyResult<(Bytes<'py>, Bytes<'py>)> {
    let kind = match kind {
        "uscc" => Kind::Uscc,
        "declaration" => Kind::Declaration,
        "id_number" => Kind::IdNumber,
        _ => return Err(Misused::new_err("no such kind of keys")),
    };
    let found = run(py, || {
        let column = Column::new(&texts.0, &texts.1)?;
        Ok::<_, Misfit>(mihe_keys::canonical(kind, column, &issued))
    })?;
    Ok((
        PyBytes::new(py, &found.findings),
        PyBytes::new(py, &found.keys),
    ))
}

/// As little-endian 32-bit numbers.
pub(crate) fn numbers<'py>(py: Python<'py>, values: &[u32]) -> PyResult<Bytes<'py>> {
    PyBytes::new_with(py, size_of_val(values), |bytes| {
        for (place, value) in bytes.as_chunks_mut().0.iter_mut().zip(values) {
            *place = value.to_le_bytes();
        }
        Ok(())
    })
}
