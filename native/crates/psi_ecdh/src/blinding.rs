//! First stage of either party: its set is blinded and out, the other's is awaited.

use core::fmt;

use chacha20::rand_core::Rng;
use mihe_group::hash::Domain;
use mihe_group::list::{Encoded, hash_and_multiply, multiply_distinct, vartime_first_repeated};
use mihe_group::secret::AttemptSecret;
use mihe_group::shuffle::permutation;

use crate::error::Fault;
use crate::evaluation::Evaluation;
use crate::setup::{Mode, Setup};
use crate::tag::tags;

const ITEM: Domain<'static> =
    Domain::fixed(b"mihe-psi-ecdh-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_");
/// Dummies have a domain of their own, so that no item can ever be one.
const DUMMY: Domain<'static> =
    Domain::fixed(b"mihe-psi-ecdh-dummy-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_");

const SCALAR: &str = "mihe/psi-ecdh/v1/scalar";
const ORDER: &str = "mihe/psi-ecdh/v1/order";
const DUMMIES: &str = "mihe/psi-ecdh/v1/dummies";
const TAG_ORDER: &str = "mihe/psi-ecdh/v1/tag-order";

/// Holds the attempt's secret and the order in which this party's items went out.
pub struct Blinding {
    secret: AttemptSecret,
    setup: Setup,
    /// Index of the item at each place of the list sent; from `real` on they are dummies.
    order: Vec<u32>,
    real: u32,
}

impl Blinding {
    /// Blinds `items`, all different, padded with dummies to the agreed size and shuffled. The points are the
    /// message.
    pub fn new<I>(
        secret: AttemptSecret,
        setup: Setup,
        items: &[I],
    ) -> Result<(Self, Vec<u8>), Fault>
    where
        I: AsRef<[u8]> + Sync,
    {
        if !setup.is_possible() {
            return Err(Fault::Caller("a list has 1 to 2^20 points"));
        }
        if items.len() > setup.own_size {
            return Err(Fault::Caller("more items than the size agreed"));
        }
        let keys: Vec<&[u8]> = items.iter().map(AsRef::as_ref).collect();
        if vartime_first_repeated(&keys).is_some() {
            return Err(Fault::Caller("two items are equal"));
        }

        let scalar = secret.scalar(&setup.run, SCALAR);
        let dummies = dummies(&secret, &setup, setup.own_size - items.len());
        let mut points = hash_and_multiply(ITEM, &setup.run, &keys, &scalar);
        points.extend(hash_and_multiply(DUMMY, &setup.run, &dummies, &scalar));

        // Sizes are at most 2^20.
        let mut stream = secret.stream(&setup.run, ORDER);
        let order = permutation(&mut stream, setup.own_size as u32);
        let message = in_order(&points, &order).into_flattened();
        let blinding = Self {
            secret,
            setup,
            order,
            real: items.len() as u32,
        };
        Ok((blinding, message))
    }

    /// Multiplies the peer's points. The tags returned are for the peer, in the order of its points, or
    /// shuffled where only the number of matches may be known.
    pub fn evaluate(self, points: &[u8]) -> Result<(Evaluation, Vec<u8>), Fault> {
        let Setup { run, role, .. } = self.setup;
        let length = self.setup.tag_bytes();
        let scalar = self.secret.scalar(&run, SCALAR);
        let mut products = multiply_distinct(points, self.setup.peer_size, &scalar)?;
        if self.setup.mode == Mode::Cardinality {
            let mut stream = self.secret.stream(&run, TAG_ORDER);
            let order = permutation(&mut stream, self.setup.peer_size as u32);
            products = in_order(&products, &order);
        }
        let for_peer = tags(role.other(), &run, &products, length);
        let own = tags(role, &run, &products, length);
        Ok((
            Evaluation::new(self.setup, self.order, self.real, own),
            for_peer,
        ))
    }
}

impl fmt::Debug for Blinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blinding(…)")
    }
}

fn dummies(secret: &AttemptSecret, setup: &Setup, count: usize) -> Vec<[u8; 32]> {
    let mut stream = secret.stream(&setup.run, DUMMIES);
    let mut dummies = vec![[0; 32]; count];
    stream.fill_bytes(dummies.as_flattened_mut());
    dummies
}

fn in_order(points: &[Encoded], order: &[u32]) -> Vec<Encoded> {
    order.iter().map(|&at| points[at as usize]).collect()
}
