//! Random oblivious transfers from the curve, the base of everything else.
//!
//! Masny and Rindal, "Endemic Oblivious Transfer" (CCS 2019, ePrint 2019/706), figure 8, from key agreement over
//! ristretto255. One message each way, independent of each other:
//!
//! ```text
//! receiver, choice c:  R[1-c] random, b random, R[c] = b·G - H(c, R[1-c])        → R[0], R[1]
//! sender:              a random                                                   → A = a·G
//! keys:                K[i] = KDF(a·(R[i] + H(i, R[1-i]))),  the receiver's K[c] = KDF(b·A)
//! ```
//!
//! H hashes to the group with the run, the number of the transfer and i, so transfers are independent. The receiver
//! learns one key, the sender not which. Under CDH with H and the KDF as random oracles, against parties that deviate
//! too. Never the protocol of Chou and Orlandi ("simplest OT"), whose proof does not cover this use.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use mihe_group::hash::Domain;
use mihe_group::ristretto255::{hash_to_group, map_to_group};
use mihe_group::secret::RunId;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::refused::Refused;
use crate::stream::Stream;

/// Bytes of a group element.
pub const POINT: usize = 32;

const TO_GROUP: Domain<'static> =
    Domain::fixed(b"mihe-base-ot-V1-with-ristretto255_XMD:SHA-512_R255MAP_RO_");
const KEY_TAG: &[u8] = b"mihe/base-ot/key/v1";

/// The receiver between its message and the sender's.
pub struct Choosing {
    run: RunId,
    message: Vec<u8>,
    scalars: Vec<Zeroizing<Scalar>>,
}

/// The receiver's message for these choices: two points a transfer.
pub fn choose(run: &RunId, choices: &[bool], stream: &mut Stream) -> (Choosing, Vec<u8>) {
    let drawn: Vec<(Zeroizing<Scalar>, [u8; 64])> = choices
        .iter()
        .map(|_| {
            let scalar = Scalar::from_bytes_mod_order_wide(&stream.array());
            (Zeroizing::new(scalar), stream.array())
        })
        .collect();
    let pairs: Vec<[[u8; POINT]; 2]> = drawn
        .par_iter()
        .zip(choices)
        .enumerate()
        .map(|(number, ((scalar, random), &choice))| {
            // Of unknown logarithm to everybody: the image of random bytes.
            let other = map_to_group(random).compress();
            let mask = mask(run, number as u32, choice, &other);
            let chosen = RISTRETTO_BASEPOINT_TABLE * &**scalar - mask;
            // Both are computed; which stands first is decided by a constant-time swap.
            let mut pair = [chosen.compress().to_bytes(), other.to_bytes()];
            swap_if(choice, &mut pair);
            pair
        })
        .collect();
    let message = pairs.as_flattened().as_flattened().to_vec();
    let choosing = Choosing {
        run: *run,
        message: message.clone(),
        scalars: drawn.into_iter().map(|(scalar, _)| scalar).collect(),
    };
    (choosing, message)
}

impl Choosing {
    /// What was sent.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The chosen keys, from the sender's point.
    pub fn keys(self, point: &[u8]) -> Result<Vec<u128>, Refused> {
        let (encoding, point) = decode(point)?;
        Ok(self
            .scalars
            .par_iter()
            .zip(self.message.par_chunks_exact(2 * POINT))
            .enumerate()
            .map(|(number, (scalar, pair))| {
                let shared = Zeroizing::new((point * **scalar).compress().to_bytes());
                key(&self.run, number as u32, pair, &encoding, &shared)
            })
            .collect())
    }
}

/// The sender: its message, and both keys of every transfer, from the receiver's message.
pub fn offer(
    run: &RunId,
    transfers: usize,
    message: &[u8],
    stream: &mut Stream,
) -> Result<(Vec<u8>, Vec<[u128; 2]>), Refused> {
    if message.len() != 2 * POINT * transfers {
        return Err(Refused::Length("base points"));
    }
    let scalar = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&stream.array()));
    let own = (RISTRETTO_BASEPOINT_TABLE * &*scalar).compress().to_bytes();
    let keys = message
        .par_chunks_exact(2 * POINT)
        .enumerate()
        .map(|(number, pair)| {
            let number = number as u32;
            let points = [decode(&pair[..POINT])?, decode(&pair[POINT..])?];
            let shared = [0, 1].map(|index: usize| {
                let (other, _) = points[1 - index];
                let point =
                    points[index].1 + mask(run, number, index == 1, &CompressedRistretto(other));
                Zeroizing::new((point * *scalar).compress().to_bytes())
            });
            Ok(shared.map(|shared| key(run, number, pair, &own, &shared)))
        })
        .collect::<Result<_, _>>()?;
    Ok((own.to_vec(), keys))
}

fn mask(run: &RunId, number: u32, index: bool, other: &CompressedRistretto) -> RistrettoPoint {
    let parts: [&[u8]; 4] = [
        run,
        &number.to_le_bytes(),
        &[u8::from(index)],
        other.as_bytes(),
    ];
    hash_to_group(TO_GROUP, &parts)
}

fn key(run: &RunId, number: u32, pair: &[u8], offered: &[u8; POINT], shared: &[u8; POINT]) -> u128 {
    let digest = Sha256::new()
        .chain_update(KEY_TAG)
        .chain_update(run)
        .chain_update(number.to_le_bytes())
        .chain_update(pair)
        .chain_update(offered)
        .chain_update(shared)
        .finalize();
    let mut low = [0; 16];
    low.copy_from_slice(&digest[..16]);
    u128::from_le_bytes(low)
}

fn decode(bytes: &[u8]) -> Result<([u8; POINT], RistrettoPoint), Refused> {
    let encoding: [u8; POINT] = bytes.try_into().map_err(|_| Refused::Length("point"))?;
    let point = CompressedRistretto(encoding)
        .decompress()
        .ok_or(Refused::Point)?;
    if point.is_identity() {
        return Err(Refused::Point);
    }
    Ok((encoding, point))
}

fn swap_if(swap: bool, pair: &mut [[u8; POINT]; 2]) {
    let mask = 0u8.wrapping_sub(u8::from(swap));
    let [first, second] = pair;
    for (one, other) in first.iter_mut().zip(second) {
        let difference = (*one ^ *other) & mask;
        *one ^= difference;
        *other ^= difference;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RUN: RunId = [3; 32];

    fn stream(label: u8) -> Stream {
        Stream::from_seed([label; 32])
    }

    fn transferred(choices: &[bool]) -> (Vec<u128>, Vec<[u128; 2]>) {
        let (choosing, message) = choose(&RUN, choices, &mut stream(1));
        let (point, pairs) = offer(&RUN, choices.len(), &message, &mut stream(2)).unwrap();
        (choosing.keys(&point).unwrap(), pairs)
    }

    #[test]
    fn the_receiver_has_the_key_that_it_chose_and_not_the_other() {
        let choices: Vec<bool> = (0..40).map(|i| i % 3 == 0).collect();
        let (keys, pairs) = transferred(&choices);
        for ((key, pair), choice) in keys.iter().zip(&pairs).zip(choices) {
            assert_eq!(*key, pair[usize::from(choice)]);
            assert_ne!(*key, pair[usize::from(!choice)]);
        }
        let mut all: Vec<u128> = pairs.concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 80);
    }

    #[test]
    fn keys_of_another_run_are_others() {
        let (_, message) = choose(&RUN, &[true], &mut stream(1));
        let (_, one) = offer(&RUN, 1, &message, &mut stream(2)).unwrap();
        let (_, two) = offer(&[4; 32], 1, &message, &mut stream(2)).unwrap();
        assert_ne!(one[0][0], two[0][0]);
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let (choosing, mut message) = choose(&RUN, &[true, false], &mut stream(1));
        for (length, refused) in [
            (127, Refused::Length("base points")),
            (0, Refused::Length("base points")),
        ] {
            assert_eq!(
                offer(&RUN, 2, &message[..length], &mut stream(2)).err(),
                Some(refused)
            );
        }
        message[64..96].copy_from_slice(&[0; 32]);
        assert_eq!(
            offer(&RUN, 2, &message, &mut stream(2)).err(),
            Some(Refused::Point)
        );
        message[64..96].copy_from_slice(&[0xff; 32]);
        assert_eq!(
            offer(&RUN, 2, &message, &mut stream(2)).err(),
            Some(Refused::Point)
        );
        assert_eq!(choosing.keys(&[0; 32]).err(), Some(Refused::Point));
    }
}
