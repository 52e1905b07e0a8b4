//! Many correlated transfers from 128 base transfers: SoftSpoken OT with subspace dimension 4, semi-honest.
//!
//! Roy, "SoftSpokenOT: Quieter OT Extension from Small-Field Silent VOLE in the Minicrypt Model" (CRYPTO 2022, ePrint
//! 2022/192), figures 7 and 10 with the repetition code and k = 4: 32 small-field VOLEs, each from a tree of 16
//! leaves of which the sender lacks one, at place Δ_i in GF(16). With P_x the stream of leaf x,
//!
//! ```text
//! receiver:  u_i = Σ P_x            v_i = Σ x·P_x
//! sender:    w_i = Σ (x - Δ_i)·P_x  and so  v_i = w_i + Δ_i·u_i
//! ```
//!
//! The receiver sends u_i + choices, after which all 32 have the same u, its choices. Row j of the sender's 128 bit
//! planes and of the receiver's then differ by choice j times Δ, the 128 bits that the sender chose its base transfers by. A row
//! serves in one of two ways: as it is, a share of choice · Δ; or hashed to a key, a transfer of which the sender has both
//! keys, those of its row and of its row + Δ, and the receiver one.

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_group::secret::RunId;
use sha2::{Digest, Sha256};

use crate::refused::Refused;
use crate::stream::Stream;
use crate::trees::{Children, Forest};

/// Base transfers that an extension takes.
pub const BASE: usize = 128;

const WORD: usize = 128;
const LEVELS: usize = 4;
const TREES: usize = BASE / LEVELS;
const FOREST: Forest = Forest {
    leaves: 1 << LEVELS,
};
const KEY_TAG: &[u8] = b"mihe/ot-extension/key/v1";

/// Blocks of the receiver's message for this many rows.
pub fn message_blocks(rows: usize) -> usize {
    2 * BASE + TREES * rows.div_ceil(WORD)
}

/// How the sender chooses its base transfers, for rows that differ by `delta`: by its bits, those of a tree in the order of the
/// levels and inverted, because a transfer gives what the path does not take.
pub fn base_choices(delta: u128) -> Vec<bool> {
    points(delta)
        .flat_map(|point| (1..=LEVELS).map(move |level| !FOREST.goes_right(point, level)))
        .collect()
}

fn points(delta: u128) -> impl Iterator<Item = usize> {
    (0..TREES).map(move |tree| (delta >> (LEVELS * tree)) as usize % FOREST.leaves)
}

/// What either party has of the transfers: bit p of row j is bit j of plane p.
pub struct Planes(Vec<Vec<u128>>);

impl Planes {
    /// The first rows.
    pub fn rows(&self, count: usize) -> Vec<u128> {
        let mut rows = rows(&self.0);
        rows.truncate(count);
        rows
    }

    pub(crate) fn each(&self) -> &[Vec<u128>] {
        &self.0
    }
}

/// The receiver: a row for every choice, and its message. `base` are both keys of every base transfer.
///
/// # Panics
/// If there are not [`BASE`] pairs.
pub fn receive(
    children: &Children,
    base: &[[u128; 2]],
    choices: &[bool],
    stream: &mut Stream,
) -> (Planes, Vec<u128>) {
    assert_eq!(base.len(), BASE, "as many pairs as the base has");
    let mut leaves = vec![0; TREES * FOREST.leaves];
    let mut sums = vec![[0; 2]; BASE];
    FOREST.grow(children, &stream.blocks(TREES), &mut leaves, &mut sums);
    let mut message: Vec<u128> = base
        .iter()
        .zip(&sums)
        .flat_map(|(keys, sums)| [sums[0] ^ keys[0], sums[1] ^ keys[1]])
        .collect();

    let packed = pack(choices);
    let mut planes = vec![vec![0; packed.len()]; BASE];
    let mut stream = vec![0; packed.len()];
    for (leaves, planes) in leaves
        .chunks_exact(FOREST.leaves)
        .zip(planes.chunks_exact_mut(LEVELS))
    {
        let mut correction = packed.clone();
        for (place, &leaf) in leaves.iter().enumerate() {
            FixedKeyAes::new(leaf).stream(0, &mut stream);
            add_if(1, &mut correction, &stream);
            // The places are public: every leaf is the receiver's own.
            for bit in (0..LEVELS).filter(|bit| place >> bit & 1 == 1) {
                add_if(1, &mut planes[bit], &stream);
            }
        }
        message.extend(correction);
    }
    (Planes(planes), message)
}

/// The sender: as many rows, from the receiver's message. `base` are the keys that it chose by
/// [`base_choices`] of `delta`.
///
/// # Panics
/// If there are not [`BASE`] keys.
pub fn send(
    children: &Children,
    base: &[u128],
    delta: u128,
    count: usize,
    message: &[u128],
) -> Result<Planes, Refused> {
    assert_eq!(base.len(), BASE, "as many keys as the base has");
    if message.len() != message_blocks(count) {
        return Err(Refused::Length("extended transfers"));
    }
    let (masked, corrections) = message.split_at(2 * BASE);
    let known: Vec<u128> = masked
        .chunks_exact(2)
        .zip(base.iter().zip(base_choices(delta)))
        .map(|(pair, (key, choice))| select(choice, pair[0], pair[1]) ^ key)
        .collect();
    let points: Vec<usize> = points(delta).collect();
    let mut leaves = vec![0; TREES * FOREST.leaves];
    FOREST.regrow(children, &points, &known, &mut leaves);

    let words = count.div_ceil(WORD);
    let mut planes = vec![vec![0; words]; BASE];
    let mut stream = vec![0; words];
    for (tree, (&point, planes)) in points
        .iter()
        .zip(planes.chunks_exact_mut(LEVELS))
        .enumerate()
    {
        for (place, &leaf) in leaves[tree * FOREST.leaves..][..FOREST.leaves]
            .iter()
            .enumerate()
        {
            FixedKeyAes::new(leaf).stream(0, &mut stream);
            for (bit, plane) in planes.iter_mut().enumerate() {
                // The stream of the leaf that is missing is derived from zero, and has factor zero.
                add_if((place ^ point) >> bit & 1, plane, &stream);
            }
        }
        for (bit, plane) in planes.iter_mut().enumerate() {
            add_if(
                point >> bit & 1,
                plane,
                &corrections[tree * words..][..words],
            );
        }
    }
    Ok(Planes(planes))
}

/// The key that row `number` gives.
pub fn key(run: &RunId, number: usize, row: u128) -> u128 {
    let digest = Sha256::new()
        .chain_update(KEY_TAG)
        .chain_update(run)
        .chain_update((number as u32).to_le_bytes())
        .chain_update(row.to_le_bytes())
        .finalize();
    let mut low = [0; 16];
    low.copy_from_slice(&digest[..16]);
    u128::from_le_bytes(low)
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

/// Bits as words, low first.
pub(crate) fn pack(bits: &[bool]) -> Vec<u128> {
    bits.chunks(WORD)
        .map(|bits| {
            (0..)
                .zip(bits)
                .map(|(place, &bit)| u128::from(bit) << place)
                .sum()
        })
        .collect()
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
    fn rows_differ_by_choice_times_delta() {
        let children = Children::new([11, 12]);
        let mut stream = Stream::from_seed([2; 32]);
        let pairs: Vec<[u128; 2]> = (0..BASE)
            .map(|_| [stream.block(), stream.block()])
            .collect();
        for (rows, delta) in [
            (1, 1),
            (127, u128::MAX),
            (128, 1 << 127),
            (129, 5),
            (1920, stream.block()),
        ] {
            let base: Vec<u128> = pairs
                .iter()
                .zip(base_choices(delta))
                .map(|(pair, bit)| pair[usize::from(bit)])
                .collect();
            let choices = bits(rows, 5);
            let (received, message) = receive(&children, &pairs, &choices, &mut stream);
            assert_eq!(message.len(), message_blocks(rows));
            let sent = send(&children, &base, delta, rows, &message).unwrap();
            let (received, sent) = (received.rows(rows), sent.rows(rows));
            assert_eq!((received.len(), sent.len()), (rows, rows));
            for ((one, other), choice) in received.iter().zip(&sent).zip(choices) {
                assert_eq!(one ^ other, if choice { delta } else { 0 });
            }
            let short = send(&children, &base, delta, rows, &message[1..]);
            assert_eq!(short.err(), Some(Refused::Length("extended transfers")));
        }
    }

    #[test]
    fn a_key_depends_on_run_number_and_row() {
        let own = key(&RUN, 1, 2);
        assert!(
            [key(&[4; 32], 1, 2), key(&RUN, 2, 2), key(&RUN, 1, 3)]
                .iter()
                .all(|&key| key != own)
        );
    }
}
