//! From items of any length to blocks, and from blocks to buckets.
//!
//! x̂ = SHA-256(K ‖ x) cut to 16 bytes, where K has 64 bytes and comes from the run and from 32 random bytes of each of the
//! two owners: nobody else can compute a block, or in which bucket an item lies. A collision of two items of a run would be a
//! false match; among 2^29 items there is one with probability 2^-71.
//!
//! After an item was hashed only its block is needed, and its row at its owner. Finding the rows of one item is done here
//! too: they have one block, and so one bucket.

use core::fmt;

use mihe_group::secret::{AttemptSecret, RunId};
use mihe_vole::Stream;
use rayon::prelude::*;
use sha2::{Digest, Sha256, Sha512};

use crate::fault::Fault;

/// Items that one task hashes at least.
const TASK: usize = 1024;

/// Bytes of what each owner gives to the key of the items.
pub const SHARE: usize = 32;

const BLOCK: usize = size_of::<u128>();
const ROW: usize = size_of::<u32>();

/// What this owner gives.
pub fn share(secret: &AttemptSecret, run: &RunId) -> [u8; SHARE] {
    Stream::from(secret.stream(run, "mihe/psi-rr22/v1/share")).array()
}

/// The hash of items, under a key that only the two owners have.
pub struct ItemHash(Sha256);

impl ItemHash {
    /// From what the receiver and the sender gave.
    pub fn new(run: &RunId, receivers: &[u8; SHARE], senders: &[u8; SHARE]) -> Self {
        // As long as a block of SHA-256, so that all but the longest items cost one compression.
        let key = Sha512::new()
            .chain_update(b"mihe/psi-rr22/item/v1")
            .chain_update(run)
            .chain_update(receivers)
            .chain_update(senders)
            .finalize();
        Self(Sha256::new().chain_update(key))
    }

    /// The block of an item.
    pub fn block(&self, item: &[u8]) -> u128 {
        let digest = self.0.clone().chain_update(item).finalize();
        let mut low = [0; BLOCK];
        low.copy_from_slice(&digest[..BLOCK]);
        u128::from_le_bytes(low)
    }

    /// The blocks of many items by their buckets. The i-th has the row `first_row` + i.
    pub fn scatter(&self, items: &[&[u8]], first_row: u32, buckets: usize) -> Scattered {
        let blocks: Vec<u128> = items
            .par_iter()
            .with_min_len(TASK)
            .map(|item| self.block(item))
            .collect();
        let mut starts = vec![0; buckets + 1];
        for &block in &blocks {
            starts[bucket_of(block, buckets) + 1] += 1;
        }
        for bucket in 0..buckets {
            starts[bucket + 1] += starts[bucket];
        }
        let mut next = starts.clone();
        let mut scattered = Scattered {
            starts,
            blocks: vec![0; blocks.len()],
            rows: vec![0; blocks.len()],
        };
        for (row, block) in (first_row..).zip(blocks) {
            let place = &mut next[bucket_of(block, buckets)];
            scattered.blocks[*place] = block.to_le();
            scattered.rows[*place] = row.to_le();
            *place += 1;
        }
        scattered
    }
}

impl fmt::Debug for ItemHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ItemHash(…)")
    }
}

/// The bucket of a block, of so many: the high bits as a fraction, so that all are as likely up to 2^-64.
fn bucket_of(block: u128, buckets: usize) -> usize {
    ((u128::from((block >> 64) as u64) * buckets as u128) >> 64) as usize
}

/// Blocks and rows by their buckets, as little-endian numbers.
pub struct Scattered {
    /// What lies in bucket b are the entries from `starts[b]` to `starts[b + 1]`.
    pub starts: Vec<usize>,
    blocks: Vec<u128>,
    rows: Vec<u32>,
}

impl Scattered {
    /// The blocks' bytes.
    pub fn blocks(&self) -> &[u8] {
        bytemuck::cast_slice(&self.blocks)
    }

    /// The rows' bytes.
    pub fn rows(&self) -> &[u8] {
        bytemuck::cast_slice(&self.rows)
    }
}

/// One party's items of one bucket: distinct blocks, and the rows of each. Prints nothing.
pub struct Items {
    pub(crate) blocks: Vec<u128>,
    /// The first row of each block.
    rows: Vec<u32>,
    /// Further rows: the place of the block, and the row.
    further: Vec<(u32, u32)>,
}

impl Items {
    /// From what was scattered into one bucket: pairs of blocks and rows, as many of the one as of the other. `distinct`: the
    /// owner knows that no item has two rows. If that is not so, no store can be made of them, or a tag is sent twice.
    pub fn gather(parts: &[(&[u8], &[u8])], distinct: bool) -> Result<Self, Fault> {
        let count = parts.iter().map(|(_, rows)| rows.len() / ROW).sum();
        let (mut blocks, mut rows) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (of_blocks, of_rows) in parts {
            let ((some, no_block), (numbers, no_row)) =
                (of_blocks.as_chunks(), of_rows.as_chunks());
            if some.len() != numbers.len() || !no_block.is_empty() || !no_row.is_empty() {
                return Err(Fault::Caller("not as many blocks as rows"));
            }
            blocks.extend(some.iter().map(|&block| u128::from_le_bytes(block)));
            rows.extend(numbers.iter().map(|&row| u32::from_le_bytes(row)));
        }
        if u32::try_from(count).is_err() {
            return Err(Fault::Caller("more items than rows have numbers"));
        }
        if distinct {
            let further = Vec::new();
            return Ok(Self {
                blocks,
                rows,
                further,
            });
        }
        Ok(Self::first_of_each(blocks, rows))
    }

    fn first_of_each(mut blocks: Vec<u128>, mut rows: Vec<u32>) -> Self {
        let slots = (2 * blocks.len()).next_power_of_two();
        let mut places = vec![u32::MAX; slots];
        let mut further = Vec::new();
        let mut kept = 0;
        for entry in 0..blocks.len() {
            let block = blocks[entry];
            // Its low bits: the high ones are nearly the same for all of a bucket.
            let mut slot = block as usize & (slots - 1);
            loop {
                match places[slot] {
                    u32::MAX => {
                        places[slot] = kept as u32;
                        (blocks[kept], rows[kept]) = (block, rows[entry]);
                        kept += 1;
                        break;
                    }
                    place if blocks[place as usize] == block => {
                        further.push((place, rows[entry]));
                        break;
                    }
                    _ => slot = (slot + 1) & (slots - 1),
                }
            }
        }
        blocks.truncate(kept);
        rows.truncate(kept);
        Self {
            blocks,
            rows,
            further,
        }
    }

    /// How many distinct items there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn into_rows(self) -> Rows {
        Rows {
            first: self.rows,
            further: self.further,
        }
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Items({} blocks)", self.blocks.len())
    }
}

/// What was found to be common of one bucket.
#[derive(Debug, PartialEq, Eq)]
pub struct Common {
    /// How many items.
    pub items: usize,
    /// Their rows, in no order.
    pub rows: Vec<u32>,
}

/// The rows of items whose blocks are not needed any more.
pub(crate) struct Rows {
    first: Vec<u32>,
    further: Vec<(u32, u32)>,
}

impl Rows {
    /// All rows of the items at these places.
    pub(crate) fn of(&self, places: impl Iterator<Item = u32>) -> Common {
        let mut rows = Vec::new();
        let mut wanted = vec![
            false;
            if self.further.is_empty() {
                0
            } else {
                self.first.len()
            }
        ];
        for place in places {
            rows.push(self.first[place as usize]);
            if let Some(mark) = wanted.get_mut(place as usize) {
                *mark = true;
            }
        }
        let items = rows.len();
        rows.extend(
            self.further
                .iter()
                .filter(|(place, _)| wanted[*place as usize])
                .map(|&(_, row)| row),
        );
        Common { items, rows }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hash(run: u8, receivers: u8, senders: u8) -> ItemHash {
        ItemHash::new(&[run; 32], &[receivers; 32], &[senders; 32])
    }

    fn gathered(scattered: &[Scattered], bucket: usize) -> Items {
        let parts: Vec<(&[u8], &[u8])> = scattered
            .iter()
            .map(|one| {
                let (start, end) = (one.starts[bucket], one.starts[bucket + 1]);
                (
                    &one.blocks()[BLOCK * start..BLOCK * end],
                    &one.rows()[ROW * start..ROW * end],
                )
            })
            .collect();
        Items::gather(&parts, false).unwrap()
    }

    #[test]
    fn a_block_depends_on_the_run_both_owners_and_the_item() {
        let one = hash(1, 2, 3).block(b"one");
        assert_eq!(one, hash(1, 2, 3).block(b"one"));
        assert_ne!(one, hash(1, 2, 3).block(b"two"));
        for other in [hash(2, 2, 3), hash(1, 3, 3), hash(1, 2, 2), hash(1, 3, 2)] {
            assert_ne!(one, other.block(b"one"));
        }
    }

    /// Computed with Python's hashlib.
    #[test]
    fn a_block_is_what_the_specification_says() {
        assert_eq!(
            hash(1, 2, 3).block(b"uscc:91110000600037341L"),
            0x35ba_d25d_f7a1_5c43_1c1b_7def_9592_b247
        );
    }

    #[test]
    fn every_row_comes_back_from_the_bucket_of_its_block() {
        let names: Vec<String> = (0..5000).map(|number| format!("item {number}")).collect();
        let items: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        let hash = hash(1, 2, 3);
        let scattered = [
            hash.scatter(&items[..3000], 0, 7),
            hash.scatter(&items[3000..], 3000, 7),
        ];
        let mut seen = vec![false; items.len()];
        for bucket in 0..7 {
            let bucket_items = gathered(&scattered, bucket);
            assert!((600..830).contains(&bucket_items.len()));
            for (&block, &row) in bucket_items.blocks.iter().zip(&bucket_items.rows) {
                assert_eq!(block, hash.block(items[row as usize]));
                assert!(!core::mem::replace(&mut seen[row as usize], true));
            }
        }
        assert!(seen.into_iter().all(|row| row));
    }

    #[test]
    fn an_item_in_many_rows_is_one_with_all_of_them() {
        let items: [&[u8]; 6] = [b"a", b"b", b"a", b"c", b"a", b"c"];
        let gathered = gathered(&[hash(1, 2, 3).scatter(&items, 10, 1)], 0);
        assert_eq!(gathered.len(), 3);
        let rows = gathered.into_rows();
        let mut of_a = rows.of([0].into_iter());
        of_a.rows.sort_unstable();
        assert_eq!((of_a.items, of_a.rows), (1, vec![10, 12, 14]));
        assert_eq!(rows.of([1].into_iter()).rows, [11]);
        assert_eq!(rows.of([].into_iter()).items, 0);
    }

    #[test]
    fn items_that_are_known_to_be_distinct_are_taken_as_they_are() {
        let items: [&[u8]; 3] = [b"a", b"b", b"c"];
        let scattered = hash(1, 2, 3).scatter(&items, 10, 1);
        let parts = [(scattered.blocks(), scattered.rows())];
        let [known, found] = [true, false].map(|distinct| Items::gather(&parts, distinct).unwrap());
        assert_eq!(known.blocks, found.blocks);
        assert_eq!(known.rows, [10, 11, 12]);
        assert_eq!(known.into_rows().of([1].into_iter()).rows, [11]);
    }

    #[test]
    fn pieces_that_do_not_fit_are_the_callers_fault() {
        for (blocks, rows) in [
            (&[0; 16][..], &[0; 3][..]),
            (&[0; 17], &[0; 4]),
            (&[], &[0; 4]),
        ] {
            assert!(matches!(
                Items::gather(&[(blocks, rows)], true),
                Err(Fault::Caller(_))
            ));
        }
        assert!(Items::gather(&[], false).unwrap().is_empty());
    }
}
