//! Integers mod 2^128 as they travel, sixteen little-endian bytes each, and their sums row by row.
//!
//! Implements federated/SPEC.md §6.3. Nothing here is secret from whoever adds: who has the words of a list without
//! its pads has uniform ones, and who is told its rows knows them. The time depends on the rows alone.
#![forbid(unsafe_code)]

const WORD: usize = size_of::<u128>();
const ROW: usize = size_of::<u16>();

/// Words and rows are not as many, or a row is beyond the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit;

/// The sum, mod 2^128, of the words in each of the rows from 1 to `number`; row 0 is none.
///
/// `rows` has the row of each word, two little-endian bytes each.
///
/// # Errors
/// Misfit unless every word has a row, of at most `number`.
pub fn sums_by_row(words: &[u8], rows: &[u8], number: usize) -> Result<Vec<u128>, Misfit> {
    let (words, cut) = words.as_chunks::<WORD>();
    let (rows, rest) = rows.as_chunks::<ROW>();
    if words.len() != rows.len() || !cut.is_empty() || !rest.is_empty() {
        return Err(Misfit);
    }
    // A place for row 0, too, so that nothing branches.
    let mut sums = vec![0u128; number.checked_add(1).ok_or(Misfit)?];
    for (word, row) in words.iter().zip(rows) {
        let sum = sums
            .get_mut(usize::from(u16::from_le_bytes(*row)))
            .ok_or(Misfit)?;
        *sum = sum.wrapping_add(u128::from_le_bytes(*word));
    }
    sums.remove(0);
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::{Misfit, sums_by_row};

    fn bytes<const N: usize>(numbers: &[u128]) -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|one| one.to_le_bytes()[..N].to_vec())
            .collect()
    }

    #[test]
    fn every_row_has_the_sum_of_its_words_and_carries_go_round() {
        let words = bytes::<16>(&[5, u128::MAX, 7, u128::MAX, 1 << 100]);
        let rows = bytes::<2>(&[1, 3, 0, 3, 1]);
        assert_eq!(
            sums_by_row(&words, &rows, 4),
            Ok(vec![5 + (1 << 100), 0, u128::MAX - 1, 0])
        );
        assert_eq!(sums_by_row(&[], &[], 0), Ok(vec![]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (words, rows) = (bytes::<16>(&[1, 2]), bytes::<2>(&[1, 2]));
        assert!(sums_by_row(&words, &rows, 2).is_ok());
        for (words, rows, number) in [
            (&words[..], &rows[..], 1),
            (&words[..16], &rows[..], 2),
            (&words[..31], &rows[..], 2),
            (&words[..], &rows[..3], 2),
            (&words[..], &rows[..], usize::MAX),
        ] {
            assert_eq!(sums_by_row(words, rows, number), Err(Misfit));
        }
    }
}
