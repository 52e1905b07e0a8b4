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
/// Elements of the result that one task makes; their places are a whole number of blocks of the stream.
const TASK: usize = 1024;

/// The code of one length and seed.
pub struct Code {
    len: usize,
    convolutions: [FixedKeyAes; 2],
    expander: FixedKeyAes,
}

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

    /// Encodes in place: what counts afterwards is the first half.
    ///
    /// # Panics
    /// If there are not twice as many elements as the code makes.
    pub fn encode(&self, elements: &mut [Gf128]) {
        assert_eq!(
            elements.len(),
            2 * self.len,
            "twice as many elements as come out"
        );
        let (result, noise) = elements.split_at_mut(self.len);
        for bits in &self.convolutions {
            convolve(noise, bits);
        }
        self.expand(noise, result);
    }

    fn expand(&self, noise: &[Gf128], result: &mut [Gf128]) {
        let (quarter, whole) = (self.len / QUARTERS, self.len);
        result
            .par_chunks_mut(TASK)
            .enumerate()
            .for_each(|(task, result)| {
                let mut blocks = [0; TASK * WEIGHT / 4];
                self.expander
                    .stream((task * blocks.len()) as u128, &mut blocks);
                for (element, words) in result.iter_mut().zip(words(&blocks).as_chunks().0) {
                    let words: &[u32; WEIGHT] = words;
                    let (in_quarters, anywhere) = words.split_at(QUARTERS);
                    let regular = in_quarters
                        .iter()
                        .enumerate()
                        .map(|(number, &word)| number * quarter + below(word, quarter));
                    let uniform = anywhere.iter().map(|&word| below(word, whole));
                    *element += regular.chain(uniform).map(|place| noise[place]).sum();
                }
            });
    }
}

/// One convolution, in place. `bits` gives each element 24 bits.
fn convolve(elements: &mut [Gf128], bits: &FixedKeyAes) {
    let mut blocks = [0; TASK / 4];
    for start in (0..elements.len()).step_by(TASK) {
        bits.stream((start / 4) as u128, &mut blocks);
        for (place, &bits) in (start..elements.len()).zip(words(&blocks)) {
            if let Some(before) = place.checked_sub(WINDOW + 1) {
                let window = &elements[before..place];
                elements[place] += weighed(window, bits);
            } else {
                for back in 1..=place {
                    elements[place] += one(elements[place - back], bits, back);
                }
            }
        }
    }
    // Over the end: what the last elements give to the first, by the bits that these have not used yet.
    bits.stream(0, &mut blocks);
    let len = elements.len();
    for (place, &bits) in words(&blocks).iter().enumerate().take(WINDOW + 1) {
        for back in place + 1..=WINDOW + 1 {
            elements[place] += one(elements[len + place - back], bits, back);
        }
    }
}

/// The sum over a window, oldest first, of each element times its bit; the oldest counts whole.
#[inline]
fn weighed(window: &[Gf128], bits: u32) -> Gf128 {
    let window = &window[..WINDOW + 1];
    let mut sum = window[0].0;
    for back in 1..=WINDOW {
        sum ^= window[WINDOW + 1 - back].0 & mask(bits >> (back - 1));
    }
    Gf128(sum)
}

/// The element that stands `back` places before, times its bit.
fn one(element: Gf128, bits: u32, back: usize) -> Gf128 {
    if back > WINDOW {
        return element;
    }
    Gf128(element.0 & mask(bits >> (back - 1)))
}

#[inline]
fn mask(bits: u32) -> u128 {
    0u128.wrapping_sub(u128::from(bits & 1))
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

    #[test]
    fn it_is_the_definition() {
        for len in [128, 132, 1024, 5000] {
            let code = Code::new(len, 77);
            let original = elements(2 * len);
            let mut encoded = original.clone();
            code.encode(&mut encoded);
            assert!(encoded[..len] == slow(&code, &original), "{len}");
        }
    }

    #[test]
    fn it_commutes_with_multiplication() {
        let code = Code::new(2048, 5);
        let factor = Gf128(0x1234_5678_9abc);
        let mut plain = elements(4096);
        let mut multiplied: Vec<Gf128> = plain.iter().map(|&element| element * factor).collect();
        code.encode(&mut plain);
        code.encode(&mut multiplied);
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
            code.encode(&mut noise);
            let reached = noise[..len]
                .iter()
                .filter(|&&element| element != Gf128::ZERO)
                .count();
            assert!(reached.abs_diff(len / 2) < len / 8, "{place}: {reached}");
        }
    }
}
