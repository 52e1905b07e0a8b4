//! Keyed tokens (SPEC §1.13): no points and no passes, a hash under a key that all owners hold.
//!
//! Security: the coordinator, who has no key, sees random strings, equal where keys are. Whoever has the key and
//! the tokens has every identifier, by trying all that there are: so they must never meet. The key is made here,
//! used here and wiped here; what it is made of travels between owners and is theirs to erase.

use core::fmt;

use chacha20::rand_core::Rng;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use mihe_group::secret::{AttemptSecret, RunId};
use rayon::prelude::*;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::places;
use crate::setup::{MOST_TOKENS, Setup};

const KEY: &[u8] = b"mihe/keyed-join/v1/key";
const ORDER: &str = "mihe/keyed-join/v1/order";
const DUMMIES: &str = "mihe/keyed-join/v1/dummies";

/// What an owner draws and sends to every other owner.
pub type Contribution = [u8; 32];

/// An owner's whole list: tokens in a row, and for each the index of its key, −1 for a dummy.
///
/// `contributions` has one of every owner, in the contract's order. `secret` is this owner's own: the order of
/// its list and its dummies, of which each is as many random bytes as a token has.
pub fn keyed_list<I>(
    secret: &AttemptSecret,
    setup: &Setup,
    contributions: Vec<Contribution>,
    keys: &[I],
) -> Result<(Vec<u8>, Vec<i32>), Fault>
where
    I: AsRef<[u8]> + Sync,
{
    setup.check(MOST_TOKENS)?;
    if contributions.len() != setup.sizes.len() {
        return Err(Fault::Caller("not one contribution of every owner"));
    }
    let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
    let places = places::draw(secret, ORDER, setup, &keys)?;
    let length = setup.token_bytes;
    let mut dummies = vec![0; (places.len() - keys.len()) * length];
    secret.stream(&setup.run, DUMMIES).fill_bytes(&mut dummies);

    let key = TokenKey::new(&setup.run, contributions);
    let mut tokens = vec![0; places.len() * length];
    tokens
        .par_chunks_exact_mut(length)
        .zip(&places)
        .with_min_len(4096)
        .for_each(|(token, &at)| match keys.get(at as usize) {
            Some(input) => key.token(input, token),
            None => {
                let from = (at as usize - keys.len()) * length;
                token.copy_from_slice(&dummies[from..from + length]);
            }
        });
    Ok((tokens, places::keys_at(&places, keys.len())))
}

/// HMAC-SHA-256 under the key of a run, its first block done.
struct TokenKey(Hmac<Sha256>);

impl TokenKey {
    fn new(run: &RunId, contributions: Vec<Contribution>) -> Self {
        let joined = Zeroizing::new(contributions.into_flattened());
        let mut key = Zeroizing::new([0; 32]);
        // Only an output of more than 255 hashes is refused.
        #[expect(clippy::expect_used)]
        Hkdf::<Sha256>::new(Some(run), &joined)
            .expand(KEY, key.as_mut())
            .expect("one hash is not too long");
        #[expect(clippy::expect_used)]
        let started = Hmac::new_from_slice(key.as_ref()).expect("a key of any length is taken");
        Self(started)
    }

    /// As many bytes of the hash as `token` has.
    fn token(&self, input: &[u8], token: &mut [u8]) {
        let hash = self.0.clone().chain_update(input).finalize().into_bytes();
        token.copy_from_slice(&hash[..token.len()]);
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const KEYS: [&[u8]; 3] = [b"uscc:1", b"uscc:22", b"uscc:333"];

    fn setup(run: u8) -> Setup {
        Setup {
            run: [run; 32],
            sizes: vec![8, 4],
            me: 0,
            token_bytes: 9,
        }
    }

    fn named(secret: u8, setup: &Setup, drawn: [Contribution; 2]) -> HashMap<i32, Vec<u8>> {
        let secret = AttemptSecret::from_bytes([secret; 32]);
        let (tokens, order) = keyed_list(&secret, setup, drawn.to_vec(), &KEYS).unwrap();
        assert_eq!((tokens.len(), order.len()), (8 * 9, 8));
        assert_eq!(order.iter().filter(|&&at| at < 0).count(), 5);
        order
            .into_iter()
            .zip(tokens.chunks_exact(9).map(<[u8]>::to_vec))
            .filter(|(at, _)| *at >= 0)
            .collect()
    }

    #[test]
    fn a_token_depends_on_run_and_contributions_and_on_no_secret_of_its_owner() {
        let one = named(1, &setup(1), [[2; 32], [3; 32]]);
        assert_eq!(one.len(), 3);
        assert_eq!(one, named(9, &setup(1), [[2; 32], [3; 32]]));
        assert_ne!(one, named(1, &setup(2), [[2; 32], [3; 32]]));
        assert_ne!(one, named(1, &setup(1), [[3; 32], [2; 32]]));
        assert_ne!(one, named(1, &setup(1), [[2; 32], [4; 32]]));
    }

    #[test]
    fn dummies_and_order_depend_on_the_owners_secret() {
        let of = |secret| {
            let secret = AttemptSecret::from_bytes([secret; 32]);
            keyed_list(&secret, &setup(1), vec![[2; 32], [3; 32]], &KEYS).unwrap()
        };
        let ((tokens, order), (others, another)) = (of(1), of(2));
        assert_ne!(order, another);
        let dummies = |tokens: &[u8], order: &[i32]| -> Vec<Vec<u8>> {
            let pairs = tokens.chunks_exact(9).zip(order);
            pairs
                .filter(|(_, at)| **at < 0)
                .map(|(token, _)| token.to_vec())
                .collect()
        };
        let first = dummies(&tokens, &order);
        assert!(
            dummies(&others, &another)
                .iter()
                .all(|one| !first.contains(one))
        );
    }

    #[test]
    fn what_the_caller_may_not_hand_in_is_refused() {
        let secret = AttemptSecret::from_bytes([1; 32]);
        let twice: [&[u8]; 2] = [b"uscc:1", b"uscc:1"];
        let nine = vec![b"x"; 9];
        let two = || vec![[2; 32], [3; 32]];
        assert!(keyed_list(&secret, &setup(1), two(), &twice).is_err());
        assert!(keyed_list(&secret, &setup(1), two(), &nine).is_err());
        assert!(keyed_list(&secret, &setup(1), vec![[2; 32]], &KEYS).is_err());
        let mut long = setup(1);
        long.sizes[1] = MOST_TOKENS;
        assert!(keyed_list(&secret, &long, two(), &KEYS).is_ok());
        long.sizes[1] += 1;
        assert!(keyed_list(&secret, &long, two(), &KEYS).is_err());
    }
}
