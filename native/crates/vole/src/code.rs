//! The linear code that makes noise look uniform: Expand-Convolute, weight 7, window 24, systematic, convolved twice.
//!
//! Raghuraman, Rindal and Tanguy, "Expand-Convolute Codes for Pseudorandom Correlation Generators from LPN" (CRYPTO
//! 2023, ePrint 2023/882), ExConv7x24. Of a vector e of length 2n it makes the n elements
//!
//! ```text
//! e[..n] + B·A'·A·e[n..]
//! ```
//!
//! A and A' are convolutions: element i gets, of each of the 24 before it, a multiple by a random bit, and the 25th whole;
//! the first elements get what reaches over the end. B adds up seven elements, four of them one in each quarter. All bits
//! and places come from a public seed. The code is the same over every extension of GF(2), and so commutes with
//! multiplication by an element.
//!
//! What rests on it is an assumption about the code's distance, by the paper's analysis: dual LPN with regular noise.

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::Gf128;
use rayon::prelude::*;

const WINDOW: usize = 24;
const QUARTERS: usize = 4;
const ANYWHERE: usize = 3;
const WEIGHT: usize = QUARTERS + ANYWHERE;
/// Elements whose bits, or places, are drawn at once: a whole number of blocks of the stream, and of groups.
const DRAWN: usize = 256;
/// Elements of the result that one task makes: a whole number of what is drawn.
const TASK: usize = 64 * DRAWN;

/// The code of one length and seed.
pub struct Code {
    len: usize,
    convolutions: [FixedKeyAes; 2],
    expander: FixedKeyAes,
}

/// An element as two halves, which the compiler turns into one vector register.
type Halves = [u64; 2];

impl Code {
    /// The code that makes `len` elements of twice as many.
    ///
    /// # Panics
    /// If `len` is not a multiple of 4 between 128 and 2^30.
    pub fn new(len: usize, seed: u128) -> Self {
        assert!(
            (128..=1 << 30).contains(&len) && len.is_multiple_of(QUARTERS),
            "a length of the code"
        );
        let mut keys = [0; 3];
        FixedKeyAes::new(seed).stream(0, &mut keys);
        let [first, second, expander] = keys.map(FixedKeyAes::new);
        Self {
            len,
            convolutions: [first, second],
            expander,
        }
    }

    /// Elements that it makes.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.len
    }

    /// Encodes: `result` is the first half of what is encoded and becomes the code's word, `noise` is the second half and is used
    /// up.
    ///
    /// Which elements are read and when depends on the public seed alone.
    ///
    /// # Panics
    /// If a half has not as many elements as the code makes.
    pub fn encode(&self, noise: &mut [Gf128], result: &mut [Gf128]) {
        assert_eq!(
            [noise.len(), result.len()],
            [self.len; 2],
            "twice as many elements as come out"
        );
        let noise: &mut [Halves] = bytemuck::must_cast_slice_mut(noise);
        let result: &mut [Halves] = bytemuck::must_cast_slice_mut(result);
        for bits in &self.convolutions {
            convolve(noise, bits);
        }
        result
            .par_chunks_mut(TASK)
            .enumerate()
            .for_each(|(task, result)| self.expand(noise, task * TASK, result));
    }

    /// Adds to the result from place `start` on what the expander makes of `noise`.
    fn expand(&self, noise: &[Halves], start: usize, result: &mut [Halves]) {
        let (quarter, whole) = (self.len / QUARTERS, self.len);
        let mut blocks = [0; DRAWN * WEIGHT / 4];
        let mut places = [[0; WEIGHT]; DRAWN];
        for (drawn, result) in result.chunks_mut(DRAWN).enumerate() {
            let first = start + drawn * DRAWN;
            self.expander
                .stream((first / 4 * WEIGHT) as u128, &mut blocks);
            // All places first: then the processor waits for many elements at once.
            for (places, words) in places.iter_mut().zip(words(&blocks).as_chunks().0) {
                let words: &[u32; WEIGHT] = words;
                for (number, (place, &word)) in places.iter_mut().zip(words).enumerate() {
                    *place = if number < QUARTERS {
                        number * quarter + below(word, quarter)
                    } else {
                        below(word, whole)
                    } as u32;
                }
            }
            for (element, places) in result.iter_mut().zip(&places) {
                *element = places
                    .iter()
                    .fold(*element, |sum, &place| add(sum, noise[place as usize]));
            }
        }
    }
}

/// Elements of which all sums are kept.
const GROUP: usize = 4;
const SUMS: usize = 1 << GROUP;
/// Groups that the window and the element behind it reach into; as many are kept as a power of two.
const GROUPS: usize = (WINDOW + 1).div_ceil(GROUP);
const KEPT: usize = GROUPS.next_power_of_two();

/// One convolution, in place. `bits` gives each element 24 bits.
///
/// Four elements at a time, by the method of the four Russians: once an element group is final, all 16 sums of its elements are
/// made, and every element after it looks up the one that its bits say, instead of adding up one by one.
fn convolve(elements: &mut [Halves], bits: &FixedKeyAes) {
    let mut blocks = [0; DRAWN / 4];
    let mut sums = [[[0; 2]; SUMS]; KEPT];
    for (drawn, elements) in elements.chunks_mut(DRAWN).enumerate() {
        bits.stream((drawn * blocks.len()) as u128, &mut blocks);
        let groups = elements.as_chunks_mut().0.iter_mut();
        let words = words(&blocks).as_chunks().0;
        for (number, (group, words)) in (drawn * DRAWN / GROUP..).zip(groups.zip(words)) {
            convolve_group(group, words, number, &sums);
            sums[number % KEPT] = all_sums(group);
        }
    }
    // Over the end: what the last elements give to the first, by the bits that these have not used yet.
    bits.stream(0, &mut blocks);
    let len = elements.len();
    for (place, &bits) in words(&blocks).iter().enumerate().take(WINDOW + 1) {
        for back in place + 1..=WINDOW + 1 {
            let whole = back > WINDOW;
            let bit = u64::from(whole) | u64::from(bits >> (back - 1));
            elements[place] = add(elements[place], masked(elements[len + place - back], bit));
        }
    }
}

/// The elements of group `number`, from the sums of the groups before it (zero before the first) and from each other.
#[inline(always)]
fn convolve_group(
    group: &mut [Halves; GROUP],
    words: &[u32; GROUP],
    number: usize,
    sums: &[[Halves; SUMS]; KEPT],
) {
    for place in 0..GROUP {
        // Bit b belongs to the element b + 1 places before; the one behind the window counts whole.
        let bits = (words[place] & ((1 << WINDOW) - 1)) | 1 << WINDOW;
        let mut element = group[place];
        for back in 1..=GROUPS {
            // The youngest element of a group is its sums' lowest bit.
            let chosen = (bits >> place) >> (GROUP * (back - 1));
            element = add(
                element,
                sums[number.wrapping_sub(back) % KEPT][chosen as usize % SUMS],
            );
        }
        for (before, &earlier) in group[..place].iter().enumerate() {
            let bit = u64::from(bits >> (place - before - 1));
            element = add(element, masked(earlier, bit));
        }
        group[place] = element;
    }
}

/// The sums of all sets of a group's elements; bit b of an index stands for the element b places before the end.
#[inline(always)]
fn all_sums(group: &[Halves; GROUP]) -> [Halves; SUMS] {
    let mut sums = [[0; 2]; SUMS];
    for (bit, &element) in group.iter().rev().enumerate() {
        for index in 0..1 << bit {
            sums[1 << bit | index] = add(sums[index], element);
        }
    }
    sums
}

#[inline(always)]
fn add(one: Halves, other: Halves) -> Halves {
    [one[0] ^ other[0], one[1] ^ other[1]]
}

/// The element if the lowest bit is 1, else zero.
#[inline(always)]
fn masked(element: Halves, bit: u64) -> Halves {
    let mask = 0u64.wrapping_sub(bit & 1);
    element.map(|half| half & mask)
}

/// A place below `bound`, equally likely up to `bound` / 2^32.
fn below(word: u32, bound: usize) -> usize {
    ((u64::from(word) * bound as u64) >> 32) as usize
}

/// Blocks as four words each, low first, on every machine.
fn words(blocks: &[u128]) -> &[u32] {
    const {
        assert!(
            cfg!(target_endian = "little"),
            "blocks are read as words in place"
        )
    };
    bytemuck::cast_slice(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    /// The definition, one element and one bit at a time, pushing forwards instead of gathering.
    fn slow(code: &Code, elements: &[Gf128]) -> Vec<Gf128> {
        let n = code.len;
        let mut noise = elements[n..].to_vec();
        for bits in &code.convolutions {
            let mut blocks = vec![0; n.div_ceil(4)];
            bits.stream(0, &mut blocks);
            let bit = |place: usize, back: usize| {
                back == WINDOW + 1 || blocks[place / 4] >> (32 * (place % 4) + back - 1) & 1 == 1
            };
            for from in 0..n {
                for back in 1..=WINDOW + 1 {
                    let to = (from + back) % n;
                    if bit(to, back) {
                        let term = noise[from];
                        noise[to] += term;
                    }
                }
            }
        }
        let mut blocks = vec![0; (n * WEIGHT).div_ceil(4) + 1];
        code.expander.stream(0, &mut blocks);
        let word = |index: usize| (blocks[index / 4] >> (32 * (index % 4))) as u32 as usize;
        (0..n)
            .map(|i| {
                (0..WEIGHT).fold(elements[i], |sum, j| {
                    let w = word(i * WEIGHT + j);
                    sum + noise[if j < 4 {
                        j * (n / 4) + ((w * (n / 4)) >> 32)
                    } else {
                        (w * n) >> 32
                    }]
                })
            })
            .collect()
    }

    fn elements(count: usize) -> Vec<Gf128> {
        Stream::from_seed([9; 32])
            .blocks(count)
            .into_iter()
            .map(Gf128)
            .collect()
    }

    /// One vector, encoded in place.
    fn encode(code: &Code, elements: &mut [Gf128]) {
        let (result, noise) = elements.split_at_mut(code.len);
        code.encode(noise, result);
    }

    #[test]
    fn it_is_the_definition() {
        for len in [128, 132, 1024, 5000, TASK + 4, 2 * TASK + DRAWN] {
            let code = Code::new(len, 77);
            let original = elements(2 * len);
            let mut encoded = original.clone();
            encode(&code, &mut encoded);
            assert!(encoded[..len] == slow(&code, &original), "{len}");
        }
    }

    #[test]
    fn it_commutes_with_multiplication() {
        let code = Code::new(2048, 5);
        let factor = Gf128(0x1234_5678_9abc);
        let mut plain = elements(4096);
        let mut multiplied: Vec<Gf128> = plain.iter().map(|&element| element * factor).collect();
        encode(&code, &mut plain);
        encode(&code, &mut multiplied);
        for (one, other) in plain[..2048].iter().zip(&multiplied[..2048]) {
            assert!(*one * factor == *other);
        }
    }

    /// One element of noise must reach about half of what comes out, wherever it stands, most of all at the end.
    #[test]
    fn one_element_spreads_over_half_of_the_result() {
        let len = 4096;
        let code = Code::new(len, 6);
        for place in [len, len + 1, len + 2000, 2 * len - 26, 2 * len - 1] {
            let mut noise = vec![Gf128::ZERO; 2 * len];
            noise[place] = Gf128::ONE;
            encode(&code, &mut noise);
            let reached = noise[..len]
                .iter()
                .filter(|&&element| element != Gf128::ZERO)
                .count();
            assert!(reached.abs_diff(len / 2) < len / 8, "{place}: {reached}");
        }
    }
}
