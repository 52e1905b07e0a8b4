//! Tags, and finding those that two lists have in common.

use rayon::prelude::*;

use crate::fault::{Fault, Refused};

/// Tags that one task looks up at least.
const TASK: usize = 1 << 14;

/// Bytes of `count` tags of `bits` bits.
pub(crate) fn bytes(count: usize, bits: usize) -> usize {
    count * (bits / 8) + (count * (bits % 8)).div_ceil(8)
}

/// Cuts blocks to their first `bits` bits, at most 128, low first: the whole bytes of all of them in a row, and behind
/// those what is left over of each, bit by bit.
pub(crate) fn cut(blocks: &[u128], bits: usize) -> Vec<u8> {
    let (whole, left) = (bits / 8, bits % 8);
    let mut tags = Vec::with_capacity(bytes(blocks.len(), bits));
    for block in blocks {
        tags.extend_from_slice(&block.to_le_bytes()[..whole]);
    }
    if left == 0 {
        return tags;
    }
    let (mut pending, mut held) = (0u32, 0);
    for block in blocks {
        pending |= ((block >> (8 * whole)) as u32 & ((1 << left) - 1)) << held;
        held += left;
        if held >= 8 {
            tags.push(pending as u8);
            pending >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        tags.push(pending as u8);
    }
    tags
}

/// Tags as they come: [`cut`] of so many blocks.
struct Cut<'a> {
    whole: &'a [u8],
    left: &'a [u8],
    bits: usize,
}

impl<'a> Cut<'a> {
    fn of(tags: &'a [u8], count: usize, bits: usize) -> Self {
        let (whole, left) = tags.split_at(count * (bits / 8));
        Self { whole, left, bits }
    }

    fn at(&self, place: usize) -> u128 {
        let (whole, left) = (self.bits / 8, self.bits % 8);
        let mut wide = [0; 16];
        wide[..whole].copy_from_slice(&self.whole[place * whole..][..whole]);
        let tag = u128::from_le_bytes(wide);
        if left == 0 {
            return tag;
        }
        let start = place * left;
        let byte = |at: usize| u16::from(self.left.get(at).copied().unwrap_or(0));
        let rest = (byte(start / 8) | byte(start / 8 + 1) << 8) >> (start % 8);
        tag | (u128::from(rest) & ((1 << left) - 1)) << (8 * whole)
    }
}

/// For each of `count` tags of `bits` bits, the place in `own` of the block with that tag, if there is one. Tags are
/// looked up, so the time depends on how many are common, which whoever asks is about to learn.
pub(crate) fn vartime_find(
    own: &[u128],
    tags: &[u8],
    count: usize,
    bits: usize,
) -> Vec<Option<u32>> {
    let table = Table::of(own, u128::MAX >> (128 - bits));
    let tags = Cut::of(tags, count, bits);
    (0..count)
        .into_par_iter()
        .with_min_len(TASK)
        .map(|at| table.find(own, tags.at(at)))
        .collect()
}

/// Which tags are a block's that another one before them is, of `own` blocks.
fn repeated(found: &[Option<u32>], own: usize) -> impl Iterator<Item = usize> {
    let mut taken = vec![false; own];
    found.iter().enumerate().filter_map(move |(at, &place)| {
        core::mem::replace(&mut taken[place? as usize], true).then_some(at)
    })
}

/// Refuses two tags that are the same block's, of `own` ones. Whether it does depends on what is common.
pub(crate) fn refuse_repeated(found: &[Option<u32>], own: usize) -> Result<(), Fault> {
    match repeated(found, own).next() {
        Some(at) => Err(Fault::Peer(Refused::TagRepeated(at))),
        None => Ok(()),
    }
}

/// Takes a tag for none where another one before it is the same block's: an error would tell a sender that repeats a
/// tag whether its item is common.
pub(crate) fn forget_repeated(found: &mut [Option<u32>], own: usize) {
    let repeated: Vec<usize> = repeated(found, own).collect();
    for at in repeated {
        found[at] = None;
    }
}

/// Places by tag: open addressing with linear probing, at most half full. Tags are uniform, so their low bits address.
struct Table {
    places: Vec<u32>,
    mask: u128,
}

const EMPTY: u32 = u32::MAX;

impl Table {
    fn of(own: &[u128], mask: u128) -> Self {
        let slots = (2 * own.len()).next_power_of_two();
        let mut table = Self {
            places: vec![EMPTY; slots],
            mask,
        };
        for (place, &block) in (0..).zip(own) {
            let mut slot = table.slot(block);
            while table.places[slot] != EMPTY {
                slot = table.next(slot);
            }
            table.places[slot] = place;
        }
        table
    }

    fn find(&self, own: &[u128], tag: u128) -> Option<u32> {
        let mut slot = self.slot(tag);
        while self.places[slot] != EMPTY {
            let place = self.places[slot];
            if own[place as usize] & self.mask == tag {
                return Some(place);
            }
            slot = self.next(slot);
        }
        None
    }

    fn slot(&self, block: u128) -> usize {
        block as usize & (self.places.len() - 1)
    }

    fn next(&self, slot: usize) -> usize {
        (slot + 1) & (self.places.len() - 1)
    }
}

/// A bit for each of `bits`, low first, the last byte filled with zeros.
pub(crate) fn pack(bits: impl ExactSizeIterator<Item = bool>) -> Vec<u8> {
    let mut bytes = vec![0; bits.len().div_ceil(8)];
    for (place, bit) in bits.enumerate() {
        bytes[place / 8] |= u8::from(bit) << (place % 8);
    }
    bytes
}

/// The places of the bits that are set.
pub(crate) fn unpack(bytes: &[u8]) -> impl Iterator<Item = usize> {
    (0..8 * bytes.len()).filter(|place| bytes[place / 8] >> (place % 8) & 1 == 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn blocks(count: u128) -> Vec<u128> {
        (0..count)
            .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
            .collect()
    }

    #[test]
    fn every_tag_is_found_where_its_block_stands() {
        let own = blocks(1000);
        for bits in [48, 80, 82, 83, 87, 95, 127, 128] {
            let other = cut(&[own[7], 5, own[999], 6], bits);
            assert_eq!(other.len(), bytes(4, bits));
            assert_eq!(
                vartime_find(&own, &other, 4, bits),
                [Some(7), None, Some(999), None]
            );
            assert_eq!(vartime_find(&[], &other, 4, bits), [None; 4]);
            assert!(vartime_find(&own, &[], 0, bits).is_empty());
        }
    }

    #[test]
    fn tags_come_back_as_they_were_cut() {
        let own = blocks(1001);
        for bits in 42..=128 {
            let tags = cut(&own, bits);
            assert_eq!(tags.len(), bytes(own.len(), bits));
            let read = Cut::of(&tags, own.len(), bits);
            for (place, block) in own.iter().enumerate() {
                assert_eq!(
                    read.at(place),
                    block & (u128::MAX >> (128 - bits)),
                    "{bits} {place}"
                );
            }
        }
    }

    #[test]
    fn tags_that_differ_in_their_last_bit_are_told_apart() {
        let own = [5, 5 | 1 << 81];
        let tags = cut(&[5 | 1 << 81, 5 | 1 << 82, 5 | 1 << 80], 82);
        // 5 is the second own block without the bit that 82 bits do not hold.
        assert_eq!(vartime_find(&own, &tags, 3, 82), [Some(1), Some(0), None]);
    }

    #[test]
    fn blocks_in_one_slot_are_told_apart() {
        let own: Vec<u128> = (0..40).map(|i| i << 64 | 3).collect();
        let tags = cut(&own, 120);
        let places: Vec<_> = (0..40).map(Some).collect();
        assert_eq!(vartime_find(&own, &tags, 40, 120), places);
        assert_eq!(
            vartime_find(&own, &cut(&[40 << 64 | 3], 120), 1, 120),
            [None]
        );
    }

    #[test]
    fn one_block_has_one_tag() {
        let mut found = vartime_find(&[1, 2], &cut(&[2, 3, 2], 48), 3, 48);
        let refused = refuse_repeated(&found, 2);
        assert_eq!(refused, Err(Fault::Peer(Refused::TagRepeated(2))));
        forget_repeated(&mut found, 2);
        assert_eq!(found, [Some(1), None, None]);
        assert_eq!(refuse_repeated(&found, 2), Ok(()));
    }

    #[test]
    fn bits_come_back_as_they_were_packed() {
        for count in [0, 1, 7, 8, 9, 30] {
            let bits: Vec<bool> = (0..count).map(|i| i % 3 == 1).collect();
            let places: Vec<usize> = (0..count).filter(|i| i % 3 == 1).collect();
            let packed = pack(bits.iter().copied());
            assert_eq!(packed.len(), usize::div_ceil(count, 8));
            assert!(unpack(&packed).eq(places));
        }
    }
}
