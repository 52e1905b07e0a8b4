//! From a column with repeats to its distinct keys, ascending, and the rows of each.

use rayon::prelude::*;

use crate::column::{Column, Misfit};
use crate::order::Order;

/// The distinct keys of a column, and for the key at place i the rows `rows[starts[i]..starts[i + 1]]`.
#[derive(Debug, PartialEq, Eq)]
pub struct Distinct {
    /// The keys, ascending, one after the other.
    pub joined: Vec<u8>,
    /// Where each ends.
    pub ends: Vec<u32>,
    /// The rows, key by key, ascending within each.
    pub rows: Vec<u32>,
    /// Where the rows of each begin; one more than there are keys.
    pub starts: Vec<u32>,
}

/// The distinct keys of `column`, whose text at place i stands in row `rows[i]`, a little-endian 32-bit number.
///
/// # Errors
/// Misfit unless there is one row for each text.
pub fn distinct(column: Column<'_>, rows: &[u8]) -> Result<Distinct, Misfit> {
    let (rows, rest) = rows.as_chunks::<{ size_of::<u32>() }>();
    if rows.len() != column.len() || !rest.is_empty() {
        return Err(Misfit);
    }
    let given = column
        .texts()
        .zip(rows.iter().map(|row| u32::from_le_bytes(*row)));
    let mut found = Distinct::with_room(column);
    match Order::of(column) {
        Some(order) => {
            let mut entries: Vec<Entry> = given
                .map(|(text, row)| Entry::new(order.number(text), row))
                .collect();
            entries.par_sort_unstable();
            for same in entries.chunk_by(|one, other| one.number() == other.number()) {
                order.write(same[0].number(), &mut found.joined);
                found.end_key(same.iter().map(|entry| entry.row()));
            }
        }
        None => {
            let mut entries: Vec<(&[u8], u32)> = given.collect();
            entries.par_sort_unstable();
            for same in entries.chunk_by(|(one, _), (other, _)| one == other) {
                found.joined.extend_from_slice(same[0].0);
                found.end_key(same.iter().map(|(_, row)| *row));
            }
        }
    }
    Ok(found)
}

/// A text's number and, in the low bits, its row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

impl Entry {
    fn new(number: u128, row: u32) -> Self {
        Self(number << u32::BITS | u128::from(row))
    }

    fn number(self) -> u128 {
        self.0 >> u32::BITS
    }

    fn row(self) -> u32 {
        self.0 as u32
    }
}

impl Distinct {
    fn with_room(column: Column<'_>) -> Self {
        Self {
            joined: Vec::with_capacity(column.bytes()),
            ends: Vec::with_capacity(column.len()),
            rows: Vec::with_capacity(column.len()),
            starts: vec![0],
        }
    }

    /// Ends the key that `joined` ends with, and gives it these rows.
    fn end_key(&mut self, rows: impl Iterator<Item = u32>) {
        self.rows.extend(rows);
        // What is counted here are bytes and texts of a column, which 32-bit numbers count.
        self.ends.push(self.joined.len() as u32);
        self.starts.push(self.rows.len() as u32);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::column::tests::packed;

    fn check(texts: &[&[u8]], rows: &[u32]) {
        let (joined, ends) = packed(texts);
        let column = Column::new(&joined, &ends).unwrap();
        let rows_given: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
        let found = distinct(column, &rows_given).unwrap();
        let mut groups = BTreeMap::<_, Vec<u32>>::new();
        for (text, row) in texts.iter().zip(rows) {
            groups.entry(text.to_vec()).or_default().push(*row);
        }
        groups.values_mut().for_each(|rows| rows.sort_unstable());
        let lengths = groups.keys().map(|key| key.len() as u32);
        let counts = groups.values().map(|rows| rows.len() as u32);
        assert_eq!(
            found.joined,
            groups.keys().flatten().copied().collect::<Vec<u8>>()
        );
        assert_eq!(found.ends, sums(lengths)[1..]);
        assert_eq!(
            found.rows,
            groups.values().flatten().copied().collect::<Vec<u32>>()
        );
        assert_eq!(found.starts, sums(counts));
    }

    fn sums(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
        let sums = numbers.scan(0, |sum, number| {
            *sum += number;
            Some(*sum)
        });
        [0].into_iter().chain(sums).collect()
    }

    #[test]
    fn nothing_gives_nothing() {
        check(&[], &[]);
    }

    #[test]
    fn repeats_and_their_rows_come_together() {
        check(&[b"b", b"a", b"b", b"", b"b"], &[7, u32::MAX, 3, 0, 5]);
        check(&[b"x".as_slice(); 9], &[8, 7, 6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn keys_too_long_for_numbers_are_told_apart() {
        let texts: Vec<_> = (0..3000u32)
            .map(|i| [[b'k'; 70].as_slice(), &(i % 1000).to_be_bytes()].concat())
            .chain([vec![b'k'; 70], vec![b'k'; 71]])
            .collect();
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        check(&texts, &(0..texts.len() as u32).rev().collect::<Vec<u32>>());
    }

    #[test]
    fn a_row_for_each_text_is_asked_for() {
        let column = Column::new(b"", b"").unwrap();
        assert_eq!(distinct(column, &[0; 4]), Err(Misfit));
        assert_eq!(distinct(column, &[0; 3]), Err(Misfit));
    }
}
