//! A number for each text of a column that orders as the text does, so that a sort moves numbers and not texts.
//!
//! At each place of a text stands one of the few symbols that some text of the column has there, or the text's end, which comes
//! before all. Their ranks, in as few bits as they take, make the number. A place where all texts agree, such as in the name of
//! their kind, takes none: eighteen symbols out of 32 always fit. The text is written down again from its number, which is many
//! times as fast as to look for it among millions.

use crate::column::Column;

/// A number has three words, the highest first; no digit is in two of them.
const WORDS: u32 = 3;

/// The longest text that may have a number.
const MOST_PLACES: usize = 64;

/// A text's end, or one of 256 bytes.
const SYMBOLS: usize = 257;

/// How the texts of the column that it was made from are numbered.
pub(crate) struct Order {
    digits: Vec<Digit>,
    /// For each digit the rank of each symbol.
    ranks: Vec<[u16; SYMBOLS]>,
    /// The symbols of all digits, by rank; a text's end is a zero.
    symbols: Vec<u8>,
    /// A longest text of the column.
    longest: [u8; MOST_PLACES],
    length: usize,
}

/// A place where the texts differ.
#[derive(Clone, Copy)]
struct Digit {
    place: u8,
    /// Whether a text ends there: its rank is 0 then.
    ends: bool,
    shift: u8,
    mask: u16,
    /// Where its symbols begin.
    first: u16,
}

impl Order {
    /// None if texts of the column are too long, or too different, for a number to tell them all apart.
    pub(crate) fn of(column: Column<'_>) -> Option<Self> {
        let mut used = [[false; SYMBOLS]; MOST_PLACES];
        let mut longest: &[u8] = b"";
        for text in column.texts() {
            if text.len() > longest.len() {
                longest = text;
            }
            for (symbols, byte) in used.iter_mut().zip(text) {
                symbols[1 + usize::from(*byte)] = true;
            }
            if let Some(symbols) = used.get_mut(text.len()) {
                symbols[0] = true;
            }
        }
        let mut order = Self {
            digits: Vec::new(),
            ranks: Vec::new(),
            symbols: Vec::new(),
            longest: [0; MOST_PLACES],
            length: longest.len(),
        };
        order
            .longest
            .get_mut(..longest.len())?
            .copy_from_slice(longest);
        let mut left = WORDS * u32::BITS;
        for (place, symbols) in used.iter().enumerate().take(longest.len()) {
            let count = symbols.iter().filter(|used| **used).count();
            let bits = count.next_power_of_two().trailing_zeros();
            if bits > 0 {
                left = below(left, bits)?;
                order.push(place, left, bits, symbols);
            }
        }
        Some(order)
    }

    fn push(&mut self, place: usize, shift: u32, bits: u32, used: &[bool; SYMBOLS]) {
        // There are at most 64 places, 96 bits and 64 · 257 symbols.
        self.digits.push(Digit {
            place: place as u8,
            ends: used[0],
            shift: shift as u8,
            mask: ((1u32 << bits) - 1) as u16,
            first: self.symbols.len() as u16,
        });
        let mut ranks = [0; SYMBOLS];
        for (rank, symbol) in (0..SYMBOLS).filter(|symbol| used[*symbol]).enumerate() {
            ranks[symbol] = rank as u16;
            self.symbols.push(symbol.saturating_sub(1) as u8);
        }
        self.ranks.push(ranks);
    }

    /// The number of a text of the column, below 2^96.
    pub(crate) fn number(&self, text: &[u8]) -> u128 {
        let mut words = [0; 1 + WORDS as usize];
        for (digit, ranks) in self.digits.iter().zip(&self.ranks) {
            let symbol = text
                .get(usize::from(digit.place))
                .map_or(0, |byte| 1 + usize::from(*byte));
            words[digit.word()] |= u32::from(ranks[symbol]) << (u32::from(digit.shift) % u32::BITS);
        }
        words
            .iter()
            .rev()
            .fold(0, |number, word| number << u32::BITS | u128::from(*word))
    }

    /// Appends the text whose number this is.
    pub(crate) fn write(&self, number: u128, out: &mut Vec<u8>) {
        let words: [u32; 1 + WORDS as usize] =
            std::array::from_fn(|word| (number >> (word as u32 * u32::BITS)) as u32);
        let mut text = self.longest;
        let mut length = self.length;
        for digit in &self.digits {
            let rank =
                (words[digit.word()] >> (u32::from(digit.shift) % u32::BITS)) as u16 & digit.mask;
            if digit.ends && rank == 0 {
                length = usize::from(digit.place);
                break;
            }
            text[usize::from(digit.place) % MOST_PLACES] =
                self.symbols[usize::from(digit.first + rank)];
        }
        out.extend_from_slice(&text[..length]);
    }
}

impl Digit {
    fn word(self) -> usize {
        usize::from(self.shift) / u32::BITS as usize % (1 + WORDS as usize)
    }
}

/// Where the next `bits` below the bit `left` are, within one word; None if no word has them.
fn below(left: u32, bits: u32) -> Option<u32> {
    let in_word = left % u32::BITS;
    let top = if in_word < bits { left - in_word } else { left };
    top.checked_sub(bits)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::column::tests::packed;

    /// The numbers, which give the texts again.
    fn numbers(texts: &[&[u8]]) -> Option<Vec<u128>> {
        let (joined, ends) = packed(texts);
        let order = Order::of(Column::new(&joined, &ends).unwrap())?;
        let numbers: Vec<_> = texts.iter().map(|text| order.number(text)).collect();
        let mut again = Vec::new();
        numbers
            .iter()
            .for_each(|number| order.write(*number, &mut again));
        assert_eq!(again, joined);
        assert!(
            numbers
                .iter()
                .all(|number| number >> (WORDS * u32::BITS) == 0)
        );
        Some(numbers)
    }

    #[test]
    fn numbers_order_as_texts() {
        let mut texts: Vec<&[u8]> = vec![
            b"", b"\0", b"\0\0", b"a", b"a\0", b"ab", b"b", b"b\xff", b"b\xffcd", b"\xff",
        ];
        texts.sort_unstable();
        assert!(
            numbers(&texts)
                .unwrap()
                .is_sorted_by(|one, other| one < other)
        );
    }

    #[test]
    fn texts_that_are_all_one_have_number_zero() {
        assert_eq!(numbers(&[b"same".as_slice(); 3]), Some(vec![0; 3]));
        assert_eq!(numbers(&[]), Some(vec![]));
    }

    #[test]
    fn eighteen_symbols_out_of_32_behind_a_name_fit() {
        let texts: Vec<_> = (b'A'..b'A' + 32)
            .map(|symbol| [b"uscc:".as_slice(), &[symbol; 18]].concat())
            .collect();
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        assert!(
            numbers(&texts)
                .unwrap()
                .is_sorted_by(|one, other| one < other)
        );
    }

    #[test]
    fn all_bytes_and_the_end_are_told_apart() {
        let texts: Vec<_> = (0..=255u8)
            .flat_map(|byte| [vec![byte], vec![byte; 2]])
            .collect();
        let texts: Vec<&[u8]> = [b"".as_slice()]
            .into_iter()
            .chain(texts.iter().map(Vec::as_slice))
            .collect();
        assert!(
            numbers(&texts)
                .unwrap()
                .is_sorted_by(|one, other| one < other)
        );
    }

    #[test]
    fn texts_too_long_or_too_different_have_none() {
        let long = [b'k'; MOST_PLACES];
        assert_eq!(numbers(&[&long]), Some(vec![0]));
        assert_eq!(numbers(&[&long, &[b'k'; MOST_PLACES + 1]]), None);
        let different: Vec<_> = (0..=255u8).map(|byte| [byte; 13]).collect();
        let different: Vec<&[u8]> = different.iter().map(|text| &text[..]).collect();
        assert_eq!(numbers(&different), None);
    }
}
