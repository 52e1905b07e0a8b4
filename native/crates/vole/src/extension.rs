//! Many oblivious transfers from 128: SoftSpoken OT with subspace dimension 2, semi-honest.
//!
//! Roy, "SoftSpokenOT: Quieter OT Extension from Small-Field Silent VOLE in the Minicrypt Model" (CRYPTO 2022, ePrint
//! 2022/192), figures 7 and 10 with the repetition code and k = 2: 64 small-field VOLEs, each from a tree of four
//! leaves of which the sender lacks one, at place Δ_i in GF(4). With P_x the stream of leaf x,
//!
//! ```text
//! receiver:  u_i = Σ P_x            v_i = Σ x·P_x
//! sender:    w_i = Σ (x - Δ_i)·P_x  and so  v_i = w_i + Δ_i·u_i
//! ```
//!
//! The receiver sends u_i + choices, after which all 64 have the same u, its choices. Row j of the sender's 128 bit
//! planes and of the receiver's then differ by Δ if choice j is 1, and are hashed to keys.

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_group::secret::RunId;
use sha2::{Digest, Sha256};

use crate::refused::Refused;
use crate::stream::Stream;
use crate::trees::{Children, Forest};

/// Base transfers that an extension takes.
pub const BASE: usize = 128;

const WORD: usize = 128;
const LEVELS: usize = 2;
const FOREST: Forest = Forest {
    trees: BASE / LEVELS,
    leaves: 1 << LEVELS,
};
const KEY_TAG: &[u8] = b"mihe/ot-extension/key/v1";

/// Blocks of the receiver's message for this many transfers.
pub fn message_blocks(transfers: usize) -> usize {
    2 * BASE + FOREST.trees * transfers.div_ceil(WORD)
}

/// The receiver: the chosen key of every transfer, and its message. `base` are both keys of every base transfer.
///
/// # Panics
/// If there are not [`BASE`] pairs.
pub fn receive(
    run: &RunId,
    children: &Children,
    base: &[[u128; 2]],
    choices: &[bool],
    stream: &mut Stream,
) -> (Vec<u128>, Vec<u128>) {
    assert_eq!(base.len(), BASE, "as many pairs as the base has");
    let (leaves, sums) = FOREST.grow(children, &stream.blocks(FOREST.trees));
    let mut message: Vec<u128> = base
        .iter()
        .zip(&sums)
        .flat_map(|(keys, sums)| [sums[0] ^ keys[0], sums[1] ^ keys[1]])
        .collect();

    let packed = pack(choices);
    let mut planes = Vec::with_capacity(BASE);
    for leaves in leaves.chunks_exact(FOREST.leaves) {
        let streams: Vec<Vec<u128>> = leaves
            .iter()
            .map(|&leaf| expand(leaf, packed.len()))
            .collect();
        planes.push(sum(&[&streams[1], &streams[3]]));
        planes.push(sum(&[&streams[2], &streams[3]]));
        message.extend(sum(&[
            &streams[0],
            &streams[1],
            &streams[2],
            &streams[3],
            &packed,
        ]));
    }
    let rows = rows(&planes);
    let keys = (0u32..).zip(rows).take(choices.len());
    (
        keys.map(|(number, row)| key(run, number, row)).collect(),
        message,
    )
}

/// The sender: both keys of every transfer, from the receiver's message. `base` are the keys that it chose by
/// `chosen`.
///
/// # Panics
/// If there are not [`BASE`] keys and choices.
pub fn send(
    run: &RunId,
    children: &Children,
    base: &[u128],
    chosen: &[bool],
    transfers: usize,
    message: &[u128],
) -> Result<Vec<[u128; 2]>, Refused> {
    assert_eq!(
        (base.len(), chosen.len()),
        (BASE, BASE),
        "as many as the base has"
    );
    if message.len() != message_blocks(transfers) {
        return Err(Refused::Length("extended transfers"));
    }
    let (masked, corrections) = message.split_at(2 * BASE);
    // A transfer gives the sum of the side that it chose, which is the side that the path does not take.
    let known: Vec<u128> = masked
        .chunks_exact(2)
        .zip(base.iter().zip(chosen))
        .map(|(pair, (key, &choice))| select(choice, pair[0], pair[1]) ^ key)
        .collect();
    let points: Vec<usize> = chosen
        .chunks_exact(LEVELS)
        .map(|bits| {
            bits.iter()
                .fold(0, |point, &bit| 2 * point + usize::from(!bit))
        })
        .collect();
    let leaves = FOREST.regrow(children, &points, &known);

    let words = transfers.div_ceil(WORD);
    let (mut planes, mut delta) = (Vec::with_capacity(BASE), 0u128);
    for (tree, &point) in points.iter().enumerate() {
        let streams: Vec<Vec<u128>> = leaves[tree * FOREST.leaves..][..FOREST.leaves]
            .iter()
            .map(|&leaf| expand(leaf, words))
            .collect();
        let correction = &corrections[tree * words..][..words];
        for bit in 0..LEVELS {
            let mine = point >> bit & 1;
            let mut plane = vec![0; words];
            for (place, stream) in streams.iter().enumerate() {
                // The stream of the leaf that is missing is derived from zero, and has factor zero.
                add_if((place ^ point) >> bit & 1, &mut plane, stream);
            }
            add_if(mine, &mut plane, correction);
            planes.push(plane);
            delta |= (mine as u128) << (LEVELS * tree + bit);
        }
    }
    let rows = (0u32..).zip(rows(&planes)).take(transfers);
    Ok(rows
        .map(|(number, row)| [row, row ^ delta].map(|row| key(run, number, row)))
        .collect())
}

fn expand(leaf: u128, words: usize) -> Vec<u128> {
    let mut stream = vec![0; words];
    FixedKeyAes::new(leaf).stream(0, &mut stream);
    stream
}

fn sum(terms: &[&Vec<u128>]) -> Vec<u128> {
    let mut total = terms[0].clone();
    for term in &terms[1..] {
        add_if(1, &mut total, term);
    }
    total
}

/// Adds `term` if `bit` is 1, in the same time if it is 0.
fn add_if(bit: usize, total: &mut [u128], term: &[u128]) {
    let mask = 0u128.wrapping_sub(bit as u128);
    for (sum, word) in total.iter_mut().zip(term) {
        *sum ^= word & mask;
    }
}

/// `second` if `choice`, in constant time.
pub(crate) fn select(choice: bool, first: u128, second: u128) -> u128 {
    first ^ ((first ^ second) & 0u128.wrapping_sub(u128::from(choice)))
}

fn pack(bits: &[bool]) -> Vec<u128> {
    bits.chunks(WORD)
        .map(|bits| {
            (0..)
                .zip(bits)
                .map(|(place, &bit)| u128::from(bit) << place)
                .sum()
        })
        .collect()
}

fn key(run: &RunId, number: u32, row: u128) -> u128 {
    let digest = Sha256::new()
        .chain_update(KEY_TAG)
        .chain_update(run)
        .chain_update(number.to_le_bytes())
        .chain_update(row.to_le_bytes())
        .finalize();
    let mut low = [0; 16];
    low.copy_from_slice(&digest[..16]);
    u128::from_le_bytes(low)
}

/// From 128 planes of bits to rows of 128 bits: bit p of row j is bit j of plane p.
fn rows(planes: &[Vec<u128>]) -> Vec<u128> {
    let words = planes.first().map_or(0, Vec::len);
    let mut rows = Vec::with_capacity(words * WORD);
    for word in 0..words {
        let mut square: Vec<u128> = planes.iter().map(|plane| plane[word]).collect();
        transpose(&mut square);
        rows.append(&mut square);
    }
    rows
}

/// Transposes 128 × 128 bits by swapping blocks of half the size, seven times (Warren, "Hacker's Delight", §7-3).
fn transpose(square: &mut [u128]) {
    let mut width = WORD / 2;
    let mut mask = u128::MAX >> width;
    while width > 0 {
        for start in (0..WORD).step_by(2 * width) {
            for row in start..start + width {
                let swapped = (square[row] >> width ^ square[row + width]) & mask;
                square[row + width] ^= swapped;
                square[row] ^= swapped << width;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RUN: RunId = [3; 32];

    #[test]
    fn a_transposed_square_has_rows_for_columns() {
        let original = Stream::from_seed([1; 32]).blocks(WORD);
        let mut square = original.clone();
        transpose(&mut square);
        for (row, &bits) in square.iter().enumerate() {
            for (column, &other) in original.iter().enumerate() {
                assert_eq!(bits >> column & 1, other >> row & 1);
            }
        }
    }

    fn bits(count: usize, label: u8) -> Vec<bool> {
        let mut stream = Stream::from_seed([label; 32]);
        (0..count).map(|_| stream.below(2) == 1).collect()
    }

    #[test]
    fn every_transfer_gives_the_key_that_was_chosen_and_not_the_other() {
        let children = Children::new([11, 12]);
        let mut stream = Stream::from_seed([2; 32]);
        let pairs: Vec<[u128; 2]> = (0..BASE)
            .map(|_| [stream.block(), stream.block()])
            .collect();
        let chosen = bits(BASE, 4);
        let base: Vec<u128> = pairs
            .iter()
            .zip(&chosen)
            .map(|(pair, &bit)| pair[usize::from(bit)])
            .collect();
        for transfers in [1, 127, 128, 129, 1920] {
            let choices = bits(transfers, 5);
            let (keys, message) = receive(&RUN, &children, &pairs, &choices, &mut stream);
            assert_eq!(message.len(), message_blocks(transfers));
            let sent = send(&RUN, &children, &base, &chosen, transfers, &message).unwrap();
            assert_eq!((keys.len(), sent.len()), (transfers, transfers));
            for ((key, pair), choice) in keys.iter().zip(&sent).zip(choices) {
                assert_eq!(*key, pair[usize::from(choice)]);
                assert_ne!(*key, pair[usize::from(!choice)]);
            }
            let short = send(&RUN, &children, &base, &chosen, transfers, &message[1..]);
            assert_eq!(short.err(), Some(Refused::Length("extended transfers")));
        }
    }
}
