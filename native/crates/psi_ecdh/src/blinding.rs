//! First stage of either party: its set is blinded, the other's is awaited.

use core::fmt;
use core::marker::PhantomData;
use std::collections::HashMap;

use chacha20::rand_core::Rng;
use mihe_group::list::{Encoded, hash_and_multiply, multiply_distinct, vartime_first_repeated};
use mihe_group::secret::AttemptSecret;
use mihe_group::shuffle::permutation;

use crate::bits;
use crate::error::{Fault, Refused};
use crate::evaluation::Evaluation;
use crate::matched;
use crate::places::{Places, in_order};
use crate::setup::{Mode, Role, Setup};
use crate::suite::Suite;
use crate::tag::tags;

const SCALAR: &str = "mihe/psi-ecdh/v1/scalar";
const ORDER: &str = "mihe/psi-ecdh/v1/order";
const DUMMIES: &str = "mihe/psi-ecdh/v1/dummies";
const TAG_ORDER: &str = "mihe/psi-ecdh/v1/tag-order";

/// Holds the attempt's secret and the order in which this party's items went out.
pub struct Blinding<S: Suite> {
    suite: PhantomData<S>,
    secret: AttemptSecret,
    setup: Setup,
    role: Role,
    places: Places,
}

/// A tag that the sender made, and the product that it is of: their indices.
struct Pair {
    tag: usize,
    product: usize,
}

impl<S: Suite> Blinding<S> {
    /// Blinds `items`, all different, padded with dummies to the agreed size and shuffled. The points are the
    /// message.
    pub fn new<I>(
        secret: AttemptSecret,
        setup: Setup,
        role: Role,
        items: &[I],
    ) -> Result<(Self, Vec<u8>), Fault>
    where
        I: AsRef<[u8]> + Sync,
    {
        if !setup.is_possible() {
            return Err(Fault::Caller("a list has 1 to 2^20 points"));
        }
        let size = setup.size_of(role);
        if items.len() > size {
            return Err(Fault::Caller("more items than the size agreed"));
        }
        let keys: Vec<&[u8]> = items.iter().map(AsRef::as_ref).collect();
        if vartime_first_repeated(&keys).is_some() {
            return Err(Fault::Caller("two items are equal"));
        }

        let scalar = secret.scalar::<S::Group>(&setup.run, SCALAR);
        let dummies = dummies(&secret, &setup, size - items.len());
        let mut points = hash_and_multiply(S::ITEM, &setup.run, &keys, &scalar);
        points.extend(hash_and_multiply(S::DUMMY, &setup.run, &dummies, &scalar));

        let mut stream = secret.stream(&setup.run, ORDER);
        let places = Places::random(&mut stream, size, items.len());
        let message = places.arrange(&points).into_flattened();
        let blinding = Self {
            suite: PhantomData,
            secret,
            setup,
            role,
            places,
        };
        Ok((blinding, message))
    }

    /// The sender multiplies the receiver's points. The tags returned are in their order, or shuffled where only
    /// the number of matches may be known.
    pub fn evaluate(self, points: &[u8]) -> Result<(Evaluation<S>, Vec<u8>), Fault> {
        self.require(Role::Sender)?;
        let mut products = self.multiply(points, self.setup.receiver_size)?;
        if self.setup.mode == Mode::Cardinality {
            let mut stream = self.secret.stream(&self.setup.run, TAG_ORDER);
            // At most 2^20.
            let order = permutation(&mut stream, self.setup.receiver_size as u32);
            products = in_order(&products, &order);
        }
        let width = self.setup.tag_width();
        let message = bits::pack(tags::<S::Hash>(&self.setup.run, &products, width), width);
        let evaluation = Evaluation {
            suite: PhantomData,
            setup: self.setup,
            places: self.places,
            products,
        };
        Ok((evaluation, message))
    }

    /// Indices, ascending, of the receiver's items that the sender has too, and the message that tells a sender
    /// who learns which of its own they are. `points` and `tags` are the sender's.
    pub fn positions(self, points: &[u8], tags: &[u8]) -> Result<(Vec<u32>, Vec<u8>), Fault> {
        if self.setup.mode != Mode::Intersection {
            return Err(Fault::Caller("shuffled tags have no positions"));
        }
        let (products, matches) = self.vartime_match(points, tags)?;
        // Of the sender's places. Tags differ, so none is there twice.
        let mut numbers = vec![0; products.len()];
        for pair in &matches {
            numbers[pair.product] = pair.tag as u32 + 1;
        }
        let elements = products
            .iter()
            .zip(&numbers)
            .filter_map(|(product, &number)| (number != 0).then_some(product));
        let message = matched::tell::<S::Hash>(&self.setup, &numbers, elements);
        let places = matches.iter().map(|pair| pair.tag);
        Ok((self.places.items(places), message))
    }

    /// How many of the receiver's items the sender has too, and the message that tells a sender who learns.
    pub fn count(self, points: &[u8], tags: &[u8]) -> Result<(usize, Vec<u8>), Fault> {
        if self.setup.mode != Mode::Cardinality {
            return Err(Fault::Caller("tags in order have positions"));
        }
        let (products, matches) = self.vartime_match(points, tags)?;
        let mut numbers = vec![0; self.setup.receiver_size];
        for pair in &matches {
            numbers[pair.tag] = 1;
        }
        let elements = matches.iter().map(|pair| &products[pair.product]);
        Ok((
            matches.len(),
            matched::tell::<S::Hash>(&self.setup, &numbers, elements),
        ))
    }

    /// The products of the sender's points, and all pairs, by tag. The
    /// time depends on what the receiver may know.
    fn vartime_match(
        &self,
        points: &[u8],
        message: &[u8],
    ) -> Result<(Vec<Encoded>, Vec<Pair>), Fault> {
        self.require(Role::Receiver)?;
        let width = self.setup.tag_width();
        let expected = bits::bytes(self.setup.receiver_size, width);
        if message.len() != expected {
            return Err(Fault::Peer(Refused::Length {
                list: "list of tags",
                expected,
                found: message.len(),
            }));
        }
        let theirs = bits::unpack(message, self.setup.receiver_size, width)
            .ok_or(Refused::SpareBits("list of tags"))?;
        if let Some(at) = vartime_first_repeated(&theirs) {
            return Err(Fault::Peer(Refused::TagRepeated(at)));
        }
        let products = self.multiply(points, self.setup.sender_size)?;
        let own: HashMap<u128, usize> = tags::<S::Hash>(&self.setup.run, &products, width)
            .into_iter()
            .zip(0..)
            .collect();
        let matches = theirs
            .iter()
            .enumerate()
            .filter_map(|(tag, value)| own.get(value).map(|&product| Pair { tag, product }))
            .collect();
        Ok((products, matches))
    }

    fn multiply(&self, points: &[u8], count: usize) -> Result<Vec<Encoded>, Fault> {
        let scalar = self.secret.scalar::<S::Group>(&self.setup.run, SCALAR);
        Ok(multiply_distinct(points, count, &scalar)?)
    }

    fn require(&self, role: Role) -> Result<(), Fault> {
        if self.role != role {
            return Err(Fault::Caller("this is the other role's step"));
        }
        Ok(())
    }
}

impl<S: Suite> fmt::Debug for Blinding<S> {
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
