//! Lines of plain CSV, cut into columns.

use std::convert::Infallible;

use mihe_plain_csv::LineEnd;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::columns::numbers;
use crate::gateway::run;

type Bytes<'py> = Bound<'py, PyBytes>;

/// Each wanted column: its texts, their ends, and the places of the empty ones; None if the lines are not plain.
#[pyfunction]
pub(crate) fn plain_csv_columns<'py>(
    py: Python<'py>,
    lines: PyBackedBytes,
    fields: usize,
    wanted: Vec<usize>,
    crlf: bool,
) -> PyResult<Option<Vec<(Bytes<'py>, Bytes<'py>, Bytes<'py>)>>> {
    let end = if crlf { LineEnd::CrLf } else { LineEnd::Lf };
    let found = run(py, || {
        Ok::<_, Infallible>(mihe_plain_csv::columns(&lines, fields, &wanted, end))
    })?;
    let Some(columns) = found else {
        return Ok(None);
    };
    let packed = columns.iter().map(|column| {
        Ok((
            PyBytes::new(py, &column.joined),
            numbers(py, &column.ends)?,
            numbers(py, &column.empty)?,
        ))
    });
    packed.collect::<PyResult<_>>().map(Some)
}
