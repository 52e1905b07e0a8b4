//! That c = a·Δ + b holds for one b, whatever trees the sender sent.
//!
//! Who sends other sums than its trees have makes c depend on where the receiver's noise is, and could learn that place from
//! what the receiver does later. As in Weng, Yang, Katz and Wang, "Wolverine" (IEEE S&P 2021, ePrint 2020/925), figure 7,
//! but over the vectors and not the leaves:
//!
//! ```text
//! R → S   χ, x = Σ a_i·χ^i + a*            χ random, drawn when the trees are there
//! S → R   H(Σ b_i·χ^i + b* + x·Δ)          R: H(Σ c_i·χ^i + c*)
//! ```
//!
//! The element * is made for this alone, so that x shows nothing of a. The answer is hashed: a receiver that sends another x than
//! it has would see Δ in the difference. Two different vectors b have one sum with probability m / 2^128; a sender that is not
//! caught knew which b it is, but with probability 2^-53 (docs/decisions/0026).

use mihe_gf128::{Gf128, add_multiples};
use mihe_group::secret::RunId;
use sha2::{Digest, Sha256};

use crate::refused::Refused;
use crate::silent::{Received, Sent};

const TAG: &[u8] = b"mihe/vole/answer/v1";
/// Elements that are multiplied by one power at once.
const LANES: usize = 512;
/// Bytes of a challenge: two elements.
pub(crate) const CHALLENGE: usize = 32;
/// Bytes of an answer.
pub(crate) const ANSWER: usize = 32;

/// The sender with an element more than was asked for.
pub struct Answering {
    pub(crate) run: RunId,
    pub(crate) sent: Sent,
}

impl Answering {
    /// Answers the receiver's challenge.
    pub fn answer(self, challenge: &[u8]) -> Result<(Sent, Vec<u8>), Refused> {
        let challenge: &[u8; CHALLENGE] = challenge
            .try_into()
            .map_err(|_| Refused::Length("challenge"))?;
        let [point, folded] = elements(challenge);
        let Sent { delta, mut b } = self.sent;
        let value = fold(&mut b, point) + folded * delta;
        Ok((Sent { delta, b }, digest(&self.run, challenge, value)))
    }
}

/// The receiver with an element more than was asked for.
pub struct Unchecked {
    pub(crate) run: RunId,
    pub(crate) received: Received,
}

impl Unchecked {
    /// The challenge, at a point that the sender can't have known.
    pub fn challenge(self, point: u128) -> (Checking, Vec<u8>) {
        let Received { mut a, mut c } = self.received;
        let folded = fold(&mut a, Gf128(point));
        let mut challenge = [0; CHALLENGE];
        challenge[..16].copy_from_slice(&point.to_le_bytes());
        challenge[16..].copy_from_slice(&folded.0.to_le_bytes());
        let value = fold(&mut c, Gf128(point));
        let checking = Checking {
            received: Received { a, c },
            expected: digest(&self.run, &challenge, value),
        };
        (checking, challenge.to_vec())
    }
}

/// The receiver before the answer.
pub struct Checking {
    received: Received,
    expected: Vec<u8>,
}

impl Checking {
    /// Its vectors, if the answer is right.
    pub fn check(self, answer: &[u8]) -> Result<Received, Refused> {
        if answer.len() != ANSWER {
            return Err(Refused::Length("answer"));
        }
        if answer != self.expected {
            return Err(Refused::Trees);
        }
        Ok(self.received)
    }
}

/// v_1·χ + v_2·χ² + … of all elements but the last, plus that one, which is taken away.
fn fold(vector: &mut Vec<Gf128>, point: Gf128) -> Gf128 {
    let last = vector.pop().unwrap_or(Gf128::ZERO);
    let mut powers = [point; LANES];
    let mut power = point;
    for each in &mut powers {
        *each = power;
        power *= point;
    }
    let mut sums = [Gf128::ZERO; LANES];
    for chunk in vector.chunks(LANES).rev() {
        let mut next = [Gf128::ZERO; LANES];
        next[..chunk.len()].copy_from_slice(chunk);
        add_multiples(&mut next, &sums, powers[LANES - 1]);
        sums = next;
    }
    let folded: Gf128 = sums
        .iter()
        .zip(powers)
        .map(|(&sum, power)| sum * power)
        .sum();
    folded + last
}

fn elements(bytes: &[u8; CHALLENGE]) -> [Gf128; 2] {
    let (blocks, _) = bytes.as_chunks::<16>();
    [blocks[0], blocks[1]].map(|block| Gf128(u128::from_le_bytes(block)))
}

fn digest(run: &RunId, challenge: &[u8; CHALLENGE], value: Gf128) -> Vec<u8> {
    Sha256::new()
        .chain_update(TAG)
        .chain_update(run)
        .chain_update(challenge)
        .chain_update(value.0.to_le_bytes())
        .finalize()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_folded_as_a_polynomial() {
        let point = Gf128(0x1234_5678_9abc_def0_0fed_cba9_8765_4321);
        for len in [1, 2, LANES, LANES + 1, LANES + 2, 3 * LANES + 7] {
            let vector: Vec<Gf128> = (1..=len as u128).map(|at| Gf128(at << 60 | at)).collect();
            let (last, others) = vector
                .split_last()
                .map_or((Gf128::ZERO, &[][..]), |(l, o)| (*l, o));
            let horner = others
                .iter()
                .rev()
                .fold(Gf128::ZERO, |sum, &element| (sum + element) * point);
            let mut folded = vector.clone();
            assert!(fold(&mut folded, point) == horner + last, "{len}");
            assert_eq!(folded.len(), len - 1);
        }
    }
}
