//! An owner's own list, from its blinding to its tokens. Every other owner multiplies it in between.

use core::fmt;

use chacha20::rand_core::Rng;
use mihe_group::hash::Domain;
use mihe_group::list::{hash_and_multiply, multiply_distinct, vartime_check_distinct};
use mihe_group::ristretto255::Ristretto255;
use mihe_group::secret::{AttemptSecret, RunId, SecretScalar};

use crate::error::Fault;
use crate::places;
use crate::setup::Setup;
use crate::token::tokens;

const KEY: Domain<'static> =
    Domain::fixed(b"mihe-blind-join-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_");
/// Dummies have a domain of their own, so that no key can ever be one.
const DUMMY: Domain<'static> =
    Domain::fixed(b"mihe-blind-join-dummy-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_");

const ORDER: &str = "mihe/blind-join/v1/order";
const DUMMIES: &str = "mihe/blind-join/v1/dummies";

/// Holds what the list was made of, place by place, and the factor k/s that finishes it.
pub struct Journey {
    run: RunId,
    token_bytes: usize,
    /// k/s: neither k nor s alone is here.
    ratio: SecretScalar,
    /// The key or dummy at each place of the list.
    inputs: Vec<Box<[u8]>>,
    /// Index of the key at each place, −1 for a dummy.
    order: Vec<i32>,
    /// Owners who have not yet returned the list.
    ahead: usize,
}

impl Journey {
    pub(crate) fn new<I>(
        secret: &AttemptSecret,
        setup: &Setup,
        scalar: &SecretScalar,
        blinding: &SecretScalar,
        keys: &[I],
    ) -> Result<(Self, Vec<u8>), Fault>
    where
        I: AsRef<[u8]> + Sync,
    {
        let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
        let places = places::draw(secret, ORDER, setup, &keys)?;
        let mut dummies = vec![[0; 32]; places.len() - keys.len()];
        let mut stream = secret.stream(&setup.run, DUMMIES);
        stream.fill_bytes(dummies.as_flattened_mut());

        let mut points = hash_and_multiply(KEY, &setup.run, &keys, blinding);
        points.extend(hash_and_multiply(DUMMY, &setup.run, &dummies, blinding));

        let input = |at: usize| -> Box<[u8]> {
            match keys.get(at) {
                Some(&key) => key.into(),
                None => dummies[at - keys.len()].into(),
            }
        };
        let journey = Self {
            run: setup.run,
            token_bytes: setup.token_bytes,
            ratio: scalar.ratio(blinding),
            inputs: places.iter().map(|&at| input(at as usize)).collect(),
            order: places::keys_at(&places, keys.len()),
            ahead: setup.sizes.len() - 1,
        };
        let list: Vec<_> = places.iter().map(|&at| points[at as usize]).collect();
        Ok((journey, list.into_flattened()))
    }

    /// The list as an owner returned it, when others have yet to multiply it: the same points are for the next.
    pub fn forward(mut self, points: &[u8]) -> Result<Self, Fault> {
        if self.ahead < 2 {
            return Err(Fault::Caller("no owner is left to send the list to"));
        }
        vartime_check_distinct::<Ristretto255>(points, self.inputs.len())?;
        self.ahead -= 1;
        Ok(self)
    }

    /// The list as the last owner returned it: the tokens in a row, and for each the index of its key, or −1.
    pub fn finish(self, points: &[u8]) -> Result<(Vec<u8>, Vec<i32>), Fault> {
        if self.ahead != 1 {
            return Err(Fault::Caller("an owner has not multiplied the list yet"));
        }
        let points = multiply_distinct(points, self.inputs.len(), &self.ratio)?;
        let tokens = tokens(&self.run, &self.inputs, &points, self.token_bytes);
        Ok((tokens, self.order))
    }
}

impl fmt::Debug for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journey(…)")
    }
}
