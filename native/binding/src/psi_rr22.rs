//! The secret objects of psi/rr22 as Python classes.

use std::sync::Mutex;

use mihe_group::secret::{AttemptSecret, RunId};
use mihe_psi_rr22::{
    Adversary, AwaitAnswer, AwaitChallenge, AwaitCommon, AwaitMasked, AwaitReply, AwaitTags,
    AwaitTrees, Begun, Fault, ItemHash, MayMask, MayTag, Run, SHARE, Setup, share,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::gateway::{Misused, no_entropy, run, take};
use crate::keys::{self, Packed};

/// A whole run: its id, the sizes of both sets and of a bucket, whether both learn, and whether peers that deviate are caught.
type Terms = (RunId, usize, usize, usize, bool, bool);

fn run_of((id, receiver_size, sender_size, bucket_size, both, active): Terms) -> Run {
    Run {
        id,
        receiver_size,
        sender_size,
        bucket_size,
        both,
        against: if active {
            Adversary::Active
        } else {
            Adversary::SemiHonest
        },
    }
}

/// What the owner gives to the key of the items, before the other's is known.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Sharing(Mutex<Option<(RunId, [u8; SHARE])>>);

/// The hash of items, under the owners' key.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Hashing(ItemHash);

/// Distinct items of one bucket, and their rows.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Items {
    held: Mutex<Option<mihe_psi_rr22::Items>>,
    len: usize,
}

/// The receiver of a bucket.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Replying(Mutex<Option<Begun>>);

/// The receiver in the middle of the VOLE.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Finishing(Mutex<Option<AwaitTrees>>);

/// The receiver whose challenge is out.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Checking(Mutex<Option<AwaitAnswer>>);

/// The receiver that has ended the VOLE.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Masking(Mutex<Option<MayMask>>);

/// The receiver whose masked store is out.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Matching(Mutex<Option<AwaitTags>>);

/// The sender of a bucket.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Growing(Mutex<Option<AwaitReply>>);

/// The sender that will be checked.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Answering(Mutex<Option<AwaitChallenge>>);

/// The sender that has ended the VOLE.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Taking(Mutex<Option<MayTag>>);

/// The sender that has its items.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Tagging(Mutex<Option<AwaitMasked>>);

/// The sender whose tags are out.
#[pyclass(frozen, module = "native._core")]
pub(crate) struct Told(Mutex<Option<AwaitCommon>>);

/// How many buckets a run has, and the bytes of the eight messages of each.
#[pyfunction]
pub(crate) fn rr22_outline(terms: Terms) -> PyResult<(usize, [usize; 8])> {
    let whole = run_of(terms);
    let lengths = whole.bucket(0).ok().and_then(|one| one.message_bytes());
    let lengths = lengths.ok_or_else(|| Misused::new_err("a size is out of range"))?;
    Ok((whole.buckets(), lengths))
}

/// What this owner gives to the key of the items.
#[pyfunction]
pub(crate) fn rr22_share(py: Python<'_>, run_id: RunId) -> PyResult<(Sharing, Bound<'_, PyBytes>)> {
    let secret = AttemptSecret::from_os().ok_or_else(no_entropy)?;
    let share = share(&secret, &run_id);
    Ok((
        Sharing(Mutex::new(Some((run_id, share)))),
        PyBytes::new(py, &share),
    ))
}

/// The hash of items under the shares of an earlier attempt, whose run id is given.
#[pyfunction]
pub(crate) fn rr22_hashing(run_id: RunId, receivers: [u8; SHARE], senders: [u8; SHARE]) -> Hashing {
    Hashing(ItemHash::new(&run_id, &receivers, &senders))
}

/// The items of one bucket, from pairs of blocks and rows; `distinct` if the caller knows that none has two.
#[pyfunction]
pub(crate) fn rr22_gather(py: Python<'_>, parts: Vec<Packed>, distinct: bool) -> PyResult<Items> {
    let items = run(py, || {
        let parts: Vec<(&[u8], &[u8])> = parts
            .iter()
            .map(|(blocks, rows)| (&blocks[..], &rows[..]))
            .collect();
        mihe_psi_rr22::Items::gather(&parts, distinct)
    })?;
    Ok(Items {
        len: items.len(),
        held: Mutex::new(Some(items)),
    })
}

/// The receiver of a bucket, under a fresh secret.
#[pyfunction]
pub(crate) fn rr22_await(py: Python<'_>, terms: Terms, bucket: usize) -> PyResult<Replying> {
    let begun = run(py, || {
        let secret = AttemptSecret::from_os().ok_or(Fault::NoEntropy)?;
        Begun::new(secret, setup(terms, bucket)?)
    })?;
    Ok(Replying(Mutex::new(Some(begun))))
}

/// The sender of a bucket, under a fresh secret: begins.
#[pyfunction]
pub(crate) fn rr22_begin(
    py: Python<'_>,
    terms: Terms,
    bucket: usize,
) -> PyResult<(Growing, Bound<'_, PyBytes>)> {
    let (sender, message) = run(py, || {
        let secret = AttemptSecret::from_os().ok_or(Fault::NoEntropy)?;
        AwaitReply::begin(secret, setup(terms, bucket)?)
    })?;
    Ok((
        Growing(Mutex::new(Some(sender))),
        PyBytes::new(py, &message),
    ))
}

fn setup(terms: Terms, bucket: usize) -> Result<Setup, Fault> {
    run_of(terms).bucket(bucket)
}

#[pymethods]
impl Sharing {
    /// The hash under both owners' shares.
    fn hashing(&self, others: [u8; SHARE], is_receiver: bool) -> PyResult<Hashing> {
        let (run_id, own) = take(&self.0)?;
        let (receivers, senders) = if is_receiver {
            (own, others)
        } else {
            (others, own)
        };
        Ok(rr22_hashing(run_id, receivers, senders))
    }
}

#[pymethods]
impl Hashing {
    /// Blocks and rows by buckets, and where each bucket's begin.
    fn scatter<'py>(
        &self,
        py: Python<'py>,
        items: Packed,
        first_row: u32,
        buckets: usize,
    ) -> PyResult<(Vec<usize>, Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let items = keys::split(&items)?;
        let scattered = run(py, || {
            Ok::<_, Fault>(self.0.scatter(&items, first_row, buckets))
        })?;
        Ok((
            scattered.starts.clone(),
            PyBytes::new(py, scattered.blocks()),
            PyBytes::new(py, scattered.rows()),
        ))
    }
}

#[pymethods]
impl Items {
    fn __len__(&self) -> usize {
        self.len
    }
}

#[pymethods]
impl Replying {
    /// Replies to the base points.
    fn reply<'py>(
        &self,
        py: Python<'py>,
        base_points: &[u8],
    ) -> PyResult<(Finishing, Bound<'py, PyBytes>)> {
        let begun = take(&self.0)?;
        let (next, message) = run(py, || begun.reply(base_points))?;
        Ok((
            Finishing(Mutex::new(Some(next))),
            PyBytes::new(py, &message),
        ))
    }
}

#[pymethods]
impl Finishing {
    /// Ends the VOLE.
    fn finish(&self, py: Python<'_>, trees: &[u8]) -> PyResult<Masking> {
        let finishing = take(&self.0)?;
        let next = run(py, || finishing.finish(trees))?;
        Ok(Masking(Mutex::new(Some(next))))
    }

    /// Asks the sender to show that its trees are those of one VOLE.
    fn challenge<'py>(
        &self,
        py: Python<'py>,
        trees: &[u8],
    ) -> PyResult<(Checking, Bound<'py, PyBytes>)> {
        let finishing = take(&self.0)?;
        let (next, message) = run(py, || finishing.challenge(trees))?;
        Ok((Checking(Mutex::new(Some(next))), PyBytes::new(py, &message)))
    }
}

#[pymethods]
impl Checking {
    /// Ends the VOLE, if the answer is right.
    fn check(&self, py: Python<'_>, answer: &[u8]) -> PyResult<Masking> {
        let checking = take(&self.0)?;
        let next = run(py, || checking.check(answer))?;
        Ok(Masking(Mutex::new(Some(next))))
    }
}

#[pymethods]
impl Masking {
    /// Masks the store of the own items.
    fn mask<'py>(
        &self,
        py: Python<'py>,
        items: &Items,
    ) -> PyResult<(Matching, Bound<'py, PyBytes>)> {
        let (masking, items) = (take(&self.0)?, take(&items.held)?);
        let (next, message) = run(py, || masking.mask(items))?;
        Ok((
            Matching(Mutex::new(Some(next))),
            PyBytes::new(py, message.bytes()),
        ))
    }
}

#[pymethods]
impl Matching {
    /// What is common, and what the sender is told of it.
    fn common<'py>(
        &self,
        py: Python<'py>,
        tags: &[u8],
    ) -> PyResult<(Common<'py>, Bound<'py, PyBytes>)> {
        let matching = take(&self.0)?;
        let (common, told) = run(py, || matching.common(tags))?;
        Ok((common_of(py, &common)?, PyBytes::new(py, &told)))
    }
}

#[pymethods]
impl Growing {
    /// Ends the VOLE.
    fn trees<'py>(&self, py: Python<'py>, reply: &[u8]) -> PyResult<(Taking, Bound<'py, PyBytes>)> {
        let sender = take(&self.0)?;
        let (next, message) = run(py, || sender.trees(reply))?;
        Ok((Taking(Mutex::new(Some(next))), PyBytes::new(py, &message)))
    }

    /// Checks the reply; will be checked.
    fn trees_to_check<'py>(
        &self,
        py: Python<'py>,
        reply: &[u8],
    ) -> PyResult<(Answering, Bound<'py, PyBytes>)> {
        let sender = take(&self.0)?;
        let (next, message) = run(py, || sender.trees_to_check(reply))?;
        Ok((
            Answering(Mutex::new(Some(next))),
            PyBytes::new(py, &message),
        ))
    }
}

#[pymethods]
impl Answering {
    /// Ends the VOLE.
    fn answer<'py>(
        &self,
        py: Python<'py>,
        challenge: &[u8],
    ) -> PyResult<(Taking, Bound<'py, PyBytes>)> {
        let answering = take(&self.0)?;
        let (next, message) = run(py, || answering.answer(challenge))?;
        Ok((Taking(Mutex::new(Some(next))), PyBytes::new(py, &message)))
    }
}

#[pymethods]
impl Taking {
    /// Takes the own items.
    fn take(&self, py: Python<'_>, items: &Items) -> PyResult<Tagging> {
        let (ready, items) = (take(&self.0)?, take(&items.held)?);
        let next = run(py, || ready.take(items))?;
        Ok(Tagging(Mutex::new(Some(next))))
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
    /// What is common, by the receiver's word.
    fn common<'py>(&self, py: Python<'py>, common: &[u8]) -> PyResult<Common<'py>> {
        let told = take(&self.0)?;
        let common = run(py, || told.common(common))?;
        common_of(py, &common)
    }
}

/// How many of the own items are common, and their rows, as little-endian uint32 in no order.
type Common<'py> = (usize, Bound<'py, PyBytes>);

fn common_of<'py>(py: Python<'py>, common: &mihe_psi_rr22::Common) -> PyResult<Common<'py>> {
    let rows = PyBytes::new_with(py, size_of_val(&common.rows[..]), |bytes| {
        for (bytes, row) in bytes.as_chunks_mut().0.iter_mut().zip(&common.rows) {
            *bytes = row.to_le_bytes();
        }
        Ok(())
    })?;
    Ok((common.items, rows))
}
