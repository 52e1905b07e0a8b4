//! Columns of words, added up by row.

use mihe_words::{Misfit, sums_by_row};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::gateway::{Misused, Raised, run};

impl Raised for Misfit {
    fn exception(self) -> PyErr {
        Misused::new_err("the rows do not fit the words")
    }
}

/// The sum of the words in each row from 1 on.
#[pyfunction]
pub(crate) fn word_sums(
    py: Python<'_>,
    words: PyBackedBytes,
    rows: PyBackedBytes,
    number: usize,
) -> PyResult<Vec<u128>> {
    run(py, || sums_by_row(&words, &rows, number))
}
