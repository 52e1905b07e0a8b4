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
    in_batches(inputs, |input| {
        hash_to_group(domain, &[prefix, input.as_ref()]) * scalar.half()
    })
}

/// k·P for every P of `points`, in their order.
pub fn multiply(points: &[RistrettoPoint], scalar: &SecretScalar) -> Vec<Encoded> {
    in_batches(points, |point| point * scalar.half())
}

/// The encodings of twice `half(item)`, for every item.
fn in_batches<T: Sync>(items: &[T], half: impl Fn(&T) -> RistrettoPoint + Sync) -> Vec<Encoded> {
    let batches: Vec<Vec<CompressedRistretto>> = items
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
        .collect()
}

/// The elements of a list that a peer sent: exactly `count`, each canonical, none the identity, no two equal.
///
/// Takes a time that depends on the list, which the peer knows.
pub fn vartime_decode_distinct(list: &[u8], count: usize) -> Result<Vec<RistrettoPoint>, Refusal> {
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
    encodings
        .par_iter()
        .enumerate()
        .map(|(at, encoding)| {
            let point = CompressedRistretto(*encoding)
                .decompress()
                .ok_or(Refusal::NotCanonical(at))?;
            if point == RistrettoPoint::identity() {
                return Err(Refusal::Identity(at));
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
        for count in [0, 1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH + 5] {
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
            assert_eq!(multiply(&points, &scalar(77)), expected);
        }
    }

    #[test]
    fn multiplications_commute() {
        let inputs = [b"a", b"b", b"c"];
        let there = |first: &SecretScalar, second: &SecretScalar| {
            let once = hash_and_multiply(DOMAIN, b"run", &inputs, first);
            multiply(
                &vartime_decode_distinct(once.as_flattened(), 3).unwrap(),
                second,
            )
        };
        assert_eq!(there(&scalar(5), &scalar(9)), there(&scalar(9), &scalar(5)));
    }

    #[test]
    fn a_wrong_length_is_refused() {
        let list = multiples(4);
        let bytes = list.as_flattened();
        for cut in [0, 1, 31, 33, 96, 127] {
            assert_eq!(
                vartime_decode_distinct(&bytes[..cut], 4).unwrap_err(),
                Refusal::Length {
                    expected: 128,
                    found: cut
                }
            );
        }
        assert!(vartime_decode_distinct(bytes, 3).is_err());
        assert_eq!(vartime_decode_distinct(bytes, 4).unwrap().len(), 4);
    }

    #[test]
    fn a_repeated_point_is_refused_wherever_it_is() {
        for (first, second) in [(0, 1), (0, 199), (63, 64), (100, 101)] {
            let mut list = multiples(200);
            list[second] = list[first];
            assert_eq!(
                vartime_decode_distinct(list.as_flattened(), 200).unwrap_err(),
                Refusal::Repeated(second)
            );
        }
    }

    #[test]
    fn the_identity_and_non_canonical_points_are_refused() {
        let mut list = multiples(200);
        list[150] = [0; ENCODED];
        assert_eq!(
            vartime_decode_distinct(list.as_flattened(), 200).unwrap_err(),
            Refusal::Identity(150)
        );
        list[150] = [255; ENCODED];
        assert_eq!(
            vartime_decode_distinct(list.as_flattened(), 200).unwrap_err(),
            Refusal::NotCanonical(150)
        );
    }
}
