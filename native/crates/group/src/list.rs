//! Whole lists of group elements, over all cores.
//!
//! A list is its elements' encodings in a row, 32 bytes each.

use core::fmt;

use rayon::prelude::*;

pub use crate::group::{ENCODED, Encoded};
use crate::group::{Group, Malformed};
use crate::hash::Domain;
use crate::secret::SecretScalar;

/// Elements that share one inversion when they are encoded: enough to make it cheap, few enough that a small
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
    /// Not the canonical encoding of an element.
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
pub fn hash_and_multiply<G, I>(
    domain: Domain<'_>,
    prefix: &[u8],
    inputs: &[I],
    scalar: &SecretScalar<G>,
) -> Vec<Encoded>
where
    G: Group,
    I: AsRef<[u8]> + Sync,
{
    let mut products = Vec::with_capacity(inputs.len());
    for slice in inputs.chunks(SLICE) {
        let batches: Vec<Vec<Encoded>> = slice
            .par_chunks(BATCH)
            .map(|batch| G::multiply(&G::hash(domain, prefix, batch), scalar.factor()))
            .collect();
        products.extend(batches.into_iter().flatten());
    }
    products
}

/// k·P for every P of a list that a peer sent, in their order. The list has exactly `count` elements, each
/// canonical, none the identity, no two equal; or nothing of it is multiplied for anybody.
///
/// How long the checks take depends on the list, which the peer knows.
pub fn multiply_distinct<G: Group>(
    list: &[u8],
    count: usize,
    scalar: &SecretScalar<G>,
) -> Result<Vec<Encoded>, Refusal> {
    let multiply = |elements| G::multiply(&elements, scalar.factor());
    vartime_each_batch::<G, _>(list, count, multiply).map(|products| products.concat())
}

/// The same checks of a list that is not multiplied.
pub fn vartime_check_distinct<G: Group>(list: &[u8], count: usize) -> Result<(), Refusal> {
    vartime_each_batch::<G, _>(list, count, drop).map(drop)
}

/// Checks a list as a whole, and makes something of each batch of its elements. What fails in a later batch fails
/// all.
fn vartime_each_batch<G: Group, T: Send>(
    list: &[u8],
    count: usize,
    make: impl Fn(G::Elements) -> T + Sync,
) -> Result<Vec<T>, Refusal> {
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
    let mut made = Vec::with_capacity(count.div_ceil(BATCH));
    for (slice, start) in encodings.chunks(SLICE).zip((0..).step_by(SLICE)) {
        let batches = slice.par_chunks(BATCH).enumerate().map(|(batch, list)| {
            let place = |at| start + batch * BATCH + at;
            match G::vartime_decode(list) {
                Ok(elements) => Ok(make(elements)),
                Err((at, Malformed::NotCanonical)) => Err(Refusal::NotCanonical(place(at))),
                Err((at, Malformed::Identity)) => Err(Refusal::Identity(place(at))),
            }
        });
        made.extend(batches.collect::<Result<Vec<T>, Refusal>>()?);
    }
    Ok(made)
}

/// Index of the first element that equals an earlier one.
pub fn vartime_first_repeated<T: Ord + Sync>(elements: &[T]) -> Option<usize> {
    // As an owner's keys come: to look at each once is much less than to sort what is sorted.
    if elements.is_sorted_by(|one, next| one < next) {
        return None;
    }
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
    use crate::ristretto255::Ristretto255;
    use crate::secret::AttemptSecret;
    use crate::sm2::Sm2;

    const DOMAIN: Domain<'static> = Domain::fixed(b"test");

    fn scalar<G: Group>(label: &str) -> SecretScalar<G> {
        AttemptSecret::from_bytes([7; 32]).scalar(&[1; 32], label)
    }

    fn inputs(count: usize) -> Vec<[u8; 8]> {
        (0..count).map(|at| at.to_be_bytes()).collect()
    }

    /// A list of distinct elements, as a peer would send it.
    fn list<G: Group>(count: usize) -> Vec<Encoded> {
        hash_and_multiply::<G, _>(DOMAIN, b"run", &inputs(count), &scalar("peer"))
    }

    /// Whole lists against `step` elements at a time.
    fn lists_agree_with_steps<G: Group>(counts: &[usize], step: usize) {
        let secret = scalar::<G>("own");
        for &count in counts {
            let inputs = inputs(count);
            let hashed: Vec<Encoded> = inputs
                .chunks(step)
                .flat_map(|few| G::multiply(&G::hash(DOMAIN, b"run", few), secret.factor()))
                .collect();
            assert_eq!(hash_and_multiply(DOMAIN, b"run", &inputs, &secret), hashed);
            let list = list::<G>(count);
            let multiplied: Vec<Encoded> = list
                .chunks(step)
                .flat_map(|few| G::multiply(&G::vartime_decode(few).unwrap(), secret.factor()))
                .collect();
            assert_eq!(
                multiply_distinct(list.as_flattened(), count, &secret),
                Ok(multiplied)
            );
        }
    }

    #[test]
    fn lists_are_what_single_steps_are() {
        let edges = [0, 1, BATCH - 1, BATCH, BATCH + 1];
        lists_agree_with_steps::<Ristretto255>(&edges, 1);
        lists_agree_with_steps::<Ristretto255>(&[SLICE, SLICE + 1], 61);
        lists_agree_with_steps::<Sm2>(&edges, 1);
    }

    fn multiplications_commute<G: Group>() {
        let inputs = [b"a", b"b", b"c"];
        let there = |first: &SecretScalar<G>, second: &SecretScalar<G>| {
            let once = hash_and_multiply(DOMAIN, b"run", &inputs, first);
            multiply_distinct(once.as_flattened(), 3, second).unwrap()
        };
        let (one, two) = (scalar("one"), scalar("two"));
        assert_eq!(there(&one, &two), there(&two, &one));
        assert_ne!(there(&one, &two), there(&two, &two));
    }

    #[test]
    fn the_order_of_the_scalars_is_all_the_same() {
        multiplications_commute::<Ristretto255>();
        multiplications_commute::<Sm2>();
    }

    /// What a list is refused for, whether it is to be multiplied or only checked.
    fn refusal_of<G: Group>(list: &[Encoded]) -> Refusal {
        let bytes = list.as_flattened();
        let refusal = vartime_check_distinct::<G>(bytes, list.len()).unwrap_err();
        assert_eq!(
            multiply_distinct::<G>(bytes, list.len(), &scalar("own")),
            Err(refusal)
        );
        refusal
    }

    fn a_wrong_length_is_refused<G: Group>() {
        let list = list::<G>(4);
        let bytes = list.as_flattened();
        for cut in [0, 1, 31, 33, 96, 127] {
            assert_eq!(
                vartime_check_distinct::<G>(&bytes[..cut], 4),
                Err(Refusal::Length {
                    expected: 128,
                    found: cut
                })
            );
        }
        assert!(vartime_check_distinct::<G>(bytes, 3).is_err());
        assert_eq!(vartime_check_distinct::<G>(bytes, 4), Ok(()));
    }

    fn a_bad_element_is_refused_wherever_it_is<G: Group>(identity: Option<Encoded>) {
        let good = list::<G>(SLICE + 200);
        for (first, second) in [(0, 1), (0, 199), (63, 64), (100, SLICE + 1)] {
            let mut list = good.clone();
            list[second] = list[first];
            assert_eq!(refusal_of::<G>(&list), Refusal::Repeated(second));
        }
        for at in [150, SLICE + 150] {
            let mut list = good.clone();
            list[at] = [255; ENCODED];
            assert_eq!(refusal_of::<G>(&list), Refusal::NotCanonical(at));
            if let Some(identity) = identity {
                list[at] = identity;
                assert_eq!(refusal_of::<G>(&list), Refusal::Identity(at));
            }
        }
    }

    #[test]
    fn lists_of_ristretto255_are_refused() {
        a_wrong_length_is_refused::<Ristretto255>();
        a_bad_element_is_refused_wherever_it_is::<Ristretto255>(Some([0; ENCODED]));
    }

    /// The identity has no x-coordinate.
    #[test]
    fn lists_of_sm2_are_refused() {
        a_wrong_length_is_refused::<Sm2>();
        a_bad_element_is_refused_wherever_it_is::<Sm2>(None);
    }
}
