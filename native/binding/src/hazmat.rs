//! Single steps with a scalar in the open, for test vectors. No product code calls these.

use mihe_group::group::Group;
use mihe_group::hash::{Domain, expand_message_xmd};
use mihe_group::list::{ENCODED, Encoded, multiply_distinct};
use mihe_group::ristretto255::{Elements, Ristretto255, UNIFORM, map_each};
use mihe_group::secret::SecretScalar;
use mihe_group::sm2::{self, Sm2};
use mihe_psi_ecdh::Fault;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::gateway::run;

/// The scalar 1 of ristretto255.
const ONE: Encoded = {
    let mut one = [0; ENCODED];
    one[0] = 1;
    one
};

/// expand_message_xmd of RFC 9380 §5.3.1 with SHA-512.
#[pyfunction]
pub(crate) fn hazmat_expand_message<'py>(
    py: Python<'py>,
    dst: &[u8],
    message: &[u8],
    length: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let expanded = run(py, || -> Result<_, Fault> {
        let mut out = vec![0; length.min(usize::from(u16::MAX))];
        expand_message_xmd::<sha2::Sha512>(domain(dst)?, &[message], &mut out)
            .ok_or(Fault::Caller("1 to 16320 bytes can be expanded to"))?;
        Ok(out)
    })?;
    Ok(PyBytes::new(py, &expanded))
}

/// The one-way map of RFC 9496 §4.3.4.
#[pyfunction]
pub(crate) fn hazmat_map(py: Python<'_>, uniform: [u8; UNIFORM]) -> PyResult<Bound<'_, PyBytes>> {
    encoded(py, || encode(&map_each(&[uniform])))
}

/// HashToGroup of RFC 9497 §4.1.
#[pyfunction]
pub(crate) fn hazmat_hash_to_group<'py>(
    py: Python<'py>,
    dst: &[u8],
    message: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    encoded(py, || {
        encode(&Ristretto255::hash(domain(dst)?, b"", &[message]))
    })
}

/// Decodes one point as a peer's points are decoded, and encodes it again.
#[pyfunction]
pub(crate) fn hazmat_decode<'py>(py: Python<'py>, point: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    hazmat_multiply(py, point, ONE)
}

/// `scalar` (canonical, not zero) times `point`, by the code that multiplies whole lists.
#[pyfunction]
pub(crate) fn hazmat_multiply<'py>(
    py: Python<'py>,
    point: &[u8],
    scalar: [u8; ENCODED],
) -> PyResult<Bound<'py, PyBytes>> {
    encoded(py, || multiply::<Ristretto255>(point, scalar))
}

/// `scalar` (big-endian, canonical, not zero) times a point of SM2's curve, both as x-coordinates.
#[pyfunction]
pub(crate) fn hazmat_sm2_multiply<'py>(
    py: Python<'py>,
    point: &[u8],
    scalar: [u8; ENCODED],
) -> PyResult<Bound<'py, PyBytes>> {
    encoded(py, || multiply::<Sm2>(point, scalar))
}

/// `SM2_XMD:SM3_SSWU_RO_`: the coordinates of a point, x before y.
#[pyfunction]
pub(crate) fn hazmat_sm2_hash<'py>(
    py: Python<'py>,
    dst: &[u8],
    message: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let coordinates = run(py, || -> Result<_, Fault> {
        Ok(sm2::hash_to_coordinates(domain(dst)?, message))
    })?;
    Ok(PyBytes::new(py, coordinates.as_flattened()))
}

/// Panics, so that a test can see what becomes of a panic.
#[pyfunction]
#[allow(clippy::panic)] // it is what the function is for
pub(crate) fn hazmat_panic(py: Python<'_>) -> PyResult<()> {
    run(py, || -> Result<(), Fault> { panic!("on purpose") })
}

fn multiply<G: Group>(point: &[u8], scalar: [u8; ENCODED]) -> Result<Encoded, Fault> {
    let scalar = SecretScalar::<G>::from_canonical(scalar).ok_or(Fault::Caller(
        "not the canonical encoding of a scalar from 1",
    ))?;
    Ok(multiply_distinct(point, 1, &scalar)?[0])
}

/// The encoding of one element, by the code that encodes whole lists.
fn encode(element: &Elements) -> Result<Encoded, Fault> {
    let one = Ristretto255::canonical_factor(&ONE).ok_or(Fault::Caller("1 is a scalar"))?;
    Ok(Ristretto255::multiply(element, &one)[0])
}

fn domain(dst: &[u8]) -> Result<Domain<'_>, Fault> {
    Domain::new(dst).ok_or(Fault::Caller("a domain separation tag has 1 to 255 bytes"))
}

fn encoded<'py>(
    py: Python<'py>,
    work: impl FnOnce() -> Result<Encoded, Fault> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &run(py, work)?))
}
