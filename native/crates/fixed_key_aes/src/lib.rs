//! AES-128 under one key for many blocks: a hash of 16 bytes to 16 bytes, and a stream.
//!
//! * [`FixedKeyAes::hash`]: x ↦ AES_k(x) ⊕ x, Matyas–Meyer–Oseas. With AES_k as an ideal permutation it is
//!   circular correlation robust on inputs that the other party cannot choose (Guo, Katz, Wang and Yu, "Efficient and
//!   Secure Multiparty Computation from Fixed-Key Block Ciphers", IEEE S&P 2020, §4 and §7.2). Not for inputs that a
//!   peer chooses: those are hashed to random blocks first.
//! * [`FixedKeyAes::stream`]: AES_k(i), the counter mode of NIST SP 800-38A, little-endian counter.
//!
//! Blocks are `u128` in little-endian order of bytes. The cipher is the crate `aes`: AES instructions where the
//! processor has them, else constant-time bit-slicing, chosen at run time. Keys are wiped when dropped.
#![forbid(unsafe_code)]

use core::fmt;

use aes::Aes128;
use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};

/// Blocks that are ciphered in one call: they stay in the first cache.
const BATCH: usize = 64;

/// The cipher under one key.
#[derive(Clone)]
pub struct FixedKeyAes(Aes128);

impl FixedKeyAes {
    /// The cipher under `key`, little-endian.
    pub fn new(key: u128) -> Self {
        Self(Aes128::new(&key.to_le_bytes().into()))
    }

    /// AES_k(x) ⊕ x.
    pub fn hash(&self, block: u128) -> u128 {
        let mut hashed = [block];
        self.hash_each(&mut hashed);
        hashed[0]
    }

    /// Every block becomes its [`hash`](Self::hash).
    pub fn hash_each(&self, blocks: &mut [u128]) {
        let mut hashed = [0; BATCH];
        for batch in blocks.chunks_mut(BATCH) {
            let hashed = &mut hashed[..batch.len()];
            self.hash_to(batch, hashed);
            batch.copy_from_slice(hashed);
        }
    }

    /// `hashed[i]` becomes the [`hash`](Self::hash) of `blocks[i]`.
    ///
    /// # Panics
    /// If the two differ in length.
    pub fn hash_to(&self, blocks: &[u128], hashed: &mut [u128]) {
        assert_eq!(blocks.len(), hashed.len(), "room for every hash");
        for (blocks, hashed) in blocks.chunks(BATCH).zip(hashed.chunks_mut(BATCH)) {
            hashed.copy_from_slice(blocks);
            self.encrypt(hashed);
            for (hash, block) in hashed.iter_mut().zip(blocks) {
                *hash ^= block;
            }
        }
    }

    /// `out[i]` becomes AES_k(start + i).
    pub fn stream(&self, start: u128, out: &mut [u128]) {
        let mut counter = start;
        for batch in out.chunks_mut(BATCH) {
            for block in batch.iter_mut() {
                *block = counter;
                counter = counter.wrapping_add(1);
            }
            self.encrypt(batch);
        }
    }

    /// In place, all in one call of the cipher, which keeps several blocks in flight.
    fn encrypt(&self, blocks: &mut [u128]) {
        // Both swaps are nothing on a little-endian machine.
        for block in blocks.iter_mut() {
            *block = block.to_le();
        }
        let bytes: &mut [[u8; 16]] = bytemuck::must_cast_slice_mut(blocks);
        self.0
            .encrypt_blocks(Block::<Aes128>::cast_slice_from_core_mut(bytes));
        for block in blocks.iter_mut() {
            *block = u128::from_le(*block);
        }
    }
}

impl fmt::Debug for FixedKeyAes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FixedKeyAes(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(bytes: [u8; 16]) -> u128 {
        u128::from_le_bytes(bytes)
    }

    /// FIPS 197 (2023), appendix B.
    const KEY: [u8; 16] = [
        0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,
        0x3c,
    ];
    const INPUT: [u8; 16] = [
        0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07,
        0x34,
    ];
    const OUTPUT: [u8; 16] = [
        0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b,
        0x32,
    ];

    #[test]
    fn the_published_block_is_ciphered_as_published() {
        let aes = FixedKeyAes::new(block(KEY));
        assert_eq!(aes.hash(block(INPUT)), block(OUTPUT) ^ block(INPUT));
        let mut stream = [0];
        aes.stream(block(INPUT), &mut stream);
        assert_eq!(stream, [block(OUTPUT)]);
    }

    #[test]
    fn a_slice_of_any_length_is_its_blocks() {
        let aes = FixedKeyAes::new(7);
        for length in [0, 1, 7, 8, 9, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH + 5] {
            let blocks: Vec<u128> = (0..length as u128).map(|i| i << 70 | i).collect();
            let mut hashed = blocks.clone();
            aes.hash_each(&mut hashed);
            let expected: Vec<u128> = blocks.iter().map(|&block| aes.hash(block)).collect();
            assert_eq!(hashed, expected);
            let mut apart = vec![0; length];
            aes.hash_to(&blocks, &mut apart);
            assert_eq!(apart, expected);
        }
    }

    #[test]
    fn a_stream_goes_on_where_it_stood() {
        let aes = FixedKeyAes::new(7);
        let (mut whole, mut rest) = ([0; 200], [0; 93]);
        aes.stream(5, &mut whole);
        aes.stream(5 + 107, &mut rest);
        assert_eq!(whole[107..], rest);
        aes.stream(u128::MAX, &mut rest[..2]);
        assert_eq!(rest[1], aes.hash(0));
    }

    #[test]
    fn keys_differ_and_are_not_printed() {
        assert_ne!(FixedKeyAes::new(1).hash(0), FixedKeyAes::new(2).hash(0));
        assert_eq!(format!("{:?}", FixedKeyAes::new(1)), "FixedKeyAes(…)");
    }
}
