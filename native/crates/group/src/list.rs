//! Whole lists of group elements, over all cores.
//!
//! A list is its elements' encodings (RFC 9496 §4.3.2) in a row, 32 bytes each.

use core::fmt;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::traits::Identity;
use rayon::prelude::*;

use crate::hash::{Domain, hash_to_group};
use crate::secret::SecretScalar;

/// Bytes of one encoding.
pub const ENCODED: usize = 32;

/// One encoded element.
pub type Encoded = [u8; ENCODED];

/// Points that share one inversion when they are encoded: enough to make it cheap, few enough that a small
/// list still keeps every core busy.
const BATCH: usize = 64;

/// Elements that are worked on in one call to the thread pool. A thread takes up another caller's work only
/// when it has nothing left of its own, so a list that went in whole would let everybody else wait for its end.
/// Few enough that this is a moment, many enough that no core is idle.
const SLICE: usize = 4096;

/// Why a peer's list is refused. Indices count elements, from 0; no encoding is ever repeated here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not the number of bytes that the list must have.
    Length {
        /// Bytes that the list must have.
        expected: usize,
        /// Bytes that came.
        found: usize,
    },
    /// Not the canonical encoding of an element (RFC 9496 §4.3.1).
    NotCanonical(usize),
    /// The identity, which every scalar maps to itself.
    Identity(usize),
    /// Equal to an earlier element of the list.
    Repeated(usize),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(f, "the list has {found} bytes where {expected} are agreed")
            }
            Self::NotCanonical(at) => write!(f, "point {at} is not a canonical encoding"),
            Self::Identity(at) => write!(f, "point {at} is the identity"),
            Self::Repeated(at) => write!(f, "point {at} repeats an earlier one"),
        }
    }
}

/// k·H(prefix ‖ x) for every x of `inputs`, in their order.
pub fn hash_and_multiply<I>(
    domain: Domain<'_>,
    prefix: &[u8],
    inputs: &[I],
    scalar: &SecretScalar,
) -> Vec<Encoded>
where
    I: AsRef<[u8]> + Sync,
{
    let mut products = Vec::with_capacity(inputs.len());
    for slice in inputs.chunks(SLICE) {
        products.extend(in_batches(slice, |input| {
            hash_to_group(domain, &[prefix, input.as_ref()]) * scalar.half()
        }));
    }
    products
}

/// k·P for every P of a list that a peer sent, in their order. The list has exactly `count` elements, each
/// canonical, none the identity, no two equal; or nothing of it is multiplied for anybody.
///
/// How long the checks take depends on the list, which the peer knows.
pub fn multiply_distinct(
    list: &[u8],
    count: usize,
    scalar: &SecretScalar,
) -> Result<Vec<Encoded>, Refusal> {
    let mut products = Vec::with_capacity(count);
    for_each_slice(list, count, |points| {
        products.extend(in_batches(points, |point| point * scalar.half()));
    })?;
    Ok(products)
}

/// The same checks of a list that is not multiplied.
pub fn vartime_check_distinct(list: &[u8], count: usize) -> Result<(), Refusal> {
    for_each_slice(list, count, |_| ())
}

/// The encodings of twice `half(item)`, for every item of a slice.
fn in_batches<T: Sync>(
    slice: &[T],
    half: impl Fn(&T) -> RistrettoPoint + Sync,
) -> impl Iterator<Item = Encoded> {
    let batches: Vec<Vec<CompressedRistretto>> = slice
        .par_chunks(BATCH)
        .map(|batch| {
            let halves: Vec<RistrettoPoint> = batch.iter().map(&half).collect();
            RistrettoPoint::double_and_compress_batch(&halves)
        })
        .collect();
    batches
        .into_iter()
        .flatten()
        .map(|encoding| encoding.to_bytes())
}

/// Checks a list as a whole, and then hands its elements on, a slice at a time: decoded they are five times as
/// large. What fails in a later slice fails all.
fn for_each_slice(
    list: &[u8],
    count: usize,
    mut each: impl FnMut(&[RistrettoPoint]),
) -> Result<(), Refusal> {
    let (encodings, rest) = list.as_chunks::<ENCODED>();
    if encodings.len() != count || !rest.is_empty() {
        return Err(Refusal::Length {
            expected: count * ENCODED,
            found: list.len(),
        });
    }
    // Encodings are canonical, so equal elements have equal encodings.
    if let Some(at) = vartime_first_repeated(encodings) {
        return Err(Refusal::Repeated(at));
    }
    for (slice, start) in encodings.chunks(SLICE).zip((0..).step_by(SLICE)) {
        each(&vartime_decode(slice, start)?);
    }
    Ok(())
}

/// The elements that the encodings stand for; `start` is the place of the first in its list.
fn vartime_decode(encodings: &[Encoded], start: usize) -> Result<Vec<RistrettoPoint>, Refusal> {
    encodings
        .par_iter()
        .enumerate()
        .map(|(at, encoding)| {
            let point = CompressedRistretto(*encoding)
                .decompress()
                .ok_or(Refusal::NotCanonical(start + at))?;
            if point == RistrettoPoint::identity() {
                return Err(Refusal::Identity(start + at));
            }
            Ok(point)
        })
        .collect()
}

/// Index of the first element that equals an earlier one.
pub fn vartime_first_repeated<T: Ord + Sync>(elements: &[T]) -> Option<usize> {
    let mut order: Vec<usize> = (0..elements.len()).collect();
    order.par_sort_unstable_by_key(|&at| (&elements[at], at));
    order
        .windows(2)
        .filter(|pair| elements[pair[0]] == elements[pair[1]])
        .map(|pair| pair[1])
        .min()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT as BASE;
    use curve25519_dalek::scalar::Scalar;

    const DOMAIN: Domain<'static> = Domain::fixed(b"test");

    fn scalar(value: u64) -> SecretScalar {
        SecretScalar::new(&Scalar::from(value))
    }

    fn multiples(count: u64) -> Vec<Encoded> {
        (1..=count)
            .map(|k| (BASE * Scalar::from(k)).compress().to_bytes())
            .collect()
    }

    #[test]
    fn batches_agree_with_single_multiplications() {
        for count in [0, 1, BATCH - 1, BATCH, BATCH + 1, SLICE, SLICE + 1] {
            let inputs: Vec<[u8; 8]> = (0..count).map(|i| i.to_be_bytes()).collect();
            let points: Vec<RistrettoPoint> = inputs
                .iter()
                .map(|input| hash_to_group(DOMAIN, &[b"run", input]))
                .collect();
            let expected: Vec<Encoded> = points
                .iter()
                .map(|point| (point * Scalar::from(77u64)).compress().to_bytes())
                .collect();
            assert_eq!(
                hash_and_multiply(DOMAIN, b"run", &inputs, &scalar(77)),
                expected
            );
            let list: Vec<Encoded> = points.iter().map(|p| p.compress().to_bytes()).collect();
            assert_eq!(
                multiply_distinct(list.as_flattened(), count, &scalar(77)),
                Ok(expected)
            );
        }
    }

    #[test]
    fn multiplications_commute() {
        let inputs = [b"a", b"b", b"c"];
        let there = |first: &SecretScalar, second: &SecretScalar| {
            let once = hash_and_multiply(DOMAIN, b"run", &inputs, first);
            multiply_distinct(once.as_flattened(), 3, second)
        };
        assert_eq!(there(&scalar(5), &scalar(9)), there(&scalar(9), &scalar(5)));
    }

    #[test]
    fn a_wrong_length_is_refused() {
        let list = multiples(4);
        let bytes = list.as_flattened();
        for cut in [0, 1, 31, 33, 96, 127] {
            assert_eq!(
                vartime_check_distinct(&bytes[..cut], 4),
                Err(Refusal::Length {
                    expected: 128,
                    found: cut
                })
            );
        }
        assert!(vartime_check_distinct(bytes, 3).is_err());
        assert_eq!(vartime_check_distinct(bytes, 4), Ok(()));
    }

    #[test]
    fn a_repeated_point_is_refused_wherever_it_is() {
        for (first, second) in [(0, 1), (0, 199), (63, 64), (100, SLICE + 1)] {
            let mut list = multiples(SLICE as u64 + 200);
            list[second] = list[first];
            assert_eq!(refusal_of(&list), Refusal::Repeated(second));
        }
    }

    #[test]
    fn the_identity_and_non_canonical_points_are_refused() {
        for at in [150, SLICE + 150] {
            let mut list = multiples(SLICE as u64 + 200);
            list[at] = [0; ENCODED];
            assert_eq!(refusal_of(&list), Refusal::Identity(at));
            list[at] = [255; ENCODED];
            assert_eq!(refusal_of(&list), Refusal::NotCanonical(at));
        }
    }

    /// What a list is refused for, whether it is to be multiplied or only checked.
    fn refusal_of(list: &[Encoded]) -> Refusal {
        let bytes = list.as_flattened();
        let refusal = vartime_check_distinct(bytes, list.len()).unwrap_err();
        assert_eq!(
            multiply_distinct(bytes, list.len(), &scalar(7)),
            Err(refusal)
        );
        refusal
    }
}
