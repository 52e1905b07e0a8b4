//! An owner's keys as Python hands them over: in one piece, so that a million of them are two objects.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::gateway::Misused;

/// The keys one after the other, and where each ends, as a little-endian uint32.
pub(crate) type Packed = (PyBackedBytes, PyBackedBytes);

const END: usize = size_of::<u32>();

/// Each of the keys.
pub(crate) fn split((joined, ends): &Packed) -> PyResult<Vec<&[u8]>> {
    let misused = || Misused::new_err("the ends of the keys do not divide them");
    let (ends, rest) = ends.as_chunks::<END>();
    let mut start = 0;
    let mut keys = Vec::with_capacity(ends.len());
    for end in ends {
        let end = u32::from_le_bytes(*end) as usize;
        keys.push(joined.get(start..end).ok_or_else(misused)?);
        start = end;
    }
    if start != joined.len() || !rest.is_empty() {
        return Err(misused());
    }
    Ok(keys)
}
