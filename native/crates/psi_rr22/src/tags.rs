//! Tags, and finding those that two lists have in common.

use crate::fault::{Fault, Refused};

/// Cuts blocks to the first `bytes` bytes each, in a row.
pub(crate) fn cut(blocks: &[u128], bytes: usize) -> Vec<u8> {
    let mut tags = Vec::with_capacity(blocks.len() * bytes);
    for block in blocks {
        tags.extend_from_slice(&block.to_le_bytes()[..bytes]);
    }
    tags
}

/// The first `bytes` bytes of a block, the others zero.
fn mask(bytes: usize) -> u128 {
    u128::MAX >> (128 - 8 * bytes)
}

/// For each tag of `tags`, the place in `own` of the block with that tag, if there is one. Tags are looked up, so the time
/// depends on how many are common, which whoever asks is about to learn.
///
/// Refuses two tags that are the same block's.
pub(crate) fn vartime_find(
    own: &[u128],
    tags: &[u8],
    bytes: usize,
) -> Result<Vec<Option<u32>>, Fault> {
    let table = Table::of(own, mask(bytes));
    let mut taken = vec![false; own.len()];
    tags.chunks_exact(bytes)
        .enumerate()
        .map(|(at, tag)| {
            let mut wide = [0; 16];
            wide[..bytes].copy_from_slice(tag);
            let found = table.find(own, u128::from_le_bytes(wide));
            if let Some(place) = found {
                let taken = &mut taken[place as usize];
                if core::mem::replace(taken, true) {
                    return Err(Fault::Peer(Refused::TagRepeated(at)));
                }
            }
            Ok(found)
        })
        .collect()
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

    #[test]
    fn every_tag_is_found_where_its_block_stands() {
        let own: Vec<u128> = (0..1000u128)
            .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
            .collect();
        let other = cut(&[own[7], 5, own[999], 6], 10);
        assert_eq!(
            vartime_find(&own, &other, 10).unwrap(),
            [Some(7), None, Some(999), None]
        );
        assert_eq!(vartime_find(&[], &other, 10).unwrap(), [None; 4]);
        assert!(vartime_find(&own, &[], 10).unwrap().is_empty());
    }

    #[test]
    fn blocks_in_one_slot_are_told_apart() {
        let own: Vec<u128> = (0..40).map(|i| i << 64 | 3).collect();
        let tags = cut(&own, 16);
        let places: Vec<_> = (0..40).map(Some).collect();
        assert_eq!(vartime_find(&own, &tags, 16).unwrap(), places);
        assert_eq!(
            vartime_find(&own, &cut(&[40 << 64 | 3], 16), 16).unwrap(),
            [None]
        );
    }

    #[test]
    fn one_block_has_one_tag() {
        let refused = vartime_find(&[1, 2], &cut(&[2, 3, 2], 6), 6);
        assert_eq!(refused, Err(Fault::Peer(Refused::TagRepeated(2))));
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
