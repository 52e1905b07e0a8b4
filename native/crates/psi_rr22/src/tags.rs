//! Tags, and finding those that two lists have in common.

use rayon::prelude::*;

use crate::fault::{Fault, Refused};

/// Blocks that are looked up together, in the second cache: a table of a million is in none.
const PART: usize = 1 << 12;

/// So many parts at most, whose number has ten bits of a tag's 42 or more.
const MOST_PARTS: usize = 1 << 10;

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
    let mask = u128::MAX >> (128 - bits);
    let tags = Cut::of(tags, count, bits);
    let parts = (own.len() / PART).next_power_of_two().min(MOST_PARTS);
    let (own, tags) = rayon::join(
        || Parted::new(own.len(), parts, |place| own[place] & mask),
        || Parted::new(count, parts, |at| tags.at(at)),
    );
    let matches: Vec<Vec<(u32, u32)>> = (0..parts)
        .into_par_iter()
        .map(|part| Table::of(own.part(part), parts).matches(tags.part(part)))
        .collect();
    let mut found = vec![None; count];
    for (at, place) in matches.into_iter().flatten() {
        found[at as usize] = Some(place);
    }
    found
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

/// Tags by their low bits, which are uniform, and where each of them stood.
struct Parted {
    starts: Vec<usize>,
    tags: Vec<u128>,
    places: Vec<u32>,
}

/// The tags of one part, and where each stood.
type Part<'a> = (&'a [u128], &'a [u32]);

impl Parted {
    /// `count` tags in so many parts, a power of two; within a part in their order.
    fn new(count: usize, parts: usize, tag: impl Fn(usize) -> u128) -> Self {
        let part_of = |tag: u128| tag as usize & (parts - 1);
        let mut starts = vec![0; parts + 1];
        for place in 0..count {
            starts[part_of(tag(place)) + 1] += 1;
        }
        for part in 0..parts {
            starts[part + 1] += starts[part];
        }
        let mut next = starts.clone();
        let (mut tags, mut places) = (vec![0; count], vec![0; count]);
        for place in 0..count {
            let tag = tag(place);
            let next = &mut next[part_of(tag)];
            (tags[*next], places[*next]) = (tag, place as u32);
            *next += 1;
        }
        Self {
            starts,
            tags,
            places,
        }
    }

    fn part(&self, part: usize) -> Part<'_> {
        let range = self.starts[part]..self.starts[part + 1];
        (&self.tags[range.clone()], &self.places[range])
    }
}

/// The tags of a part by the bits that its number does not have: open addressing with linear probing, at most half full.
struct Table<'a> {
    own: Part<'a>,
    parts: usize,
    /// Where in `own`.
    slots: Vec<u32>,
}

const EMPTY: u32 = u32::MAX;

impl<'a> Table<'a> {
    fn of(own: Part<'a>, parts: usize) -> Self {
        let mut table = Self {
            own,
            parts,
            slots: vec![EMPTY; (2 * own.0.len()).next_power_of_two()],
        };
        for (place, &tag) in (0..).zip(own.0) {
            let mut slot = table.slot(tag);
            while table.slots[slot] != EMPTY {
                slot = table.next(slot);
            }
            table.slots[slot] = place;
        }
        table
    }

    /// Where those of `tags` stood that are here too, and where here.
    fn matches(&self, (tags, places): Part<'_>) -> Vec<(u32, u32)> {
        let found = tags
            .iter()
            .zip(places)
            .filter_map(|(&tag, &at)| Some((at, self.find(tag)?)));
        found.collect()
    }

    fn find(&self, tag: u128) -> Option<u32> {
        let (own, places) = self.own;
        let mut slot = self.slot(tag);
        while self.slots[slot] != EMPTY {
            let place = self.slots[slot] as usize;
            if own[place] == tag {
                return Some(places[place]);
            }
            slot = self.next(slot);
        }
        None
    }

    fn slot(&self, tag: u128) -> usize {
        (tag as usize / self.parts) & (self.slots.len() - 1)
    }

    fn next(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
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
    fn tags_are_found_in_every_part_of_many_blocks() {
        let own = blocks(5 * PART as u128);
        let others: Vec<u128> = own
            .iter()
            .rev()
            .enumerate()
            .map(|(at, &block)| if at % 3 == 0 { block } else { !block })
            .collect();
        let last = own.len() as u32 - 1;
        let places: Vec<_> = (0..=last)
            .map(|at| (at % 3 == 0).then(|| last - at))
            .collect();
        let tags = cut(&others, 88);
        assert_eq!(vartime_find(&own, &tags, others.len(), 88), places);
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
