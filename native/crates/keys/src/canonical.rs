//! What contract/keys.py calls canonical, for the texts of a whole column.
//!
//! That file is the reference, says what each rule is for, and is asked about the texts that have other characters than ASCII, its
//! full-width forms and the common blanks and dashes; tests/property holds this one to it.

use crate::column::Column;

/// How many characters a key has, whatever its kind.
pub(crate) const LENGTH: usize = 18;

/// Longer texts are not tidied, so they are no keys.
const LONGEST_RAW: usize = 64;

/// The numbering that a column follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// GB 32100 unified social credit code.
    Uscc,
    /// Number of a customs declaration.
    Declaration,
    /// GB 11643 citizen identification number.
    IdNumber,
}

/// What a text was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Finding {
    /// A key, written as it should be.
    Plain,
    /// A key, written otherwise.
    Tidied,
    /// With characters that are not known here: for the reference to say.
    Unread,
    /// The reasons of contract/keys.py, in its order.
    Empty,
    /// Not eighteen characters.
    Length,
    /// A character that the kind has not.
    Alphabet,
    /// Not six digits that begin with another one than zero.
    Region,
    /// The check character doesn't fit.
    Check,
    /// Not a date of birth.
    Date,
    /// A declaration of another century.
    Year,
    /// Neither import nor export.
    Direction,
}

/// What each text of a column was found to be.
pub struct Canonical {
    /// A `Finding` for each text.
    pub findings: Vec<u8>,
    /// `LENGTH` bytes for each text: the key, or zeros.
    pub keys: Vec<u8>,
}

/// Reads every text of a column. The keys `issued`, one after the other, are valid although their check character fails.
#[must_use]
pub fn canonical(kind: Kind, column: Column<'_>, issued: &[u8]) -> Canonical {
    let mut found = Canonical {
        findings: Vec::with_capacity(column.len()),
        keys: vec![0; column.len() * LENGTH],
    };
    let (keys, _) = found.keys.as_chunks_mut();
    for (text, key) in column.texts().zip(keys) {
        let finding = read(kind, text, issued, key);
        if !matches!(finding, Finding::Plain | Finding::Tidied) {
            *key = [0; LENGTH];
        }
        found.findings.push(finding as u8);
    }
    found
}

fn read(kind: Kind, text: &[u8], issued: &[u8], key: &mut [u8; LENGTH]) -> Finding {
    if let Some(found) = tidy(text, key) {
        return found;
    }
    key.make_ascii_uppercase();
    let fault = match kind {
        Kind::Uscc => uscc(key),
        Kind::Declaration => declaration(key),
        Kind::IdNumber => id_number(key),
    };
    match fault {
        Some(Finding::Check) if kind == Kind::Uscc && issued.as_chunks().0.contains(key) => {}
        Some(fault) => return fault,
        None => {}
    }
    if text == key {
        Finding::Plain
    } else {
        Finding::Tidied
    }
}

/// Puts eighteen characters, blanks and dashes left out, into `key`; otherwise what is wrong.
fn tidy(text: &[u8], key: &mut [u8; LENGTH]) -> Option<Finding> {
    if let Ok(same) = <[u8; LENGTH]>::try_from(text)
        && is_alphanumeric(&same)
    {
        *key = same;
        return None;
    }
    // A character has at most four bytes, so that few are counted of however long a text.
    if text.len() > 4 * LONGEST_RAW || characters(text) > LONGEST_RAW {
        return Some(Finding::Length);
    }
    let (mut length, mut rest) = (0, text);
    while !rest.is_empty() {
        let Some((byte, behind)) = first(rest) else {
            return Some(Finding::Unread);
        };
        rest = behind;
        if is_blank(byte) {
            continue;
        }
        if let Some(place) = key.get_mut(length) {
            *place = byte;
        }
        length += 1;
    }
    match length {
        0 => Some(Finding::Empty),
        LENGTH => (!is_alphanumeric(key)).then_some(Finding::Alphabet),
        _ => Some(Finding::Length),
    }
}

fn is_alphanumeric(key: &[u8; LENGTH]) -> bool {
    // Every byte is looked at, all in one go, instead of one after the other.
    key.iter()
        .fold(true, |all, byte| all & byte.is_ascii_alphanumeric())
}

fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// The first character of a text in UTF-8 as NFKC writes it in ASCII, blanks and dashes as any of them, and what is behind it.
/// None if it is another one: only with such a one could a character of ASCII become part of something else.
fn first(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [byte @ ..=0x7F, rest @ ..] => Some((*byte, rest)),
        // Full-width forms, U+FF01 to U+FF5E.
        [0xEF, 0xBC, low @ 0x81..=0xBF, rest @ ..] => Some((low - 0x60, rest)),
        [0xEF, 0xBD, low @ 0x80..=0x9E, rest @ ..] => Some((low - 0x20, rest)),
        // Spaces that do not break, and ideographic ones; those of typesetters, invisible ones, dashes; the minus; byte order marks.
        [0xC2, 0xA0, rest @ ..]
        | [0xE3, 0x80, 0x80, rest @ ..]
        | [0xE2, 0x80, 0x80..=0x95, rest @ ..]
        | [0xE2, 0x88, 0x92, rest @ ..]
        | [0xEF, 0xBB, 0xBF, rest @ ..] => Some((b' ', rest)),
        _ => None,
    }
}

/// The blanks of ASCII as Python's `isspace` counts them, and the dash.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1c..=0x1f | b' ' | b'-')
}

/// More than any sum of values by weights, which are below 31, and little enough for eighteen of it.
const FOREIGN: u32 = 1 << 20;

const fn values(alphabet: &[u8]) -> [u32; 256] {
    let mut table = [FOREIGN; 256];
    let mut value = 0;
    while value < alphabet.len() {
        table[alphabet[value] as usize] = value as u32;
        value += 1;
    }
    table
}

const fn weights(base: u32, modulus: u32, descending: bool) -> [u32; LENGTH] {
    let mut found = [1; LENGTH];
    let mut power = 1;
    let mut step = 0;
    while step < LENGTH {
        found[if descending { LENGTH - 1 - step } else { step }] = power;
        power = power * base % modulus;
        step += 1;
    }
    found[LENGTH - 1] = 1;
    found
}

const USCC_VALUES: [u32; 256] = values(b"0123456789ABCDEFGHJKLMNPQRTUWXY");
const USCC_WEIGHTS: [u32; LENGTH] = weights(3, 31, false);
const ID_VALUES: [u32; 256] = values(b"0123456789X");
const ID_WEIGHTS: [u32; LENGTH] = weights(2, 11, true);

/// The weighted sum of the values; None if a character has none.
fn sum(key: &[u8; LENGTH], values: &[u32; 256], weights: &[u32; LENGTH]) -> Option<u32> {
    let terms = key.iter().zip(weights);
    let sum = terms
        .map(|(byte, weight)| values[usize::from(*byte)] * weight)
        .sum();
    (sum < FOREIGN).then_some(sum)
}

fn uscc(key: &[u8; LENGTH]) -> Option<Finding> {
    let Some(sum) = sum(key, &USCC_VALUES, &USCC_WEIGHTS) else {
        return Some(Finding::Alphabet);
    };
    if !is_region(&key[2..8]) {
        return Some(Finding::Region);
    }
    (sum % 31 != 0).then_some(Finding::Check)
}

fn declaration(key: &[u8; LENGTH]) -> Option<Finding> {
    if !is_digits(key) {
        Some(Finding::Alphabet)
    } else if !key[4..].starts_with(b"20") {
        Some(Finding::Year)
    } else {
        (!matches!(key[8], b'0' | b'1')).then_some(Finding::Direction)
    }
}

fn id_number(key: &[u8; LENGTH]) -> Option<Finding> {
    let sum = sum(key, &ID_VALUES, &ID_WEIGHTS).filter(|_| is_digits(&key[..17]));
    let Some(sum) = sum else {
        return Some(Finding::Alphabet);
    };
    if !is_region(&key[..6]) {
        Some(Finding::Region)
    } else if !is_birth_date(&key[6..14]) {
        Some(Finding::Date)
    } else {
        (sum % 11 != 1).then_some(Finding::Check)
    }
}

fn is_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

fn is_region(digits: &[u8]) -> bool {
    is_digits(digits) && digits[0] != b'0'
}

fn is_birth_date(digits: &[u8]) -> bool {
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |sum, digit| 10 * sum + u32::from(digit - b'0'))
    };
    let (year, month, day) = (
        number(&digits[..4]),
        number(&digits[4..6]),
        number(&digits[6..]),
    );
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    (1800..2100).contains(&year) && (1..=last).contains(&day)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::column::tests::packed;

    fn found(kind: Kind, text: &[u8]) -> (u8, Vec<u8>) {
        let (joined, ends) = packed(&[text]);
        let found = canonical(
            kind,
            Column::new(&joined, &ends).unwrap(),
            b"91350100M0001TGQXM",
        );
        (found.findings[0], found.keys)
    }

    // Every reason, and every text that Python reads otherwise, is in tests/property/test_key_columns.py.
    #[test]
    fn keys_are_tidied_and_others_named() {
        let key = b"91110000600037341L".to_vec();
        assert_eq!(found(Kind::Uscc, &key), (Finding::Plain as u8, key.clone()));
        assert_eq!(
            found(Kind::Uscc, b" 9111-0000 600037341l"),
            (Finding::Tidied as u8, key)
        );
        assert_eq!(
            found(Kind::Uscc, b"911100006000373410"),
            (Finding::Check as u8, vec![0; LENGTH])
        );
        assert_eq!(
            found(Kind::Uscc, b"91350100M0001TGQXM").0,
            Finding::Plain as u8
        );
        assert_eq!(
            found(Kind::Uscc, "９1110000600037341Ｌ".as_bytes()).0,
            Finding::Tidied as u8
        );
        assert_eq!(
            found(Kind::Uscc, "①1110000600037341L".as_bytes()).0,
            Finding::Unread as u8
        );
        assert_eq!(
            found(Kind::IdNumber, &vec![b'1'; 10_000_000]).0,
            Finding::Length as u8
        );
    }
}
